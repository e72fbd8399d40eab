#include "pipeline/begun_events.h"

#include <memory>
#include <utility>

#include "engine_rig.h"
#include "model/boot_time.h"
#include "plant.h"

namespace sluice {
namespace {

Event told(EventPhase phase, std::int64_t time_ns = 5, SeriesId series = 1, TopicId topic = 2,
           const std::string& name = "hot") {
  Event event;
  event.series = series;
  event.topic = topic;
  event.event_time_ns = time_ns;
  event.phase = phase;
  event.name = name;
  event.message = "m";
  event.severity = Severity::error;
  return event;
}

TEST(BegunEvents, EndWhatHasBegunAndNotEnded) {
  BegunEvents begun;
  begun.note("a", told(EventPhase::begin, 5));
  begun.note("a", told(EventPhase::begin, 6, 2));
  begun.note("b", told(EventPhase::begin, 7));
  begun.note("b", told(EventPhase::moment, 8, 3));
  begun.note("a", told(EventPhase::end, 9, 2));
  const auto ends = begun.end_all("why", 6);
  ASSERT_EQ(ends.size(), 2u);
  EXPECT_EQ(ends[0].stage, "a");
  EXPECT_EQ(ends[0].event.series, 1u);
  EXPECT_EQ(ends[0].event.topic, 2u);
  EXPECT_EQ(ends[0].event.name, "hot");
  EXPECT_EQ(ends[0].event.phase, EventPhase::end);
  EXPECT_EQ(ends[0].event.severity, Severity::info);
  EXPECT_EQ(ends[0].event.event_time_ns, 6);
  EXPECT_EQ(ends[0].event.attributes,
            (std::vector<std::pair<std::string, std::string>>{{"reason", "why"}}));
  EXPECT_EQ(ends[1].stage, "b");
  EXPECT_EQ(ends[1].event.event_time_ns, 7) << "not before it began";
  EXPECT_TRUE(begun.empty());
  EXPECT_TRUE(begun.end_all("why", 9).empty());
}

TEST(BegunEvents, EndWithinTheTimeThatAnEventCanHave) {
  BegunEvents begun;
  begun.note("a", told(EventPhase::begin, 5, 1, 2 | kBootTopic));
  begun.note("a", told(EventPhase::begin, 5, 2));
  const auto ends = begun.end_all("why", INT64_MAX);
  EXPECT_EQ(ends.at(0).event.event_time_ns, 5) << "of a boot there is no later time known";
  EXPECT_EQ(ends.at(1).event.event_time_ns, kEventTimeMaxNs);
}

TEST(BegunEvents, ComeBackFromTheirBytesAndSurviveDamage) {
  BegunEvents begun;
  for (SeriesId id = 1; id <= 3; ++id) begun.note("a", told(EventPhase::begin, id, id));
  ByteWriter out;
  begun.snapshot(out);
  const std::string bytes = out.take();
  BegunEvents again;
  ASSERT_TRUE(again.restore(bytes).ok());
  ByteWriter same;
  again.snapshot(same);
  EXPECT_EQ(same.take(), bytes);
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    EXPECT_FALSE(BegunEvents().restore(bytes.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(BegunEvents().restore(bytes + '\0').ok());
}

TEST(BegunEvents, AreNoMoreThanTheirBound) {
  BegunEvents begun;
  for (SeriesId id = 1; id <= BegunEvents::kCountMax + 5; ++id) {
    begun.note("a", told(EventPhase::begin, 5, id));
  }
  begun.note("a", told(EventPhase::begin, 8, 1));
  const auto ends = begun.end_all("why", 0);
  ASSERT_EQ(ends.size(), BegunEvents::kCountMax);
  EXPECT_EQ(ends[0].event.event_time_ns, 8) << "the one that began again";
}

/// An alert above 5.
class AboveFive final : public Stage {
 public:
  const std::string& name() const override { return name_; }
  const std::vector<std::string>& rules() const override { return rules_; }
  bool ordered() const override { return false; }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    for (std::size_t row = 0; row < in.size(); ++row) {
      out.verdicts.push_back(Verdict::pass);
      const bool above = in.at(row).value.as_double() > 5;
      if (above == std::exchange(above_, above)) continue;
      out.events.push_back(told(above ? EventPhase::begin : EventPhase::end, in.event_time_ns[row],
                                in.series[row], in.topic[row]));
    }
    return {};
  }
  Status on_time(std::int64_t, StageOutput&) override { return {}; }
  Result<std::string> snapshot() override { return std::string(above_ ? "1" : "0"); }
  Status restore(std::string_view bytes) override {
    above_ = bytes == "1";
    return {};
  }

 private:
  const std::string name_ = "above_five";
  const std::vector<std::string> rules_;
  bool above_ = false;
};

class BegunInAPipeline : public ::testing::Test {
 protected:
  std::unique_ptr<Pipeline> make(bool parked = false) {
    PipelineSpec spec = plant_.spec(10, 0);
    if (parked) {
      spec.parked = "above_five.so is missing";
    } else {
      spec.stages.push_back(std::make_unique<AboveFive>());
    }
    return std::make_unique<Pipeline>(std::move(spec), plant_.series, plant_.topics);
  }
  PipelineEffects effects() { return {plant_.ledger, plant_.closed, nullptr, &events_}; }
  void process(std::int64_t time_s, double value) { process(*pipeline_, time_s, value, effects()); }
  void process(Pipeline& pipeline, std::int64_t time_s, double value, PipelineEffects effects) {
    std::vector<bool> routed(1);
    pipeline.process(plant_.batch({{time_s, value}}), routed, effects);
  }
  std::vector<CheckpointPart> checkpoint() {
    std::vector<CheckpointPart> parts;
    EXPECT_TRUE(pipeline_->snapshot(parts).ok());
    return parts;
  }
  void begin() {
    pipeline_ = make();
    pipeline_->catch_up(effects());
  }
  /// `at_s end above_five config_changed`, for all that was told since the last time.
  std::string said() {
    std::string text;
    for (const ToldEvent& event : events_.take()) {
      text += (text.empty() ? "" : ", ") + std::to_string(event.event.event_time_ns / kSecond) +
              (event.event.phase == EventPhase::begin ? " begin " : " end ") + event.stage;
      for (const auto& [key, value] : event.event.attributes) text += " " + value;
    }
    return text;
  }

  Plant plant_;
  ToldEvents events_;
  std::unique_ptr<Pipeline> pipeline_;
};

// Another config: nobody else would tell that the alert is over.
TEST_F(BegunInAPipeline, EndsWithItsSpec) {
  begin();
  process(1, 6);
  process(3, 7);
  EXPECT_EQ(said(), "1 begin above_five");
  pipeline_->retire(plant_.ledger, effects());
  EXPECT_EQ(said(), "3 end above_five config_changed");
}

TEST_F(BegunInAPipeline, EndsOnce) {
  begin();
  process(1, 6);
  process(2, 5);
  said();
  pipeline_->retire(plant_.ledger, effects());
  EXPECT_EQ(said(), "");
}

TEST_F(BegunInAPipeline, IsKnownAfterARestartFromTheCheckpointAndFromTheReplay) {
  begin();
  const std::vector<CheckpointPart> before = checkpoint();
  process(1, 6);
  const std::vector<CheckpointPart> after = checkpoint();
  said();
  pipeline_ = make();
  ASSERT_TRUE(pipeline_->restore(after).ok());
  pipeline_->retire(plant_.ledger, effects());
  EXPECT_EQ(said(), "1 end above_five config_changed");
  pipeline_ = make();
  ASSERT_TRUE(pipeline_->restore(before).ok());
  Plant nowhere;
  process(*pipeline_, 1, 6, {nowhere.ledger, nowhere.closed});
  EXPECT_EQ(said(), "");
  pipeline_->retire(plant_.ledger, effects());
  EXPECT_EQ(said(), "1 end above_five config_changed");
}

TEST_F(BegunInAPipeline, EndsAlsoOfAParkedOne) {
  begin();
  process(1, 6);
  const std::vector<CheckpointPart> parts = checkpoint();
  said();
  pipeline_ = make(true);
  ASSERT_TRUE(pipeline_->restore(parts).ok());
  pipeline_->catch_up(effects());
  EXPECT_EQ(said(), "") << "its stages may come back";
  pipeline_->retire(plant_.ledger, effects());
  EXPECT_EQ(said(), "1 end above_five config_changed");
}

TEST_F(BegunInAPipeline, GoesOnWithNewStagesThatHaveTheState) {
  begin();
  process(1, 6);
  said();
  auto next = make();
  ASSERT_TRUE(next->inherit(*pipeline_).ok());
  next->catch_up(effects());
  pipeline_ = std::move(next);
  EXPECT_EQ(said(), "");
  process(2, 5);
  EXPECT_EQ(said(), "2 end above_five");
  pipeline_->retire(plant_.ledger, effects());
  EXPECT_EQ(said(), "");
}

TEST_F(BegunInAPipeline, EndsWithStagesThatBeginAnew) {
  begin();
  process(1, 6);
  said();
  auto next = make();
  ASSERT_TRUE(next->inherit_without_stages(*pipeline_).ok());
  next->catch_up(effects());
  pipeline_->give_up_stages_state("stage_replaced", effects());
  pipeline_ = std::move(next);
  EXPECT_EQ(said(), "1 end above_five stage_replaced");
  process(2, 6);
  EXPECT_EQ(said(), "2 begin above_five");
}

TEST(BegunInAnEngine, EndsWithTheFirstGroupOfAnotherConfig) {
  const auto specs = [](const std::string& name) {
    std::vector<PipelineSpec> all(1);
    all[0].name = name;
    all[0].stages.push_back(std::make_unique<AboveFive>());
    return all;
  };
  const std::vector<SourceSpec> sources = {{"plant", false, 100}};
  EngineRig rig;
  rig.start(specs("p"), false);
  rig.message("a", "1 6");
  rig.commit();
  rig.kill();
  rig.engine =
      std::make_unique<Engine>(EngineOptions(), sources, specs("p"),
                               Engine::Rooms{rig.messages, rig.decoder, rig.commits, rig.encoder,
                                             rig.series, rig.topics, rig.clock});
  ASSERT_TRUE(rig.engine->restore(rig.commits.checkpoint()).ok());
  for (const Segment& segment : rig.commits.segments_after_checkpoint()) {
    ASSERT_TRUE(rig.engine->replay(segment).ok());
  }
  rig.engine->adopt(sources, specs("q"), "another", rig.commits.ledger(), 1);
  rig.engine->begin();
  rig.commit();
  std::vector<ToldEvent> told;
  for (const CommitGroup& group : rig.commits.groups()) {
    told.insert(told.end(), group.events.begin(), group.events.end());
  }
  ASSERT_EQ(told.size(), 2u);
  EXPECT_EQ(told[1].pipeline, "p");
  EXPECT_EQ(told[1].stage, "above_five");
  EXPECT_EQ(told[1].event.phase, EventPhase::end);
  EXPECT_EQ(rig.commits.ledger().get(LedgerKind::events, "p", Term::told), 2);
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

}  // namespace
}  // namespace sluice
