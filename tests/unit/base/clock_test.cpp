#include "base/clock.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(SystemClock, BootTimeNeverStepsBackAndIsNotTheWallClock) {
  const SystemClock clock;
  std::int64_t before = clock.boottime_ns();
  EXPECT_GT(before, 0);
  for (int i = 0; i < 10'000; ++i) {
    const std::int64_t now = clock.boottime_ns();
    ASSERT_GE(now, before);
    before = now;
  }
  constexpr std::int64_t kYear2020_ns = 1'577'836'800'000'000'000;
  EXPECT_LT(before, kYear2020_ns) << "since boot, not since 1970";
}

}  // namespace
}  // namespace sluice
