#include "node/planner.h"

#include <gtest/gtest.h>

#include <thread>

#include "plugin_host/isolation.h"
#include "unit/node/recording.h"

namespace sluice {
namespace {

constexpr const char* kPlain = "[{name: p, windows: [{tumbling: 1s}]}]";

/// As an operator has it, with sections of another node.
std::string candidate_yaml(const std::string& pipelines) {
  return "node: {name: elsewhere}\nstorage: {quota: 9GiB, dir: \"${NOWHERE}\"}\nplugins: {dir: "
         "\"" SLUICE_PLUGIN_DIR
         "\"}\nsources:\n  - name: plant\n    mqtt: {url: \"tcp://127.0.0.1:1883\", topics: "
         "[{pattern: \"a/{device}\"}]}\n    decode: {time: /t, time_format: ms, fields: [{pointer: "
         "/v}]}\npipelines: " +
         pipelines + "\n";
}

/// A recording of three minutes, one reading a second, whose store answers.
class PlannerTest : public ::testing::Test {
 protected:
  PlannerTest() : config_(plant_config(kPlain)), recording_(config_) {
    for (int i = 0; i < 180; ++i) {
      recording_.message("d" + std::to_string(i % 2), i * 1'000, i % 10);
      recording_.pass(kSecond);
    }
  }
  v1::PlanReport plan(const std::string& yaml, std::uint32_t since_s = 0) {
    v1::PlanRequest request;
    request.set_config_yaml(yaml);
    request.set_file_name("next.yaml");
    request.set_since_s(since_s);
    v1::PlanReport report;
    const Status s = planner_.plan(request, report);
    EXPECT_TRUE(s.ok()) << s.to_string();
    return report;
  }

  v1::Config config_;
  Recording recording_;
  Planner planner_{[this] { return std::make_shared<const v1::Config>(config_); },
                   {recording_.plane().store(), recording_.plane().series(),
                    recording_.plane().topics(), recording_.clock},
                   {program_beside("sluice-rehearse"), patient(), std::chrono::minutes(10)}};
};

TEST_F(PlannerTest, FindsNoDifferenceInTheConfigThatRuns) {
  const v1::PlanReport report = plan(candidate_yaml(kPlain));
  EXPECT_TRUE(report.fits()) << report.DebugString();
  EXPECT_EQ(report.errors_size(), 0);
  EXPECT_EQ(report.readings(), 180u);
  ASSERT_EQ(report.pipelines_size(), 1);
  EXPECT_EQ(report.pipelines(0).change(), v1::PLAN_CHANGE_SAME);
  EXPECT_EQ(report.changed_keys_size(), 0) << "the local sections are the running ones";
  EXPECT_GT(report.before().summaries_per_hour(), 3000);
  EXPECT_EQ(report.before().summaries_per_hour(), report.after().summaries_per_hour());
  EXPECT_EQ(report.before().uplink_bytes_per_day(), report.after().uplink_bytes_per_day());
  EXPECT_EQ(report.before().flash_bytes_per_day(), report.after().flash_bytes_per_day());
  EXPECT_EQ(report.before().state_bytes(), report.after().state_bytes());
}

TEST_F(PlannerTest, SaysWhatAFilterAndLongerWindowsWouldChange) {
  const v1::PlanReport report = plan(candidate_yaml(
      "[{name: p, windows: [{tumbling: 10s}], stages: [{plugin: range, config: {max: 4}}]}]"));
  EXPECT_TRUE(report.fits()) << report.DebugString();
  EXPECT_EQ(report.pipelines(0).change(), v1::PLAN_CHANGE_CHANGED);
  EXPECT_EQ(report.before().filtered_per_hour(), 0);
  EXPECT_NEAR(report.after().filtered_per_hour(), 1800, 30);
  EXPECT_LT(report.after().summaries_per_hour(), report.before().summaries_per_hour() / 4);
}

TEST_F(PlannerTest, RehearsesNoMoreThanTheMinutesThatWereAskedFor) {
  const v1::PlanReport report = plan(candidate_yaml(kPlain), 60);
  EXPECT_GE(report.readings(), 58u);
  EXPECT_LE(report.readings(), 62u);
  EXPECT_EQ(plan(candidate_yaml(kPlain), 100'000).readings(), 180u);
}

TEST_F(PlannerTest, AnswersWithLineAndKeyWhatIsNoConfig) {
  const v1::PlanReport typo = plan(candidate_yaml("[{name: p, windwos: []}]"));
  ASSERT_EQ(typo.errors_size(), 1);
  EXPECT_EQ(typo.errors(0).file(), "next.yaml");
  EXPECT_EQ(typo.errors(0).line(), 8u);
  EXPECT_EQ(typo.errors(0).key_path(), "pipelines[0].windwos");
  EXPECT_FALSE(typo.fits());
  const v1::PlanReport yaml = plan("pipelines: [");
  EXPECT_GT(yaml.errors_size(), 0);
}

TEST_F(PlannerTest, RefusesAPluginThatIsNotThereWithItsLine) {
  const v1::PlanReport report =
      plan(candidate_yaml("\n  - name: p\n    stages:\n      - plugin: nosuch"));
  EXPECT_FALSE(report.fits());
  ASSERT_EQ(report.refusals_size(), 1);
  EXPECT_EQ(report.refusals(0).find("pipeline p cannot run: next.yaml:11: pipelines[0].stages[0]"),
            0u)
      << report.refusals(0);
}

TEST_F(PlannerTest, RefusesWhatCrashesItsRehearsal) {
  config_.mutable_plugins()->set_dir(HOSTILE_PLUGIN_DIR);
  const v1::PlanReport report = plan(candidate_yaml(
      "[{name: p, stages: [{plugin: hostile, isolation: none, config: {way: create_segv}}]}]"));
  EXPECT_FALSE(report.fits());
  EXPECT_NE(report.candidate_error().find("signal 11"), std::string::npos);
  EXPECT_EQ(report.running_error(), "");
  EXPECT_EQ(report.readings(), 180u) << "as the running side has them";
}

// Two at once: whichever comes second is turned away while the first one's candidate spins.
TEST_F(PlannerTest, MakesOnePlanAtATime) {
  config_.mutable_plugins()->set_dir(HOSTILE_PLUGIN_DIR);
  v1::PlanRequest request;
  request.set_config_yaml(candidate_yaml(
      "[{name: p, stages: [{plugin: hostile, isolation: none, config: {way: create_spin}}]}]"));
  std::atomic<int> turned_away{0};
  std::atomic<int> ended{0};
  const auto ask = [&] {
    v1::PlanReport report;
    while (turned_away == 0 && ended == 0) {
      const Status status = planner_.plan(request, report);
      if (status.code() == StatusCode::resource_exhausted) {
        ++turned_away;
        planner_.stop();
      } else {
        ++ended;
      }
    }
  };
  std::thread other(ask);
  ask();
  other.join();
  EXPECT_EQ(turned_away, 1);
}

TEST_F(PlannerTest, MakesNoneOnceTheDaemonStopsAndNoneOfMoreThanAWeek) {
  planner_.stop();
  v1::PlanRequest request;
  request.set_config_yaml(candidate_yaml(kPlain));
  v1::PlanReport report;
  EXPECT_EQ(planner_.plan(request, report).code(), StatusCode::unavailable);
  request.set_since_s(Planner::kSinceMaxS + 1);
  EXPECT_EQ(planner_.plan(request, report).code(), StatusCode::invalid_argument);
}

}  // namespace
}  // namespace sluice
