#pragma once

#include <cstdint>
#include <random>
#include <string>

namespace sluice::fault {

/// One row of the table in README.md: how many faults, from which seed, and what came of it.
///
/// SLUICE_FAULT_N replaces the short N, SLUICE_FAULT_SEED the random seed; both are printed, so a
/// run can be repeated.
class Campaign {
 public:
  Campaign(std::string name, std::uint64_t short_n);

  std::uint64_t n() const { return n_; }
  std::uint64_t seed() const { return seed_; }
  /// From `low` to `high`, both included.
  std::int64_t random(std::int64_t low, std::int64_t high);
  bool chance(int percent) { return random(1, 100) <= percent; }

  /// Prints one line: name, seed, N reached and `figures`. For every round of a long run.
  void report(std::uint64_t reached, const std::string& figures) const;

 private:
  const std::string name_;
  const std::uint64_t n_;
  const std::uint64_t seed_;
  const std::int64_t started_s_;
  std::mt19937_64 random_;
};

/// How to run one history of a campaign again.
std::string repeat_with(std::uint64_t seed);

/// Nothing wakes it early.
void sleep_ms(std::int64_t ms);

}  // namespace sluice::fault
