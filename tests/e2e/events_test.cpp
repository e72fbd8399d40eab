#include <gtest/gtest.h>
#include <signal.h>

#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>

#include "e2e/site.h"

namespace sluice::e2e {
namespace {

/// Two pipelines whose plugin tells of each reading: in the daemon, and in a process of its own.
std::string config() {
  SiteConfig config;
  config.pipelines = R"(
  - name: within
    stages: [{plugin: teller, isolation: none}]
    windows: [{tumbling: 10s}]
  - name: apart
    stages: [{plugin: teller, isolation: process}]
    windows: [{tumbling: 10s}])";
  std::string yaml = config.yaml();
  replace_all(yaml, "@PLUGINS@", E2E_PLUGIN_DIR);
  return yaml;
}

/// Each message a second later than the one before.
std::string recording(int from, int to) {
  std::string text;
  for (int i = from; i < to; ++i) {
    text += std::to_string(1'000 + i) + "\tplant/a\t{\"t\":" + std::to_string(10'000 + i) +
            ",\"v\":1}\n";
  }
  return text;
}

bool all_acked(Site& site, std::int64_t told) {
  const v1::Status now = site.status();
  return now.events_told() == static_cast<std::uint64_t>(told) &&
         now.events_acked() == now.events_told();
}

// Daemon and hub are killed at random between and within the rounds. Each reading is told of once,
// by either kind of plugin, though messages and events are sent again all the time; what the plugin
// counts says that no call was made twice or left out of its state.
TEST(Events, EachIsAtTheHubOnceWhateverIsKilled) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  constexpr int kRounds = 8;
  constexpr int kPerRound = 50;
  Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  for (int round = 0; round < kRounds; ++round) {
    const std::string name = "round" + std::to_string(round) + ".tsv";
    const std::string file =
        site.write(name, recording(round * kPerRound, (round + 1) * kPerRound));
    ASSERT_TRUE(site.replay(file, 0.2));
    if (random() % 2 == 0) {
      site.hub.end(SIGKILL);
      ASSERT_NO_FATAL_FAILURE(site.start_hub());
    }
    site.daemon.end(SIGKILL);
    ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  }
  constexpr int kTold = 2 * kRounds * kPerRound;
  ASSERT_TRUE(until(60, [&] { return all_acked(site, kTold); })) << site.status().DebugString();
  // Whatever would come twice comes on the next stream.
  site.hub.end(SIGKILL);
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_TRUE(until(30, [&] { return site.status().uplink().connected(); }));

  std::map<std::string, std::set<std::int64_t>> times;
  std::map<std::string, std::set<int>> numbers;
  const auto events = site.events();
  EXPECT_EQ(events.size(), static_cast<std::size_t>(kTold));
  for (const v1::EventRow& row : events) {
    const v1::Event& event = row.event();
    EXPECT_TRUE(times[event.pipeline()].insert(row.time_ns()).second) << row.time_ns();
    ASSERT_EQ(event.attributes_size(), 1);
    EXPECT_TRUE(numbers[event.pipeline()].insert(std::stoi(event.attributes(0).value())).second);
    EXPECT_EQ(event.stage(), "teller");
    EXPECT_EQ(event.name(), "seen");
    EXPECT_EQ(event.severity(), v1::EVENT_SEVERITY_WARN);
    EXPECT_EQ(event.source(), "plant");
    EXPECT_EQ(event.topic(), "plant/a");
    EXPECT_EQ(row.measurement(), "v");
    EXPECT_EQ(row.labels().at("sensor"), "a");
    EXPECT_EQ(row.time_quality(), v1::TIME_QUALITY_STAMPED);
  }
  for (const char* pipeline : {"within", "apart"}) {
    EXPECT_EQ(times[pipeline].size(), static_cast<std::size_t>(kTold / 2)) << pipeline;
    EXPECT_EQ(*numbers[pipeline].rbegin(), kTold / 2) << pipeline;
  }
  const v1::Status status = site.status();
  EXPECT_EQ(status.ledger_difference(), 0);
  EXPECT_EQ(status.events_expired(), 0u);
  EXPECT_EQ(site.ledger_count("events", "acked"), kTold);
  EXPECT_EQ(site.events({"--severity", "error"}).size(), 0u);
  EXPECT_EQ(
      site.events({"--pipeline", "apart", "--from", "10000000000000", "--to", "10005000000000"})
          .size(),
      5u);
}

// No hub for a while: events wait like summaries, and the node shows them meanwhile.
TEST(Events, WaitForAHubThatIsAway) {
  Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  site.hub.end(SIGTERM);
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  ASSERT_TRUE(site.replay(site.write("first.tsv", recording(0, 20)), 0.2));
  ASSERT_TRUE(until(30, [&] { return site.status().events_waiting() == 40; }));
  const auto recent = site.recent_events();
  ASSERT_EQ(recent.size(), 40u);
  EXPECT_EQ(recent[0].number(), 40u);
  EXPECT_EQ(recent[0].event().name(), "seen");
  EXPECT_EQ(recent[0].measurement(), "v");
  EXPECT_EQ(site.status().ledger_difference(), 0);
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_TRUE(until(60, [&] { return all_acked(site, 40); }));
  EXPECT_EQ(site.events().size(), 40u);
  EXPECT_EQ(site.status().events_waiting(), 0u);
}

}  // namespace
}  // namespace sluice::e2e
