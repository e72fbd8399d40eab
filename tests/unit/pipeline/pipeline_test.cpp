#include "pipeline/pipeline.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <optional>
#include <random>
#include <tuple>

#include "fakes/plain_parts.h"
#include "plant.h"

namespace sluice {
namespace {

TEST(Pipeline, ClosesAWindowWhenTheWatermarkReachesItsEnd) {
  Plant plant;
  Pipeline pipeline(plant.spec(10, 2), plant.series, plant.topics);
  plant.process(pipeline, plant.batch({{1, 5}, {9, 7}, {11, 1}}));
  EXPECT_TRUE(plant.closed.empty());  // watermark is 11 - 2
  plant.process(pipeline, plant.batch({{12, 3}}));
  ASSERT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.closed[0].window.start_ns, 0);
  EXPECT_EQ(plant.closed[0].window.end_ns, 10 * kSecond);
  EXPECT_EQ(plant.closed[0].content.moments.count, 2u);
  EXPECT_EQ(plant.closed[0].content.moments.total(), 12);
  EXPECT_EQ(plant.term(Term::aggregated), 4);
  EXPECT_EQ(plant.ledger.difference(), 0);
}

TEST(Pipeline, CountsALateReadingButDoesNotReopenTheClosedWindow) {
  Plant plant;
  Pipeline pipeline(plant.spec(10, 0), plant.series, plant.topics);
  plant.process(pipeline, plant.batch({{5, 1}, {25, 1}, {6, 1}, {24, 2}}));
  EXPECT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.term(Term::late), 1);
  EXPECT_EQ(plant.term(Term::aggregated), 3);  // 24 is behind the watermark, its window is open
  EXPECT_EQ(plant.ledger.difference(), 0);
}

TEST(Pipeline, ASilentTopicClosesItsWindowByTheClock) {
  Plant plant;
  Pipeline pipeline(plant.spec(10, 0), plant.series, plant.topics);
  plant.process(pipeline, plant.batch({{5, 1}}, 100));
  EXPECT_FALSE(pipeline.due(159 * kSecond));  // not idle yet
  ASSERT_TRUE(pipeline.due(160 * kSecond));   // idle for 60 s: event time is at least 65 s
  pipeline.tick(160 * kSecond, {plant.ledger, plant.closed});
  EXPECT_EQ(plant.closed.size(), 1u);
  plant.process(pipeline, plant.batch({{7, 1}}, 170));
  EXPECT_EQ(plant.term(Term::late), 1);
}

// What a broker queues for us while the link is down is not late because we could not hear it.
TEST(Pipeline, ATopicIsNotSilentWhileItsSourceIsDisconnected) {
  Plant plant;
  auto pipeline = std::make_unique<Pipeline>(plant.spec(10, 0), plant.series, plant.topics);
  plant.process(*pipeline, plant.batch({{5, 1}}, 100));
  pipeline->disconnected("other", 110 * kSecond);
  pipeline->disconnected("plant", 120 * kSecond);
  EXPECT_FALSE(pipeline->due(1'000 * kSecond));
  std::vector<CheckpointPart> parts;
  ASSERT_TRUE(pipeline->snapshot(parts).ok());
  pipeline = std::make_unique<Pipeline>(plant.spec(10, 0), plant.series, plant.topics);
  ASSERT_TRUE(pipeline->restore(parts).ok());
  EXPECT_FALSE(pipeline->due(1'000 * kSecond));
  pipeline->connected("plant", 1'000 * kSecond);
  EXPECT_FALSE(pipeline->due(1'059 * kSecond)) << "the broker's queue has its chance";
  EXPECT_TRUE(pipeline->due(1'060 * kSecond));
  plant.process(*pipeline, plant.batch({{7, 1}, {11, 1}}, 1'060));
  EXPECT_EQ(plant.term(Term::late), 0);
  ASSERT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.closed[0].content.moments.count, 2u);
}

TEST(Pipeline, ATopicOfADisconnectedSourceHoldsTheWindowsOfTheOthersForADayAtMost) {
  constexpr std::int64_t kDay_s = 86'400;
  for (const bool source_is_gone : {false, true}) {
    Plant plant;
    Pipeline pipeline(plant.spec(10, 0), plant.series, plant.topics);
    BatchEntry entry = plant.batch({{1, 1}}, 1);
    const TopicId far = plant.topics.intern({"far", "a"});
    entry.readings.append({plant.id, far, 2 * kSecond, Value::of(2.0), Quality::good});
    plant.process(pipeline, entry);
    pipeline.disconnected("far", 2 * kSecond);
    plant.process(pipeline, plant.batch({{15, 1}}, 1'000));
    EXPECT_TRUE(plant.closed.empty());
    pipeline.disconnected("far", 1'000 * kSecond);  // a restart does not begin the day anew
    if (source_is_gone) {
      pipeline.keep_sources({"plant", "third"}, 1'000 * kSecond);
      plant.process(pipeline, plant.batch({{16, 1}}, 1'060));
    } else {
      pipeline.keep_sources({"plant", "far"}, 1'000 * kSecond);
      plant.process(pipeline, plant.batch({{16, 1}}, kDay_s + 1));
      EXPECT_TRUE(plant.closed.empty());
      plant.process(pipeline, plant.batch({{17, 1}}, kDay_s + 2));
    }
    EXPECT_EQ(plant.closed.size(), 1u);
  }
}

TEST(Pipeline, ADeadTopicDoesNotHoldTheWindowsOfTheOthers) {
  Plant plant;
  Pipeline pipeline(plant.spec(10, 0), plant.series, plant.topics);
  const TopicId dead = plant.topics.intern({"plant", "dead"});
  BatchEntry entry = plant.batch({{1, 1}}, 1);
  entry.readings.append({plant.id, dead, 2 * kSecond, Value::of(2.0), Quality::good});
  plant.process(pipeline, entry);
  plant.process(pipeline, plant.batch({{15, 1}}, 30));
  EXPECT_TRUE(plant.closed.empty());  // the other topic may still deliver
  plant.process(pipeline, plant.batch({{16, 1}}, 62));
  EXPECT_EQ(plant.closed.size(), 1u);
}

TEST(Pipeline, GivesAnOrderedStageItsReadingsInEventTimeOrder) {
  Plant plant;
  PipelineSpec spec = plant.spec(10, 5);
  auto stage = std::make_unique<DropNegative>(true);
  DropNegative* watched = stage.get();
  spec.stages.push_back(std::move(stage));
  Pipeline pipeline(std::move(spec), plant.series, plant.topics);
  plant.process(pipeline, plant.batch({{3, 1}, {1, 1}, {2, -1}, {7, 1}, {6, 1}}));
  EXPECT_EQ(watched->seen, 2u);  // watermark 2
  EXPECT_EQ(plant.term(Term::pending), 3);
  plant.process(pipeline, plant.batch({{1, 1}}));
  EXPECT_EQ(plant.term(Term::late), 1);
  plant.process(pipeline, plant.batch({{30, 1}}));
  EXPECT_EQ(watched->out_of_order, 0u);
  EXPECT_EQ(plant.term(Term::filtered), 1);
  EXPECT_EQ(plant.term(Term::pending), 1);
  EXPECT_EQ(plant.ledger.difference(), 0);
}

TEST(Pipeline, RejectsTheInputOfAStageThatFailed) {
  Plant plant;
  PipelineSpec spec = plant.spec(10, 0);
  auto stage = std::make_unique<DropNegative>(false);
  stage->fail_next = true;
  spec.stages.push_back(std::move(stage));
  Pipeline pipeline(std::move(spec), plant.series, plant.topics);
  plant.process(pipeline, plant.batch({{1, 1}, {2, 1}}));
  plant.process(pipeline, plant.batch({{3, 1}}));
  EXPECT_EQ(plant.term(Term::rejected), 2);
  EXPECT_EQ(plant.term(Term::aggregated), 1);
  EXPECT_EQ(plant.ledger.difference(), 0);
}

TEST(Pipeline, CountsReadingsOfAParkedPipelineAsPending) {
  Plant plant;
  PipelineSpec spec = plant.spec(10, 0);
  spec.parked = "range.so is missing";
  Pipeline pipeline(std::move(spec), plant.series, plant.topics);
  pipeline.catch_up({plant.ledger, plant.closed});
  plant.process(pipeline, plant.batch({{1, 1}, {2, 1}}));
  EXPECT_EQ(plant.term(Term::pending), 2);
  EXPECT_EQ(plant.ledger.difference(), 0);
}

/// What a restart finds: the checkpoint, then the log after it.
struct Log {
  std::vector<CheckpointPart> checkpoint;
  std::vector<BatchEntry> after;

  void replay(Plant& plant, Pipeline& pipeline) const {
    ASSERT_TRUE(pipeline.restore(checkpoint).ok());
    Plant nowhere;
    for (const BatchEntry& entry : after) nowhere.process(pipeline, entry);
    pipeline.catch_up({plant.ledger, plant.closed});
  }
  void save(Pipeline& pipeline) {
    checkpoint.clear();
    after.clear();
    ASSERT_TRUE(pipeline.snapshot(checkpoint).ok());
  }
};

PipelineSpec with_stage(PipelineSpec spec, bool parked) {
  if (parked) {
    spec.parked = "drop_negative.so is missing";
  } else {
    spec.stages.push_back(std::make_unique<DropNegative>(false));
  }
  return spec;
}

// The plugin goes while the log is ahead of the checkpoint, and comes back two restarts later:
// every window must come out once, as if nothing had happened.
TEST(Pipeline, CatchesUpWithEverythingItMissedWhileParked) {
  Plant plant;
  Log log;
  {
    Pipeline pipeline(with_stage(plant.spec(10, 0), false), plant.series, plant.topics);
    pipeline.catch_up({plant.ledger, plant.closed});
    plant.process(pipeline, plant.batch({{1, 1}, {2, 1}}));
    log.save(pipeline);
    log.after.push_back(plant.batch({{3, 1}, {4, -1}, {11, 1}}));
    plant.process(pipeline, log.after.back());
  }
  ASSERT_EQ(plant.closed.size(), 1u);
  {
    Pipeline parked(with_stage(plant.spec(10, 0), true), plant.series, plant.topics);
    log.replay(plant, parked);
    log.save(parked);
    log.after.push_back(plant.batch({{12, 1}, {13, -1}}));
    plant.process(parked, log.after.back());
    EXPECT_EQ(plant.term(Term::pending), 2);
    EXPECT_EQ(parked.readings_pending(), 2u);
  }
  {
    Pipeline parked(with_stage(plant.spec(10, 0), true), plant.series, plant.topics);
    log.replay(plant, parked);
    log.save(parked);
    log.after.push_back(plant.batch({{21, 1}}));
    plant.process(parked, log.after.back());
  }
  EXPECT_EQ(plant.closed.size(), 1u);
  Pipeline pipeline(with_stage(plant.spec(10, 0), false), plant.series, plant.topics);
  log.replay(plant, pipeline);
  plant.process(pipeline, plant.batch({{31, 1}}));
  ASSERT_EQ(plant.closed.size(), 3u);
  EXPECT_EQ(plant.closed[0].content.moments.count, 3u);
  EXPECT_EQ(plant.closed[1].content.moments.count, 2u);
  EXPECT_EQ(plant.closed[2].content.moments.count, 1u);
  EXPECT_EQ(plant.term(Term::pending), 0);
  EXPECT_EQ(plant.term(Term::aggregated), 7);
  EXPECT_EQ(plant.term(Term::filtered), 2);
  EXPECT_EQ(plant.ledger.difference(), 0);
}

// The outage was before the park, or during it; each time the topic's windows wait for its backlog.
TEST(Pipeline, CatchingUpKnowsWhenASourceWasDisconnected) {
  for (const bool applied : {true, false}) {
    Plant plant;
    const TopicId other = plant.topics.intern({"other", "a"});
    const auto other_reading = [&](std::int64_t time_s, std::int64_t boottime_s) {
      BatchEntry entry;
      entry.boottime_ns = boottime_s * kSecond;
      entry.readings.append({plant.id, other, time_s * kSecond, Value::of(1.0), Quality::good});
      return entry;
    };
    Log log;
    {
      Pipeline pipeline(with_stage(plant.spec(10, 0), false), plant.series, plant.topics);
      plant.process(pipeline, plant.batch({{1, 1}}, 1));
      plant.process(pipeline, other_reading(1, 1));
      log.save(pipeline);
    }
    Pipeline parked(with_stage(plant.spec(10, 0), true), plant.series, plant.topics);
    ASSERT_TRUE(parked.restore(log.checkpoint).ok());
    Plant nowhere;
    if (!applied) parked.catch_up({plant.ledger, plant.closed});
    parked.disconnected("plant", 2 * kSecond);
    nowhere.process(parked, other_reading(15, 500));
    if (applied) parked.catch_up({plant.ledger, plant.closed});
    log.save(parked);
    Pipeline again(with_stage(plant.spec(10, 0), true), plant.series, plant.topics);
    ASSERT_TRUE(again.restore(log.checkpoint).ok());
    again.catch_up({plant.ledger, plant.closed});
    again.connected("plant", 501 * kSecond);
    plant.process(again, plant.batch({{2, 1}, {14, 1}}, 502));
    log.save(again);
    Pipeline pipeline(with_stage(plant.spec(10, 0), false), plant.series, plant.topics);
    log.replay(plant, pipeline);
    EXPECT_EQ(plant.term(Term::late), 0);
    ASSERT_EQ(plant.closed.size(), 1u);
    EXPECT_EQ(plant.closed[0].content.moments.count, 3u);
  }
}

TEST(Pipeline, AParkedPipelineRejectsWhatItsBacklogCannotHold) {
  Plant plant;
  Pipeline parked(with_stage(plant.spec(10, 0), true), plant.series, plant.topics);
  parked.catch_up({plant.ledger, plant.closed});
  const BatchEntry entry =
      plant.batch(std::vector<std::pair<std::int64_t, double>>(Backlog::kPendingMax - 1, {1, 1}));
  plant.process(parked, entry);
  plant.process(parked, plant.batch({{2, 1}, {3, 1}, {4, 1}}));
  EXPECT_EQ(plant.term(Term::pending), static_cast<std::int64_t>(Backlog::kPendingMax));
  EXPECT_EQ(plant.term(Term::rejected), 2);
  EXPECT_EQ(plant.ledger.difference(), 0);
}

TEST(Pipeline, RetiringWhileParkedStillClosesTheWindowsItKept) {
  Plant plant;
  Log log;
  {
    Pipeline pipeline(with_stage(plant.spec(10, 0), false), plant.series, plant.topics);
    plant.process(pipeline, plant.batch({{1, 1}, {2, 1}}));
    log.save(pipeline);
  }
  Pipeline parked(with_stage(plant.spec(10, 0), true), plant.series, plant.topics);
  log.replay(plant, parked);
  plant.process(parked, plant.batch({{3, 1}}));
  parked.retire(plant.ledger, {plant.ledger, plant.closed});
  ASSERT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.closed[0].content.moments.count, 2u);
  EXPECT_EQ(plant.closed[0].quality, PaneQuality::partial_config);
  EXPECT_EQ(plant.term(Term::pending), 0);
  EXPECT_EQ(plant.term(Term::rejected), 1);
  EXPECT_EQ(plant.ledger.difference(), 0);
}

// The plugin goes while the log is ahead of the checkpoint, and does not come back before the spec
// changes: what the checkpoint holds goes up, the rest is named as lost, and nothing goes up twice.
TEST(Pipeline, RetiringWithoutItsStagesGivesUpWhatCameAfterTheCheckpointAndNoMore) {
  for (const bool closes : {false, true}) {
    for (const bool restarts : {false, true}) {
      Plant plant;
      Log log;
      {
        Pipeline pipeline(with_stage(plant.spec(10, 0), false), plant.series, plant.topics);
        pipeline.catch_up({plant.ledger, plant.closed});
        plant.process(pipeline, plant.batch({{1, 1}, {2, 1}}));
        log.save(pipeline);
        log.after.push_back(plant.batch({{3, 1}, {4, -1}}));
        if (closes) log.after.push_back(plant.batch({{11, 1}, {12, 1}}));
      }
      Ledger after;
      {
        Pipeline pipeline(with_stage(plant.spec(10, 0), false), plant.series, plant.topics);
        ASSERT_TRUE(pipeline.restore(log.checkpoint).ok());
        const Ledger before = plant.ledger;
        for (const BatchEntry& entry : log.after) plant.process(pipeline, entry);
        after.add(
            LedgerKind::readings, "p", Term::aggregated,
            plant.term(Term::aggregated) - before.get(LedgerKind::readings, "p", Term::aggregated));
      }
      ASSERT_EQ(plant.closed.size(), closes ? 1u : 0u);
      auto parked = std::make_unique<Pipeline>(with_stage(plant.spec(10, 0), true), plant.series,
                                               plant.topics);
      ASSERT_TRUE(parked->restore(log.checkpoint).ok());
      Plant nowhere;
      for (const BatchEntry& entry : log.after) nowhere.process(*parked, entry);
      parked->replayed(after);
      if (restarts) {
        parked->catch_up({plant.ledger, plant.closed});
        plant.process(*parked, plant.batch({{13, 1}}));
        log.save(*parked);
        parked = std::make_unique<Pipeline>(with_stage(plant.spec(10, 0), true), plant.series,
                                            plant.topics);
        ASSERT_TRUE(parked->restore(log.checkpoint).ok());
      }
      parked->retire(plant.ledger, {plant.ledger, plant.closed});
      ASSERT_EQ(plant.closed.size(), 1u);
      std::int64_t in_panes = 0;
      for (const Pane& pane : plant.closed) {
        in_panes += static_cast<std::int64_t>(pane.content.moments.count);
        EXPECT_EQ(pane.quality, closes ? PaneQuality::complete : PaneQuality::partial_config);
      }
      EXPECT_EQ(plant.term(Term::aggregated), in_panes);
      EXPECT_EQ(plant.term(Term::rejected), (closes ? 2 : 1) + (restarts ? 1 : 0));
      EXPECT_EQ(plant.term(Term::filtered), 1);
      EXPECT_EQ(plant.ledger.difference(), 0);
    }
  }
}

/// A plugin of another version that cannot read what the one before wrote; nor write it when
/// `mute`.
class Forgetful final : public Stage {
 public:
  explicit Forgetful(bool mute = false) : mute_(mute) {}
  const std::string& name() const override { return stage_.name(); }
  const std::vector<std::string>& rules() const override { return stage_.rules(); }
  bool ordered() const override { return false; }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    return stage_.process(in, out);
  }
  Status on_time(std::int64_t, StageOutput&) override { return {}; }
  Result<std::string> snapshot() override {
    return mute_ ? Result<std::string>(unavailable("out of ink")) : std::string();
  }
  Status restore(std::string_view) override { return data_loss("unknown version"); }

 private:
  bool mute_;
  DropNegative stage_{false};
};

TEST(Pipeline, StateThatAStageRefusesParksThePipelineAndIsKept) {
  Plant plant;
  Log log;
  {
    Pipeline pipeline(with_stage(plant.spec(10, 0), false), plant.series, plant.topics);
    plant.process(pipeline, plant.batch({{1, 1}, {2, 1}}));
    log.save(pipeline);
  }
  {
    PipelineSpec spec = plant.spec(10, 0);
    spec.stages.push_back(std::make_unique<Forgetful>());
    Pipeline pipeline(std::move(spec), plant.series, plant.topics);
    log.replay(plant, pipeline);
    EXPECT_EQ(pipeline.parked(), "a stage refuses its stored state: unknown version");
    log.save(pipeline);
  }
  Pipeline pipeline(with_stage(plant.spec(10, 0), false), plant.series, plant.topics);
  log.replay(plant, pipeline);
  plant.process(pipeline, plant.batch({{11, 1}}));
  ASSERT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.closed[0].content.moments.count, 2u);
}

// One that could not save would hold up the checkpoint that every change of config needs.
TEST(Pipeline, ASpecWhoseStageCannotSaveItsStateIsParkedWhenItTakesOver) {
  Plant plant;
  Log log;
  {
    PipelineSpec spec = plant.spec(10, 0);
    spec.stages.push_back(std::make_unique<Forgetful>(true));
    Pipeline pipeline(std::move(spec), plant.series, plant.topics);
    pipeline.begin_at(7);
    EXPECT_EQ(pipeline.parked(), "a stage cannot save its state: out of ink");
    pipeline.catch_up({plant.ledger, plant.closed});
    plant.process(pipeline, plant.batch({{1, 1}, {2, 1}}));
    EXPECT_EQ(pipeline.readings_pending(), 2u);
    log.save(pipeline);
  }
  Pipeline pipeline(with_stage(plant.spec(10, 0), false), plant.series, plant.topics);
  log.replay(plant, pipeline);
  plant.process(pipeline, plant.batch({{11, 1}}));
  ASSERT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.closed[0].content.moments.count, 2u);
  EXPECT_NE(pipeline.pane_hash(), pipeline.hash()) << "it remembers that it took over";
}

TEST(Pipeline, WithoutWindowsReadingsEndAsObserved) {
  Plant plant;
  Pipeline pipeline(plant.spec(0, 0), plant.series, plant.topics);
  plant.process(pipeline, plant.batch({{1, 1}, {2, 1}}));
  EXPECT_EQ(plant.term(Term::observed), 2);
}

TEST(Pipeline, RetiringClosesWhatIsOpenAsPartial) {
  Plant plant;
  PipelineSpec spec = plant.spec(10, 5);
  spec.stages.push_back(std::make_unique<DropNegative>(true));
  Pipeline pipeline(std::move(spec), plant.series, plant.topics);
  plant.process(pipeline, plant.batch({{1, 1}, {8, 1}}));
  pipeline.retire(plant.ledger, {plant.ledger, plant.closed});
  ASSERT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.closed[0].quality, PaneQuality::partial_config);
  EXPECT_EQ(plant.closed[0].content.moments.count, 2u) << "one waited for its order";
  EXPECT_EQ(plant.term(Term::pending), 0);
  EXPECT_EQ(plant.term(Term::rejected), 0);
  EXPECT_EQ(plant.ledger.difference(), 0);
}

// Any shuffle within max_out_of_order, any split into batches, and a snapshot and restore between
// any two of them give the same panes as the ordered history in one batch.
std::vector<CheckpointPart> parts_of(Pipeline& pipeline) {
  std::vector<CheckpointPart> parts;
  EXPECT_TRUE(pipeline.snapshot(parts).ok());
  return parts;
}

TEST(Pipeline, AnEpochChangePartsWhatWasThereAtTheStartFromWhatCameSince) {
  Plant plant;
  Pipeline before(plant.spec(10, 2), plant.series, plant.topics);
  plant.process(before, plant.batch({{1, 5}, {12, 7}, {11, 1}}));  // closes nothing yet: 12 - 2
  ASSERT_EQ(plant.closed.size(), 1u);
  plant.closed.clear();
  Pipeline pipeline(plant.spec(10, 2), plant.series, plant.topics);
  ASSERT_TRUE(pipeline.restore(parts_of(before)).ok());
  pipeline.catch_up({plant.ledger, plant.closed}, true);
  plant.process(pipeline, plant.batch({{13, 100}, {21, 200}}));
  pipeline.end_epoch({plant.ledger, plant.closed});
  ASSERT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.closed[0].quality, PaneQuality::partial_epoch);
  EXPECT_EQ(plant.closed[0].window.start_ns, 10 * kSecond);
  EXPECT_EQ(plant.closed[0].content.moments.count, 2u);
  EXPECT_EQ(plant.closed[0].content.moments.total(), 8);
  EXPECT_EQ(pipeline.windows_open(), 2u) << "13 and 21 are of the next epoch";
  plant.closed.clear();
  plant.process(pipeline, plant.batch({{40, 0}}));
  ASSERT_EQ(plant.closed.size(), 2u);
  EXPECT_EQ(plant.closed[0].content.moments.total(), 100);
  EXPECT_EQ(plant.closed[0].quality, PaneQuality::complete);
  EXPECT_EQ(plant.closed[0].split, nullptr);
  EXPECT_EQ(plant.closed[1].content.moments.total(), 200);
  EXPECT_EQ(plant.ledger.difference(), 0);
}

TEST(Pipeline, AWindowThatClosesBeforeTheCloudWasAskedKeepsItsTwoParts) {
  Plant plant;
  Pipeline before(plant.spec(10, 0), plant.series, plant.topics);
  plant.process(before, plant.batch({{1, 5}}));
  for (const bool asked : {false, true}) {
    Pipeline pipeline(plant.spec(10, 0), plant.series, plant.topics);
    ASSERT_TRUE(pipeline.restore(parts_of(before)).ok());
    pipeline.catch_up({plant.ledger, plant.closed}, true);
    if (asked) pipeline.confirm_epoch();
    plant.closed.clear();
    plant.process(pipeline, plant.batch({{2, 7}, {10, 1}, {20, 1}}));
    ASSERT_EQ(plant.closed.size(), 2u);
    EXPECT_EQ(plant.closed[0].content.moments.total(), 12) << "the pane is the same, asked or not";
    EXPECT_EQ(plant.closed[1].split, nullptr) << "it began after the start";
    ASSERT_EQ(plant.closed[0].split == nullptr, asked);
    if (asked) continue;
    EXPECT_EQ(plant.closed[0].split->before.moments.total(), 5);
    EXPECT_EQ(plant.closed[0].split->since.moments.total(), 7);
  }
}

TEST(Pipeline, AConfirmedEpochTakesEverythingWithItWhenItEnds) {
  Plant plant;
  Pipeline pipeline(plant.spec(10, 0), plant.series, plant.topics);
  pipeline.catch_up({plant.ledger, plant.closed}, true);
  pipeline.confirm_epoch();
  plant.process(pipeline, plant.batch({{1, 5}, {2, 5}}));
  pipeline.end_epoch({plant.ledger, plant.closed});
  ASSERT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.closed[0].content.moments.count, 2u);
  EXPECT_EQ(pipeline.windows_open(), 0u);
  plant.closed.clear();
  plant.process(pipeline, plant.batch({{3, 9}, {12, 1}}));
  ASSERT_EQ(plant.closed.size(), 1u) << "the watermark went on, the window has a second part";
  EXPECT_EQ(plant.closed[0].content.moments.total(), 9);
  EXPECT_EQ(plant.term(Term::late), 0);
}

// What waits in the reorder buffer was in the copy too: it belongs to the epoch that ends.
TEST(Pipeline, AnEpochChangeEmptiesTheReorderBufferInOrder) {
  Plant plant;
  const auto ordered = [&] {
    PipelineSpec spec = plant.spec(10, 5);
    spec.stages.push_back(std::make_unique<DropNegative>(true));
    return spec;
  };
  Pipeline before(ordered(), plant.series, plant.topics);
  plant.process(before, plant.batch({{3, 1}, {2, 2}, {4, -1}}));
  EXPECT_EQ(before.readings_pending(), 3u);
  PipelineSpec spec = ordered();
  auto* stage = static_cast<DropNegative*>(spec.stages[0].get());
  Pipeline pipeline(std::move(spec), plant.series, plant.topics);
  ASSERT_TRUE(pipeline.restore(parts_of(before)).ok());
  pipeline.catch_up({plant.ledger, plant.closed}, true);
  plant.process(pipeline, plant.batch({{1, 100}, {8, 200}}));  // lets go of 1, 2 and 3
  EXPECT_EQ(pipeline.readings_pending(), 2u);
  pipeline.end_epoch({plant.ledger, plant.closed});
  EXPECT_EQ(stage->out_of_order, 0u);
  EXPECT_EQ(pipeline.readings_pending(), 0u);
  ASSERT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.closed[0].content.moments.total(), 3);
  plant.closed.clear();
  plant.process(pipeline, plant.batch({{16, 0}}));
  ASSERT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.closed[0].content.moments.total(), 300);
  EXPECT_EQ(plant.term(Term::pending), 1);
  EXPECT_EQ(plant.ledger.difference(), 0);
}

TEST(Pipeline, AParkedPipelineClosesItsWindowsWithTheEpochAndRunsOnLater) {
  Plant plant;
  Pipeline before(plant.spec(10, 0), plant.series, plant.topics);
  plant.process(before, plant.batch({{1, 5}}));
  PipelineSpec without = plant.spec(10, 0);
  without.parked = "no plugin";
  Pipeline parked(std::move(without), plant.series, plant.topics);
  ASSERT_TRUE(parked.restore(parts_of(before)).ok());
  parked.catch_up({plant.ledger, plant.closed}, true);
  plant.process(parked, plant.batch({{2, 7}}));
  parked.end_epoch({plant.ledger, plant.closed});
  ASSERT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.closed[0].content.moments.total(), 5);
  plant.closed.clear();
  Pipeline again(plant.spec(10, 0), plant.series, plant.topics);
  ASSERT_TRUE(again.restore(parts_of(parked)).ok());
  again.catch_up({plant.ledger, plant.closed});
  plant.process(again, plant.batch({{10, 1}}));
  ASSERT_EQ(plant.closed.size(), 1u);
  EXPECT_EQ(plant.closed[0].content.moments.total(), 7);
  EXPECT_EQ(plant.ledger.difference(), 0);
}

TEST(Pipeline, PanesDoNotDependOnShufflesSplitsOrRestarts) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  for (int round = 0; round < 200; ++round) {
    const bool ordered_stage = round % 2 == 1;
    std::vector<std::pair<std::int64_t, double>> history;
    for (std::int64_t t = 0; t < 200; ++t) {
      if (random() % 4 == 0) continue;
      history.emplace_back(t, static_cast<double>(static_cast<int>(random() % 200)) - 20);
    }
    const auto run = [&](const auto& readings, std::size_t batch_max, bool restarts) {
      Plant plant;
      const auto make = [&] {
        PipelineSpec spec = plant.spec(10, 8);
        spec.stages.push_back(std::make_unique<DropNegative>(ordered_stage));
        return std::make_unique<Pipeline>(std::move(spec), plant.series, plant.topics);
      };
      auto pipeline = make();
      for (std::size_t from = 0; from < readings.size();) {
        const std::size_t n = std::min(readings.size() - from, 1 + random() % batch_max);
        plant.process(*pipeline, plant.batch({readings.begin() + static_cast<long>(from),
                                              readings.begin() + static_cast<long>(from + n)}));
        from += n;
        if (!restarts) continue;
        std::vector<CheckpointPart> parts;
        EXPECT_TRUE(pipeline->snapshot(parts).ok());
        pipeline = make();
        EXPECT_TRUE(pipeline->restore(parts).ok());
      }
      EXPECT_EQ(plant.ledger.difference(), 0);
      EXPECT_EQ(plant.term(Term::late), 0);
      std::map<std::int64_t, Moments> panes;
      for (const Pane& pane : plant.closed) {
        EXPECT_TRUE(panes.emplace(pane.window.start_ns, pane.content.moments).second)
            << "closed twice";
      }
      return panes;
    };
    auto shuffled = history;  // each reading delayed by less than 8 s
    std::vector<std::int64_t> delay(200);
    for (auto& d : delay) d = static_cast<std::int64_t>(random() % 8);
    std::stable_sort(shuffled.begin(), shuffled.end(), [&](const auto& a, const auto& b) {
      return a.first + delay[static_cast<std::size_t>(a.first)] <
             b.first + delay[static_cast<std::size_t>(b.first)];
    });
    const auto expected = run(history, 1'000, false);
    const auto actual = run(shuffled, 20, true);
    ASSERT_EQ(expected.size(), actual.size());
    for (const auto& [start, moments] : expected) {
      const Moments& other = actual.at(start);
      EXPECT_EQ(moments.count, other.count);
      EXPECT_EQ(moments.min, other.min);
      EXPECT_EQ(moments.max, other.max);
      EXPECT_EQ(moments.first, other.first);
      EXPECT_EQ(moments.last, other.last);
      EXPECT_NEAR(moments.total(), other.total(), 1e-12 * std::abs(moments.total()));
    }
  }
}

// The clock of a device that feeds the same series stands still, so nothing ever closes.
TEST(Pipeline, WithTooManyWindowsClosesTheOldestEarly) {
  Plant plant;
  PipelineSpec spec = plant.spec(1, 0);
  spec.shares.windows_max = 160;
  Pipeline pipeline(std::move(spec), plant.series, plant.topics);
  BatchEntry stuck;
  stuck.readings.append({plant.id, plant.topics.intern({"plant", "stuck"}), 0, Value::of(1.0), {}});
  plant.process(pipeline, stuck);
  for (std::int64_t s = 1; s < 1000; ++s) {
    plant.process(pipeline, plant.batch({{s, 1}}));
    ASSERT_LE(pipeline.windows_open(), 160u);
  }
  ASSERT_EQ(plant.closed.size() + pipeline.windows_open(), 1000u);
  EXPECT_GE(pipeline.windows_open(), 150u) << "no more than a 16th at once";
  for (std::size_t i = 0; i < plant.closed.size(); ++i) {
    EXPECT_EQ(plant.closed[i].window.start_ns, static_cast<std::int64_t>(i) * kSecond);
    EXPECT_EQ(plant.closed[i].quality, PaneQuality::partial_limit);
  }
  plant.process(pipeline, stuck);
  EXPECT_EQ(plant.term(Term::late), 1);
  EXPECT_EQ(plant.ledger.difference(), 0);
}

// What closes early depends on readings and state alone: not on batches, nor on the bound of the
// config that runs after the replay.
TEST(Pipeline, ClosesTheSameWindowsEarlyInOtherBatchesAndAfterARestart) {
  std::mt19937 random(7);
  std::vector<std::pair<std::int64_t, double>> readings;
  for (std::int64_t i = 0; i < 2000; ++i) {
    readings.push_back({std::max<std::int64_t>(i - static_cast<std::int64_t>(random() % 50), 0),
                        1.0 * static_cast<double>(i)});
  }
  const auto run = [&](std::size_t batch_size, std::size_t restart_at, std::size_t later_max) {
    Plant plant;
    const auto spec = [&](std::size_t windows_max) {
      PipelineSpec made = plant.spec(1, 1000);
      made.shares.windows_max = windows_max;
      return made;
    };
    auto pipeline = std::make_unique<Pipeline>(spec(100), plant.series, plant.topics);
    for (std::size_t i = 0; i < readings.size(); i += batch_size) {
      if (i == restart_at) {
        std::vector<CheckpointPart> parts;
        EXPECT_TRUE(pipeline->snapshot(parts).ok());
        pipeline = std::make_unique<Pipeline>(spec(later_max), plant.series, plant.topics);
        EXPECT_TRUE(pipeline->restore(parts).ok());
      }
      const auto end = std::min(i + batch_size, readings.size());
      plant.process(*pipeline, plant.batch({readings.begin() + static_cast<std::ptrdiff_t>(i),
                                            readings.begin() + static_cast<std::ptrdiff_t>(end)}));
    }
    std::vector<std::pair<std::int64_t, double>> closed;
    for (const Pane& pane : plant.closed) {
      closed.push_back({pane.window.start_ns, pane.content.moments.total()});
    }
    EXPECT_EQ(plant.ledger.difference(), 0);
    return closed;
  };
  const auto closed = run(1, 5000, 0);
  EXPECT_GT(closed.size(), 1000u);
  EXPECT_EQ(run(100, 5000, 0), closed);
  EXPECT_EQ(run(10, 1000, 20), closed);
}

/// As the deadband with keep_previous: holds a reading that differs little from the last one it let
/// pass, until the next one shows whether it was the last before a change.
class KeepPrevious final : public Stage {
 public:
  const std::string& name() const override { return name_; }
  const std::vector<std::string>& rules() const override { return rules_; }
  bool ordered() const override { return true; }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    for (std::size_t i = 0; i < in.size(); ++i) {
      Last& last = last_[in.series[i]];
      const double value = in.at(i).value.as_double();
      if (last.passed && std::abs(value - *last.passed) <= 2) {
        if (last.held) out.settled_dropped.push_back(0);
        last.held = in.at(i);
        out.verdicts.push_back(Verdict::hold);
        continue;
      }
      if (last.held) {
        out.settled.append(*last.held);
        ++out.settled_passed;
      }
      last = {value, std::nullopt};
      out.verdicts.push_back(Verdict::pass);
    }
    return {};
  }
  Status on_time(std::int64_t, StageOutput&) override { return {}; }
  Result<std::string> snapshot() override { return std::string(); }
  Status restore(std::string_view) override { return {}; }

 private:
  struct Last {
    std::optional<double> passed;
    std::optional<Reading> held;
  };
  const std::string name_ = "keep_previous";
  const std::vector<std::string> rules_ = {"within_band"};
  std::map<SeriesId, Last> last_;
};

/// What is left of a run: the last pane of each window, and the ledger.
struct Outcome {
  std::map<std::pair<SeriesId, std::int64_t>, std::tuple<std::uint64_t, double, double>> panes;
  std::map<LedgerKey, std::int64_t> ledger;
  friend bool operator==(const Outcome&, const Outcome&) = default;
};

// A crash before the commit, and the broker sends the same messages again: in other batches.
TEST(Pipeline, PanesAndLedgerDoNotDependOnHowMessagesWereSplitIntoBatches) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::int64_t late = 0;
  for (int round = 0; round < 400; ++round) {
    const int stages = round % 5;
    Plant tables;
    const TopicId topics[] = {tables.topic, tables.topics.intern({"plant", "b"})};
    const SeriesId series[] = {tables.id, tables.series.intern({"w", "", {}}),
                               tables.series.intern({"x", "", {}})};
    std::vector<std::vector<Reading>> messages(1 + random() % 60);
    std::int64_t time_s = 100;
    for (auto& message : messages) {
      time_s += static_cast<std::int64_t>(random() % 7);
      const std::int64_t at_s = time_s - (random() % 4 == 0 ? random() % 20 : 0);
      const TopicId topic = topics[random() % 2];
      for (const SeriesId id : series) {
        if (random() % 3 == 0) continue;
        message.push_back({id, topic, at_s * kSecond,
                           Value::of(static_cast<double>(random() % 12) - 2), Quality::good});
      }
    }
    PipelineSpec shape = tables.spec(5 + static_cast<std::int64_t>(random() % 10),
                                     static_cast<std::int64_t>(random() % 6));
    shape.windows[0].allowed_lateness_ns = random() % 2 == 0 ? 0 : 7 * kSecond;
    const auto run = [&](std::size_t batch_max) {
      Plant plant;
      PipelineSpec spec = tables.spec(1, 0);
      spec.windows = shape.windows;
      spec.max_out_of_order_ns = shape.max_out_of_order_ns;
      if (stages == 1 || stages == 4) spec.stages.push_back(std::make_unique<DropNegative>(false));
      if (stages == 2 || stages == 4) spec.stages.push_back(std::make_unique<DropNegative>(true));
      if (stages >= 3) spec.stages.push_back(std::make_unique<KeepPrevious>());
      Pipeline pipeline(std::move(spec), tables.series, tables.topics);
      for (std::size_t from = 0; from < messages.size();) {
        BatchEntry batch;
        batch.boottime_ns = kSecond;
        const std::size_t end = std::min(messages.size(), from + 1 + random() % batch_max);
        for (; from < end; ++from) {
          for (const Reading& reading : messages[from]) batch.readings.append(reading);
        }
        plant.process(pipeline, batch);
      }
      late += plant.term(Term::late);
      EXPECT_EQ(plant.ledger.difference(), 0);
      pipeline.retire(plant.ledger, {plant.ledger, plant.closed});
      Outcome outcome;
      for (const Pane& pane : plant.closed) {
        outcome.panes[{pane.window.key, pane.window.start_ns}] = {
            pane.content.moments.count, pane.content.moments.total(), pane.content.moments.m2};
      }
      for (const auto& [key, count] : plant.ledger.counters()) {
        if (count != 0) outcome.ledger[key] = count;
      }
      return outcome;
    };
    const Outcome one_by_one = run(1);
    EXPECT_TRUE(run(messages.size()) == one_by_one) << "round " << round;
    EXPECT_TRUE(run(5) == one_by_one) << "round " << round;
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_GT(late, 0) << "no reading came late: nothing was tried";
}

TEST(Pipeline, SaysWhichReadingsWereLate) {
  Plant plant;
  Pipeline pipeline(plant.spec(10, 5), plant.series, plant.topics);
  std::vector<LateReading> late;
  const BatchEntry batch = plant.batch({{100, 1}, {82, 2}, {97, 3}, {30, 4}});
  std::vector<bool> routed(batch.readings.size());
  pipeline.process(batch, routed, {plant.ledger, plant.closed, &late});
  ASSERT_EQ(late.size(), 2u);
  EXPECT_EQ(plant.term(Term::late), 2);
  EXPECT_EQ(late[0].reading.value.as_double(), 2);
  EXPECT_EQ(late[0].reading.series, plant.id);
  EXPECT_EQ(late[0].behind_ns, 13 * kSecond);
  EXPECT_EQ(late[1].behind_ns, 65 * kSecond);
}

}  // namespace
}  // namespace sluice
