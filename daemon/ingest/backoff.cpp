#include "ingest/backoff.h"

#include <algorithm>

#include "base/assert.h"

namespace sluice {

Backoff::Backoff(std::chrono::milliseconds min, std::chrono::milliseconds max)
    : min_(min), max_(max), ceiling_(first_ceiling()) {
  SLUICE_ASSERT(min.count() > 0 && min <= max);
}

std::chrono::milliseconds Backoff::first_ceiling() const {
  return min_ > max_ / 2 ? max_ : min_ * 2;
}

std::chrono::milliseconds Backoff::next(std::mt19937_64& rng) {
  std::uniform_int_distribution<std::chrono::milliseconds::rep> between(min_.count(),
                                                                        ceiling_.count());
  const std::chrono::milliseconds wait(between(rng));
  ceiling_ = ceiling_ > max_ / 2 ? max_ : ceiling_ * 2;
  return wait;
}

}  // namespace sluice
