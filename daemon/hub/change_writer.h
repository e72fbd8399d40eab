#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "hub/boot_times.h"
#include "hub/event_table.h"
#include "hub/hub_store.h"
#include "hub/sqlite.h"
#include "hub/summary_decoder.h"
#include "hub/unread_table.h"

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
    std::optional<UnreadRows> unread;  ///< as Outcome's
  };
  /// What became of rows that could not be read before.
  struct Again {
    std::int64_t last_id = 0;  ///< go on after this one; 0: there are no further ones
    std::uint64_t read = 0;
    std::uint64_t unread = 0;
  };

  static Result<ChangeWriter> create(Database& database);

  /// Errors as HubStore::apply. `seen_ns` is the hub's wall clock.
  Result<Written> write(const Change& change, std::int64_t seen_ns);
  /// Tries the unread rows with id > `after_id` again, `count_max` of them at most.
  Result<Again> read_again(std::int64_t after_id, int count_max);

 private:
  struct Node {
    std::int64_t id = 0;
    std::int64_t highest_seq = 0;
    std::uint32_t highest_crc32c = 0;
    std::int64_t series = 0;
    std::int64_t panes = 0;
    std::int64_t unread = 0;
  };
  enum class Fate { stored, ignored, conflicting };
  /// A block, or why it cannot be read.
  struct Reading {
    std::optional<DecodedBlock> block;
    std::string fault;
  };

  ChangeWriter() = default;
  Result<Node> find_node(const Change& change, std::int64_t seen_ns);
  Status write_all_series(const Change& change, Node& node);
  Status write_series(const SeriesEntry& entry, Node& node);
  /// False when the row cannot be read, and is kept so.
  Result<bool> write_row(const RowEntry& row, const NodeKey& from, Node& node, std::int64_t seen_ns,
                         RowCounters& counters);
  Result<Reading> read_block(std::string_view bytes, std::int64_t node_id);
  /// Both: false when everything was there before.
  Result<bool> write_block(const DecodedBlock& block, std::int64_t seq, const NodeKey& from,
                           Node& node, RowCounters& counters);
  Result<bool> keep_unread(const RowEntry& row, const std::string& fault, const NodeKey& from,
                           Node& node, std::int64_t seen_ns);
  /// True when it could be read this time.
  Result<bool> read_again(const UnreadTable::Row& row);
  Status write_gap(const GapRow& gap, const Node& node, const NodeKey& from, std::int64_t seen_ns);
  Status write_event(const EventEntry& entry, const Node& node, const NodeKey& from,
                     std::int64_t seen_ns);
  /// The node's row of `epoch`, which may be another one than the stream's.
  Result<std::int64_t> node_of(const std::string& epoch, const Node& node, const NodeKey& from,
                               std::int64_t seen_ns);
  Result<std::int64_t> find_epoch(const std::string& epoch, const NodeKey& from,
                                  std::int64_t seen_ns);
  Result<bool> gives_way_to_other_life(const DecodedBlock& block, const DecodedPane& pane,
                                       std::int64_t node_id);
  Result<Fate> write_pane(const DecodedBlock& block, const DecodedPane& pane, Node& node);
  Status insert_pane(const DecodedBlock& block, const DecodedPane& pane, std::int64_t node_id);
  Status update_pane(std::int64_t pane_id, const DecodedPane& pane);
  Result<bool> is_defined(std::int64_t node_id, std::uint32_t series_id);
  Status write_node(const Node& node, std::int64_t seen_ns);

  Statement greet_node_;
  Statement find_node_;
  Statement write_node_;
  Statement get_node_;
  Statement count_node_;
  Statement find_series_;
  Statement insert_series_;
  Statement find_pane_;
  Statement has_other_life_;
  Statement retract_other_life_;
  Statement insert_pane_;
  Statement update_pane_;
  Statement insert_gap_;
  std::optional<EventTable> events_;  ///< all three always there after create()
  std::optional<UnreadTable> unread_;
  std::optional<BootTimes> boot_times_;
};

}  // namespace sluice::hub
