#include <gtest/gtest.h>

#include <cstring>
#include <memory>
#include <optional>
#include <random>
#include <utility>
#include <vector>

#include "fakes/plain_parts.h"
#include "pipeline/call_log.h"
#include "plant.h"

namespace sluice {
namespace {

/// Decides by a dice that no snapshot knows: the same call twice goes two ways. Fails at times, and
/// makes readings when time passes. When calm it lets all pass, and needs no record of that.
class Moody final : public Stage, private RecordedCalls {
 public:
  Moody(std::mt19937_64& dice, bool ordered, bool calm = false)
      : dice_(dice), ordered_(ordered), calm_(calm) {}
  const std::string& name() const override { return name_; }
  const std::vector<std::string>& rules() const override { return rules_; }
  bool ordered() const override { return ordered_; }
  RecordedCalls* recorded_calls() override { return this; }

  Status process(const ReadingBatch& in, StageOutput& out) override {
    record_.assign(calm_ ? in.size() : 0, 'p');
    last_ = in.at(in.size() - 1);
    if (calm_) return say(record_, in, out);
    if (dice_() % 8 == 0) {
      record_ = "failed";
      return internal_error("a bad day");
    }
    for (std::size_t row = 0; row < in.size(); ++row)
      record_.push_back(dice_() % 3 == 0 ? 'd' : 'p');
    return say(record_, in, out);
  }
  Status on_time(std::int64_t, StageOutput& out) override {
    record_.assign(last_ && !calm_ ? dice_() % 3 : 0, '+');
    return say(record_, {}, out);
  }
  Result<std::string> snapshot() override {
    return last_ ? std::string(reinterpret_cast<const char*>(&*last_), sizeof *last_)
                 : std::string();
  }
  Status restore(std::string_view bytes) override {
    if (bytes.size() == sizeof *last_) std::memcpy(&last_.emplace(), bytes.data(), bytes.size());
    return {};
  }

 private:
  bool records() const override { return !calm_; }
  std::string take_record() override { return std::exchange(record_, {}); }
  Status replay(const ReadingBatch* in, std::int64_t, std::string_view record,
                StageOutput& out) override {
    if (in != nullptr) last_ = in->at(in->size() - 1);
    if (record == "failed") return internal_error("a bad day");
    // It may have been said by a version that had more rules.
    return say(std::string(record), in == nullptr ? ReadingBatch() : *in, out, 9);
  }
  Status say(const std::string& record, const ReadingBatch& in, StageOutput& out,
             std::uint16_t rule = 0) {
    for (std::size_t row = 0; row < in.size(); ++row) {
      out.verdicts.push_back(record[row] == 'd' ? Verdict::drop : Verdict::pass);
      if (record[row] == 'd') out.drops.push_back({static_cast<std::uint32_t>(row), rule});
    }
    if (!in.empty()) return {};
    for (std::size_t i = 0; i < record.size(); ++i) out.derived.append(*last_);
    return {};
  }

  std::mt19937_64& dice_;
  const bool ordered_;
  const bool calm_;
  const std::string name_ = "moody";
  const std::vector<std::string> rules_ = {"mood"};
  std::string record_;
  std::optional<Reading> last_;
};

/// A pipeline with two moody stages that is killed at any moment, and what its log says. From some
/// start on the first one is calm, as another version of a plugin may be.
class Killed {
 public:
  explicit Killed(std::mt19937_64& random)
      : random_(random), ordered_(random() % 2 == 0), pipeline_(make(false)) {
    pipeline_->catch_up(effects(nullptr));
    checkpoint();
  }

  void step(std::int64_t at_s) {
    std::vector<std::pair<std::int64_t, double>> readings;
    for (std::size_t n = 1 + random_() % 4; n > 0; --n) {
      readings.emplace_back(at_s + static_cast<std::int64_t>(random_() % 3), 1.0);
    }
    Logged logged{plant_.batch(readings, at_s), {}};
    CallLog calls;
    std::vector<bool> routed(logged.batch.readings.size());
    pipeline_->process(logged.batch, routed, effects(&calls));
    logged.calls = calls.take();
    log_.push_back(std::move(logged));
    if (random_() % 10 == 0) checkpoint();
    if (random_() % 7 == 0) kill();
  }

  void close_all() {
    kill();
    if (parked_) kill(false);
    CallLog calls;
    pipeline_->retire(plant_.ledger, effects(&calls));
  }

  const Plant& plant() const { return plant_; }

 private:
  struct Logged {
    BatchEntry batch;
    std::vector<StageCall> calls;
  };

  std::unique_ptr<Pipeline> make(bool parked) {
    PipelineSpec spec = plant_.spec(10, 2);
    if (parked) {
      spec.parked = "moody.so is missing";
    } else {
      spec.stages.push_back(std::make_unique<Moody>(random_, ordered_, calm_));
      spec.stages.push_back(std::make_unique<Moody>(random_, ordered_));
    }
    return std::make_unique<Pipeline>(std::move(spec), plant_.series, plant_.topics);
  }
  PipelineEffects effects(CallLog* calls) {
    PipelineEffects all{plant_.ledger, plant_.closed};
    all.calls = calls;
    return all;
  }
  void checkpoint() {
    parts_.clear();
    ASSERT_TRUE(pipeline_->snapshot(parts_).ok());
    log_.clear();
  }
  /// The first commit after a start carries a checkpoint, so what catching up does is behind it.
  void kill() { kill(random_() % 3 == 0); }
  void kill(bool parked) {
    parked_ = parked;
    calm_ = calm_ || random_() % 8 == 0;
    pipeline_ = make(parked);
    ASSERT_TRUE(pipeline_->restore(parts_).ok());
    Plant nowhere;
    for (const Logged& logged : log_) {
      CallLog calls(logged.calls);
      PipelineEffects ignored{nowhere.ledger, nowhere.closed};
      ignored.calls = &calls;
      std::vector<bool> routed(logged.batch.readings.size());
      pipeline_->process(logged.batch, routed, ignored);
      EXPECT_TRUE(calls.empty()) << "a call was not repeated";
    }
    CallLog calls;
    pipeline_->catch_up(effects(&calls));
    checkpoint();
  }

  std::mt19937_64& random_;
  Plant plant_;
  const bool ordered_;
  bool parked_ = false;
  bool calm_ = false;
  std::unique_ptr<Pipeline> pipeline_;
  std::vector<CheckpointPart> parts_;
  std::vector<Logged> log_;
};

// What the ledger counts as aggregated was decided when the call was made; the windows after a
// restart must hold just that, whatever the stage would say if it were asked again.
TEST(RecordedStage, WindowsHoldWhatTheLedgerCountsThoughTheStageIsNeverTheSameTwice) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  for (std::uint64_t history = 0; history < 300; ++history) {
    std::mt19937_64 random(seed + history);
    Killed killed(random);
    for (std::int64_t at_s = 1; at_s < 60; ++at_s) killed.step(at_s);
    killed.close_all();
    std::uint64_t in_windows = 0;
    for (const Pane& pane : killed.plant().closed) in_windows += pane.content.moments.count;
    const Plant& plant = killed.plant();
    ASSERT_EQ(in_windows, static_cast<std::uint64_t>(plant.term(Term::aggregated)))
        << "history " << history;
    ASSERT_EQ(plant.ledger.difference(), 0) << "history " << history;
  }
}

}  // namespace
}  // namespace sluice
