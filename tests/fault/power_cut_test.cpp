#include <gtest/gtest.h>

#include <chrono>
#include <cinttypes>
#include <cmath>
#include <cstdio>

#include "base/log.h"
#include "fault/store_rig.h"

// The store as it ships, on a disk whose power is cut in the midst of any write, sync or rename.

namespace sluice {
namespace {

/// Cuts by what they hit, for the line at the end: a campaign that never hits the open proves less.
struct Tally {
  std::uint64_t cuts = 0;
  std::uint64_t in_open = 0;
  std::uint64_t in_flight = 0;
  std::uint64_t kills = 0;
  std::uint64_t commits = 0;
  std::uint64_t epoch_ends = 0;
  std::uint64_t trims = 0;
  std::uint64_t full = 0;

  void print(std::chrono::steady_clock::time_point since) const {
    const std::chrono::duration<double> seconds = std::chrono::steady_clock::now() - since;
    std::printf("%" PRIu64 " power cuts (%" PRIu64 " while opening, %" PRIu64
                " with something in flight), %" PRIu64 " kills, %" PRIu64 " commits, %" PRIu64
                " ends of epochs, %" PRIu64 " trims, %" PRIu64 " times full, %.0f cuts/s\n",
                cuts, in_open, in_flight, kills, commits, epoch_ends, trims, full,
                static_cast<double>(cuts) / seconds.count());
  }
};

/// Early ends are as likely as late ones: from 1 to about 400 changes, evenly on a log scale.
std::uint64_t some_changes(StoreRig& rig) {
  return static_cast<std::uint64_t>(
      std::exp(std::uniform_real_distribution<>(0, std::log(400))(rig.random())));
}

/// True: of the process alone.
bool schedule_the_end(StoreRig& rig) {
  const bool kill = rig.chance(0.15);
  if (kill)
    rig.disk().kill_process_after(some_changes(rig));
  else
    rig.disk().cut_power_after(some_changes(rig));
  return kill;
}

void work_until_the_end(StoreRig& rig) {
  for (int i = 0; i < 60 && !rig.disk().down() && !::testing::Test::HasFailure(); ++i) rig.work();
  // Idle, or while it stops, which moves the log into the database.
  if (!rig.disk().down() && rig.chance(0.5)) rig.disk().cut_power_after(0);
}

/// One life of the daemon: false when it did not get as far as working.
bool live(StoreRig& rig, bool& kill) {
  const bool early = rig.chance(0.3);
  if (early) kill = schedule_the_end(rig);
  // A mark makes the store check every page.
  if (rig.chance(0.1)) static_cast<void>(rig.disk().create("/sluice/sluice.sqlite.suspect").ok());
  auto state = rig.open();
  if (!state.ok()) {
    EXPECT_TRUE(rig.disk().down() || rig.disk().faults() > 0) << state.status().to_string();
    return false;
  }
  EXPECT_FALSE(state->rebuilt);
  EXPECT_EQ(state->damaged_segments, 0u);
  EXPECT_EQ(state->ledger.difference(), 0);
  EXPECT_EQ(unlike_all(*state, rig.possible()), "");
  rig.accept(*std::move(state));
  if (!early) kill = schedule_the_end(rig);
  work_until_the_end(rig);
  return true;
}

/// One disk through up to 30 lives.
void live_on(StoreRig& rig, std::uint64_t cuts_max, Tally& tally) {
  for (int i = 0; i < 30 && tally.cuts < cuts_max && !::testing::Test::HasFailure(); ++i) {
    bool kill = false;
    const bool worked = live(rig, kill);
    const bool in_flight = rig.in_flight();
    if (!rig.close()) continue;
    ++(kill ? tally.kills : tally.cuts);
    if (!worked) ++tally.in_open;
    if (worked && in_flight) ++tally.in_flight;
  }
  tally.commits += rig.commits();
  tally.epoch_ends += rig.epoch_ends();
  tally.trims += rig.trims();
  tally.full += rig.full();
}

TEST(PowerCut, EveryCommitThatReturnedIsThereWholeAndTheOneInFlightWholeOrNotAtAll) {
  const std::uint64_t count = fault_count(5000);
  const std::uint64_t seed = fault_seed();
  const auto start = std::chrono::steady_clock::now();
  log::configure(log::Level::error, log::Format::logfmt);
  Tally tally;
  for (std::uint64_t history = 0; tally.cuts < count; ++history) {
    StoreRig rig(seed + history, {});
    live_on(rig, count, tally);
    ASSERT_FALSE(HasFailure()) << "the seed of this history is " << seed + history;
  }
  tally.print(start);
  if (count >= 5000) {
    EXPECT_GT(tally.in_open, 0u);
    EXPECT_GT(tally.epoch_ends, 0u);
    EXPECT_GT(tally.trims, 0u);
    EXPECT_GT(tally.full, 0u);
  }
}

// What fails in one life must not be lost with the power at its end.
TEST(PowerCut, IoErrorsBeforeAPowerCutLoseNothingThatReturned) {
  const std::uint64_t count = fault_count(5000) / 10;
  const std::uint64_t seed = fault_seed();
  const auto start = std::chrono::steady_clock::now();
  log::configure(log::Level::error, log::Format::logfmt);
  Tally tally;
  for (std::uint64_t history = 0; tally.cuts < count; ++history) {
    StoreRig rig(seed + history, {});
    rig.disk().fail_by_chance(SimDisk::Fault::io_error, 0.01);
    live_on(rig, count, tally);
    ASSERT_FALSE(HasFailure()) << "the seed of this history is " << seed + history;
  }
  tally.print(start);
}

// SQLite takes over what a killed process wrote to the log but did not sync. Rows read from it
// leave for the cloud, so it must not be lost any more.
TEST(PowerCut, WhatAKilledProcessLeftUnsyncedIsDurableOnceItHasBeenRead) {
  const std::uint64_t seed = fault_seed();
  int taken_over = 0;
  for (std::uint64_t changes = 1; changes <= 60; ++changes) {
    StoreRig rig(seed + changes, {});
    rig.accept(*rig.open());
    rig.disk().kill_process_after(changes);
    for (int i = 0; i < 20; ++i) rig.submit();
    ASSERT_TRUE(rig.close());
    auto state = rig.open();
    ASSERT_TRUE(state.ok());
    if (!difference(rig.expected(), *state).empty()) ++taken_over;
    rig.accept(*std::move(state));
    rig.disk().cut_power_after(0);
    ASSERT_TRUE(rig.close());
    state = rig.open();
    ASSERT_TRUE(state.ok());
    ASSERT_EQ(unlike_all(*state, rig.possible()), "") << "seed " << seed << " changes " << changes;
    rig.close();
  }
  EXPECT_GT(taken_over, 0) << "seed " << seed;
}

// After a sync that failed the kernel takes the log for clean, so that the next sync does nothing.
// The process dies before it tries again, and the next one reads what is only in memory.
TEST(PowerCut, WhatASyncThatFailedLeftIsDurableOnceItHasBeenRead) {
  const std::uint64_t seed = fault_seed();
  int taken_over = 0;
  for (std::uint64_t history = 0; history < 200; ++history) {
    StoreRig rig(seed + history, {});
    rig.accept(*rig.open());
    rig.disk().fail(SimDisk::Fault::io_error, 1 + history % 20, 1);
    for (int i = 0; i < 5 && !rig.in_flight(); ++i) rig.submit();
    rig.disk().fail(SimDisk::Fault::io_error, 1, 0);
    rig.disk().kill_process_after(0);
    ASSERT_TRUE(rig.close());
    auto state = rig.open();
    ASSERT_TRUE(state.ok()) << state.status().to_string();
    if (!difference(rig.expected(), *state).empty()) ++taken_over;
    rig.accept(*std::move(state));
    rig.disk().cut_power_after(0);
    ASSERT_TRUE(rig.close());
    state = rig.open();
    ASSERT_TRUE(state.ok()) << state.status().to_string();
    ASSERT_EQ(unlike_all(*state, rig.possible()), "") << "seed " << seed + history;
    rig.close();
  }
  EXPECT_GT(taken_over, 0) << "seed " << seed;
}

}  // namespace
}  // namespace sluice
