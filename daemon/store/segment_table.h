#pragma once

#include <cstdint>
#include <functional>
#include <string_view>

#include "base/status.h"
#include "store/database.h"

namespace sluice::storage {

/// The log: one row per commit, ids rising by one. [store]
class SegmentTable {
 public:
  /// A row without its body. The totals are as of this row, itself included.
  struct Position {
    std::int64_t id = 0;
    std::int64_t log_bytes = 0;    ///< of all segments ever written
    std::int64_t outbox_rows = 0;  ///< rows in the outbox after this commit
  };

  explicit SegmentTable(Database& database);

  /// What a row takes, about: its body and what SQLite keeps around it.
  static std::int64_t row_bytes(std::string_view body) {
    return static_cast<std::int64_t>(body.size()) + 32;
  }
  Status append(const Position& position, std::string_view body);
  /// Rows with id > `after`, in order. `intact` is false when the checksum is wrong.
  Status scan(std::int64_t after,
              const std::function<void(const Position&, std::string_view body, bool intact)>& row);
  /// As scan(), until `row` answers false.
  Status scan_while(
      std::int64_t after,
      const std::function<bool(const Position&, std::string_view body, bool intact)>& row);
  /// Of the oldest row; 0 when there is none.
  Result<std::int64_t> oldest_id();
  /// The last row; id 0 when there is none. `intact` as in scan.
  Status last(Position& position, bool& intact);
  /// Log position at which the oldest kept row begins; `otherwise` when there is none.
  Result<std::int64_t> start(std::int64_t otherwise);
  /// Deletes the oldest rows with id < `before`, at most `rows_max` and, past the first one, about
  /// `bytes_max`. Gives the position of the last deleted row, id 0 when there was none.
  Result<Position> trim(std::int64_t before, std::int64_t rows_max, std::int64_t bytes_max);

 private:
  Statement append_;
  Statement scan_;
  Statement last_;
  Statement oldest_;
  Statement trim_;
};

}  // namespace sluice::storage
