#include "node/rehearsal.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "unit/node/recording.h"

namespace sluice {
namespace {

constexpr const char* kRich = R"(
  - name: cleaned
    match: {labels: {device: "d*"}}
    stages:
      - {plugin: range, config: {min: 0, max: 80}}
      - {plugin: deadband, config: {absolute: 0.5, max_interval_s: 4}}
      - {plugin: alert, config: {name: hot, when: "value > 70"}}
    windows:
      - {tumbling: 10s, allowed_lateness: 5s, aggregates: {histogram: {}}}
      - {sliding: {size: 5s, every: 1s}}
    max_out_of_order: 1s
    idle_timeout: 3s
  - name: counted
    windows: [{count: 7}, {session: {gap: 2s}}]
    idle_timeout: 2s
  - name: seen
    stages: [{plugin: scale, config: {factor: 2, unit: x}}]
)";

/// Some minutes of a plant: devices that fall silent, late and early readings, outages, a clock
/// that becomes known.
void record(Recording& recording, std::uint64_t seed) {
  std::mt19937_64 random(seed);
  const auto up_to = [&random](std::uint64_t n) { return static_cast<std::int64_t>(random() % n); };
  std::int64_t time_ms = 1'000;
  for (int turn = 0; turn < 400; ++turn) {
    const std::int64_t devices = 1 + up_to(6);
    for (std::int64_t i = 0; i < devices; ++i) {
      const std::string device = (random() % 8 == 0 ? "x" : "d") + std::to_string(up_to(6));
      recording.message(device, time_ms - up_to(3'000), static_cast<double>(up_to(1'000)) / 10);
    }
    time_ms += 100 + up_to(400);
    recording.pass(kSecond / 10 * (1 + up_to(4)));
    if (random() % 60 == 0) {
      recording.event(IngestEvent::Kind::disconnected);
      recording.pass(kSecond * up_to(6));
      recording.event(IngestEvent::Kind::connected);
    }
    if (random() % 50 == 0) {
      recording.pass(kSecond * 5);
      time_ms += 5'000;
    }
    if (random() % 80 == 0) recording.clock.jump_wall(kSecond * up_to(100));
  }
  recording.end();
}

/// Without what differs between two runs of one and the same.
v1::RehearsalReport timeless(v1::RehearsalReport report) {
  report.set_cpu_ns(0);
  for (v1::RehearsedPipeline& pipeline : *report.mutable_pipelines()) {
    pipeline.set_cpu_ns(0);
    pipeline.set_plugin_cpu_ns(0);
  }
  return report;
}

std::uint64_t sum(const google::protobuf::RepeatedPtrField<v1::CauseCount>& rows) {
  std::uint64_t all = 0;
  for (const v1::CauseCount& row : rows) all += row.count();
  return all;
}

void expect_as_the_ledger(const v1::RehearsedPipeline& found, const Ledger& ledger) {
  SCOPED_TRACE(found.name());
  const auto count = [&](LedgerKind kind, Term term) {
    return static_cast<std::uint64_t>(ledger.get(kind, found.name(), term));
  };
  EXPECT_EQ(found.in(), count(LedgerKind::readings, Term::in));
  EXPECT_EQ(found.derived(), count(LedgerKind::readings, Term::derived));
  EXPECT_EQ(found.aggregated(), count(LedgerKind::readings, Term::aggregated));
  EXPECT_EQ(found.observed(), count(LedgerKind::readings, Term::observed));
  EXPECT_EQ(found.late(), count(LedgerKind::readings, Term::late));
  EXPECT_EQ(found.held(), count(LedgerKind::readings, Term::held));
  EXPECT_EQ(found.pending(), count(LedgerKind::readings, Term::pending));
  EXPECT_EQ(sum(found.filtered()), count(LedgerKind::readings, Term::filtered));
  EXPECT_EQ(sum(found.rejected()), count(LedgerKind::readings, Term::rejected));
  EXPECT_EQ(found.panes(), count(LedgerKind::panes, Term::closed));
  std::uint64_t told = 0;
  for (const v1::RehearsedEvent& event : found.events()) told += event.count();
  // Ends of conditions are told too.
  EXPECT_LE(told, count(LedgerKind::events, Term::told));
  EXPECT_GE(2 * told, count(LedgerKind::events, Term::told));
}

// The very code of the daemon on what the daemon took: whatever it counted must come out again.
TEST(Rehearsal, CountsWhatTheDaemonCountedWhenItStartedEmpty) {
  for (int round = 0; round < 4; ++round) {
    const std::uint64_t seed = storage::fresh_seed();
    SCOPED_TRACE("seed " + std::to_string(seed));
    const v1::Config config = plant_config(kRich);
    Recording recording(config);
    record(recording, seed);
    const v1::RehearsalReport report = rehearse(config, recording);
    ASSERT_EQ(report.pipelines_size(), 3);
    const Ledger ledger = recording.plane().store().durable_ledger();
    for (const v1::RehearsedPipeline& pipeline : report.pipelines()) {
      expect_as_the_ledger(pipeline, ledger);
    }
    EXPECT_EQ(report.readings(), static_cast<std::uint64_t>(ledger.get(LedgerKind::source_readings,
                                                                       "plant", Term::decoded)));
    EXPECT_GT(report.pipelines(0).panes(), 0u);
    EXPECT_GT(report.pipelines(0).events_size(), 0);
    EXPECT_GT(report.pipelines(0).late() + report.pipelines(1).late(), 0u);
    const StoreStats stats = recording.plane().store().stats();
    EXPECT_EQ(report.pipelines(0).panes() + report.pipelines(1).panes(), stats.outbox_panes);
    EXPECT_EQ(report.pipelines(0).rows() + report.pipelines(1).rows() + report.pipelines(2).rows(),
              stats.outbox_rows);
  }
}

TEST(Rehearsal, GivesOneConfigTheSameFiguresTwice) {
  const std::uint64_t seed = storage::fresh_seed();
  SCOPED_TRACE("seed " + std::to_string(seed));
  const v1::Config config = plant_config(kRich);
  Recording recording(config);
  record(recording, seed);
  const v1::RehearsalReport first = rehearse(config, recording);
  EXPECT_GT(first.pipelines(0).cpu_ns(), 0u);
  EXPECT_EQ(timeless(first).DebugString(), timeless(rehearse(config, recording)).DebugString());
}

TEST(Rehearsal, ShowsAFilterThatDropsEverything) {
  Recording recording(plant_config("[{name: p, windows: [{tumbling: 1s}]}]"));
  for (int i = 0; i < 20; ++i) recording.message("d1", i * 1'000, 5);
  recording.end();
  const v1::RehearsalReport report =
      rehearse(plant_config("[{name: p, windows: [{tumbling: 1s}], "
                            "stages: [{plugin: range, config: {min: 100}}]}]"),
               recording);
  EXPECT_EQ(report.pipelines(0).in(), 20u);
  ASSERT_EQ(report.pipelines(0).filtered_size(), 1);
  EXPECT_EQ(report.pipelines(0).filtered(0).cause(), "range/below_min");
  EXPECT_EQ(report.pipelines(0).filtered(0).count(), 20u);
  EXPECT_EQ(report.pipelines(0).panes(), 0u);
  EXPECT_EQ(report.pipelines(0).row_bytes(), 0u);
}

// The running config had nothing to do while nothing came, so the recording has no tick for it.
TEST(Rehearsal, ClosesWindowsInASilenceInWhichTheRunningConfigHadNothingToDo) {
  Recording recording(plant_config("[{name: p}]"));
  for (int i = 0; i < 20; ++i) recording.message("d1", i * 1'000, 5);
  recording.pass(60 * kSecond);
  recording.message("d2", 20'000, 5);
  recording.end();
  const v1::RehearsalReport report = rehearse(
      plant_config("[{name: p, windows: [{tumbling: 10s}], idle_timeout: 5s}]"), recording);
  EXPECT_EQ(report.pipelines(0).panes(), 2u);
  EXPECT_EQ(report.pipelines(0).windows_open(), 1u) << "that of d2";
}

TEST(Rehearsal, HearsNothingOfTopicsThatTheConfigDoesNotSubscribe) {
  Recording recording(plant_config("[{name: p}]"));
  for (int i = 0; i < 10; ++i) {
    recording.message("d1", i * 1'000, 5);
    recording.message("d2", i * 1'000, 5);
  }
  recording.end();
  v1::Config narrow = plant_config("[{name: p}]");
  narrow.mutable_sources(0)->mutable_mqtt()->mutable_topics(0)->set_pattern("a/d2");
  EXPECT_EQ(rehearse(narrow, recording).readings(), 10u);
  narrow.mutable_sources(0)->set_name("other");
  EXPECT_EQ(rehearse(narrow, recording).readings(), 0u);
}

// Both know the recording's series by the node's numbers; what only one makes has a name alone.
TEST(Rehearsal, NamesSeriesThatTheNodeDoesNotHave) {
  Recording recording(plant_config("[{name: p, windows: [{tumbling: 1s}]}]"));
  for (int i = 0; i < 5; ++i) recording.message("d1", i * 1'000, 5);
  recording.end();
  const v1::RehearsalReport same =
      rehearse(plant_config("[{name: p, windows: [{tumbling: 1s}]}]"), recording);
  EXPECT_EQ(same.pipelines(0).series_size(), 1);
  EXPECT_EQ(same.pipelines(0).new_series_count(), 0u);
  const v1::RehearsalReport scaled =
      rehearse(plant_config("[{name: p, windows: [{tumbling: 1s}], "
                            "stages: [{plugin: scale, config: {factor: 2, unit: x}}]}]"),
               recording);
  EXPECT_EQ(scaled.pipelines(0).series_size(), 0);
  ASSERT_EQ(scaled.pipelines(0).new_series_size(), 1);
  EXPECT_EQ(scaled.pipelines(0).new_series(0), "v{device=\"d1\"} x");
}

// Definitions may go on coming while the config has numbered series of its own by then.
TEST(Rehearsal, TellsTheNodesSeriesFromItsOwnWhenBothGrow) {
  Recording recording(plant_config("[{name: p}]"));
  recording.message("d1", 0, 5);
  recording.pass(kSecond);
  const std::size_t first = recording.segments().size();
  recording.message("d2", 1'000, 7);
  recording.end();
  Rehearsal rehearsal(plant_config("[{name: p, windows: [{tumbling: 1s}], "
                                   "stages: [{plugin: scale, config: {factor: 2, unit: x}}]}]"),
                      {"plant"});
  DataPlane& plane = recording.plane();
  ASSERT_TRUE(rehearsal.define_series(1, plane.series().encoded(1)).ok());
  ASSERT_TRUE(rehearsal.define_topic(1, plane.topics().encoded(1)).ok());
  for (std::size_t i = 0; i < first; ++i) ASSERT_TRUE(rehearsal.take(recording.segments()[i]).ok());
  ASSERT_TRUE(rehearsal.define_series(2, plane.series().encoded(2)).ok());
  ASSERT_TRUE(rehearsal.define_topic(2, plane.topics().encoded(2)).ok());
  for (std::size_t i = first; i < recording.segments().size(); ++i) {
    ASSERT_TRUE(rehearsal.take(recording.segments()[i]).ok());
  }
  const v1::RehearsalReport report = rehearsal.finish();
  ASSERT_EQ(report.pipelines(0).new_series_size(), 2);
  EXPECT_EQ(report.pipelines(0).new_series(0), "v{device=\"d1\"} x");
  EXPECT_EQ(report.pipelines(0).new_series(1), "v{device=\"d2\"} x");
}

TEST(Rehearsal, SaysThatMoreWindowsCameThanItMayKeep) {
  const std::string pipelines = "[{name: p, windows: [{tumbling: 1h}]}]";
  Recording recording(plant_config(pipelines));
  for (int i = 0; i < 1'500; ++i) {
    recording.message("d" + std::to_string(i), i, 5);
    if (i % 100 == 0) recording.pass(kSecond);
  }
  recording.end();
  v1::Config tight = plant_config(pipelines);
  tight.mutable_limits()->set_windows_max(1'000);
  const v1::RehearsalReport report = rehearse(tight, recording);
  EXPECT_EQ(report.pipelines(0).windows_max(), 1'000u);
  EXPECT_LE(report.pipelines(0).windows_open_max(), 1'000u);
  ASSERT_EQ(report.pipelines(0).panes_by_quality_size(), 1);
  EXPECT_EQ(report.pipelines(0).panes_by_quality(0).cause(), "partial_limit");
  EXPECT_GE(report.pipelines(0).panes_by_quality(0).count(), 500u);
  EXPECT_GT(report.pipelines(0).state_bytes(), 0u);
  EXPECT_EQ(report.budget().windows_wanted(), 1'000u);
}

// What an isolated plugin answered is in the log, and must not answer for this one.
TEST(Rehearsal, CallsIsolatedPluginsInsteadOfRepeatingWhatTheyAnswered) {
  const auto with = [](int min) {
    return plant_config(
        "[{name: p, windows: [{tumbling: 1s}], stages: [{plugin: range, "
        "isolation: process, config: {min: " +
        std::to_string(min) + "}}]}]");
  };
  Recording recording(with(10));
  for (int i = 0; i < 40; ++i) {
    recording.message("d1", i * 100, i);
    recording.pass(kSecond / 10);
  }
  recording.end();
  const v1::RehearsalReport same = rehearse(with(10), recording);
  ASSERT_EQ(same.pipelines(0).filtered_size(), 1);
  EXPECT_EQ(same.pipelines(0).filtered(0).count(), 10u);
  EXPECT_GT(same.pipelines(0).plugin_cpu_ns(), 0u);
  EXPECT_GE(same.cpu_ns(), same.pipelines(0).plugin_cpu_ns());
  const v1::RehearsalReport other = rehearse(with(30), recording);
  ASSERT_EQ(other.pipelines(0).filtered_size(), 1);
  EXPECT_EQ(other.pipelines(0).filtered(0).count(), 30u);
  EXPECT_EQ(timeless(same).DebugString(), timeless(rehearse(with(10), recording)).DebugString());
}

TEST(Rehearsal, SaysWhyAPipelineCannotRun) {
  Recording recording(plant_config("[{name: p}]"));
  recording.message("d1", 0, 5);
  recording.end();
  const v1::RehearsalReport report =
      rehearse(plant_config("[{name: p, stages: [{plugin: nosuch}]}]"), recording);
  EXPECT_NE(report.pipelines(0).parked().find("nosuch.so"), std::string::npos);
  EXPECT_EQ(report.pipelines(0).pending(), 1u);
}

TEST(Rehearsal, RefusesWhatNoDecoderLetsPass) {
  Recording recording(plant_config("[{name: p}]"));
  recording.message("d1", 0, 5);
  recording.end();
  Rehearsal rehearsal(plant_config("[{name: p, windows: [{tumbling: 1s}]}]"), {"plant"});
  define_all(rehearsal, recording.plane());
  const auto refused = [&](const Reading& reading) {
    BatchEntry batch;
    batch.readings.append(reading);
    return rehearsal.take({{batch}, {}}).code() == StatusCode::data_loss;
  };
  EXPECT_FALSE(refused({1, 1, 0, Value::of(1.0)}));
  EXPECT_TRUE(refused({2, 1, 0, Value::of(1.0)}));
  EXPECT_TRUE(refused({0, 1, 0, Value::of(1.0)}));
  EXPECT_TRUE(refused({1, 2, 0, Value::of(1.0)}));
  EXPECT_TRUE(refused({1, 1, -1, Value::of(1.0)}));
  EXPECT_TRUE(refused({1, 1, 0, Value::of(std::numeric_limits<double>::infinity())}));
  EXPECT_EQ(rehearsal.take({{TickEntry{-1}}, {}}).code(), StatusCode::data_loss);
  EXPECT_EQ(rehearsal.define_series(3, encode_series({"m", "", {}})).code(), StatusCode::data_loss);
  EXPECT_EQ(rehearsal.define_series(2, "x").code(), rehearsal.define_topic(2, "").code());
  EXPECT_EQ(rehearsal.finish().readings(), 1u);
}

}  // namespace
}  // namespace sluice
