#pragma once

#include <cstdint>

#include "base/status.h"
#include "hub/hub_store.h"
#include "hub/sqlite.h"
#include "hub/summary_decoder.h"

namespace sluice::hub {

/// Writes one change into the transaction that its caller has open. After a failure the caller
/// rolls back to where it was before. Thread: that of the database, which must outlive it.
class ChangeWriter {
 public:
  /// What a change did, once its transaction is on flash.
  struct Written {
    std::int64_t highest_seq = 0;
    std::uint32_t highest_crc32c = 0;
    RowCounters counters;
  };

  static Result<ChangeWriter> create(Database& database);

  /// Errors as HubStore::apply. `seen_ns` is the hub's wall clock.
  Result<Written> write(const Change& change, std::int64_t seen_ns);

 private:
  struct Node {
    std::int64_t id = 0;
    std::int64_t highest_seq = 0;
    std::uint32_t highest_crc32c = 0;
    std::int64_t series = 0;
    std::int64_t panes = 0;
  };
  enum class Fate { stored, ignored, conflicting };

  ChangeWriter() = default;
  Result<Node> find_node(const Change& change, std::int64_t seen_ns);
  Status write_series(const SeriesEntry& entry, Node& node);
  Status write_row(const RowEntry& row, const NodeKey& from, Node& node, RowCounters& counters);
  Status write_gap(const GapRow& gap, const Node& node, const NodeKey& from, std::int64_t seen_ns);
  Result<std::int64_t> find_epoch(const std::string& epoch, const NodeKey& from,
                                  std::int64_t seen_ns);
  Result<Fate> write_pane(const DecodedBlock& block, const DecodedPane& pane, Node& node);
  Status insert_pane(const DecodedBlock& block, const DecodedPane& pane, std::int64_t node_id);
  Status update_pane(std::int64_t pane_id, const DecodedPane& pane);
  Result<bool> is_defined(std::int64_t node_id, std::uint32_t series_id);
  Status write_node(const Node& node, std::int64_t seen_ns);

  Statement greet_node_;
  Statement find_node_;
  Statement write_node_;
  Statement find_series_;
  Statement insert_series_;
  Statement find_pane_;
  Statement insert_pane_;
  Statement update_pane_;
  Statement insert_gap_;
};

}  // namespace sluice::hub
