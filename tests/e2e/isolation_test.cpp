#include <gtest/gtest.h>
#include <signal.h>

#include <chrono>
#include <filesystem>
#include <set>
#include <string>
#include <thread>
#include <utility>

#include "e2e/site.h"

namespace sluice::e2e {
namespace {

constexpr std::int64_t kReadings = 200;

/// A plugin that is not ours, once with each answer to its failures.
std::string config() {
  SiteConfig config;
  config.pipelines = R"(
  - name: strict
    stages: [{plugin: hostile, config: {way: segv}}]
    windows: [{tumbling: 10s}]
  - name: lenient
    stages: [{plugin: hostile, config: {way: segv}, on_failure: pass}]
    windows: [{tumbling: 10s}])";
  std::string yaml = config.yaml();
  replace_all(yaml, "@PLUGINS@", HOSTILE_PLUGIN_DIR);
  return yaml;
}

/// Each message a second later than the one before; every fiftieth kills the plugin.
std::string recording(std::int64_t from, std::int64_t to) {
  std::string text;
  for (std::int64_t i = from; i < to; ++i) {
    text += std::to_string(1'000 + i) + "\tplant/a\t{\"t\":" + std::to_string(10'000 + i) +
            ",\"v\":" + (i % 50 == 49 ? "666" : "1") + "}\n";
  }
  return text;
}

std::int64_t at_hub(Site& site, const std::string& pipeline) {
  std::int64_t count = 0;
  for (const v1::SummaryRecord& record : site.summaries(0, 0, pipeline)) {
    count += static_cast<std::int64_t>(record.count());
  }
  return count;
}

/// Four readings kill the plugin; each of the two pipelines tells of each once at most, since one
/// that comes while it is down costs no process.
void expect_each_failure_told_once(Site& site) {
  ASSERT_TRUE(until(30, [&] { return site.status().events_waiting() == 0; }));
  std::set<std::pair<std::string, std::int64_t>> told;
  for (const v1::EventRow& row : site.events({"--name", "plugin_failed"})) {
    EXPECT_TRUE(told.emplace(row.event().pipeline(), row.time_ns()).second);
    EXPECT_EQ(row.event().stage(), "hostile");
    EXPECT_EQ(row.event().severity(), v1::EVENT_SEVERITY_ERROR);
    EXPECT_EQ(row.event().attributes(0).value(), "hostile");
    EXPECT_EQ(row.event().attributes(1).value(), "6.6.6");
    EXPECT_NE(row.event().attributes(2).value().find("its process "), std::string::npos);
    EXPECT_EQ(row.measurement(), "v");
  }
  EXPECT_GE(told.size(), 4u);
  EXPECT_LE(told.size(), 8u);
}

// A third-party plugin crashes again and again, and the daemon is killed in the middle: each
// reading is in the hub or named as rejected, and where the operator wants it so, all are there.
TEST(Isolation, APluginThatCrashesCostsWhatTheLedgerNamesAndNothingElse) {
  Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  ASSERT_TRUE(site.replay(site.write("first.tsv", recording(0, 120)), 1));
  ASSERT_TRUE(site.drained(120));
  site.daemon.end(SIGKILL);
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(config()));
  std::string rest = recording(120, kReadings);
  rest += "9000\tplant/a\t{\"t\":20000,\"v\":1}\n";  // closes all before
  ASSERT_TRUE(site.replay(site.write("rest.tsv", rest), 1));
  ASSERT_TRUE(site.drained(kReadings + 1));

  EXPECT_EQ(site.status().ledger_difference(), 0);
  const std::int64_t rejected = site.ledger_count("readings", "rejected", "hostile/stage_failed");
  EXPECT_GE(rejected, 4);
  EXPECT_LT(rejected, kReadings) << "it never ran again";
  // The last reading may have come while the plugin was down.
  const std::int64_t told_of = at_hub(site, "strict") + rejected;
  EXPECT_TRUE(told_of == kReadings || told_of == kReadings + 1) << told_of;
  EXPECT_EQ(at_hub(site, "lenient"), kReadings);
  EXPECT_NE(site.log("daemon.log").find("event=plugin_failed"), std::string::npos);
  expect_each_failure_told_once(site);
}

std::size_t plugin_processes_of(pid_t daemon) {
  std::size_t count = 0;
  for (const auto& entry : std::filesystem::directory_iterator("/proc")) {
    const std::string stat = read_file(entry.path() / "stat");
    const std::string parent = ") S " + std::to_string(daemon) + " ";
    if (stat.find("(sluice-plugin-h" + parent) != std::string::npos) ++count;
  }
  return count;
}

bool comes_to(pid_t daemon, std::size_t processes) {
  for (int i = 0; i < 500; ++i) {
    if (plugin_processes_of(daemon) == processes) return true;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
  return false;
}

TEST(Isolation, APluginWithoutReadingsHasNoProcess) {
  SiteConfig config;
  config.pipelines =
      "[{name: p, stages: [{plugin: hostile, config: {way: segv}}], windows: [{tumbling: 10s}]}]";
  std::string yaml = config.yaml();
  replace_all(yaml, "dir: \"@PLUGINS@\"", "dir: \"" HOSTILE_PLUGIN_DIR "\"\n  idle_unload: 2s");
  Site site;
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  ASSERT_NO_FATAL_FAILURE(site.start_daemon(yaml));
  for (std::int64_t round = 0; round < 2; ++round) {
    EXPECT_TRUE(comes_to(site.daemon.pid(), 0)) << "round " << round;
    const std::string file = site.write("some.tsv", recording(50 * round, 50 * round + 20));
    ASSERT_TRUE(site.replay(file, 0.2));
    EXPECT_TRUE(comes_to(site.daemon.pid(), 1)) << "round " << round;
    ASSERT_TRUE(site.drained(20 * static_cast<std::uint64_t>(round + 1)));
  }
  EXPECT_EQ(site.ledger_count("readings", "aggregated"), 40);
  EXPECT_EQ(site.status().ledger_difference(), 0);
}

}  // namespace
}  // namespace sluice::e2e
