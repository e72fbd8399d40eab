#include "base/clock_trust.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kBuilt = 1'600'000'000 * kSecond;

struct Bench {
  FakeClock clock;
  KernelSync kernel{};
  ClockTrust trust{clock, [this] { return kernel; }, kBuilt};
  std::int64_t offset() const { return clock.wall_ns() - clock.boottime_ns(); }
};

TEST(ClockTrust, BelievesNobodyWhoDoesNotVouch) {
  Bench bench;
  EXPECT_FALSE(bench.trust.now().trusted());
  bench.clock.jump_wall(50LL * 365 * 86'400 * kSecond);
  EXPECT_FALSE(bench.trust.now().trusted());
}

TEST(ClockTrust, TakesTheKernelsWordWithItsBound) {
  Bench bench;
  bench.kernel = {true, 7'000'000};
  const TrustedTime time = bench.trust.now();
  EXPECT_EQ(time.quality, ClockQuality::synced);
  EXPECT_EQ(time.error_ns, 7'000'000);
  EXPECT_EQ(time.wall_at(bench.clock.boottime_ns()), bench.clock.wall_ns());
  bench.kernel.error_ns = ClockTrust::kErrorMaxNs + 1;
  EXPECT_NE(bench.trust.now().quality, ClockQuality::synced) << "a bound that says nothing";
}

TEST(ClockTrust, DoesNotBelieveATimeBeforeItWasBuilt) {
  Bench bench;
  bench.clock.jump_wall(-bench.clock.wall_ns());  // 1970
  bench.kernel = {true, 0};
  EXPECT_FALSE(bench.trust.now().trusted());
  bench.trust.heard(kBuilt - kSecond, bench.clock.boottime_ns(), bench.clock.boottime_ns());
  EXPECT_FALSE(bench.trust.now().trusted());
}

TEST(ClockTrust, TakesTheHubsTimeWithHalfOfTheRoundTrip) {
  Bench bench;
  const std::int64_t sent = bench.clock.boottime_ns();
  const std::int64_t truth = bench.clock.wall_ns() + 300'000'000;  // the hub answered after 0.3 s
  bench.clock.jump_wall(-bench.clock.wall_ns());
  bench.clock.advance(kSecond);
  bench.trust.heard(truth, sent, bench.clock.boottime_ns());
  const TrustedTime time = bench.trust.now();
  EXPECT_EQ(time.quality, ClockQuality::rebased);
  EXPECT_EQ(time.error_ns, kSecond / 2);
  const std::int64_t wrong = time.wall_at(sent + 300'000'000) - truth;
  EXPECT_LE(std::abs(wrong), time.error_ns);
}

TEST(ClockTrust, KeepsWhatItHeardBestAndWidensItsBound) {
  Bench bench;
  const std::int64_t at = bench.clock.boottime_ns();
  bench.trust.heard(bench.clock.wall_ns(), at - 20'000'000, at + 20'000'000);
  bench.trust.heard(bench.clock.wall_ns() + kSecond, at - 2 * kSecond, at + 2 * kSecond);
  EXPECT_EQ(bench.trust.now().error_ns, 20'000'000) << "a worse one is passed over";
  bench.clock.advance(1'000 * kSecond);
  EXPECT_EQ(bench.trust.now().error_ns, 20'000'000 + kSecond / 2 - 10'000) << "500 ppm of 999.98 s";
  const std::int64_t later = bench.clock.boottime_ns();
  bench.trust.heard(bench.clock.wall_ns(), later - 30'000'000, later + 30'000'000);
  EXPECT_EQ(bench.trust.now().error_ns, 30'000'000) << "by now better than the old one";
}

TEST(ClockTrust, LosesNoTimeWhenTheKernelLosesItsServer) {
  Bench bench;
  bench.kernel = {true, 1'000'000};
  const std::int64_t offset = bench.trust.now().offset_ns;
  bench.kernel = {};
  bench.clock.jump_wall(-3'600 * kSecond);
  bench.clock.advance(10 * kSecond);
  const TrustedTime time = bench.trust.now();
  EXPECT_EQ(time.quality, ClockQuality::rebased);
  EXPECT_EQ(time.offset_ns, offset) << "a clock that is set without a server is nobody's word";
  EXPECT_EQ(time.error_ns, 1'000'000 + 5'000'000);
}

TEST(ClockTrust, GoesOnAfterARestartInTheSameBoot) {
  Bench bench;
  bench.trust.remember({}, bench.clock.boottime_ns());
  EXPECT_FALSE(bench.trust.now().trusted());
  bench.trust.remember({ClockQuality::synced, bench.offset(), 5}, bench.clock.boottime_ns());
  EXPECT_EQ(bench.trust.now(), (TrustedTime{ClockQuality::rebased, bench.offset(), 5}));
}

TEST(ClockTrust, ReadsTheKernelWithoutPrivilege) {
  const KernelSync sync = read_kernel_sync();
  EXPECT_GE(sync.error_ns, 0);
}

TEST(ClockTrust, StandsNonsense) {
  Bench bench;
  bench.trust.heard(INT64_MIN, 1, 2);
  bench.trust.heard(INT64_MAX, 2, 1);
  EXPECT_FALSE(bench.trust.now().trusted());
  EXPECT_EQ((TrustedTime{ClockQuality::rebased, INT64_MAX, 0}).wall_at(5), INT64_MAX);
}

}  // namespace
}  // namespace sluice
