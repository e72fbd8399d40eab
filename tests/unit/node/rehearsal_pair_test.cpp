#include "node/rehearsal_pair.h"

#include <gtest/gtest.h>

#include "plugin_host/isolation.h"
#include "unit/node/recording.h"

namespace sluice {
namespace {

constexpr const char* kPlain = "[{name: p, windows: [{tumbling: 1s}]}]";

std::vector<StoredSegment> stored(const Recording& recording) {
  std::vector<StoredSegment> all;
  for (const Segment& segment : recording.segments()) {
    all.push_back({static_cast<std::int64_t>(all.size() + 1), encode_segment(segment)});
  }
  return all;
}

/// With readings of 666, at which the hostile plugin does harm.
void record(Recording& recording) {
  for (int i = 0; i < 50; ++i) {
    recording.message("d1", i * 200, i == 20 ? 666 : 5);
    recording.pass(kSecond / 5);
  }
  recording.end();
}

RehearsalPair::Outcomes rehearse_pair(Recording& recording, const v1::Config& candidate,
                                      RehearsalLimits limits = patient(),
                                      std::int64_t time_ns = 600 * kSecond) {
  const SystemClock clock;
  auto pair =
      RehearsalPair::start(program_beside("sluice-rehearse"), plant_config(kPlain), candidate,
                           limits, {recording.plane().series(), recording.plane().topics(), clock},
                           clock.boottime_ns() + time_ns);
  EXPECT_TRUE(pair.ok()) << pair.status().to_string();
  (*pair)->feed(stored(recording));
  return (*pair)->finish();
}

v1::Config hostile(const std::string& way, const std::string& isolation = "none") {
  v1::Config config = plant_config(
      "[{name: p, windows: [{tumbling: 1s}], stages: [{plugin: "
      "hostile, isolation: " +
      isolation + ", config: {way: " + way + "}}]}]");
  config.mutable_plugins()->set_dir(HOSTILE_PLUGIN_DIR);
  return config;
}

TEST(RehearsalPair, ReportsWhatARehearsalInThisProcessReports) {
  Recording recording(plant_config(kPlain));
  record(recording);
  const v1::Config candidate = plant_config(
      "[{name: p, windows: [{tumbling: 2s}], stages: [{plugin: range, config: {max: 10}}]}]");
  RehearsalPair::Outcomes outcomes = rehearse_pair(recording, candidate);
  ASSERT_TRUE(outcomes.running.report) << outcomes.running.error;
  ASSERT_TRUE(outcomes.candidate.report) << outcomes.candidate.error;
  const auto same = [](v1::RehearsalReport& found, v1::RehearsalReport expected) {
    for (v1::RehearsalReport* report : {&found, &expected}) {
      report->set_cpu_ns(0);
      report->mutable_pipelines(0)->set_cpu_ns(0);
    }
    EXPECT_EQ(found.DebugString(), expected.DebugString());
  };
  same(*outcomes.running.report, rehearse(plant_config(kPlain), recording));
  same(*outcomes.candidate.report, rehearse(candidate, recording));
}

// What a trusted plugin does to its process, the daemon and the running side's process never feel.
TEST(RehearsalPair, ReportsTheRunningSideWhateverTheCandidateDoesToItsProcess) {
  Recording recording(plant_config(kPlain));
  record(recording);
  RehearsalLimits limits = patient();
  limits.piece_cpu_ns = kSecond;
  limits.cpu_s = 3;
  const auto error_of = [&](const std::string& way) {
    const RehearsalPair::Outcomes outcomes = rehearse_pair(recording, hostile(way), limits);
    EXPECT_TRUE(outcomes.running.report) << way << ": " << outcomes.running.error;
    if (outcomes.running.report) {
      EXPECT_EQ(outcomes.running.report->readings(), 50u) << way;
    }
    EXPECT_FALSE(outcomes.candidate.report) << way;
    return outcomes.candidate.error;
  };
  EXPECT_NE(error_of("segv").find("signal 11"), std::string::npos) << error_of("segv");
  EXPECT_NE(error_of("abort").find("signal 6"), std::string::npos) << error_of("abort");
  EXPECT_NE(error_of("exit_now").find("exited with 7"), std::string::npos) << error_of("exit_now");
  EXPECT_NE(error_of("create_segv").find("signal 11"), std::string::npos);
  EXPECT_NE(error_of("spin").find("of the processor"), std::string::npos) << error_of("spin");
}

// The same plugin in a process of its own costs its calls alone, and the report tells of it.
TEST(RehearsalPair, ReportsFailuresOfAnIsolatedPluginAsEvents) {
  Recording recording(plant_config(kPlain));
  record(recording);
  const RehearsalPair::Outcomes outcomes = rehearse_pair(recording, hostile("segv", "process"));
  ASSERT_TRUE(outcomes.candidate.report) << outcomes.candidate.error;
  const v1::RehearsedPipeline& pipeline = outcomes.candidate.report->pipelines(0);
  ASSERT_EQ(pipeline.events_size(), 1);
  EXPECT_EQ(pipeline.events(0).name(), "plugin_failed");
  ASSERT_EQ(pipeline.rejected_size(), 1);
  EXPECT_EQ(pipeline.rejected(0).cause(), "hostile/stage_failed");
}

TEST(RehearsalPair, GivesAPluginNoWayToAFileOrToTheNetwork) {
  Recording recording(plant_config(kPlain));
  record(recording);
  for (const char* way : {"constructor_write", "create_file", "socket_inet", "connect_unix",
                          "mkdir", "symlink", "io_uring"}) {
    const RehearsalPair::Outcomes outcomes = rehearse_pair(recording, hostile(way));
    ASSERT_TRUE(outcomes.candidate.report) << outcomes.candidate.error;
    EXPECT_EQ(outcomes.candidate.report->pipelines(0).filtered_size(), 0) << way;
  }
}

TEST(RehearsalPair, ReportsWhatItHasWhenTheTimeIsUp) {
  Recording recording(plant_config(kPlain));
  record(recording);
  const RehearsalPair::Outcomes outcomes =
      rehearse_pair(recording, plant_config(kPlain), patient(), 0);
  ASSERT_TRUE(outcomes.running.report) << outcomes.running.error;
  ASSERT_TRUE(outcomes.candidate.report) << outcomes.candidate.error;
  EXPECT_LE(outcomes.running.report->readings(), 50u);
}

TEST(RehearsalPair, SaysThatTheProgramIsNotThere) {
  Recording recording(plant_config(kPlain));
  const SystemClock clock;
  const auto pair = RehearsalPair::start(
      "/no/sluice-rehearse", plant_config(kPlain), plant_config(kPlain), {},
      {recording.plane().series(), recording.plane().topics(), clock}, INT64_MAX);
  EXPECT_EQ(pair.status().code(), StatusCode::unavailable);
  EXPECT_NE(pair.status().message().find("/no/sluice-rehearse"), std::string_view::npos);
}

}  // namespace
}  // namespace sluice
