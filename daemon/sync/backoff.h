#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <random>

namespace sluice {

/// Waits between tries: full jitter, uniform in [0, bound], the bound doubling from 100 ms to a
/// maximum. Full jitter because a fleet that lost one hub together must not come back together.
class Backoff {
 public:
  static constexpr std::chrono::milliseconds kFirst{100};

  Backoff(std::chrono::milliseconds max, std::uint64_t seed)
      : max_(max), bound_(std::min(kFirst, max)), random_(seed) {}

  std::chrono::milliseconds next() {
    const std::chrono::milliseconds bound = bound_;
    bound_ = std::min(bound_ * 2, max_);
    std::uniform_int_distribution<std::int64_t> wait_ms(0, bound.count());
    return std::chrono::milliseconds(wait_ms(random_));
  }
  void reset() { bound_ = std::min(kFirst, max_); }

 private:
  const std::chrono::milliseconds max_;
  std::chrono::milliseconds bound_;
  std::mt19937_64 random_;
};

}  // namespace sluice
