#pragma once

#include <atomic>
#include <cstdint>

#include "base/clock.h"

namespace sluice {

/// A clock that stands still until a test moves it. Any thread.
class FakeClock final : public Clock {
 public:
  std::int64_t boottime_ns() const override { return boottime_ns_; }
  std::int64_t wall_ns() const override { return wall_ns_; }
  void advance(std::int64_t ns) {
    boottime_ns_ += ns;
    wall_ns_ += ns;
  }
  /// The wall clock is set, forwards or back.
  void jump_wall(std::int64_t ns) { wall_ns_ += ns; }
  /// Boot time starts anew.
  void reboot() { boottime_ns_ = 3'000'000'000; }

 private:
  std::atomic<std::int64_t> boottime_ns_{1'000'000'000};
  std::atomic<std::int64_t> wall_ns_{1'700'000'000'000'000'000};
};

}  // namespace sluice
