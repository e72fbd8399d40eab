#include <gtest/gtest.h>
#include <signal.h>

#include <cstdio>
#include <cstdlib>
#include <filesystem>
#include <map>
#include <random>
#include <string>
#include <thread>

#include "e2e/site.h"

namespace sluice::e2e {
namespace {

constexpr char kKept[] = "  - {name: kept, windows: [{tumbling: 10s}]}\n";

/// The pipeline `tried` has this stage; `kept` is always there.
std::string with_stage(const std::string& stage) {
  return std::string("\n") + kKept + "  - {name: tried, stages: [" + stage +
         "], windows: [{tumbling: 10s}]}\n";
}

/// A gateway whose plugins are ours and those that do harm.
class ConfigTest : public ::testing::Test {
 protected:
  ConfigTest() {
    std::filesystem::create_directory(plugins());
    for (const char* file : {SLUICE_PLUGIN_DIR "/range.so", SLUICE_PLUGIN_DIR "/deadband.so",
                             HOSTILE_PLUGIN_DIR "/hostile.so", E2E_PLUGIN_DIR "/slow.so"}) {
      const std::filesystem::path from(file);
      std::filesystem::copy_file(from, plugins() + "/" + from.filename().string());
    }
  }
  std::string plugins() const { return site_.dir() + "/plugins"; }
  std::string config(const std::string& pipelines, const std::string& more = "") const {
    SiteConfig config;
    config.pipelines = pipelines;
    std::string yaml = config.yaml() + "control: {probation: " + probation +
                       ", rehearsal: " + rehearsal + "}\n" + more;
    replace_all(yaml, "@PLUGINS@", plugins());
    return yaml;
  }
  void start(const std::string& pipelines) {
    ASSERT_NO_FATAL_FAILURE(site_.start_broker());
    ASSERT_NO_FATAL_FAILURE(site_.start_hub());
    ASSERT_NO_FATAL_FAILURE(site_.start_daemon(config(pipelines)));
    ASSERT_TRUE(until(20, [&] { return site_.status().uplink().connected(); }));
  }
  Output apply(const std::string& pipelines) {
    const std::string file = site_.write("next.yaml", site_.filled_in(config(pipelines)));
    return site_.ctl({"config", "apply", file});
  }
  /// Readings of value 1, or 666 with `harm`, each a second after the one before, while this lives.
  class Flow {
   public:
    Flow(Site& site, int from, int count, double seconds, bool harm = false)
        : thread_([&site, from, count, seconds, harm] {
            std::string text;
            for (int i = from; i < from + count; ++i) {
              text += std::to_string(1'000 + i) +
                      "\tplant/a\t{\"t\":" + std::to_string(10'000 + i) +
                      ",\"v\":" + (harm ? "666" : "1") + "}\n";
            }
            EXPECT_TRUE(site.replay(site.write("flow" + std::to_string(from), text), seconds));
          }) {}
    ~Flow() { thread_.join(); }

   private:
    std::thread thread_;
  };
  std::int64_t of(const std::string& pipeline, const std::string& term) {
    std::int64_t count = 0;
    const v1::LedgerReport report = site_.ledger();
    for (const v1::LedgerTerm& row : report.terms()) {
      const bool is_it =
          row.ledger() == "readings" && row.owner() == pipeline && row.term() == term;
      if (is_it) count += row.count();
    }
    return count;
  }
  Site site_;
  std::string probation = "3s";
  std::string rehearsal = "0s";  ///< so that the probation is what sees it
};

TEST_F(ConfigTest, TakesEffectWhileDataFlowsAndTouchesNoOtherPipeline) {
  constexpr int kReadings = 3000;
  ASSERT_NO_FATAL_FAILURE(start(with_stage("{plugin: range, config: {min: 0}}")));
  {
    const Flow flow(site_, 0, kReadings, 6);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    const Output applied = apply(with_stage("{plugin: range, config: {min: -5}}"));
    EXPECT_EQ(applied.exit_code, 0) << applied.text;
    EXPECT_NE(applied.text.find("\"state\":\"CONFIG_STATE_APPLIED\""), std::string::npos)
        << applied.text;
  }
  ASSERT_TRUE(site_.drained(kReadings));
  const v1::Status status = site_.status();
  EXPECT_EQ(status.sources(0).connects(), 1u) << "the source was not touched";
  EXPECT_EQ(status.ledger_difference(), 0);
  std::map<std::string, std::map<std::uint64_t, std::uint64_t>> by_spec;
  std::uint64_t partial = 0;
  for (const char* pipeline : {"kept", "tried"}) {
    for (const v1::SummaryRecord& record : site_.summaries(0, 0, pipeline)) {
      by_spec[pipeline][0] += record.count();
      partial += record.quality() == v1::PANE_QUALITY_PARTIAL_CONFIG ? 1 : 0;
    }
  }
  EXPECT_GT(by_spec["kept"][0], kReadings - 20u);
  EXPECT_EQ(by_spec["kept"][0], by_spec["tried"][0]);
  EXPECT_EQ(partial, 1u) << "the window that was open in the pipeline that changed";
  const Output history = site_.ctl({"config", "history"});
  EXPECT_NE(history.text.find("CONFIG_STATE_SUPERSEDED"), std::string::npos) << history.text;
}

// (a) a plugin that crashes under live data only, (b) a filter that drops everything, (c) a plugin
// that is slow: each time the former config is back by itself, and says why.
TEST_F(ConfigTest, RollsItselfBackWhenItDoesHarm) {
  ASSERT_NO_FATAL_FAILURE(start(with_stage("{plugin: range, config: {min: 0}}")));
  int from = 0;
  const struct {
    std::string stage;
    std::string why;
    bool harm;
  } all[] = {
      {"{plugin: hostile, config: {way: segv}}", "its plugins have failed", true},
      {"{plugin: range, config: {min: 1000}}", "of the readings are filtered", false},
      {"{plugin: slow, isolation: none}", "of the time, before it was", false},
  };
  for (const auto& one : all) {
    SCOPED_TRACE(one.stage);
    const Flow flow(site_, from, 400, 15, one.harm);
    from += 400;
    std::this_thread::sleep_for(std::chrono::milliseconds(300));
    const Output applied = apply(with_stage(one.stage));
    EXPECT_EQ(applied.exit_code, 1) << applied.text;
    EXPECT_NE(applied.text.find("CONFIG_STATE_ROLLED_BACK"), std::string::npos) << applied.text;
    EXPECT_NE(applied.text.find(one.why), std::string::npos) << applied.text;
  }
  ASSERT_TRUE(site_.drained(static_cast<std::uint64_t>(from)));
  EXPECT_EQ(site_.status().ledger_difference(), 0);
  EXPECT_TRUE(site_.status().ready());
  const Output now = site_.ctl({"config", "get"});
  EXPECT_NE(now.text.find("min: 0"), std::string::npos) << now.text;
}

// What would take the daemon with it when it is loaded is only ever loaded by the rehearsal.
TEST_F(ConfigTest, IsRehearsedFirstAndRefusedWhenThatCrashes) {
  rehearsal = "5m";
  ASSERT_NO_FATAL_FAILURE(start(with_stage("{plugin: range, config: {min: 0}}")));
  const std::int64_t pid = site_.status().pid();
  const std::string bad = site_.write(
      "bad.yaml", site_.filled_in(config(with_stage(
                      "{plugin: hostile, isolation: none, config: {way: create_segv}}"))));
  const Output refused =
      run({"sh", "-c", "exec \"$@\" 2>&1", "sh", std::string(SLUICE_BIN_DIR) + "/sluicectl",
           "--socket", site_.dir() + "/admin.sock", "config", "apply", bad});
  EXPECT_NE(refused.exit_code, 0);
  EXPECT_NE(refused.text.find("signal 11"), std::string::npos) << refused.text;
  EXPECT_EQ(site_.status().pid(), pid);
  EXPECT_EQ(site_.status().config().report().in_effect().number(), 1);
  EXPECT_EQ(apply(with_stage("{plugin: range, config: {min: -5}}")).exit_code, 0);
  EXPECT_EQ(site_.status().config().report().in_effect().number(), 2);
}

// (d) does not fit, (e) takes the daemon with it.
TEST_F(ConfigTest, IsRefusedWhenItDoesNotFitAndRolledBackWhenTheDaemonDiesOfIt) {
  ASSERT_NO_FATAL_FAILURE(start(with_stage("{plugin: range, config: {min: 0}}")));
  const std::string large = site_.write(
      "large.yaml",
      site_.filled_in(config(with_stage("{plugin: nobody}"), "limits: {payload_max: 16MiB}\n")));
  const Output refused = site_.ctl({"config", "apply", large});
  EXPECT_EQ(refused.exit_code, 2) << refused.text;
  EXPECT_EQ(site_.ctl({"config", "history"}).text.find("\"number\":2"), std::string::npos);

  const std::string deadly = site_.write(
      "deadly.yaml", site_.filled_in(config(
                         with_stage("{plugin: hostile, config: {way: segv}, isolation: none}"))));
  const Output applied = site_.ctl({"config", "apply", "--no-wait", deadly});
  EXPECT_EQ(applied.exit_code, 0) << applied.text;
  ASSERT_TRUE(until(20, [&] {
    return site_.ctl({"config", "get"}).text.find("way: segv") != std::string::npos;
  }));
  for (int start = 0; start < 2; ++start) {
    const Flow flow(site_, start, 1, 0.1, true);
    ASSERT_TRUE(until(20, [&] { return !site_.daemon.running(); })) << site_.log("daemon.log");
    site_.daemon.wait();
    site_.spawn_daemon(config(with_stage("{plugin: range, config: {min: 0}}")));
  }
  ASSERT_TRUE(until(20, [&] { return !site_.daemon.running(); }))
      << "the message that kills it comes again";
  site_.daemon.wait();
  ASSERT_NO_FATAL_FAILURE(
      site_.start_daemon(config(with_stage("{plugin: range, config: {min: 0}}"))));
  const Output history = site_.ctl({"config", "history"});
  EXPECT_NE(history.text.find("times during its probation"), std::string::npos) << history.text;
  ASSERT_TRUE(site_.drained(2));
  EXPECT_EQ(site_.status().ledger_difference(), 0);
}

TEST_F(ConfigTest, IsReadAgainOnAHangUpAndWinsOverTheFileWhenItCameAnotherWay) {
  ASSERT_NO_FATAL_FAILURE(start(with_stage("{plugin: range, config: {min: 0}}")));
  site_.write("sluice.yaml",
              site_.filled_in(config(with_stage("{plugin: range, config: {min: -1}}"))));
  ::kill(site_.daemon.pid(), SIGHUP);
  const auto in_effect = [&](const std::string& text) {
    return until(20, [&] {
      const std::string now = site_.ctl({"config", "get"}).text;
      return now.find(text) != std::string::npos &&
             now.find("CONFIG_STATE_APPLIED") != std::string::npos;
    });
  };
  EXPECT_TRUE(in_effect("min: -1")) << site_.ctl({"config", "get"}).text;
  EXPECT_EQ(apply(with_stage("{plugin: range, config: {min: -2}}")).exit_code, 0);
  site_.daemon.end(SIGTERM);
  ASSERT_NO_FATAL_FAILURE(
      site_.start_daemon(config(with_stage("{plugin: range, config: {min: -1}}"))));
  EXPECT_TRUE(in_effect("min: -2"));
  EXPECT_NE(site_.log("daemon.log").find("the config file differs from the revision in effect"),
            std::string::npos);
  const Output back = site_.ctl({"config", "rollback"});
  EXPECT_EQ(back.exit_code, 0) << back.text;
  EXPECT_TRUE(in_effect("min: -1"));
}

// kill -9 at any moment of a change: the one or the other is in effect afterwards, and each reading
// counts once.
TEST_F(ConfigTest, IsTheOneOrTheOtherWheneverTheDaemonIsKilled) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  const char* count = std::getenv("SLUICE_FAULT_N");
  const int kills = count == nullptr ? 12 : std::atoi(count);
  constexpr int kPerKill = 50;
  probation = "0s";
  const auto with_min = [](int n) {
    return with_stage("{plugin: range, config: {min: -" + std::to_string(n) + "}}");
  };
  ASSERT_NO_FATAL_FAILURE(start(with_min(1)));
  int in_effect = 1;
  int changed = 0;
  for (int n = 2; n < kills + 2; ++n) {
    const Flow flow(site_, (n - 2) * kPerKill, kPerKill, 0.5);
    const std::string file = site_.write("next.yaml", site_.filled_in(config(with_min(n))));
    std::thread change([&] { site_.ctl({"config", "apply", "--no-wait", file}); });
    std::this_thread::sleep_for(std::chrono::milliseconds(random() % 400));
    site_.daemon.end(SIGKILL);
    change.join();
    ASSERT_NO_FATAL_FAILURE(site_.start_daemon(config(with_min(1))));
    const std::string now = site_.ctl({"config", "get"}).text;
    const bool is_new = now.find("min: -" + std::to_string(n) + "}") != std::string::npos;
    EXPECT_TRUE(is_new || now.find("min: -" + std::to_string(in_effect) + "}") != std::string::npos)
        << now;
    if (is_new) in_effect = n;
    changed += is_new ? 1 : 0;
    ASSERT_TRUE(until(20, [&] { return site_.status().uplink().connected(); }));
  }
  ASSERT_TRUE(site_.drained(static_cast<std::uint64_t>(kills * kPerKill)));
  EXPECT_EQ(site_.status().ledger_difference(), 0);
  EXPECT_EQ(of("kept", "in"), kills * kPerKill);
  EXPECT_EQ(of("tried", "aggregated") + of("tried", "rejected"), kills * kPerKill);
  std::printf("%d kills, the new config was in effect after %d\n", kills, changed);
}

// Sources: the node starts anew within the process, and what comes meanwhile comes again.
TEST_F(ConfigTest, ChangesSourcesWithoutLosingAMessage) {
  constexpr int kReadings = 2000;
  const std::string pipelines = with_stage("{plugin: range, config: {min: 0}}");
  ASSERT_NO_FATAL_FAILURE(start(pipelines));
  {
    const Flow flow(site_, 0, kReadings, 5);
    std::this_thread::sleep_for(std::chrono::seconds(1));
    std::string other = site_.filled_in(config(pipelines));
    replace_all(other, "topics: [{pattern", "keep_alive: 30s\n      topics: [{pattern");
    const Output applied = site_.ctl({"config", "apply", site_.write("next.yaml", other)});
    EXPECT_EQ(applied.exit_code, 0) << applied.text;
  }
  ASSERT_TRUE(site_.drained(kReadings)) << site_.status().DebugString();
  EXPECT_EQ(site_.status().ledger_difference(), 0);
  std::uint64_t count = 0;
  for (const v1::SummaryRecord& record : site_.summaries(0, 0, "kept")) count += record.count();
  EXPECT_GT(count, kReadings - 20u);
  EXPECT_LE(count, static_cast<std::uint64_t>(kReadings));
}

}  // namespace
}  // namespace sluice::e2e
