#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "model/event.h"
#include "store/database.h"

namespace sluice::storage {

/// The bytes of an event in its row. `data_loss` for anything malformed.
std::string encode_event(const ToldEvent& told);
Result<ToldEvent> decode_event(std::string_view bytes);

/// Events that the cloud has not acknowledged, under numbers of their own that are never given out
/// twice (AUTOINCREMENT).
///
/// Bounded in rows and in bytes: where either is over, the oldest leave, for the newest say how
/// things stand. Who takes them out tells of them. [store]
class EventTable {
 public:
  static constexpr std::int64_t kRowsMax = 10'000;
  static constexpr std::int64_t kBytesMax = 4 << 20;
  /// Of the quota of all files together, so that events never stop the commits.
  static constexpr std::int64_t kQuotaShare = 16;

  /// What left the table of one pipeline.
  struct Left {
    std::int64_t count = 0;
    /// Event times, as far as all are intact and in event time; else 0 and the largest number.
    std::int64_t from_ns = 0;
    std::int64_t to_ns = 0;
  };
  using LeftByPipeline = std::map<std::string, Left>;
  struct Page {
    std::vector<EventRow> rows;
    std::vector<std::int64_t> damaged;  ///< numbers of rows that fail their checksum
  };
  /// What memory knows of the table; follows a transaction once that is on flash.
  struct Size {
    std::int64_t rows = 0;
    std::int64_t bytes = 0;  ///< of the bodies
  };

  EventTable(Database& database, std::uint64_t quota_bytes);
  /// Once, before the rest.
  Status load();
  const Size& size() const { return size_; }
  void adopt(const Size& size) { size_ = size; }

  // Into the open transaction; `size` becomes what it is after it.

  Status add(const ToldEvent& told, std::string_view epoch, Size& size);
  /// Takes out the oldest while the table is over a bound.
  Result<LeftByPipeline> remove_excess(Size& size);
  /// Whose they were is as the rows say, unchecked.
  Result<LeftByPipeline> remove_up_to(std::int64_t seq, Size& size);
  Status remove_damaged(std::int64_t seq, Size& size);

  /// As EventSource::read_events.
  Result<Page> read(std::int64_t after_seq, std::size_t count_max);
  /// Rows per pipeline, by reading every row: for repairs only.
  Result<std::map<std::string, std::int64_t>> count_by_pipeline();

 private:
  Result<std::int64_t> next_seq();

  Database& database_;
  const std::int64_t bytes_max_;
  Statement insert_;
  Statement oldest_;
  Statement up_to_;
  Statement read_;
  Statement remove_;
  Statement remove_up_to_;
  Size size_;
};

}  // namespace sluice::storage
