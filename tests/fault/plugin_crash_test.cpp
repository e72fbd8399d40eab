#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "fault/campaign.h"
#include "pipeline/pipeline.h"
#include "plugin_host/plugin_stage.h"

namespace sluice::fault {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// Windows behind an isolated plugin that dies at certain readings, in a daemon that is killed at
/// times: what it had logged is all that the next one knows.
class Gateway {
 public:
  Gateway(Campaign& campaign, std::string way) : campaign_(campaign), way_(std::move(way)) {
    isolation_.program = PLUGIN_HOST_PROGRAM;
    isolation_.limits.deadline = std::chrono::milliseconds(way_ == "spin" ? 100 : 10'000);
    isolation_.failures_max = 0;
    isolation_.backoff_min = std::chrono::nanoseconds(0);
    pipeline_ = make();
    CallLog unused;
    pipeline_->catch_up(effects(&unused));
    checkpoint();
  }

  /// A batch; one in three has a reading that kills. Answers whether it had.
  bool step() {
    ++at_s_;
    Logged logged;
    logged.batch.boottime_ns = at_s_ * kSecond;
    const bool kills = campaign_.chance(33);
    const std::int64_t rows = campaign_.random(1, 20);
    const std::int64_t killer = kills ? campaign_.random(0, rows - 1) : -1;
    for (std::int64_t row = 0; row < rows; ++row) {
      logged.batch.readings.append({series_, topic_, (at_s_ + campaign_.random(0, 1)) * kSecond,
                                    Value::of(row == killer ? 666.0 : 1.0), Quality::good});
    }
    sent_ += rows;
    CallLog calls;
    process(*pipeline_, logged.batch, effects(&calls));
    logged.calls = calls.take();
    log_.push_back(std::move(logged));
    if (campaign_.chance(5)) checkpoint();
    if (campaign_.chance(3)) kill_daemon();
    return kills;
  }

  /// `share_min`: of the readings, how many got through the plugin at least.
  void check(double share_min) {
    CallLog calls;
    pipeline_->retire(ledger_, effects(&calls));
    std::int64_t in_windows = 0;
    for (const Pane& pane : closed_)
      in_windows += static_cast<std::int64_t>(pane.content.moments.count);
    const auto term = [&](Term t) { return ledger_.get(LedgerKind::readings, "p", t); };
    EXPECT_EQ(ledger_.difference(), 0) << way_;
    EXPECT_EQ(in_windows, term(Term::aggregated)) << way_;
    EXPECT_EQ(term(Term::aggregated) + term(Term::rejected) + term(Term::late), sent_) << way_;
    EXPECT_GE(static_cast<double>(in_windows), share_min * static_cast<double>(sent_))
        << way_ << ": it hardly ever ran";
  }

 private:
  struct Logged {
    BatchEntry batch;
    std::vector<StageCall> calls;
  };

  std::unique_ptr<Pipeline> make() {
    auto stage = make_stage({.dir = HOSTILE_PLUGIN_DIR,
                             .plugin = "hostile",
                             .stage = "",
                             .config_json = "{\"way\":\"" + way_ + "\"}",
                             .pipeline = "p",
                             .where = "",
                             .series = table_,
                             .isolation = &isolation_});
    EXPECT_TRUE(stage.ok()) << stage.status().to_string();
    PipelineSpec spec;
    spec.name = "p";
    spec.hash = 7;
    spec.windows = {WindowSpec::tumbling(10 * kSecond)};
    spec.max_out_of_order_ns = 2 * kSecond;
    spec.stages.push_back(*std::move(stage));
    return std::make_unique<Pipeline>(std::move(spec), table_, topics_);
  }
  PipelineEffects effects(CallLog* calls) {
    PipelineEffects all{ledger_, closed_};
    all.calls = calls;
    return all;
  }
  static void process(Pipeline& pipeline, const BatchEntry& batch, PipelineEffects effects) {
    std::vector<bool> routed(batch.readings.size());
    pipeline.process(batch, routed, effects);
  }
  void checkpoint() {
    parts_.clear();
    ASSERT_TRUE(pipeline_->snapshot(parts_).ok());
    log_.clear();
  }
  void kill_daemon() {
    pipeline_ = make();
    ASSERT_TRUE(pipeline_->restore(parts_).ok());
    Ledger counted_before;
    std::vector<Pane> closed_before;
    for (const Logged& logged : log_) {
      CallLog calls(logged.calls);
      PipelineEffects before{counted_before, closed_before};
      before.calls = &calls;
      process(*pipeline_, logged.batch, before);
    }
    CallLog unused;
    pipeline_->catch_up(effects(&unused));
    checkpoint();
  }

  Campaign& campaign_;
  const std::string way_;
  IsolationOptions isolation_;
  SeriesTable table_{100};
  TopicTable topics_{100};
  SeriesId series_ = table_.intern({"temperature", "Cel", {}});
  TopicId topic_ = topics_.intern({"plant", "a"});
  Ledger ledger_;
  std::vector<Pane> closed_;
  std::int64_t sent_ = 0;
  std::int64_t at_s_ = 0;
  std::unique_ptr<Pipeline> pipeline_;
  std::vector<CheckpointPart> parts_;
  std::vector<Logged> log_;
};

// Crashes by signal, by exit and by endless loop, each under load, with kills of the daemon
// between.
TEST(PluginCrash, LosesNothingThatTheLedgerDoesNotName) {
  Campaign campaign("plugin_crash", 1000);
  std::uint64_t crashes = 0;
  for (const char* way : {"segv", "abort", "exit_now", "illegal"}) {
    Gateway gateway(campaign, way);
    for (const std::uint64_t until = crashes + campaign.n() / 4; crashes < until;) {
      crashes += gateway.step() ? 1 : 0;
    }
    gateway.check(0.25);
  }
  Gateway hanging(campaign, "spin");
  for (int hangs = 0; hangs < 5;) hangs += hanging.step() ? 1 : 0;
  hanging.check(0);  // so few batches may all have a killer
  campaign.report(crashes, "crashes, and 5 hangs");
}

}  // namespace
}  // namespace sluice::fault
