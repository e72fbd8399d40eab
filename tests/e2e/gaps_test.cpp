#include <gtest/gtest.h>
#include <signal.h>

#include <set>
#include <string>

#include "base/clock.h"
#include "e2e/site.h"

namespace sluice::e2e {
namespace {

constexpr int kFields = 100;  // readings per message
constexpr int kPendingMax = 50'000;

std::string config() {
  SiteConfig config;
  config.name = "lossy";
  config.quota = "64MiB";
  config.fields.clear();
  for (int i = 0; i < kFields; ++i) {
    const std::string name = "v" + std::to_string(i);
    config.fields += "\n        - {pointer: /" + name + ", measurement: " + name + "}";
  }
  config.pipelines =
      "[{name: waits, windows: [{tumbling: 10s}], stages: [{plugin: not-installed}]}]";
  return config.yaml();
}

std::string recording(int messages) {
  std::string values;
  for (int i = 0; i < kFields; ++i) values += ",\"v" + std::to_string(i) + "\":1";
  std::string text;
  for (int i = 0; i < messages; ++i) {
    const std::string time = std::to_string(1000 + i);
    text += time + "\tplant/a\t{\"t\":" + time + values + "}\n";
  }
  return text;
}

std::int64_t lost(Site& site) { return site.ledger_count("readings", "rejected", "parked"); }

std::int64_t reported(Site& site) {
  std::int64_t count = 0;
  for (const v1::GapRow& gap : site.gaps()) count += static_cast<std::int64_t>(gap.count());
  return count;
}

// A parked pipeline overflows; hub and daemon are killed around every report of it.
TEST(Gaps, EveryLossReachesTheHubOnceWhateverIsKilled) {
  const std::int64_t begun_ns = SystemClock().wall_ns();
  Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config(), false));
  constexpr int kOverflow = 100;
  ASSERT_TRUE(site.replay(site.write("full.tsv", recording(kPendingMax / kFields + kOverflow)), 2));
  ASSERT_TRUE(until(90, [&] { return lost(site) == kOverflow * kFields; })) << lost(site);
  std::int64_t expected = kOverflow * kFields;
  const std::string more = site.write("more.tsv", recording(10));
  for (int round = 0; round < 6; ++round) {
    ASSERT_TRUE(site.replay(more, 0.1));
    expected += 10 * kFields;
    ASSERT_TRUE(until(60, [&] { return lost(site) == expected; })) << lost(site);
    if (round % 3 == 2) {
      site.daemon.end(SIGKILL);
      ASSERT_NO_FATAL_FAILURE(site.start_daemon(config(), false));
    }
    site.hub.end(SIGKILL);
    ASSERT_NO_FATAL_FAILURE(site.start_hub());
  }
  ASSERT_TRUE(until(60, [&] { return reported(site) >= expected; })) << reported(site);
  // Whatever would come twice comes on the next stream.
  site.hub.end(SIGKILL);
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_TRUE(until(30, [&] { return site.status().uplink().connected(); }));
  EXPECT_EQ(reported(site), expected);
  EXPECT_EQ(lost(site), expected);
  std::set<std::int64_t> seqs;
  for (const v1::GapRow& gap : site.gaps()) {
    EXPECT_EQ(gap.node(), "lossy");
    EXPECT_EQ(gap.kind(), v1::GAP_KIND_READINGS);
    EXPECT_EQ(gap.owner(), "waits");
    EXPECT_EQ(gap.cause(), "parked");
    EXPECT_GE(gap.from_ns(), begun_ns);
    EXPECT_LE(gap.from_ns(), gap.to_ns());
    EXPECT_LE(gap.to_ns(), SystemClock().wall_ns());
    EXPECT_TRUE(seqs.insert(gap.seq()).second);
  }
  EXPECT_EQ(site.status().ledger_difference(), 0);
}

}  // namespace
}  // namespace sluice::e2e
