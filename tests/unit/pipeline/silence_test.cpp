#include <gtest/gtest.h>

#include <vector>

#include "plant.h"

namespace sluice {
namespace {

constexpr std::int64_t kDay = 86'400 * kSecond;

/// Notes the watermarks it is told.
class Listener final : public Stage {
 public:
  Listener(std::vector<std::int64_t>& told, bool wants_time, bool ordered)
      : told_(told), wants_time_(wants_time), ordered_(ordered) {}
  const std::string& name() const override { return name_; }
  const std::vector<std::string>& rules() const override { return rules_; }
  bool ordered() const override { return ordered_; }
  bool wants_time() const override { return wants_time_; }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    out.verdicts.assign(in.size(), Verdict::pass);
    return {};
  }
  Status on_time(std::int64_t watermark_ns, StageOutput&) override {
    told_.push_back(watermark_ns / kSecond);
    return {};
  }
  Result<std::string> snapshot() override { return std::string(); }
  Status restore(std::string_view) override { return {}; }

 private:
  std::vector<std::int64_t>& told_;
  const bool wants_time_;
  const bool ordered_;
  const std::string name_ = "listener";
  const std::vector<std::string> rules_;
};

/// A pipeline with a listener; topics are idle after 60 s. Times in seconds.
class Silence : public ::testing::Test {
 protected:
  std::unique_ptr<Pipeline> make(std::int64_t disorder_s = 0, bool wants_time = true,
                                 bool ordered = false) {
    PipelineSpec spec = plant_.spec(0, disorder_s);
    spec.stages.push_back(std::make_unique<Listener>(told_, wants_time, ordered));
    return std::make_unique<Pipeline>(std::move(spec), plant_.series, plant_.topics);
  }
  void begin(std::int64_t disorder_s = 0, bool wants_time = true, bool ordered = false) {
    pipeline_ = make(disorder_s, wants_time, ordered);
    pipeline_->catch_up({plant_.ledger, plant_.closed});
  }
  void read(TopicId topic, std::int64_t boottime_s, std::int64_t time_s) {
    BatchEntry entry = plant_.batch({{time_s, 1}}, boottime_s);
    entry.readings.topic[0] = topic;
    plant_.process(*pipeline_, entry);
  }
  /// As the engine does, at that moment alone.
  bool tick(std::int64_t boottime_s) {
    const std::int64_t now = boottime_s * kSecond;
    if (!pipeline_->due(now)) return false;
    pipeline_->tick(now, {plant_.ledger, plant_.closed});
    return true;
  }
  std::vector<std::int64_t> told() { return std::exchange(told_, {}); }

  using Times = std::vector<std::int64_t>;
  Plant plant_;
  const TopicId a_ = plant_.topic;
  const TopicId b_ = plant_.topics.intern({"plant", "b"});
  std::vector<std::int64_t> told_;
  std::unique_ptr<Pipeline> pipeline_;
};

TEST_F(Silence, GoesOnAtThePaceOfTheClockOnceEveryTopicIsIdle) {
  begin(5);
  read(a_, 100, 1'000);
  EXPECT_EQ(told(), Times({995}));
  EXPECT_FALSE(tick(159));
  EXPECT_TRUE(tick(160));
  EXPECT_EQ(told(), Times({1'055}));
  EXPECT_FALSE(tick(219)) << "again after another idle timeout";
  EXPECT_TRUE(tick(221));
  EXPECT_EQ(told(), Times({1'116}));
  read(a_, 230, 1'130);
  EXPECT_EQ(told(), Times({1'125})) << "from here on the topic tells";
}

TEST_F(Silence, WhileOneTopicSpeaksItsTimeIsTold) {
  begin();
  read(a_, 100, 1'000);
  read(b_, 100, 1'000);
  read(b_, 130, 1'030);
  EXPECT_FALSE(tick(165));
  EXPECT_EQ(told(), Times({1'000}));
  read(b_, 170, 1'070);
  EXPECT_EQ(told(), Times({1'070})) << "a is idle and holds nothing back";
}

TEST_F(Silence, NeitherAClockThatIsAheadNorATopicThatIsLongGoneDecidesHowFarTimeIs) {
  begin();
  const TopicId gone = plant_.topics.intern({"plant", "gone"});
  read(gone, 1, 10);
  read(a_, 1'000, 1'000);
  read(b_, 1'000, 1'000'000);
  EXPECT_EQ(told(), Times({10, 1'000}));
  pipeline_->restart(1'001 * kSecond);  // the silence of the one that is gone counts anew too
  EXPECT_TRUE(tick(1'061));
  EXPECT_EQ(told(), Times({1'060}));
}

TEST_F(Silence, IsToldLessOftenTheLongerItLasts) {
  begin();
  read(a_, 1'000, 1'000);
  std::size_t ticks = 0;
  std::int64_t behind_most = 0;
  for (std::int64_t silence = 1; silence <= 7 * 86'400; ++silence) {
    ticks += tick(1'000 + silence) ? 1 : 0;
    const std::int64_t behind = 1'000 + silence - told_.back();
    EXPECT_LE(behind, std::max<std::int64_t>(60, silence / 16 + 1)) << silence;
    behind_most = std::max(behind_most, behind);
  }
  EXPECT_LT(ticks, 130u);
  EXPECT_GT(behind_most, 60);
}

TEST_F(Silence, CostsNothingWhereNoStageWantsTime) {
  begin(0, false);
  read(a_, 100, 1'000);
  EXPECT_FALSE(tick(100'000));
}

TEST_F(Silence, WithoutAConnectionNothingIsSilentForADay) {
  begin();
  read(a_, 100, 1'000);
  pipeline_->disconnected("plant", 110 * kSecond);
  told();
  EXPECT_FALSE(tick(80'000));
  pipeline_->connected("plant", 80'000 * kSecond);
  EXPECT_FALSE(tick(80'059));
  EXPECT_TRUE(tick(80'060));
  EXPECT_EQ(told(), Times({1'060}));
  pipeline_->disconnected("plant", 80'100 * kSecond);
  EXPECT_FALSE(tick(80'099 + kDay / kSecond));
  EXPECT_TRUE(tick(80'100 + kDay / kSecond));
}

TEST_F(Silence, MakesNoReadingLateThatComesAfterAPause) {
  begin(0, true, true);
  for (std::int64_t t = 1'000; t < 11'000; t += 200) {
    for (const std::int64_t age : {90, 60, 30}) read(a_, t, t - age);  // stored meanwhile
    for (int s = 1; s < 200; ++s) tick(t + s);
  }
  EXPECT_EQ(plant_.term(Term::late), 0);
  EXPECT_EQ(plant_.term(Term::observed), 150);
  EXPECT_GT(told().size(), 100u);
}

TEST_F(Silence, CountsAnewInAnotherBoot) {
  begin();
  read(a_, 1'000, 1'000);
  EXPECT_TRUE(tick(2'000));
  told();
  pipeline_->restart(5 * kSecond);
  EXPECT_FALSE(tick(64));
  EXPECT_TRUE(tick(65));
  EXPECT_EQ(told(), Times({2'060}));
}

// A pipeline that comes back from its checkpoint, without having been told of a start, is told what
// the other is.
TEST_F(Silence, IsPartOfTheState) {
  Times whole;
  for (const std::int64_t at : {0, 150, 161, 230, 3'000}) {
    begin();
    read(a_, 100, 1'000);
    for (std::int64_t now = 101; now < 5'000; ++now) {
      if (now == at) {
        std::vector<CheckpointPart> parts;
        ASSERT_TRUE(pipeline_->snapshot(parts).ok());
        pipeline_ = make();
        ASSERT_TRUE(pipeline_->restore(parts).ok());
        pipeline_->catch_up({plant_.ledger, plant_.closed});
      }
      tick(now);
    }
    if (at == 0) whole = told_;
    EXPECT_EQ(told(), whole) << at;
  }
  EXPECT_GT(whole.size(), 20u);
}

}  // namespace
}  // namespace sluice
