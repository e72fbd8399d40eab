#pragma once

#include <cstddef>
#include <cstdint>

#include "aggregate/aggregate.h"
#include "aggregate/time_parts.h"

namespace sluice {

/// How much of a window its readings cover: count, first and last stamp, the largest gap between
/// readings, and, for a series of known interval, the share of the expected readings.
///
/// Order: needs readings in event time; gaps between parts and overlaps as TimeParts says. All in
/// integers: merging parts that do not overlap, in any order of arrival and grouping, gives equal
/// results. Units: ns. Error: none. Empty: count 0, and the window is one gap.
class Coverage {
 public:
  /// The value only has to be finite.
  bool add(std::int64_t event_time_ns, double value);
  Status merge(const Coverage& other);
  /// See TimeParts.
  void close_gaps();

  std::uint64_t count() const { return count_; }
  /// 0 when empty.
  std::int64_t first_time_ns() const { return parts_.empty() ? 0 : parts_.first().time_ns; }
  std::int64_t last_time_ns() const { return parts_.empty() ? 0 : parts_.last().time_ns; }
  /// Longest time between two readings that follow each other.
  std::uint64_t largest_gap_ns() const;
  /// The same, with the window's start and end as if readings stood there.
  std::uint64_t largest_gap_ns(std::int64_t start_ns, std::int64_t end_ns) const;

  /// Readings that [start, end) should hold at one per interval; 0 for no interval.
  static std::uint64_t expected_count(std::int64_t start_ns, std::int64_t end_ns,
                                      std::uint64_t interval_ns);
  /// count / expected, at most 1; 1 when none is expected. Repeated stamps count, too.
  double share(std::int64_t start_ns, std::int64_t end_ns, std::uint64_t interval_ns) const;
  const TimeParts& parts() const { return parts_; }

  void snapshot(ByteWriter& writer) const;
  static Result<Coverage> restore(ByteReader& reader);
  /// One stretch of time with its largest gap. The ends in order, count >= 1.
  static Coverage of(std::uint64_t count, std::int64_t first_time_ns, std::int64_t last_time_ns,
                     std::uint64_t largest_gap_ns);
  std::size_t state_bytes() const { return sizeof *this + parts_.heap_bytes(); }

 private:
  std::uint64_t count_ = 0;
  std::uint64_t largest_gap_ns_ = 0;  ///< of the steps that are final
  TimeParts parts_;                   ///< all values 0
};

}  // namespace sluice
