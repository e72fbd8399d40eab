#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "model/log.h"
#include "store/database.h"

namespace sluice::storage {

/// Summary blocks that the cloud has not acknowledged. A number is never given out twice, even when
/// the table is empty again: SQLite keeps the highest one (AUTOINCREMENT). [store]
class OutboxTable {
 public:
  explicit OutboxTable(Database& database);

  struct Owner {
    std::string pipeline;
    std::uint32_t panes = 0;
    std::int64_t start_ns = 0;  ///< as in OutboxRow
    std::int64_t end_ns = 0;
    /// Another row of the same pipeline.
    void add(const Owner& other);
  };
  struct Page {
    std::vector<OutboxRow> rows;
    std::vector<std::int64_t> damaged;  ///< numbers of rows that fail their checksum
  };

  /// The number after the highest one ever given out; 1 in a new database.
  Result<std::int64_t> next_seq();
  Result<std::int64_t> count();
  Status insert(const OutboxRow& row);
  /// As SummarySource::read_outbox.
  Result<Page> read(std::int64_t after_seq, std::size_t bytes_max);
  /// The intact rows from `from_seq` on that have a split, oldest first; others are left out.
  Result<std::vector<OutboxRow>> read_splits(std::int64_t from_seq);
  /// Numbers from `first_seq` up to, not including, `end_seq`; at most `count_max`.
  Result<std::vector<std::int64_t>> seqs(std::int64_t first_seq, std::int64_t end_seq,
                                         std::size_t count_max);
  /// The lowest number; 0 when the table is empty.
  Result<std::int64_t> lowest_seq();
  /// Whose it was, unchecked; empty when there is no such row.
  Result<std::optional<Owner>> remove(std::int64_t seq);
  /// Panes per pipeline, by reading every row: for repairs only.
  Result<std::map<std::string, std::int64_t>> panes_by_pipeline();

 private:
  Database& database_;
  Statement insert_;
  Statement read_;
  Statement read_splits_;
  Statement remove_;
};

}  // namespace sluice::storage
