#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>

#include "aggregate/aggregate.h"
#include "aggregate/compensated_sum.h"
#include "aggregate/time_parts.h"

namespace sluice {

struct TimeWeightedOptions {
  enum class Between : std::uint8_t {
    hold = 0,   ///< a value lasts until the next reading
    linear = 1  ///< the value runs straight to the next reading
  };
  Between between = Between::hold;
  /// ns. With hold, a value is not assumed to last longer than this after its reading; with linear,
  /// a longer gap is left out. 0: no bound.
  std::uint64_t hold_max_ns = 0;

  bool valid() const { return between == Between::hold || between == Between::linear; }
  friend bool operator==(const TimeWeightedOptions&, const TimeWeightedOptions&) = default;
};

/// Mean over time, where the plain mean is over readings: right for series that were sent on change
/// or thinned out, whose readings stand for unequal lengths of time. The integral of the value over
/// the covered time, divided by it; nothing is carried in from before the first reading.
///
/// Order: needs readings in event time; equal stamps, gaps and parts as TimeParts says. Merging
/// parts that do not overlap, in any order of arrival and grouping, gives the same mean within
/// 1e-12 and the same covered time exactly.
/// Units: the series' own; the integral is in that unit times seconds. Error: rounding only.
/// Empty: 0. While no time is covered (one stamp) the mean is the last value.
class TimeWeighted {
 public:
  explicit TimeWeighted(const TimeWeightedOptions& options = {});

  bool add(std::int64_t event_time_ns, double value);
  Status merge(const TimeWeighted& other);
  /// See TimeParts.
  void close_gaps();

  const TimeWeightedOptions& options() const { return options_; }
  std::uint64_t count() const { return count_; }
  /// With hold, the last value lasts until `until_ns` (the end of the window) if that is later.
  double mean(std::optional<std::int64_t> until_ns = std::nullopt) const;
  double integral_s(std::optional<std::int64_t> until_ns = std::nullopt) const;
  std::uint64_t covered_ns(std::optional<std::int64_t> until_ns = std::nullopt) const;
  const TimeParts& parts() const { return parts_; }

  void snapshot(ByteWriter& writer) const;
  static Result<TimeWeighted> restore(ByteReader& reader);
  /// One stretch of time with its integral, as if its readings had been added with `hold` and no
  /// bound. Finite numbers, the ends in order, count >= 1.
  static TimeWeighted of(std::uint64_t count, const TimeParts::Part& ends, double integral_s);
  std::size_t state_bytes() const { return sizeof *this + parts_.heap_bytes(); }

 private:
  struct Sums {
    CompensatedSum integral_s;
    std::uint64_t covered_ns = 0;
  };
  void fold(const Step& step, Sums& sums) const;
  Sums total(std::optional<std::int64_t> until_ns) const;

  TimeWeightedOptions options_;
  std::uint64_t count_ = 0;
  Sums sums_;  ///< of the steps that are final
  TimeParts parts_;
};

}  // namespace sluice
