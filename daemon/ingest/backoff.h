#pragma once

#include <chrono>
#include <random>

namespace sluice {

/// How long to wait before the next attempt: full jitter, so that a thousand gateways which lost
/// the same broker do not come back together. For ever: there is no last attempt.
class Backoff {
 public:
  /// 0 < min <= max.
  Backoff(std::chrono::milliseconds min, std::chrono::milliseconds max);

  /// Uniform between `min` and a ceiling that starts at 2 * min and doubles per call up to `max`.
  std::chrono::milliseconds next(std::mt19937_64& rng);
  /// After a success that lasted.
  void reset() { ceiling_ = first_ceiling(); }

 private:
  std::chrono::milliseconds first_ceiling() const;

  const std::chrono::milliseconds min_;
  const std::chrono::milliseconds max_;
  std::chrono::milliseconds ceiling_;
};

}  // namespace sluice
