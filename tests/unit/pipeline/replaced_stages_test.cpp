#include <gtest/gtest.h>

#include <chrono>
#include <cstring>
#include <future>
#include <map>
#include <memory>
#include <optional>
#include <random>
#include <tuple>
#include <utility>
#include <vector>

#include "engine_rig.h"

namespace sluice {
namespace {

/// Numbers the readings, and holds each until the next one comes. Version 2 refuses what version 1
/// saved; other pairs get along. Version 3 does so too, and saves its own state but once. Version 0
/// holds nothing.
class Numbering final : public Stage {
 public:
  explicit Numbering(int version) : version_(version) {}
  const std::string& name() const override { return name_; }
  const std::vector<std::string>& rules() const override { return rules_; }
  bool ordered() const override { return false; }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    if (version_ == 0) out.verdicts.assign(in.size(), Verdict::pass);
    for (std::size_t row = 0; version_ > 0 && row < in.size(); ++row) {
      out.verdicts.push_back(Verdict::hold);
      if (state_.holds) {
        out.settled.append(state_.held);
        ++out.settled_passed;
      }
      state_.holds = true;
      state_.held = in.at(row);
      state_.held.value = Value::of(static_cast<double>(++state_.seen));
    }
    return {};
  }
  Status on_time(std::int64_t, StageOutput&) override { return {}; }
  Result<std::string> snapshot() override {
    if (version_ == 3 && saves_++ > 0) return internal_error("it has saved its state already");
    std::string bytes(1 + sizeof state_, static_cast<char>(version_));
    std::memcpy(bytes.data() + 1, &state_, sizeof state_);
    return bytes;
  }
  Status restore(std::string_view bytes) override {
    if (version_ > 1 && bytes.front() == 1) return failed_precondition("it is of version 1");
    std::memcpy(&state_, bytes.data() + 1, sizeof state_);
    return {};
  }

 private:
  struct State {
    std::uint64_t seen = 0;
    bool holds = false;
    Reading held;
  };
  const int version_;
  const std::string name_ = "numbering";
  const std::vector<std::string> rules_;
  State state_;
  int saves_ = 0;
};

MakePipelines pipelines(int version, std::int64_t idle_s = 3600) {
  return [version, idle_s] {
    std::vector<PipelineSpec> specs(1);
    specs[0].name = "p";
    specs[0].hash = 1;
    specs[0].stages.push_back(std::make_unique<Numbering>(version));
    specs[0].windows = {WindowSpec::tumbling(10 * kSecond)};
    specs[0].idle_timeout_ns = idle_s * kSecond;
    return specs;
  };
}

/// A topic that is silent for so long holds up nothing.
constexpr std::int64_t kShortIdle = 2;

std::vector<PipelineSpec> parked() {
  std::vector<PipelineSpec> specs = pipelines(1, kShortIdle)();
  specs[0].stages.clear();
  specs[0].parked = "numbering.so is missing";
  return specs;
}

struct ReplacedStages : ::testing::Test {
  void start(int version, bool awaits_cloud = false) {
    rig.start(pipelines(version)(), awaits_cloud);
  }
  Result<std::vector<StageReplacement>> replace(int version, bool begins_anew = false) {
    return replace(pipelines(version), begins_anew);
  }
  Result<std::vector<StageReplacement>> replace(const MakePipelines& make,
                                                bool begins_anew = false) {
    auto answer = std::async(std::launch::async, [&] {
      return rig.engine->replace_stages(make, begins_anew, std::chrono::minutes(1));
    });
    while (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      rig.engine->step();
    }
    return answer.get();
  }
  void reading(std::int64_t time_s) {
    rig.message("a", std::to_string(time_s) + " 0");
    now_s = time_s;
  }
  void connection(IngestEvent::Kind kind) {
    IngestEvent event;
    event.kind = kind;
    event.boottime_ns = rig.clock.boottime_ns();
    event.position = {0, 1, rig.id};
    rig.messages.push(event);
    rig.engine->step();
  }
  /// The plugin is there again, and nothing comes.
  void bring_back() {
    ASSERT_EQ(replace(pipelines(1, kShortIdle))->at(0).error, "");
    for (int i = 0; i < 5; ++i) rig.commit();
  }
  void restart(int version) {
    rig.commit();
    rig.kill();
    start(version);
  }
  std::int64_t term(Term t) const { return rig.commits.ledger().get(LedgerKind::readings, "p", t); }
  std::int64_t rejected_with_their_stage() const {
    const Ledger ledger = rig.commits.ledger();
    const auto it =
        ledger.counters().find({LedgerKind::readings, "p", Term::rejected, "stage_replaced"});
    return it == ledger.counters().end() ? 0 : it->second;
  }
  /// By start: count and sum of the numbers.
  std::map<std::int64_t, std::pair<std::uint64_t, double>> panes() const {
    std::map<std::int64_t, std::pair<std::uint64_t, double>> all;
    for (const CommitGroup& group : rig.commits.groups()) {
      for (const OutboxRow& row : group.outbox) {
        for (const Pane& pane : rig.panes(row.bytes)) {
          const Moments& m = pane.content.moments;
          EXPECT_TRUE(
              all.emplace(pane.window.start_ns / kSecond, std::pair(m.count, m.total())).second)
              << "closed twice";
        }
      }
    }
    return all;
  }
  EngineRig rig;
  std::int64_t now_s = 0;
};

TEST_F(ReplacedStages, AtAnyMomentAlsoBeforeAKillChangeNothing) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  constexpr std::int64_t kReadings = 300;
  start(1);
  int replaced = 0;
  for (std::int64_t n = 1; n <= kReadings; ++n) {
    reading(n);
    if (random() % 20 == 0) rig.commit();
    if (random() % 20 == 0) {
      const auto outcome = replace(1);
      ASSERT_TRUE(outcome.ok());
      ASSERT_EQ(outcome->at(0).error, "");
      ++replaced;
    }
    if (random() % 40 == 0) restart(1);
  }
  rig.commit();
  ASSERT_GT(replaced, 0);
  const auto all = panes();
  ASSERT_EQ(all.size(), 30u);  // the last is open
  for (const auto& [start_s, content] : all) {
    const std::int64_t first = std::max<std::int64_t>(start_s, 1);
    const std::int64_t last = start_s + 9;
    EXPECT_EQ(content.first, static_cast<std::uint64_t>(last - first + 1)) << start_s;
    EXPECT_EQ(content.second, static_cast<double>((first + last) * (last - first + 1)) / 2);
  }
  EXPECT_EQ(term(Term::held), 1);
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

TEST_F(ReplacedStages, ThatRefuseTheStateLeaveTheOldOnesAsTheyWere) {
  start(1);
  for (std::int64_t n = 1; n <= 5; ++n) reading(n);
  const auto outcome = replace(2);
  ASSERT_TRUE(outcome.ok());
  EXPECT_NE(outcome->at(0).error.find("it is of version 1"), std::string::npos)
      << outcome->at(0).error;
  for (std::int64_t n = 6; n <= 11; ++n) reading(n);
  restart(1);
  reading(12);
  rig.commit();
  EXPECT_EQ(panes().at(0), (std::pair<std::uint64_t, double>(9, 45)));
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

TEST_F(ReplacedStages, BeginAnewWhereThatIsWantedAndWhatWasHeldIsNamed) {
  start(1);
  for (std::int64_t n = 1; n <= 5; ++n) reading(n);
  const auto outcome = replace(2, true);
  ASSERT_TRUE(outcome.ok());
  EXPECT_EQ(outcome->at(0).error, "");
  EXPECT_NE(outcome->at(0).began_anew.find("it is of version 1"), std::string::npos);
  for (std::int64_t n = 6; n <= 12; ++n) reading(n);
  restart(2);
  reading(13);
  restart(2);
  EXPECT_EQ(rejected_with_their_stage(), 1);
  EXPECT_EQ(term(Term::held), 1);
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
  // 1 to 4 of the old one, 1 to 4 of the new one: the windows went on.
  EXPECT_EQ(panes().at(0), (std::pair<std::uint64_t, double>(8, 20)));
  // Nothing of the first loss is left to be counted once more.
  ASSERT_TRUE(replace(1).ok());
  ASSERT_EQ(replace(2, true)->at(0).error, "");
  rig.commit();
  EXPECT_EQ(rejected_with_their_stage(), 2);
  EXPECT_EQ(term(Term::held), 0);
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

TEST_F(ReplacedStages, ThatFailWhenTheyHaveBegunAnewGiveNothingUp) {
  start(1);
  for (std::int64_t n = 1; n <= 5; ++n) reading(n);
  EXPECT_NE(replace(3, true)->at(0).error, "");
  reading(6);
  rig.commit();
  EXPECT_EQ(rejected_with_their_stage(), 0);
  EXPECT_EQ(term(Term::held), 1);
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

// Crashed, and started with another version: the replay shows it what the log counts as held.
TEST_F(ReplacedStages, ThatDecideOtherwiseInAReplayLeaveNothingHeldThatNobodyHolds) {
  start(1);
  rig.commit();  // the checkpoint
  for (std::int64_t n = 1; n <= 5; ++n) reading(n);
  rig.commit();
  EXPECT_EQ(term(Term::held), 1);
  restart(0);
  for (std::int64_t n = 6; n <= 8; ++n) reading(n);
  rig.commit();
  EXPECT_EQ(term(Term::held), 0);
  EXPECT_EQ(rejected_with_their_stage(), 1);
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
  // And the other way: 8 was counted when it passed, and is held once more.
  reading(9);
  restart(1);
  EXPECT_EQ(term(Term::derived), 0);
  rig.commit();
  EXPECT_EQ(term(Term::held), 1);
  EXPECT_EQ(term(Term::derived), 1);
  for (std::int64_t n = 10; n <= 12; ++n) reading(n);
  restart(1);
  rig.commit();
  EXPECT_EQ(term(Term::held), 1);
  EXPECT_EQ(term(Term::derived), 1) << "the same version holds the same";
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

// Whoever reloads every minute would otherwise have windows that no silence closes.
TEST_F(ReplacedStages, DoNotMakeASilentTopicHeard) {
  rig.start(pipelines(1, kShortIdle)(), false);
  for (std::int64_t n = 1; n <= 5; ++n) reading(n);
  rig.commit();
  for (int i = 0; i < 30; ++i) {
    rig.clock.advance(kSecond / 2);
    ASSERT_EQ(replace(pipelines(1, kShortIdle))->at(0).error, "");
  }
  rig.clock.advance(kSecond / 2);
  rig.engine->step();
  rig.commit();
  EXPECT_EQ(panes().size(), 1u);
}

TEST_F(ReplacedStages, WaitUntilTheCloudHasSaidWhoWeAre) {
  start(1, true);
  reading(1);
  EXPECT_EQ(replace(1).status().code(), StatusCode::failed_precondition);
  rig.engine->confirm_epoch();
  rig.engine->step();
  EXPECT_TRUE(replace(1).ok());
}

// Its plugin was missing at the start, and is there now.
TEST_F(ReplacedStages, BringAParkedPipelineBackWithWhatWaitedForIt) {
  rig.start(parked(), false);
  for (std::int64_t n = 1; n <= 10; ++n) reading(n);
  rig.commit();
  EXPECT_EQ(term(Term::pending), 10);
  ASSERT_EQ(replace(1)->at(0).error, "");
  for (std::int64_t n = 11; n <= 12; ++n) reading(n);
  rig.commit();
  EXPECT_EQ(term(Term::pending), 0);
  EXPECT_EQ(panes().at(0), (std::pair<std::uint64_t, double>(9, 45)));
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

// How it stands with a source when nothing came since: silence closes windows, its absence none.
TEST_F(ReplacedStages, BringAParkedPipelineBackThatKnowsWhichSourceIsGone) {
  rig.start(parked(), false);
  for (std::int64_t n = 1; n <= 5; ++n) reading(n);
  connection(IngestEvent::Kind::disconnected);
  bring_back();
  EXPECT_TRUE(panes().empty()) << "closed, though the broker still has what belongs there";
}

TEST_F(ReplacedStages, BringAParkedPipelineBackThatKnowsWhichSourceIsThereAgain) {
  start(1);
  for (std::int64_t n = 1; n <= 5; ++n) reading(n);
  connection(IngestEvent::Kind::disconnected);
  rig.commit();
  rig.kill();
  rig.start(parked(), false);
  connection(IngestEvent::Kind::connected);
  bring_back();
  EXPECT_EQ(panes().size(), 1u) << "it waits for a source that is there";
}

// The config that parked it has that source no longer.
TEST_F(ReplacedStages, BringAParkedPipelineBackThatWaitsForNoSourceOfAnOlderConfig) {
  start(1);
  for (std::int64_t n = 1; n <= 5; ++n) reading(n);
  connection(IngestEvent::Kind::disconnected);
  rig.commit();
  rig.kill();
  rig.start(parked(), false, {{"other", false, 100}});
  bring_back();
  EXPECT_EQ(panes().size(), 1u) << "it waits for a source that is no more";
}

/// Adds 1, so that each stage that a reading has passed can be told from it.
class PlusOne final : public Stage {
 public:
  explicit PlusOne(bool ordered) : ordered_(ordered) {}
  const std::string& name() const override { return name_; }
  const std::vector<std::string>& rules() const override { return rules_; }
  bool ordered() const override { return ordered_; }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    for (std::size_t row = 0; row < in.size(); ++row) {
      Reading reading = in.at(row);
      reading.value = Value::of(reading.value.as_double() + 1);
      out.verdicts.push_back(Verdict::altered);
      out.altered.append(reading);
    }
    return {};
  }
  Status on_time(std::int64_t, StageOutput&) override { return {}; }
  Result<std::string> snapshot() override { return std::string(); }
  Status restore(std::string_view) override { return {}; }

 private:
  const bool ordered_;
  const std::string name_ = "plus_one";
  const std::vector<std::string> rules_;
};

/// Readings wait for 5 s before the first stage that is ordered.
MakePipelines adding(const std::vector<bool>& ordered_stages) {
  return [ordered_stages] {
    std::vector<PipelineSpec> specs = pipelines(1)();
    specs[0].max_out_of_order_ns = 5 * kSecond;
    specs[0].stages.clear();
    for (const bool ordered : ordered_stages) {
      specs[0].stages.push_back(std::make_unique<PlusOne>(ordered));
    }
    return specs;
  };
}

struct OtherOrder {
  std::vector<bool> before, after;
};
class ReplacedByOtherOrder : public ReplacedStages,
                             public ::testing::WithParamInterface<OtherOrder> {
 protected:
  void expect_each_passed_each_stage_once() {
    for (const std::int64_t n : {10, 16, 30}) reading(n);
    rig.commit();
    const auto stages = static_cast<double>(GetParam().before.size());
    EXPECT_EQ(term(Term::late), 0);
    EXPECT_EQ(panes().at(0), (std::pair<std::uint64_t, double>(9, 9 * stages)));
    EXPECT_EQ(panes().at(10), (std::pair<std::uint64_t, double>(2, 2 * stages)));
    EXPECT_EQ(term(Term::pending), GetParam().after.back() || GetParam().after.front() ? 1 : 0);
    EXPECT_EQ(rig.commits.ledger().difference(), 0);
  }
};

// What waits for a stage that no longer needs its order must not go by it, nor by its windows, and
// what has passed a stage that needs it now must not come to it again.
TEST_P(ReplacedByOtherOrder, TakeWhatWaitedForTheOldOnes) {
  rig.start(adding(GetParam().before)(), false);
  for (std::int64_t n = 1; n <= 9; ++n) reading(n);
  ASSERT_EQ(replace(adding(GetParam().after))->at(0).error, "");
  expect_each_passed_each_stage_once();
}

TEST_P(ReplacedByOtherOrder, TakeWhatWaitedForTheOldOnesBeforeTheRestart) {
  rig.start(adding(GetParam().before)(), false);
  for (std::int64_t n = 1; n <= 9; ++n) reading(n);
  rig.commit();
  // As a clean stop, with a checkpoint.
  ASSERT_EQ(replace(adding(GetParam().before))->at(0).error, "");
  rig.commit();
  rig.kill();
  rig.start(adding(GetParam().after)(), false);
  expect_each_passed_each_stage_once();
}

INSTANTIATE_TEST_SUITE_P(All, ReplacedByOtherOrder,
                         ::testing::Values(OtherOrder{{true}, {false}}, OtherOrder{{false}, {true}},
                                           OtherOrder{{true, false}, {false, true}},
                                           OtherOrder{{false, true}, {true, false}},
                                           OtherOrder{{false, true}, {false, false}}));

}  // namespace
}  // namespace sluice
