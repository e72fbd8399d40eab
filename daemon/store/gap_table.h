#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/gap.h"
#include "store/database.h"

namespace sluice::storage {

/// Gaps that the cloud has not acknowledged, under numbers of their own that are never given out
/// twice (AUTOINCREMENT).
///
/// Bounded without losing one: a row that nobody has been given yet is widened by the next loss of
/// the same kind, owner, cause and epoch that follows within a minute, and by any such loss when
/// the table is full. So it holds at most kRowsMax rows and one more for each kind of loss, of
/// which the config allows some dozens. [store]
class GapTable {
 public:
  static constexpr std::int64_t kRowsMax = 10'000;
  /// Rows beyond the oldest ones are not given out, so that also after a restart it is known which
  /// may have been.
  static constexpr std::int64_t kGivenOutMax = 1'000;
  static constexpr std::int64_t kTogether_ns = 60'000'000'000;

  struct Page {
    std::vector<GapRow> rows;
    std::vector<std::int64_t> damaged;  ///< numbers of rows that fail their checksum
  };

  explicit GapTable(Database& database);
  /// Once, before the rest.
  Status load();
  /// Into the open transaction.
  Status add(Gap gap, std::string_view epoch);
  /// As GapSource::read_gaps.
  Result<Page> read(std::int64_t after_seq, std::size_t count_max);
  Status remove(std::int64_t seq);
  Status remove_up_to(std::int64_t seq);
  Result<std::int64_t> count();

 private:
  Result<std::optional<GapRow>> find_growing(const Gap& gap, std::string_view epoch);
  Result<bool> is_full();
  Status write(Statement& statement, const GapRow& row);

  Database& database_;
  Statement insert_;
  Statement widen_;
  Statement find_;
  Statement read_;
  Statement remove_;
  Statement remove_up_to_;
  std::int64_t given_out_ = 0;  ///< rows up to it may have been: they stay as they are
};

}  // namespace sluice::storage
