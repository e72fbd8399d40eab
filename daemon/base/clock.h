#pragma once

#include <cstdint>

namespace sluice {

/// The one way to ask for the time, passed in so that tests own it.
class Clock {
 public:
  virtual ~Clock() = default;
  /// CLOCK_BOOTTIME, ns: durations and timers. Never steps; restarts from 0 at boot.
  virtual std::int64_t boottime_ns() const = 0;
  /// CLOCK_REALTIME, ns since 1970 UTC: a label only, may be wrong and may jump (P7).
  virtual std::int64_t wall_ns() const = 0;
};

/// The kernel's clocks. Any thread.
class SystemClock final : public Clock {
 public:
  std::int64_t boottime_ns() const override;
  std::int64_t wall_ns() const override;
};

}  // namespace sluice
