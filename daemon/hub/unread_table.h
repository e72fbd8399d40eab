#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/status.h"
#include "hub/hub_store.h"
#include "hub/sqlite.h"

namespace sluice::hub {

/// Rows that the hub holds as they came, because it cannot read them
/// (decisions/0005-unread-rows.md). Writes into the transaction that its caller has open. Thread:
/// that of the database, which must outlive it.
class UnreadTable {
 public:
  struct Row {
    std::int64_t id = 0;  ///< rises with arrival
    std::int64_t node_id = 0;
    std::int64_t seq = 0;
    std::string block;
    std::string text;  ///< why it cannot be read
  };

  static Result<UnreadTable> create(Database& database);

  /// Keeps `row`, whose id is given here; false when the same bytes are there under its number. Two
  /// lives of one database (a restored backup) may use a number twice: both are kept.
  Result<bool> keep(const Row& row, std::int64_t received_ns);
  /// The first one with id > `after_id`.
  Result<std::optional<Row>> next(std::int64_t after_id);
  Status remove(std::int64_t id);
  Status explain(std::int64_t id, std::string_view text);
  /// Of all epochs under this name; none: empty. Counts what the node rows say.
  Result<std::optional<UnreadRows>> of(std::string_view node);

 private:
  UnreadTable() = default;

  Statement find_;
  Statement insert_;
  Statement next_;
  Statement remove_;
  Statement explain_;
  Statement count_;
  Statement newest_;
};

}  // namespace sluice::hub
