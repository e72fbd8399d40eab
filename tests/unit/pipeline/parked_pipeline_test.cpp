#include <gtest/gtest.h>

#include <map>
#include <random>
#include <tuple>
#include <utility>

#include "fakes/plain_parts.h"
#include "plant.h"
#include "window_bench.h"

namespace sluice {
namespace {

/// Windows of 10 s behind a stage whose plugin may be missing.
PipelineSpec staged(const Plant& plant, bool parked, std::int64_t lateness_s = 0,
                    std::size_t windows_max = 1000) {
  PipelineSpec spec = plant.spec(10, 0);
  spec.windows[0].allowed_lateness_ns = lateness_s * kSecond;
  spec.shares.windows_max = windows_max;
  if (parked) {
    spec.parked = "drop_negative.so is missing";
  } else {
    spec.stages.push_back(std::make_unique<DropNegative>(false));
  }
  return spec;
}

std::vector<CheckpointPart> parts_of(Pipeline& pipeline) {
  std::vector<CheckpointPart> parts;
  EXPECT_TRUE(pipeline.snapshot(parts).ok());
  return parts;
}

// The database is copied to a machine where the plugin is not installed yet, after a kill.
TEST(ParkedPipeline, AParkedPipelinesClosedWindowsStayWithTheEpochThatEnds) {
  Plant plant;
  std::vector<CheckpointPart> checkpoint;
  std::vector<BatchEntry> log;
  {
    Pipeline pipeline(staged(plant, false, 3600), plant.series, plant.topics);
    pipeline.catch_up({plant.ledger, plant.closed});
    plant.process(pipeline, plant.batch({{1, 1}, {2, 1}}));
    checkpoint = parts_of(pipeline);
    log.push_back(plant.batch({{11, 1}}));  // closes [0, 10)
    plant.process(pipeline, log.back());
    log.push_back(plant.batch({{3, 1}}));  // corrects it
    plant.process(pipeline, log.back());
  }
  {
    Pipeline parked(staged(plant, true, 3600), plant.series, plant.topics);
    ASSERT_TRUE(parked.restore(checkpoint).ok());
    Plant nowhere;
    for (const BatchEntry& entry : log) nowhere.process(parked, entry);
    parked.catch_up({plant.ledger, plant.closed}, true);
    parked.end_epoch({plant.ledger, plant.closed});
    checkpoint = parts_of(parked);
  }
  const std::vector<Pane> old_epoch = std::exchange(plant.closed, {});
  Pipeline pipeline(staged(plant, false, 3600), plant.series, plant.topics);
  ASSERT_TRUE(pipeline.restore(checkpoint).ok());
  pipeline.catch_up({plant.ledger, plant.closed});
  plant.process(pipeline, plant.batch({{4, 1}}));    // one more correction
  plant.process(pipeline, plant.batch({{100, 1}}));  // closes [10, 20)
  EXPECT_EQ(plant.term(Term::aggregated), 6);
  EXPECT_EQ(plant.ledger.difference(), 0);
  // 1, 2, 3, 4 in [0, 10) and 11 in [10, 20); 100 is open.
  EXPECT_EQ(readings_at_hub({old_epoch, plant.closed}), 5u);
}

// limits.windows_max is raised while the pipeline is parked (or another pipeline is removed,
// which raises each one's share): what it had done must be repeated under the old limit.
TEST(ParkedPipeline, WhatAParkedPipelineHadDoneIsRepeatedUnderTheLimitItHad) {
  Plant plant;
  std::vector<CheckpointPart> checkpoint;
  std::vector<BatchEntry> log;
  {
    Pipeline pipeline(staged(plant, false, 0, 1), plant.series, plant.topics);
    pipeline.catch_up({plant.ledger, plant.closed});
    plant.process(pipeline, plant.batch({{-5, 1}}));
    checkpoint = parts_of(pipeline);
    BatchEntry later = plant.batch({{1, 1}});
    const TopicId other = plant.topics.intern({"plant", "b"});
    const SeriesId second = plant.series.intern({"w", "", {}});
    later.readings.append({second, other, 1 * kSecond, Value::of(1.0), Quality::good});
    log.push_back(later);  // more than one window: the oldest close early
    plant.process(pipeline, log.back());
  }
  const std::size_t early = plant.closed.size();
  ASSERT_GE(early, 1u);
  {
    Pipeline parked(staged(plant, true, 0, 1), plant.series, plant.topics);
    ASSERT_TRUE(parked.restore(checkpoint).ok());
    Plant nowhere;
    for (const BatchEntry& entry : log) nowhere.process(parked, entry);
    parked.catch_up({plant.ledger, plant.closed});
    checkpoint = parts_of(parked);
  }
  // The plugin is back, and the limit is higher.
  Pipeline before(staged(plant, true, 0, 1), plant.series, plant.topics);
  ASSERT_TRUE(before.restore(checkpoint).ok());
  Pipeline pipeline(staged(plant, false, 0, 1000), plant.series, plant.topics);
  ASSERT_TRUE(pipeline.inherit(before).ok());
  pipeline.catch_up({plant.ledger, plant.closed});
  plant.process(pipeline, plant.batch({{2, 1}, {100, 1}, {200, 1}}));
  std::map<std::tuple<SeriesId, std::int64_t, std::uint32_t>, int> panes;
  for (const Pane& pane : plant.closed) {
    const int times = ++panes[{pane.window.key, pane.window.start_ns, pane.revision}];
    EXPECT_EQ(times, 1) << "the pane of series " << pane.window.key << " at "
                        << pane.window.start_ns << " was made twice, the second time with "
                        << pane.content.moments.count << " readings";
  }
  EXPECT_EQ(plant.ledger.difference(), 0);
}

// The same with idle_timeout, which is no part of the spec hash either.
TEST(ParkedPipeline, WhatAParkedPipelineHadDoneIsRepeatedWithTheIdleTimeoutItHad) {
  Plant plant;
  const auto spec = [&](bool parked, std::int64_t idle_s) {
    PipelineSpec made = staged(plant, parked);
    made.idle_timeout_ns = idle_s * kSecond;
    return made;
  };
  std::vector<CheckpointPart> checkpoint;
  {
    Pipeline pipeline(spec(false, 60), plant.series, plant.topics);
    pipeline.catch_up({plant.ledger, plant.closed});
    plant.process(pipeline, plant.batch({{1, 1}}));
    checkpoint = parts_of(pipeline);
    ASSERT_TRUE(pipeline.due(100 * kSecond));
    pipeline.tick(100 * kSecond, {plant.ledger, plant.closed});  // an entry of the log
  }
  ASSERT_EQ(plant.closed.size(), 1u);
  {
    Pipeline parked(spec(true, 60), plant.series, plant.topics);
    ASSERT_TRUE(parked.restore(checkpoint).ok());
    Plant nowhere;
    parked.tick(100 * kSecond, {nowhere.ledger, nowhere.closed});
    parked.catch_up({plant.ledger, plant.closed});
    checkpoint = parts_of(parked);
  }
  Pipeline before(spec(true, 60), plant.series, plant.topics);
  ASSERT_TRUE(before.restore(checkpoint).ok());
  Pipeline pipeline(spec(false, 3600), plant.series, plant.topics);
  ASSERT_TRUE(pipeline.inherit(before).ok());
  pipeline.catch_up({plant.ledger, plant.closed});
  plant.process(pipeline, plant.batch({{2, 1}, {30, 1}}));
  EXPECT_EQ(plant.closed.size(), 1u)
      << "made again, with " << plant.closed.back().content.moments.count << " readings";
}

// Passing over what its stages did, a retired pipeline does not see that a second topic had
// begun to feed a window and held it open: it takes the window for closed and delivered.
TEST(ParkedPipeline, RetiringWithoutItsStagesLosesNoWindowThatASecondTopicHeldOpen) {
  Plant plant;
  const TopicId other = plant.topics.intern({"plant", "b"});
  std::vector<CheckpointPart> checkpoint;
  std::vector<BatchEntry> log;
  Ledger after;
  {
    Pipeline pipeline(staged(plant, false), plant.series, plant.topics);
    pipeline.catch_up({plant.ledger, plant.closed});
    plant.process(pipeline, plant.batch({{1, 1}}));
    checkpoint = parts_of(pipeline);
    BatchEntry second;
    second.boottime_ns = kSecond;
    second.readings.append({plant.id, other, 2 * kSecond, Value::of(1.0), Quality::good});
    log.push_back(second);
    log.push_back(plant.batch({{30, 1}}));
    for (const BatchEntry& entry : log) plant.process(pipeline, entry);
    after.add(LedgerKind::readings, "p", Term::aggregated, 2);
  }
  ASSERT_EQ(plant.closed.size(), 0u) << "b holds it open";
  Pipeline parked(staged(plant, true), plant.series, plant.topics);
  ASSERT_TRUE(parked.restore(checkpoint).ok());
  Plant nowhere;
  for (const BatchEntry& entry : log) nowhere.process(parked, entry);
  parked.replayed(after);
  parked.retire(plant.ledger, {plant.ledger, plant.closed});
  std::int64_t in_panes = 0;
  for (const Pane& pane : plant.closed)
    in_panes += static_cast<std::int64_t>(pane.content.moments.count);
  EXPECT_EQ(in_panes, 1) << "the reading at 1 s, of the checkpoint";
  EXPECT_EQ(plant.term(Term::aggregated), in_panes) << "counted as aggregated, and in no pane";
}

// The same where it depends on the readings which windows there are: what nobody can know any more
// is named lost, so that nothing is counted twice, and nothing is lost unnamed.
TEST(ParkedPipeline, RetiringWithoutItsStagesCountsNoSessionTwiceAndNoneAsDelivered) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 400; ++round) {
    Plant plant;
    const auto spec_of = [&](bool parked) {
      PipelineSpec spec = staged(plant, parked);
      spec.windows[0].kind = round % 2 == 0 ? WindowKind::session : WindowKind::count;
      spec.windows[0].readings = 4;
      return spec;
    };
    std::int64_t second = 100;
    const auto some = [&] {
      std::vector<std::pair<std::int64_t, double>> readings;
      for (auto left = 1 + random() % 5; left > 0; --left) {
        second += static_cast<std::int64_t>(random() % 13);
        readings.push_back({second, random() % 3 == 0 ? -1.0 : 1.0});
      }
      return plant.batch(readings);
    };
    std::vector<CheckpointPart> checkpoint;
    std::vector<BatchEntry> log;
    Ledger after;
    {
      Pipeline pipeline(spec_of(false), plant.series, plant.topics);
      pipeline.catch_up({plant.ledger, plant.closed});
      for (auto left = random() % 4; left > 0; --left) plant.process(pipeline, some());
      checkpoint = parts_of(pipeline);
      const std::int64_t before = plant.term(Term::aggregated);
      for (auto left = 1 + random() % 3; left > 0; --left) log.push_back(some());
      for (const BatchEntry& entry : log) plant.process(pipeline, entry);
      after.add(LedgerKind::readings, "p", Term::aggregated, plant.term(Term::aggregated) - before);
    }
    Pipeline parked(spec_of(true), plant.series, plant.topics);
    ASSERT_TRUE(parked.restore(checkpoint).ok());
    Plant nowhere;
    for (const BatchEntry& entry : log) nowhere.process(parked, entry);
    parked.replayed(after);
    parked.retire(plant.ledger, {plant.ledger, plant.closed});
    const std::uint64_t at_hub = readings_in(kept_at_hub(plant.closed));
    EXPECT_LE(plant.term(Term::aggregated), static_cast<std::int64_t>(at_hub)) << round;
    std::map<std::int64_t, int> times;
    for (const Pane& pane : plant.closed) {
      if (round % 2 == 1) break;  // count windows have no place of their own in time
      for (std::int64_t t = pane.content.moments.first_time_ns;
           t <= pane.content.moments.last_time_ns; t += kSecond) {
        EXPECT_EQ(++times[t], 1) << "two panes of one moment, round " << round;
      }
    }
    EXPECT_LE(at_hub, static_cast<std::uint64_t>(plant.term(Term::aggregated) +
                                                 plant.term(Term::rejected)));
  }
}

/// Holds each reading until event time has passed it, which is what on_time() is for.
class HoldUntilPassed final : public Stage {
 public:
  const std::string& name() const override { return name_; }
  const std::vector<std::string>& rules() const override { return rules_; }
  bool ordered() const override { return false; }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    for (std::size_t i = 0; i < in.size(); ++i) {
      held_.push_back(in.at(i));
      out.verdicts.push_back(Verdict::hold);
    }
    return {};
  }
  Status on_time(std::int64_t watermark_ns, StageOutput& out) override {
    std::vector<Reading> rest;
    for (const Reading& reading : held_) {
      if (reading.event_time_ns >= watermark_ns) {
        rest.push_back(reading);
      } else {
        out.settled.append(reading);
        ++out.settled_passed;
      }
    }
    held_ = std::move(rest);
    return {};
  }
  Result<std::string> snapshot() override { return std::string(); }
  Status restore(std::string_view) override { return {}; }

 private:
  const std::string name_ = "hold";
  const std::vector<std::string> rules_;
  std::vector<Reading> held_;
};

// What a stage lets go in on_time(watermark) must find the windows that end by that watermark
// open, however the messages were split into batches.
TEST(StageTime, WhatAStageLetsGoInOnTimeIsNotLate) {
  std::map<int, std::int64_t> late;
  for (const int batch : {1, 2, 30}) {
    Plant plant;
    PipelineSpec spec = plant.spec(10, 0);
    spec.stages.push_back(std::make_unique<HoldUntilPassed>());
    Pipeline pipeline(std::move(spec), plant.series, plant.topics);
    pipeline.catch_up({plant.ledger, plant.closed});
    for (int from = 0; from < 60; from += batch) {
      std::vector<std::pair<std::int64_t, double>> readings;
      for (int t = from; t < from + batch; ++t) readings.push_back({t, 1});
      plant.process(pipeline, plant.batch(readings));
    }
    late[batch] = plant.term(Term::late);
    EXPECT_EQ(late[batch], 0) << "in batches of " << batch;
    EXPECT_EQ(late[batch], late[1]) << "in batches of " << batch;
  }
}

}  // namespace
}  // namespace sluice
