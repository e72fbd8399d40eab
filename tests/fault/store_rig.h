#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <vector>

#include "fakes/fake_clock.h"
#include "fakes/sim_disk.h"
#include "fault/store_state.h"

namespace sluice {

/// How many, from SLUICE_FAULT_N; printed.
std::uint64_t fault_count(std::uint64_t by_default);
/// Where chance starts, from SLUICE_FAULT_SEED, else fresh; printed. A history of a test has a seed
/// of its own, this one + its number: to see one again, ask for that seed and SLUICE_FAULT_N=1.
std::uint64_t fault_seed();

/// The real store on a simulated disk, stepped, at random work, beside what it should hold.
class StoreRig {
 public:
  StoreRig(std::uint64_t seed, SimDisk::Options disk);
  ~StoreRig();

  SimDisk& disk() { return disk_; }
  std::mt19937_64& random() { return random_; }
  bool chance(double p) { return std::uniform_real_distribution<>()(random_) < p; }

  /// Opens the store, reads all of it and starts it. `unavailable` when the disk went down or
  /// failed meanwhile; then it is closed.
  Result<StoreState> open();
  /// The states that may be read now: what was returned, with or without what was in flight. Also
  /// with what was in flight in an earlier life and did not show then, until a later commit has
  /// taken its place in the log: a half-written transaction becomes whole when the next one, cut
  /// short too, writes the same bytes where the first lacks them. Nobody was told of either.
  std::vector<StoreState> possible() const;
  /// The test found `state` right: what follows builds on it.
  void accept(StoreState state);
  /// All that was ever possible().
  const StoreHistory& history() const { return history_; }
  /// What should be there, after accept() and while nothing is in flight.
  const StoreState& expected() const { return expected_; }

  /// Does one random thing and steps until nothing is due, or the disk is down.
  void work();
  /// Submits a group, if none is in flight, and steps.
  void submit();
  /// Goes on until the group in flight is durable; moves the clock.
  void finish();
  /// Stops the store, which writes what it can, and closes it. True when the disk was down or went
  /// down meanwhile; then it is up again.
  bool close();
  bool in_flight() const { return group_.has_value() || !acks_.empty(); }
  /// SQLite found damage in this life: the next open looks at every page.
  bool damaged() const { return damaged_; }
  std::uint64_t commits() const { return commits_; }
  /// Of these, with the end of an epoch.
  std::uint64_t epoch_ends() const { return epoch_ends_; }
  /// Steps after which older segments were gone.
  std::uint64_t trims() const { return trims_; }
  /// Tries that failed because the quota was full.
  std::uint64_t full() const { return full_; }

 private:
  void step();
  void note_step();
  void note_stats();
  void believe_ledger();
  void settled();
  void acknowledge_some(double share);
  void acknowledge_gaps();
  void compare_reads();

  const bool lies_;
  std::mt19937_64 random_;
  SimDisk disk_;
  FakeClock clock_;
  StoreOptions options_;
  GroupMaker maker_;
  double acked_share_ = 0.5;  // of the rows that wait, at a time
  std::unique_ptr<Store> store_;

  StoreState expected_;
  StoreHistory history_;
  std::vector<StoreState> ghosts_;    // cut short in an earlier life, on top of expected_
  std::optional<CommitGroup> group_;  // submitted, not yet released
  std::size_t gap_acks_ = 0;          // oldest gaps acked and not granted: it may be on flash
  std::set<std::int64_t> acks_;       // given, not yet known to be on flash
  // One number for all that the store draws, so that its epochs and the numbers after them can be
  // foretold: of a group as of a start a fresh one.
  std::uint64_t store_random_ = 0;
  std::uint64_t group_random_ = 0;
  bool released_ = false;  // in the step that runs
  bool damaged_ = false;
  std::uint64_t raw_bytes_ = 0;
  std::uint64_t commits_ = 0;
  std::uint64_t epoch_ends_ = 0;
  std::uint64_t trims_ = 0;
  std::uint64_t full_ = 0;
};

/// Whether one of `possible` equals `state`; an epoch nobody knows yet is free. What differs from
/// the last one otherwise.
std::string unlike_all(const StoreState& state, const std::vector<StoreState>& possible);

}  // namespace sluice
