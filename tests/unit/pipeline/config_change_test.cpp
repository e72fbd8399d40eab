#include "pipeline/config_change.h"

#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <map>
#include <random>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "engine_rig.h"

namespace sluice {
namespace {

/// Windows of 10 s.
PipelineSpec tens(const std::string& name, std::uint64_t hash) {
  PipelineSpec spec;
  spec.name = name;
  spec.hash = hash;
  spec.windows = {WindowSpec::tumbling(10 * kSecond)};
  return spec;
}

/// Lets all pass, in event order.
class Ordered final : public Stage {
 public:
  const std::string& name() const override { return name_; }
  const std::vector<std::string>& rules() const override { return rules_; }
  bool ordered() const override { return true; }
  Status process(const ReadingBatch& in, StageOutput& out) override {
    out.verdicts.assign(in.size(), Verdict::pass);
    return {};
  }
  Status on_time(std::int64_t, StageOutput&) override { return {}; }
  Result<std::string> snapshot() override { return std::string(); }
  Status restore(std::string_view) override { return {}; }

 private:
  const std::string name_ = "ordered";
  const std::vector<std::string> rules_;
};

PipelineSpec ordered(std::uint64_t hash) {
  PipelineSpec spec = tens("p", hash);
  spec.max_out_of_order_ns = 5 * kSecond;
  spec.stages.push_back(std::make_unique<Ordered>());
  return spec;
}

/// As an outcome, or the error.
struct Changed {
  std::string error;
  ConfigOutcome outcome;
};

struct ConfigChanges : ::testing::Test {
  using Make = std::function<std::vector<NextPipeline>()>;

  void readings(std::int64_t from_s, std::int64_t to_s) {
    for (std::int64_t s = from_s; s <= to_s; ++s) rig.message("a", std::to_string(s) + " 1");
  }
  ConfigChange wanted(Make make, std::vector<SourceSpec> sources = {{"plant", false, 100}}) {
    ConfigChange change;
    change.sources = std::move(sources);
    change.make = std::move(make);
    change.config = "config";
    change.durable = [this] {
      std::int64_t rows = 0;
      for (const CommitGroup& group : rig.commits.groups()) {
        rows += static_cast<std::int64_t>(group.outbox.size());
      }
      return DurableState{rig.commits.ledger(), rows + 1};
    };
    return change;
  }
  Changed change(ConfigChange change) {
    auto answer = std::async(std::launch::async, [&] {
      return rig.engine->change_config(std::move(change), std::chrono::minutes(1));
    });
    while (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      rig.engine->step();
    }
    auto outcome = answer.get();
    if (!outcome.ok()) return {std::string(outcome.status().message()), {}};
    return {"", *std::move(outcome)};
  }
  Changed change(Make make) { return change(wanted(std::move(make))); }
  /// By pipeline, spec hash and start: readings and quality.
  using Key = std::tuple<std::string, std::uint64_t, std::int64_t>;
  std::map<Key, std::pair<std::uint64_t, PaneQuality>> panes() const {
    std::map<Key, std::pair<std::uint64_t, PaneQuality>> all;
    for (const SummaryBlock& block : rig.encoder.blocks) {
      for (const Pane& pane : block.panes) {
        const Key key{block.pipeline, block.spec_hash, pane.window.start_ns / kSecond};
        EXPECT_FALSE(all.count(key)) << block.pipeline << " " << pane.window.start_ns;
        all[key] = {pane.content.moments.count, pane.quality};
      }
    }
    return all;
  }
  std::int64_t of_p(Term term) const {
    return rig.commits.ledger().get(LedgerKind::readings, "p", term);
  }
  EngineRig rig;
};

std::vector<PipelineSpec> only(PipelineSpec spec) {
  std::vector<PipelineSpec> specs;
  specs.push_back(std::move(spec));
  return specs;
}

std::vector<NextPipeline> next(PipelineSpec spec) {
  std::vector<NextPipeline> all;
  std::string name = spec.name;
  all.push_back({std::move(name), std::move(spec)});
  return all;
}

TEST_F(ConfigChanges, TouchNothingButWhatIsAnother) {
  std::vector<PipelineSpec> specs = only(tens("kept", 1));
  specs.push_back(tens("changed", 2));
  specs.push_back(tens("gone", 3));
  rig.start(std::move(specs), false);
  readings(1, 5);
  const Changed changed = change([] {
    std::vector<NextPipeline> all = next(tens("changed", 22));
    all.push_back({"kept", {}});
    all.push_back({"new", tens("new", 4)});
    return all;
  });
  EXPECT_EQ(changed.error, "");
  EXPECT_TRUE(changed.outcome.parked.empty());
  readings(6, 20);
  rig.commit();
  const auto all = panes();
  ASSERT_EQ(all.size(), 8u);
  std::map<std::string, std::vector<std::uint64_t>> counts;
  std::set<std::uint64_t> hashes;
  for (const auto& [key, pane] : all) {
    counts[std::get<0>(key)].push_back(pane.first);
    if (std::get<0>(key) == "changed") hashes.insert(std::get<1>(key));
    const bool is_cut = pane.first == 5 && (std::get<1>(key) == 2 || std::get<1>(key) == 3);
    EXPECT_EQ(pane.second, is_cut ? PaneQuality::partial_config : PaneQuality::complete);
  }
  EXPECT_EQ(counts["kept"], (std::vector<std::uint64_t>{9, 10}));
  EXPECT_EQ(counts["gone"], (std::vector<std::uint64_t>{5}));
  EXPECT_EQ(counts["new"], (std::vector<std::uint64_t>{4, 10}));
  std::sort(counts["changed"].begin(), counts["changed"].end());
  EXPECT_EQ(counts["changed"], (std::vector<std::uint64_t>{4, 5, 10}));
  EXPECT_EQ(hashes.size(), 2u);
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

TEST_F(ConfigChanges, LetGoWhatWaitsForItsOrder) {
  rig.start(only(ordered(1)), false);
  readings(1, 4);
  rig.commit();
  EXPECT_EQ(of_p(Term::pending), 4);
  EXPECT_EQ(change([] { return next(ordered(2)); }).error, "");
  rig.commit();
  EXPECT_EQ(of_p(Term::pending), 0);
  EXPECT_EQ(of_p(Term::rejected), 0);
  EXPECT_EQ(of_p(Term::aggregated), 4);
  readings(5, 21);
  rig.commit();
  EXPECT_EQ(panes().at({"p", 1, 0}),
            (std::pair<std::uint64_t, PaneQuality>(4, PaneQuality::partial_config)));
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

TEST_F(ConfigChanges, AreRefusedWholeWhenAPipelineCannotBeMade) {
  rig.start(only(tens("p", 1)), false);
  readings(1, 5);
  const Changed changed = change([] {
    std::vector<NextPipeline> all = next(tens("p", 2));
    PipelineSpec broken = tens("q", 3);
    broken.parked = "no plugin \"nobody\"";
    all.push_back({"q", std::move(broken)});
    return all;
  });
  EXPECT_EQ(changed.error, "pipeline q: no plugin \"nobody\"");
  readings(6, 10);
  rig.commit();
  EXPECT_EQ(panes().size(), 1u);
  EXPECT_EQ(panes().at({"p", 1, 0}).first, 9u);
}

TEST_F(ConfigChanges, WaitUntilTheHubHasSaidWhoWeAre) {
  rig.start(only(tens("p", 1)), true);
  readings(1, 5);
  EXPECT_NE(change([] { return next(tens("p", 2)); }).error.find("has not yet confirmed"),
            std::string::npos);
  rig.engine->confirm_epoch();
  EXPECT_EQ(change([] { return next(tens("p", 2)); }).error, "");
}

TEST_F(ConfigChanges, WaitUntilAllIsOnFlash) {
  rig.start(only(tens("p", 1)), false);
  readings(1, 5);
  rig.commits.fall_behind(rig.clock.boottime_ns());
  auto answer = std::async(std::launch::async, [&] {
    return rig.engine->change_config(wanted([] { return next(tens("p", 2)); }),
                                     std::chrono::minutes(1));
  });
  for (int i = 0; i < 50; ++i) {
    rig.engine->step();
    std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  EXPECT_NE(answer.wait_for(std::chrono::seconds(0)), std::future_status::ready);
  rig.commits.fall_behind({});
  while (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) rig.engine->step();
  EXPECT_TRUE(answer.get().ok());
}

TEST_F(ConfigChanges, SwapSourcesWhenNothingOfThemIsUnderWay) {
  rig.start(only(tens("p", 1)), false);
  readings(1, 5);
  int swaps = 0;
  ConfigChange swap =
      wanted([] { return next(tens("p", 2)); }, {{"other", false, 100}, {"plant", false, 100}});
  swap.swap_sources = [&] {
    ++swaps;
    EXPECT_EQ(of_p(Term::aggregated), 5) << "all is durable";
  };
  const Changed changed = change(std::move(swap));
  EXPECT_EQ(changed.error, "");
  EXPECT_EQ(swaps, 1);
  EXPECT_EQ(changed.outcome.subscribed.size(), 2u);
  const CommitGroup last = rig.commits.groups().back();
  EXPECT_TRUE(last.checkpoint.has_value());
}

// Configs that follow each other at any time, readings that are late, kills between: each reading
// is in one window of the config of its time, or in one of the next where a kill took it back.
TEST_F(ConfigChanges, LoseAndDoubleNothingWhateverIsKilled) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::uint64_t hash = 1;
  rig.start(only(ordered(hash)), false);
  std::int64_t taken = 0;
  for (std::int64_t s = 1; s <= 400; ++s) {
    rig.message("a", std::to_string(s - static_cast<std::int64_t>(random() % 5)) + " 1");
    ++taken;
    if (random() % 10 == 0) rig.commit();
    if (random() % 15 == 0) {
      hash = random() % 3 + 1;
      ASSERT_EQ(change([hash] { return next(ordered(hash)); }).error, "");
    }
    if (random() % 40 == 0) {
      rig.commit();
      rig.kill();
      rig.start(only(ordered(hash)), false);
    }
  }
  ASSERT_EQ(change([] { return std::vector<NextPipeline>(); }).error, "");
  rig.commit();
  std::uint64_t counted = 0;
  for (const auto& [key, pane] : panes()) counted += pane.first;
  EXPECT_EQ(of_p(Term::in), taken);
  EXPECT_EQ(of_p(Term::aggregated) + of_p(Term::late), taken);
  EXPECT_EQ(static_cast<std::int64_t>(counted), of_p(Term::aggregated));
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

}  // namespace
}  // namespace sluice
