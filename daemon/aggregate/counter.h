#pragma once

#include <cstddef>
#include <cstdint>

#include "aggregate/aggregate.h"
#include "aggregate/compensated_sum.h"
#include "aggregate/time_parts.h"

namespace sluice {

struct CounterOptions {
  /// 0, 16, 32 or 64: the width at which the device's counter starts over. 0: it never does.
  std::uint8_t wrap_bits = 0;
  /// In the series' unit per second. A drop that as a wrap would mean a higher rate is a reset.
  /// 0: every drop of a counter with `wrap_bits` is a wrap.
  double wrap_rate_max = 0;

  bool valid() const;
  friend bool operator==(const CounterOptions&, const CounterOptions&) = default;
};

/// Growth of a counter that only rises, until its device restarts or its width is used up.
///
/// From one reading to the next: a rise adds the difference; a drop is a wrap (adds
/// 2^wrap_bits - before + after) or a reset (counted from 0: adds the value after it, nothing when
/// that is negative). This is Prometheus' `increase` without its extrapolation to the ends of the
/// window: we say what was measured (`increase`, over `covered_ns`), which is what bills are
/// written from; `extrapolated_increase` says what Prometheus would.
///
/// Order: needs readings in event time; equal stamps, gaps and parts as TimeParts says. Merging
/// parts that do not overlap, in any order of arrival and grouping, gives the same result.
/// Units: the series' own. Error: sums are exact for integers below 2^53, else within 1e-15.
/// A 64-bit counter beyond 2^53 has lost its low bits before it came here.
/// Empty: everything is 0; one reading: increase 0.
class Counter {
 public:
  explicit Counter(const CounterOptions& options = {});

  bool add(std::int64_t event_time_ns, double value);
  Status merge(const Counter& other);
  /// See TimeParts.
  void close_gaps();

  const CounterOptions& options() const { return options_; }
  std::uint64_t count() const { return count_; }
  double increase() const { return total().increase.total(); }
  std::uint64_t resets() const { return total().resets; }
  std::uint64_t wraps() const { return total().wraps; }
  /// Last value minus first, as it stands: for a quantity that may also fall.
  double delta() const;
  /// From the first stamp to the last.
  std::uint64_t covered_ns() const { return parts_.span_ns(); }
  /// increase / covered time; 0 when no time is covered.
  double rate_per_s() const;
  /// The increase over [start, end] as Prometheus estimates it: extended to each end, but by half
  /// an average interval where the end is more than 1.1 intervals away, and not below a value of 0.
  /// All readings are to lie in that window. 0 for fewer than two stamps.
  double extrapolated_increase(std::int64_t start_ns, std::int64_t end_ns) const;
  const TimeParts& parts() const { return parts_; }

  void snapshot(ByteWriter& writer) const;
  static Result<Counter> restore(ByteReader& reader);
  /// What a counter of readings between two ends comes to.
  struct Point {
    std::uint64_t count = 0;
    Stamped first;
    Stamped last;
    double increase = 0;
    std::uint64_t resets = 0;
    std::uint64_t wraps = 0;
  };
  /// `data_loss` when no readings give this. Continues like the counter that saw them, as long as
  /// nothing comes between these ends.
  static Result<Counter> of(const CounterOptions& options, const Point& point);
  std::size_t state_bytes() const { return sizeof *this + parts_.heap_bytes(); }

  /// As TimeParts.
  void move_by(std::int64_t ns) { parts_.move_by(ns); }

 private:
  struct Sums {
    CompensatedSum increase;
    std::uint64_t resets = 0;
    std::uint64_t wraps = 0;
  };
  void fold(const Step& step, Sums& sums) const;
  bool is_wrap(const Step& step, double increase) const;
  Sums total() const;

  CounterOptions options_;
  std::uint64_t count_ = 0;
  Sums sums_;  ///< of the steps that are final
  TimeParts parts_;
};

}  // namespace sluice
