#include <gtest/gtest.h>

#include <chrono>
#include <future>
#include <limits>
#include <map>
#include <memory>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "engine_rig.h"
#include "fakes/power_sum.h"

namespace sluice {
namespace {

constexpr double kNone = std::numeric_limits<double>::quiet_NaN();
// In place of a sum: there is none, or only what it was saved as.
constexpr double kLost = -1;
constexpr double kSaved = -2;

MakePipelines sums(std::shared_ptr<const AggregateType> type) {
  return [type] {
    std::vector<PipelineSpec> specs(1);
    specs[0].name = "p";
    specs[0].hash = 1;
    specs[0].windows = {WindowSpec::tumbling(10 * kSecond)};
    specs[0].windows[0].extras.plugins = {PowerSum::spec(type)};
    return specs;
  };
}

MakePipelines sums(double fails_on = kNone, const std::string& version = "1.0.0",
                   const std::string& refuses = "") {
  return sums(std::make_shared<PowerSum>(1, fails_on, version, refuses));
}

/// Its plugin is not there.
std::vector<PipelineSpec> parked() {
  std::vector<PipelineSpec> specs = sums()();
  specs[0].windows[0].extras.plugins = {{{"power_sum", "{}"}, nullptr, false}};
  specs[0].parked = "power_sum.so is missing";
  return specs;
}

/// Windows of 10 s, a reading of value 1 each second from 1 on.
struct PluginAggregates : ::testing::Test {
  void readings(std::int64_t from_s, std::int64_t to_s) {
    for (std::int64_t s = from_s; s <= to_s; ++s) rig.message("a", std::to_string(s) + " 1");
  }
  void restart(std::vector<PipelineSpec> specs) {
    rig.commit();
    rig.kill();
    rig.start(std::move(specs), false);
  }
  std::string replace(const MakePipelines& make, bool begins_anew = false) {
    auto answer = std::async(std::launch::async, [&] {
      return rig.engine->replace_stages(make, begins_anew, std::chrono::minutes(1));
    });
    while (answer.wait_for(std::chrono::seconds(0)) != std::future_status::ready) {
      rig.engine->step();
    }
    const auto outcome = answer.get();
    return outcome.ok() ? outcome->at(0).error : std::string(outcome.status().message());
  }
  /// By start: the version and the sum.
  std::map<std::int64_t, std::pair<std::string, double>> panes() const {
    std::map<std::int64_t, std::pair<std::string, double>> all;
    for (const CommitGroup& group : rig.commits.groups()) {
      for (const OutboxRow& row : group.outbox) {
        for (const Pane& pane : rig.panes(row.bytes)) {
          const PluginAggregate& of = *pane.content.extras->plugins().at(0);
          const std::vector<double> results = of.results();
          const double sum = of.lost() ? kLost : results.empty() ? kSaved : results.at(1);
          all[pane.window.start_ns / kSecond] = {of.identity().version, sum};
        }
      }
    }
    return all;
  }
  EngineRig rig;
};

TEST_F(PluginAggregates, ComeToTheSameWhateverKillsAndReloadsAreBetween) {
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  rig.start(sums()(), false);
  std::string version = "1.0.0";
  for (std::int64_t s = 1; s <= 300; ++s) {
    readings(s, s);
    if (random() % 20 == 0) rig.commit();
    if (random() % 20 == 0) {
      version = std::to_string(random() % 9) + ".0.0";
      ASSERT_EQ(replace(sums(kNone, version)), "");
    }
    if (random() % 40 == 0) restart(sums(kNone, version)());
  }
  rig.commit();
  const auto all = panes();
  ASSERT_EQ(all.size(), 30u);
  for (const auto& [start_s, pane] : all) {
    EXPECT_EQ(pane.second, start_s == 0 ? 9 : 10) << start_s;
  }
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

// The readings count all the same; no other window lacks anything.
TEST_F(PluginAggregates, LoseTheWindowInWhichACallFailed) {
  rig.start(sums(7)(), false);
  readings(1, 4);
  rig.message("a", "5 7");
  readings(6, 14);
  rig.commit();
  EXPECT_EQ(rig.engine->view().pipelines.at(0).panes_lacking_aggregate, 1u);
  restart(sums(7)());
  readings(15, 21);
  rig.commit();
  EXPECT_EQ(panes().at(0).second, kLost);
  EXPECT_EQ(panes().at(10).second, 10);
  EXPECT_EQ(rig.commits.ledger().get(LedgerKind::readings, "p", Term::aggregated), 21);
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

TEST_F(PluginAggregates, ThatFailAreToldUpstreamOnce) {
  rig.start(sums(7)(), false);
  for (int window = 0; window < 3; ++window) {
    rig.message("a", std::to_string(10 * window + 5) + " 7");
    rig.message("a", std::to_string(10 * window + 11) + " 1");
    rig.commit();
  }
  EXPECT_EQ(rig.engine->view().pipelines.at(0).panes_lacking_aggregate, 3u);
  std::vector<ToldEvent> told;
  for (const CommitGroup& group : rig.commits.groups()) {
    told.insert(told.end(), group.events.begin(), group.events.end());
  }
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].event.name, "aggregate_failed");
  EXPECT_EQ(rig.commits.ledger().get(LedgerKind::events, "p", Term::told), 1);
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

TEST_F(PluginAggregates, ShowWhichVersionRuns) {
  rig.start(sums()(), false);
  rig.commit();
  const auto running = [&] { return rig.engine->view().pipelines.at(0).plugins; };
  EXPECT_EQ(running(), (std::vector<RunningPlugin>{{"power_sum", "1.0.0"}}));
  ASSERT_EQ(replace(sums(kNone, "2.0.0")), "");
  rig.commit();
  EXPECT_EQ(running(), (std::vector<RunningPlugin>{{"power_sum", "2.0.0"}}));
}

TEST_F(PluginAggregates, AreNotReplacedByAVersionThatDoesNotTakeThemBack) {
  rig.start(sums()(), false);
  readings(1, 5);
  EXPECT_NE(replace(sums(kNone, "2.0.0", "1.0.0")).find("does not take back what 1 open windows"),
            std::string::npos);
  readings(6, 11);
  rig.commit();
  EXPECT_EQ(panes().at(0), (std::pair<std::string, double>("1.0.0", 9)));
  ASSERT_EQ(replace(sums(kNone, "2.0.0", "1.0.0"), true), "");
  readings(12, 31);
  rig.commit();
  EXPECT_EQ(panes().at(10), (std::pair<std::string, double>("2.0.0", kLost)));
  EXPECT_EQ(panes().at(20), (std::pair<std::string, double>("2.0.0", 10)));
}

TEST_F(PluginAggregates, ThatWereLostBeforeHoldUpNoReload) {
  rig.start(sums(7)(), false);
  readings(1, 4);
  rig.message("a", "5 7");
  ASSERT_EQ(replace(sums(kNone, "2.0.0")), "");
  restart(parked());
  readings(6, 8);
  ASSERT_EQ(replace(sums(kNone, "3.0.0")), "");
  readings(9, 21);
  rig.commit();
  EXPECT_EQ(panes().at(0), (std::pair<std::string, double>("3.0.0", kLost)));
  EXPECT_EQ(panes().at(10), (std::pair<std::string, double>("3.0.0", 10)));
}

TEST_F(PluginAggregates, OfAParkedPipelineAreNotTakenOverByAVersionThatRefusesThem) {
  rig.start(sums()(), false);
  readings(1, 5);
  restart(parked());
  readings(6, 8);
  for (int i = 0; i < 2; ++i) {
    EXPECT_NE(replace(sums(kNone, "2.0.0", "1.0.0")).find("does not take back what 1 open windows"),
              std::string::npos);
    rig.commit();
    EXPECT_EQ(rig.commits.ledger().get(LedgerKind::readings, "p", Term::pending), 3);
    EXPECT_EQ(rig.commits.ledger().get(LedgerKind::readings, "p", Term::aggregated), 5);
  }
  readings(9, 10);
  ASSERT_EQ(replace(sums()), "");
  readings(11, 11);
  rig.commit();
  EXPECT_EQ(panes().at(0), (std::pair<std::string, double>("1.0.0", 9)));
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

// The user's config is the same, and with it the pipeline; all defaults are in the key.
TEST_F(PluginAggregates, AreTakenOverByAVersionThatFillsInOtherDefaults) {
  const auto other = sums(std::make_shared<PowerSum>(2, kNone, "2.0.0"));
  rig.start(sums()(), false);
  readings(1, 3);
  restart(other());
  readings(4, 6);
  ASSERT_EQ(replace(sums()), "");
  readings(7, 8);
  ASSERT_EQ(replace(other), "");
  readings(9, 11);
  rig.commit();
  EXPECT_EQ(panes().at(0), (std::pair<std::string, double>("2.0.0", 9)));
  EXPECT_NE(replace(sums(std::make_shared<PowerSum>(3, kNone, "3.0.0", "2.0.0"))), "");
}

TEST_F(PluginAggregates, WaitForTheirPlugin) {
  rig.start(sums()(), false);
  readings(1, 5);
  restart(parked());
  readings(6, 12);
  rig.commit();
  EXPECT_EQ(rig.commits.ledger().get(LedgerKind::readings, "p", Term::pending), 7);
  ASSERT_EQ(replace(sums()), "");
  readings(13, 21);
  rig.commit();
  EXPECT_EQ(panes().at(0).second, 9);
  EXPECT_EQ(panes().at(10).second, 10);
  EXPECT_EQ(rig.commits.ledger().difference(), 0);
}

// What the windows held goes upstream as it was saved: a hub with the plugin can read it.
TEST_F(PluginAggregates, OfAPipelineThatIsNoMoreLeaveWithoutTheirPlugin) {
  rig.start(sums()(), false);
  readings(1, 5);
  rig.commit();
  rig.kill();
  rig.start(parked(), false, {{"plant", false, 100}}, [this](Engine& engine) {
    engine.adopt({{"plant", false, 100}}, {}, "other", rig.commits.ledger(), 1);
  });
  rig.commit();
  ASSERT_EQ(panes().size(), 1u);
  EXPECT_EQ(panes().at(0), (std::pair<std::string, double>("1.0.0", kSaved)));
}

/// Writes more from some moment on.
struct Swelling : PowerSum {
  Swelling() : PowerSum(1) {}
  std::size_t saved_bytes_max() const override { return 65'000; }
  bool save(const std::byte* state, std::string& out) const override {
    ++saves;
    if (is_large) out.append(60'000, 'x');
    return PowerSum::save(state, out);
  }
  bool is_large = false;
  mutable int saves = 0;
};

// What was measured when a row was filled is what it holds: a message of the uplink has room.
TEST_F(PluginAggregates, AreSavedOnceForEachPaneAndRowsKeepTheirBound) {
  const auto swelling = std::make_shared<Swelling>();
  rig.start(sums(swelling)(), false);
  readings(1, 395);
  const int before = swelling->saves;
  rig.message("a", "401 1");
  EXPECT_EQ(swelling->saves - before, 1);
  rig.commit();
  swelling->is_large = true;
  std::size_t panes_sent = 0;
  for (const CommitGroup& group : rig.commits.groups()) {
    for (const OutboxRow& row : group.outbox) {
      std::size_t bytes = 0;
      for (const Pane& pane : rig.panes(row.bytes)) {
        bytes += pane.content.extras->plugins().at(0)->saved().size();
        ++panes_sent;
      }
      EXPECT_LT(bytes, std::size_t{512} << 10);
    }
  }
  EXPECT_EQ(panes_sent, 40u);
}

}  // namespace
}  // namespace sluice
