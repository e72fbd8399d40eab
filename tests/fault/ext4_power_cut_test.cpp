#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <fstream>

#include "fault/loop_disk.h"
#include "fault/rig.h"

namespace sluice::fault {
namespace {

constexpr std::uint64_t kCutsPerRound = 10;

bool frozen(pid_t process) {
  std::error_code ignored;
  for (const auto& task :
       std::filesystem::directory_iterator("/proc/" + std::to_string(process) + "/task", ignored)) {
    std::string stat;
    std::getline(std::ifstream(task.path() / "stat"), stat);
    const std::size_t name_end = stat.rfind(") ");
    if (name_end != std::string::npos && stat[name_end + 2] != 'T') return false;
  }
  return true;
}

// Cuts the power of a real ext4 under the running daemon. The daemon is killed after the cut, never
// before, so whatever it acknowledged, it acknowledged for the flash as it is then; the broker
// sends nothing of that again, and a reading that the file system lost is missing in the hub.
//
// It is frozen first, between any two of its system calls: a sync that meets the cut can return
// success on Linux (seen on 6.18 with a program of nothing but pwrite and fdatasync, in 7 cuts of
// 200), which no disk without power does. Syncs that fail are the Disk tests'.
TEST(PowerCut, WhatWasAcknowledgedBeforeTheCutIsThereAfterIt) {
  Campaign campaign("power_cut", 10);
  e2e::Site folder;
  LoopDisk disk(folder.dir(), 128);
  if (!disk.refused().empty()) GTEST_SKIP() << disk.refused();
  RigOptions options;
  options.storage_dir = disk.mount_point();
  options.per_second = 2000;
  Rig rig(campaign, options);
  ASSERT_NO_FATAL_FAILURE(rig.start());
  ASSERT_NO_FATAL_FAILURE(rig.start_daemon());
  const std::string epoch = rig.site.status().epoch();
  for (std::uint64_t cuts = 0; cuts < campaign.n();) {
    rig.publisher->resume();
    for (std::uint64_t i = 0; i < kCutsPerRound && cuts < campaign.n(); ++i, ++cuts) {
      sleep_ms(campaign.random(20, 300));
      const pid_t daemon = rig.site.daemon.pid();
      ASSERT_EQ(::kill(daemon, SIGSTOP), 0);
      ASSERT_TRUE(e2e::until(30, [daemon] { return frozen(daemon); }));
      ASSERT_TRUE(disk.cut());
      EXPECT_EQ(rig.site.daemon.end(SIGKILL), -SIGKILL);
      ASSERT_TRUE(disk.remount());
      ASSERT_NO_FATAL_FAILURE(rig.start_daemon());
    }
    ASSERT_NO_FATAL_FAILURE(rig.check(cuts));
    EXPECT_EQ(rig.site.status().epoch(), epoch) << "the database was given up";
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::fault
