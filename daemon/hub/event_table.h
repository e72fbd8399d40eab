#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "hub/hub_store.h"
#include "hub/sqlite.h"

namespace sluice::hub {

using Attributes = std::vector<std::pair<std::string, std::string>>;

/// As the column has them, and out of it; what is malformed there reads as what came before it.
std::string encode_attributes(const Attributes& attributes);
Attributes decode_attributes(std::string_view bytes);

/// What the nodes' stages told, each event once. Writes into the transaction that its caller has
/// open. Thread: that of the database, which must outlive it.
class EventTable {
 public:
  /// Whose an event is, and under which of the node's epochs its series is defined: that of the
  /// stream that brought it.
  struct Owner {
    std::int64_t node_id = 0;
    std::int64_t series_node_id = 0;
  };

  static Result<EventTable> create(Database& database);

  /// Keeps the event; false when the same one is there under its number. Two lives of one database
  /// (a restored backup) may use a number twice: both are kept. `offset_ns`: of the boot that it is
  /// of, as far as that is known.
  Result<bool> keep(const Owner& owner, const EventEntry& entry, std::int64_t offset_ns,
                    std::int64_t received_ns);

 private:
  EventTable() = default;

  Statement find_;
  Statement insert_;
};

}  // namespace sluice::hub
