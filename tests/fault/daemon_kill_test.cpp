#include <gtest/gtest.h>
#include <signal.h>

#include <algorithm>

#include "fault/rig.h"

namespace sluice::fault {
namespace {

constexpr std::uint64_t kKillsPerRound = 30;

std::int64_t now_ms() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1000 + now.tv_nsec / 1'000'000;
}

// Kills the daemon 80 to 500 ms after its start or after it is about ready (start-up is slow under
// sanitizers), while readings arrive over plain TCP and TLS, MQTT 5 and 3.1.1 at once. The
// publisher never pauses within a round.
TEST(DaemonKill, Kill9UnderLoadLosesNothingAndCountsNothingTwice) {
  Campaign campaign("daemon_kill", 30);
  RigOptions options;
  options.links = {{"plain5", false, "5"},
                   {"plain311", false, "3.1.1"},
                   {"tls5", true, "5"},
                   {"tls311", true, "3.1.1"}};
  options.per_second = 2000;
  Rig rig(campaign, options);
  ASSERT_NO_FATAL_FAILURE(rig.start());
  const std::int64_t began_ms = now_ms();
  ASSERT_NO_FATAL_FAILURE(rig.start_daemon());
  const std::int64_t startup_ms = std::min<std::int64_t>(now_ms() - began_ms, 3000);
  for (std::uint64_t kills = 0; kills < campaign.n();) {
    rig.publisher->resume();
    for (std::uint64_t i = 0; i < kKillsPerRound && kills < campaign.n(); ++i, ++kills) {
      sleep_ms(campaign.random(80, 500) + (campaign.chance(75) ? startup_ms : 0));
      ASSERT_TRUE(rig.site.daemon.running()) << "the daemon ended by itself";
      EXPECT_EQ(rig.site.daemon.end(SIGKILL), -SIGKILL);
      rig.site.spawn_daemon(rig.config());
    }
    ASSERT_TRUE(rig.ready_within(60)) << "not ready by itself after kill " << kills;
    ASSERT_NO_FATAL_FAILURE(rig.check(kills));
    if (testing::Test::HasFailure()) return;
  }
}

}  // namespace
}  // namespace sluice::fault
