#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <string>

#include "e2e/site.h"

namespace sluice::e2e {
namespace {

std::string config() {
  SiteConfig config;
  config.pipelines = "[{name: p, windows: [{tumbling: 10s}], idle_timeout: 1d}]";
  return config.yaml();
}

void publish(Site& site, int from_s, int to_s) {
  std::string text;
  for (int t = from_s; t < to_s; ++t) {
    const std::string time = std::to_string(t);
    text += time + "\tplant/a\t{\"t\":" + time + ",\"v\":1}\n";
  }
  ASSERT_TRUE(site.replay(site.write("recording.tsv", text), 0.2));
}

// The hub comes back without its database: what it had acknowledged is gone, and both sides say so.
TEST(HubLoss, ADatabaseThatIsGoneIsNamedOnceAtBothSides) {
  Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  ASSERT_NO_FATAL_FAILURE(publish(site, 1000, 1100));
  ASSERT_TRUE(site.drained(100));
  EXPECT_TRUE(site.status().ready());
  site.hub.end(SIGKILL);
  for (const char* end : {"", "-wal", "-shm"}) {
    std::filesystem::remove(site.dir() + "/hub.sqlite" + end);
  }
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_TRUE(until(30, [&] { return !site.gaps().empty(); }));
  for (int i = 0; i < 2; ++i) {
    ASSERT_TRUE(until(30, [&] { return site.status().uplink().connected(); }));
    ASSERT_EQ(site.gaps().size(), 1u);
    EXPECT_EQ(site.gaps()[0].cause(), "missing_at_hub");
    EXPECT_EQ(site.gaps()[0].kind(), v1::GAP_KIND_PANES);
    const v1::Status status = site.status();
    ASSERT_EQ(status.problems_size(), i == 0 ? 1 : 0);
    if (i == 0) {
      EXPECT_NE(status.problems(0).find("missing"), std::string::npos);
      EXPECT_NE(status.uplink().missing_at_hub(), "");
    }
    EXPECT_EQ(status.ledger_difference(), 0);
    if (i > 0) break;
    // What the node remembers of it outlives the process; the sentence in status need not.
    ASSERT_NO_FATAL_FAILURE(publish(site, 1100, 1200));
    ASSERT_TRUE(site.drained(200));
    site.daemon.end(SIGKILL);
    site.hub.end(SIGKILL);
    ASSERT_NO_FATAL_FAILURE(site.start_hub());
    ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  }
  EXPECT_EQ(site.summaries(1'090'000'000'000).size(), 10u) << "all that came after";
}

}  // namespace
}  // namespace sluice::e2e
