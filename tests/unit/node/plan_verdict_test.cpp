#include "node/plan_verdict.h"

#include <gtest/gtest.h>

#include "unit/node/recording.h"

namespace sluice {
namespace {

/// An hour of one pipeline, `p`, which nothing speaks against.
v1::RehearsalReport good_report() {
  v1::RehearsalReport report;
  report.set_span_ns(3600 * kSecond);
  report.set_readings(7200);
  report.set_segment_bytes(3'600'000);
  report.set_commit_bytes(4'000'000);
  report.mutable_budget()->set_room_bytes(10 << 20);
  v1::RehearsedPipeline& pipeline = *report.add_pipelines();
  pipeline.set_name("p");
  pipeline.set_in(7200);
  pipeline.set_panes(360);
  pipeline.set_row_bytes(20'000);
  pipeline.set_event_bytes(1'000);
  pipeline.set_cpu_ns(7'200'000);
  pipeline.set_plugin_cpu_ns(7'200'000);
  pipeline.set_state_bytes(500);
  pipeline.set_late(3);
  pipeline.set_windows_max(1'000);
  pipeline.set_windows_open_max(10);
  return report;
}

constexpr const char* kPipelines = "[{name: p, windows: [{tumbling: 10s}]}]";

struct Judged {
  Judged() {
    *plan.mutable_running() = good_report();
    *plan.mutable_candidate() = good_report();
    next = plan.mutable_candidate()->mutable_pipelines(0);
  }
  std::string refusals() {
    const v1::Config config = plant_config(kPipelines);
    v1::PlanReport judged = plan;
    diff_configs_of(judged);
    judge(config, candidate ? *candidate : config, series, judged);
    EXPECT_EQ(judged.fits(), judged.refusals().empty());
    notes.clear();
    for (const std::string& note : judged.notes()) notes += note + "\n";
    std::string all;
    for (const std::string& refusal : judged.refusals()) all += refusal + "\n";
    result = judged;
    return all;
  }
  static void diff_configs_of(v1::PlanReport& judged) { judged.add_pipelines()->set_name("p"); }

  v1::PlanReport plan;
  v1::RehearsedPipeline* next = nullptr;
  std::optional<v1::Config> candidate;
  SeriesTable series{100};
  std::string notes;
  v1::PlanReport result;
};

void add(google::protobuf::RepeatedPtrField<v1::CauseCount>& rows, const std::string& cause,
         std::uint64_t count) {
  rows.Add()->set_cause(cause);
  rows.rbegin()->set_count(count);
}

TEST(PlanVerdict, ScalesTheRecordingToHoursAndDays) {
  v1::RehearsalReport report = good_report();
  report.set_span_ns(1800 * kSecond);
  const v1::PlanFigures figures = figures_of(report, plant_config(kPipelines));
  EXPECT_DOUBLE_EQ(figures.summaries_per_hour(), 720);
  EXPECT_DOUBLE_EQ(figures.uplink_bytes_per_day(), 21'000 * 48.0);
  EXPECT_DOUBLE_EQ(figures.flash_bytes_per_day(), 4'000'000 * 48.0) << "no checkpoint has bytes";
  EXPECT_DOUBLE_EQ(figures.cpu_ns_per_reading(), 2'000);
  EXPECT_EQ(figures.state_bytes(), 500u);
  EXPECT_DOUBLE_EQ(figures.lost_per_hour(), 6);
  EXPECT_DOUBLE_EQ(figures.retention_s(), 32.0 * (1 << 20) / 2'000);
}

TEST(PlanVerdict, CountsCheckpointsAsOftenAsTheEngineMakesThem) {
  v1::RehearsalReport report = good_report();
  report.set_readings(100'000);
  report.set_checkpoint_bytes(10'000);
  const v1::PlanFigures figures = figures_of(report, plant_config(kPipelines));
  EXPECT_DOUBLE_EQ(figures.flash_bytes_per_day(), 24 * (4'000'000 + 2 * 10'000.0));
}

TEST(PlanVerdict, HasNothingAgainstWhatFits) {
  Judged judged;
  EXPECT_EQ(judged.refusals(), "");
  EXPECT_NE(judged.notes.find("both configs began with no window open"), std::string::npos);
}

TEST(PlanVerdict, RefusesWhatDidNotSurviveItsRehearsal) {
  Judged judged;
  judged.plan.clear_candidate();
  judged.plan.set_candidate_error("signal 11");
  EXPECT_EQ(judged.refusals(), "the rehearsal of the candidate came to no end: signal 11\n");
}

TEST(PlanVerdict, RefusesAParkedPipelineAndFailingStages) {
  Judged judged;
  judged.next->set_parked("a.yaml:7: pipelines[0].stages[0] (x): no such file");
  EXPECT_EQ(judged.refusals(),
            "pipeline p cannot run: a.yaml:7: pipelines[0].stages[0] (x): no such file\n");
  judged.next->clear_parked();
  add(*judged.next->mutable_rejected(), "x/stage_failed", 7);
  EXPECT_EQ(judged.refusals(),
            "pipeline p: calls of its stages failed, and with them 7 readings\n");
  // No worse than what runs.
  add(*judged.plan.mutable_running()->mutable_pipelines(0)->mutable_rejected(), "x/stage_failed",
      7);
  EXPECT_EQ(judged.refusals(), "");
  v1::RehearsedEvent& event = *judged.next->add_events();
  event.set_name("plugin_quarantined");
  event.set_stage("x");
  EXPECT_EQ(judged.refusals(), "pipeline p: stage x failed so often that it was quarantined\n");
}

TEST(PlanVerdict, RefusesMoreWindowsThanItsPartOfTheLimitWithTheArithmetic) {
  Judged judged;
  add(*judged.next->mutable_panes_by_quality(), "partial_limit", 63);
  judged.next->set_windows_open_max(1'000);
  EXPECT_EQ(judged.refusals(),
            "pipeline p: 63 windows closed early, with 1000 open at once; it may keep 1000, its "
            "part of limits.windows_max: 200000\n");
  judged.next->set_windows_open_max(10);
  EXPECT_EQ(judged.refusals(), "");
  EXPECT_NE(judged.notes.find("63 panes lack readings"), std::string::npos);
}

TEST(PlanVerdict, RefusesWhatStorageHasNoRoomFor) {
  Judged judged;
  judged.plan.mutable_candidate()->set_checkpoint_bytes(20 << 20);
  EXPECT_EQ(
      judged.refusals(),
      "storage.quota: a checkpoint of the candidate takes 20.00 MiB, and a sixth of 64.00 MiB "
      "leaves 10.00 MiB\n");
  judged.plan.mutable_candidate()->clear_checkpoint_bytes();
  judged.plan.mutable_candidate()->mutable_budget()->set_refusal("expected at least 9 MiB");
  EXPECT_EQ(judged.refusals(), "storage.quota: expected at least 9 MiB\n");
  judged.plan.mutable_candidate()->mutable_budget()->clear_refusal();
  judged.plan.mutable_candidate()->set_segment_bytes(3'600ull << 20);
  EXPECT_EQ(judged.refusals(),
            "storage.quota: 60 s of probation write 60.00 MiB of segments (1048576 bytes/s), and "
            "half of 64.00 MiB leaves 32.00 MiB\n");
  judged.plan.mutable_candidate()->set_segment_bytes(1);
  judged.candidate = plant_config(kPipelines, "limits: {payload_max: 16MiB}");
  EXPECT_EQ(judged.refusals(),
            "limits.payload_max: expected at most an eighth of storage.quota, 8.00 MiB, got 16.00 "
            "MiB\n");
}

TEST(PlanVerdict, RefusesReadingsOfMoreSeriesThanTheLimit) {
  Judged judged;
  judged.plan.mutable_candidate()->set_series(10'000);
  add(*judged.next->mutable_filtered(), "scale/series_cap", 5);
  EXPECT_EQ(judged.refusals(),
            "pipeline p: 5 readings were of series beyond limits.series_max: 10000, and there are "
            "10000\n");
}

TEST(PlanVerdict, SaysWhatARecordingCannotShow) {
  Judged judged;
  judged.candidate = plant_config(kPipelines);
  judged.next->clear_panes();
  judged.next->set_windows_open(1);
  judged.candidate->mutable_sources(0)->mutable_decode()->set_items("/x");
  EXPECT_EQ(judged.refusals(), "");
  EXPECT_NE(judged.notes.find("source plant: decode changes"), std::string::npos);
  EXPECT_NE(
      judged.notes.find("pipeline p: none of its windows ended within the recording of 3600 s"),
      std::string::npos)
      << judged.notes;
  judged.candidate->mutable_sources(0)->set_name("other");
  judged.plan.mutable_candidate()->clear_readings();
  EXPECT_EQ(judged.refusals(), "");
  EXPECT_NE(judged.notes.find("source other is new"), std::string::npos);
  EXPECT_NE(judged.notes.find("no reading was rehearsed"), std::string::npos);
}

TEST(PlanVerdict, NamesSeriesAndEventsThatComeAndGo) {
  Judged judged;
  for (const char* name : {"a", "b", "c"}) judged.series.intern({name, "", {}});
  v1::RehearsedPipeline& old = *judged.plan.mutable_running()->mutable_pipelines(0);
  for (const std::uint32_t id : {1u, 2u}) old.add_series(id);
  for (const std::uint32_t id : {2u, 3u}) judged.next->add_series(id);
  judged.next->add_new_series("d");
  judged.next->set_new_series_count(1);
  v1::RehearsedEvent& event = *judged.next->add_events();
  event.set_name("hot");
  event.set_stage("s");
  event.set_count(4);
  EXPECT_EQ(judged.refusals(), "");
  const v1::PipelinePlan& row = judged.result.pipelines(0);
  EXPECT_EQ(row.series_before(), 2u);
  EXPECT_EQ(row.series_after(), 3u);
  ASSERT_EQ(row.series_gained_size(), 2);
  EXPECT_EQ(row.series_gained(0) + row.series_gained(1), "cd");
  ASSERT_EQ(row.series_lost_size(), 1);
  EXPECT_EQ(row.series_lost(0), "a");
  ASSERT_EQ(judged.result.events_size(), 1);
  EXPECT_EQ(judged.result.events(0).before(), 0u);
  EXPECT_EQ(judged.result.events(0).after(), 4u);
  EXPECT_EQ(judged.result.candidate().pipelines(0).series_size(), 0);
}

}  // namespace
}  // namespace sluice
