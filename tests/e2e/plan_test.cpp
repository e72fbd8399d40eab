#include <gtest/gtest.h>
#include <signal.h>

#include <google/protobuf/util/json_util.h>

#include <string>

#include "e2e/site.h"
#include "sluice/v1/plan.pb.h"

namespace sluice::e2e {
namespace {

constexpr std::uint64_t kReadings = 3'000;

std::string config(const std::string& pipelines) {
  SiteConfig config;
  config.pipelines = pipelines;
  return config.yaml();
}

constexpr const char* kRunning = R"(
  - name: p
    stages: [{plugin: range, config: {max: 80}}]
    windows: [{tumbling: 10s}])";

/// A reading of each of two sensors every two seconds of event time, 0 to 99.
std::string recording() {
  std::string text;
  for (std::uint64_t i = 0; i < kReadings; ++i) {
    text += std::to_string(1'000 + i) + "\tplant/" + (i % 2 == 0 ? "a" : "b") +
            "\t{\"t\":" + std::to_string(10'000 + i) + ",\"v\":" + std::to_string(i % 100) + "}\n";
  }
  return text;
}

v1::PlanReport parse(const Output& output) {
  v1::PlanReport plan;
  const auto status = google::protobuf::util::JsonStringToMessage(output.text, &plan);
  EXPECT_TRUE(status.ok()) << status.ToString() << output.text;
  return plan;
}

/// A gateway that has taken the recording.
class PlanTest : public ::testing::Test {
 protected:
  void SetUp() override {
    ASSERT_NO_FATAL_FAILURE(site_.start_broker());
    ASSERT_NO_FATAL_FAILURE(site_.start_hub());
    ASSERT_NO_FATAL_FAILURE(site_.start_daemon(config(kRunning)));
    ASSERT_TRUE(site_.replay(site_.write("recording.tsv", recording())));
    ASSERT_TRUE(site_.drained(kReadings));
  }
  Output plan(const std::string& pipelines) {
    const std::string file = site_.write("next.yaml", site_.filled_in(config(pipelines)));
    return site_.ctl({"config", "plan", file, "--since", "1h"});
  }
  std::uint64_t count(const std::string& ledger, const std::string& term) {
    return static_cast<std::uint64_t>(site_.ledger_count(ledger, term));
  }

  Site site_;
};

// The running side starts where the daemon started, with nothing: it must count what that counted.
TEST_F(PlanTest, CountsForTheRunningConfigWhatTheDaemonCounted) {
  const Output output = plan(kRunning);
  EXPECT_EQ(output.exit_code, 0) << output.text;
  const v1::PlanReport report = parse(output);
  EXPECT_TRUE(report.fits());
  ASSERT_EQ(report.running().pipelines_size(), 1);
  const v1::RehearsedPipeline& running = report.running().pipelines(0);
  EXPECT_EQ(running.in(), kReadings);
  EXPECT_EQ(running.aggregated(), count("readings", "aggregated"));
  EXPECT_EQ(running.filtered(0).count(), count("readings", "filtered"));
  EXPECT_EQ(running.panes(), count("panes", "closed"));
  EXPECT_EQ(running.rows(), site_.status().uplink().rows_acked());
  EXPECT_EQ(report.candidate().pipelines(0).row_bytes(), running.row_bytes());
  EXPECT_EQ(report.pipelines(0).change(), v1::PLAN_CHANGE_SAME);
}

TEST_F(PlanTest, SaysWhatACandidateWouldDoAndLeavesTheNodeAsItIs) {
  const std::int64_t closed = site_.ledger_count("panes", "closed");
  const v1::PlanReport report = parse(plan(R"(
  - name: p
    stages: [{plugin: range, config: {max: 40}}, {plugin: alert, config: {when: "value > 30"}}]
    windows: [{tumbling: 1m}]
  - {name: q, windows: [{count: 100}]})"));
  EXPECT_TRUE(report.fits());
  ASSERT_EQ(report.pipelines_size(), 2);
  EXPECT_EQ(report.pipelines(0).change(), v1::PLAN_CHANGE_CHANGED);
  EXPECT_EQ(report.pipelines(1).change(), v1::PLAN_CHANGE_ADDED);
  ASSERT_EQ(report.events_size(), 1);
  EXPECT_EQ(report.events(0).before(), 0u);
  EXPECT_GT(report.events(0).after(), 0u);
  EXPECT_EQ(report.candidate().pipelines(0).filtered(0).count(), kReadings * 59 / 100);
  EXPECT_EQ(report.candidate().pipelines(1).panes(), kReadings / 100);
  EXPECT_LT(report.candidate().pipelines(0).panes(), report.running().pipelines(0).panes());
  EXPECT_EQ(site_.ledger_count("panes", "closed"), closed);
  EXPECT_EQ(site_.status().pipelines_size(), 1);
  EXPECT_EQ(site_.status().ledger_difference(), 0);
  EXPECT_TRUE(site_.status().ready());
  EXPECT_TRUE(site_.events().empty()) << "nobody is told what is only rehearsed";
}

TEST_F(PlanTest, ExitsByWhatBecomesOfTheCandidate) {
  EXPECT_EQ(plan("[{name: p, stages: [{plugin: nosuch}]}]").exit_code, 1);
  EXPECT_EQ(plan("[{name: p, stages: [{plugin: 7}], nothing: 1}]").exit_code, 2);
  const std::string file = site_.dir() + "/next.yaml";
  site_.write("next.yaml", site_.filled_in(config(kRunning)));
  const Output text = run({std::string(SLUICE_BIN_DIR) + "/sluicectl", "config", "plan", file,
                           "--socket", site_.dir() + "/admin.sock"});
  EXPECT_EQ(text.exit_code, 0);
  EXPECT_TRUE(text.text.ends_with("It fits.\n")) << text.text;
  EXPECT_EQ(site_.daemon.end(SIGTERM), 0);
  EXPECT_EQ(plan(kRunning).exit_code, 3);
}

// A plugin that is trusted and crashes would end the daemon; its rehearsal ends instead.
TEST_F(PlanTest, OutlivesACandidateThatCrashes) {
  // Its own file says where plugins are, and no candidate.
  EXPECT_EQ(site_.daemon.end(SIGTERM), 0);
  std::string yaml = config("[{name: p}]");
  replace_all(yaml, "@PLUGINS@", HOSTILE_PLUGIN_DIR);
  ASSERT_NO_FATAL_FAILURE(site_.start_daemon(yaml));
  const Output output =
      plan("[{name: p, stages: [{plugin: hostile, isolation: none, config: {way: create_segv}}]}]");
  EXPECT_EQ(output.exit_code, 1);
  EXPECT_NE(parse(output).candidate_error().find("signal 11"), std::string::npos) << output.text;
  EXPECT_TRUE(site_.daemon.running());
  EXPECT_TRUE(site_.status().ready());
}

}  // namespace
}  // namespace sluice::e2e
