#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>

#include "e2e/demo_reference.h"
#include "e2e/site.h"

namespace sluice::e2e {
namespace {

std::string demo_config() {
  return read_file(std::string(SLUICE_SOURCE_DIR) + "/config/demo.yaml");
}

void expect_balanced(Site& site) {
  const v1::LedgerReport ledger = site.ledger();
  for (const v1::LedgerDifference& row : ledger.differences()) {
    EXPECT_EQ(row.difference(), 0) << row.ledger() << " " << row.owner();
  }
  EXPECT_EQ(site.status().ledger_difference(), 0);
}

TEST(Demo, EverySummaryInTheHubEqualsTheReference) {
  Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(demo_config()));
  for (const std::string& recording : demo_recordings()) ASSERT_TRUE(site.replay(recording));
  EXPECT_TRUE(site.drained(demo_message_count()));
  expect_equal(demo_reference(), site.summaries());
  expect_balanced(site);
  EXPECT_EQ(site.status().messages_received(), demo_message_count());
}

// Kills and restarts daemon, hub and broker while data is on its way, then compares everything.
TEST(Demo, NothingIsLostOrCountedTwiceWhenPartsAreKilledInTurn) {
  Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(demo_config()));
  const std::vector<std::string> recordings = demo_recordings();

  ASSERT_TRUE(site.replay(recordings[0]));
  site.daemon.end(SIGKILL);
  ASSERT_TRUE(site.replay(recordings[1]));  // the broker keeps these for us
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(demo_config()));
  for (int i = 0; i < 3; ++i) {
    site.daemon.end(SIGKILL);
    ASSERT_NO_FATAL_FAILURE(site.start_daemon(demo_config()));
  }

  site.hub.end(SIGKILL);
  ASSERT_TRUE(site.replay(recordings[2]));
  site.daemon.end(SIGTERM);
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(demo_config()));
  ASSERT_NO_FATAL_FAILURE(site.start_hub());

  site.broker.end(SIGTERM);
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_TRUE(until(30, [&] { return site.status().ready(); }));
  ASSERT_TRUE(site.replay(recordings[3]));

  EXPECT_TRUE(site.drained(demo_message_count()));
  expect_equal(demo_reference(), site.summaries());
  expect_balanced(site);
  const v1::Status status = site.status();
  EXPECT_EQ(status.messages_received() - status.messages_duplicate(), demo_message_count());
}

TEST(Demo, AMissingPluginParksItsPipelineAndTheOthersRun) {
  Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  std::string config = demo_config();
  config.replace(config.find("plugin: deadband"), 16, "plugin: nosuch_1");
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config, false));
  const std::string office = demo_recordings()[1];
  const std::string ambient = demo_recordings()[2];
  ASSERT_TRUE(site.replay(office));
  ASSERT_TRUE(site.replay(ambient));
  EXPECT_TRUE(site.drained(read_lines(office).size() + read_lines(ambient).size()));
  EXPECT_EQ(site.ledger_count("readings", "pending"), 7267);
  const v1::Status status = site.status();
  EXPECT_FALSE(status.ready());
  ASSERT_EQ(status.problems_size(), 1);
  EXPECT_NE(status.problems(0).find("nosuch_1.so"), std::string::npos) << status.problems(0);
  EXPECT_GT(site.ledger_count("readings", "aggregated"), 10'000);
  expect_balanced(site);
}

TEST(Demo, ABadConfigIsRefusedWithItsLineAndExitCode78) {
  Site site;
  const std::string path = site.write("bad.yaml", "node:\n  name: a\nsources: []\nfoo: 1\n");
  Process daemon({std::string(SLUICE_BIN_DIR) + "/sluiced", "--config", path},
                 site.dir() + "/daemon.log");
  EXPECT_EQ(daemon.wait(), 78);
  EXPECT_NE(site.log("daemon.log").find("bad.yaml:4:"), std::string::npos)
      << site.log("daemon.log");
}

}  // namespace
}  // namespace sluice::e2e
