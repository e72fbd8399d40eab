#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <vector>

#include "fakes/power_sum.h"
#include "hub/merge_query.h"
#include "sluice/v1/hub.pb.h"
#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

constexpr std::int64_t kHour = kNoonNs / (60 * kMinuteNs) * (60 * kMinuteNs);
const std::shared_ptr<const AggregateType> kSquares = std::make_shared<PowerSum>(2, 7);

struct Clumsy : PowerSum {
  using PowerSum::PowerSum;
  bool merge(std::byte*, const std::byte*) const override { return false; }
  std::shared_ptr<const std::string> failure() const override {
    return std::make_shared<const std::string>("merge: 'fell over'");
  }
};

/// As the database gives it back: sealed. With a type the hub has opened it.
StoredWindow minute(int minute, double value, const std::shared_ptr<const AggregateType>& made_by,
                    const std::shared_ptr<const AggregateType>& here) {
  ExtrasSpec spec;
  spec.plugins = {PowerSum::spec(made_by)};
  WindowExtras extras(spec);
  StoredWindow window;
  window.pipeline = "p";
  window.series = sample_series(1);
  window.start_ns = kHour + minute * kMinuteNs;
  window.end_ns = window.start_ns + kMinuteNs;
  window.moments.add(window.start_ns, value);
  extras.add_arrived(window.start_ns, value);
  const PluginAggregate& made = *extras.plugins().at(0);
  std::vector<WindowExtras::Kind> kinds;
  kinds.emplace_back(
      PluginAggregate(std::make_shared<const PluginAggregateIdentity>(made.identity()),
                      made.saved(), made.results()));
  window.extras = WindowExtras::of(std::move(kinds));
  window.extras->open_plugins([&here](const PluginAggregateKey&) { return here; });
  return window;
}

v1::PluginPoint merged(const std::vector<StoredWindow>& windows) {
  v1::MergeSummariesRequest request;
  request.set_measurement("temperature");
  request.set_every_ns(60 * kMinuteNs);
  const MergeRule rule(request);
  MergedWindow hour(rule, kHour);
  for (const StoredWindow& window : windows) hour.add(window);
  const auto rows = hour.rows([] { return false; });
  EXPECT_EQ(rows.size(), 1u);
  EXPECT_EQ(rows[0].count(), windows.size());
  EXPECT_EQ(rows[0].aggregates().plugins_size(), 1);
  return rows[0].aggregates().plugins(0);
}

TEST(MergedPlugins, AreThoseOfAllReadings) {
  const v1::PluginPoint point =
      merged({minute(0, 1, kSquares, kSquares), minute(1, 2, kSquares, kSquares),
              minute(7, 3, std::make_shared<PowerSum>(2, 7, "0.9.0"), kSquares)});
  EXPECT_EQ(point.plugin(), "power_sum");
  EXPECT_EQ(point.unknown(), "");
  ASSERT_EQ(point.values_size(), 2);
  EXPECT_EQ(point.values(0).value(), 3);
  EXPECT_EQ(point.values(1).name(), "sum");
  EXPECT_EQ(point.values(1).value(), 14);
}

TEST(MergedPlugins, OfOneWindowNeedNoPlugin) {
  const v1::PluginPoint point = merged({minute(0, 3, kSquares, nullptr)});
  ASSERT_EQ(point.values_size(), 2);
  EXPECT_EQ(point.values(1).value(), 9);
}

TEST(MergedPlugins, WithoutTheirPluginSayThatTheHubHasNone) {
  const v1::PluginPoint point =
      merged({minute(0, 1, kSquares, nullptr), minute(1, 2, kSquares, nullptr)});
  EXPECT_EQ(point.values_size(), 0);
  EXPECT_NE(point.unknown().find("sluice-hub --plugins"), std::string::npos) << point.unknown();
}

TEST(MergedPlugins, ThatTheHubsVersionDoesNotReadAreNotMerged) {
  const auto picky = std::make_shared<PowerSum>(2, 7, "2.0.0", "1.0.0");
  const v1::PluginPoint point =
      merged({minute(0, 1, kSquares, picky), minute(1, 2, kSquares, picky)});
  EXPECT_NE(point.unknown().find("restore: 'refuses 1.0.0'"), std::string::npos) << point.unknown();
}

TEST(MergedPlugins, ThatTheHubsPluginFailsToMergeSaySo) {
  const auto clumsy = std::make_shared<Clumsy>(2);
  const v1::PluginPoint point =
      merged({minute(0, 1, kSquares, clumsy), minute(1, 2, kSquares, clumsy)});
  EXPECT_EQ(point.values_size(), 0);
  EXPECT_NE(point.unknown().find("the hub's plugin 1.0.0 failed: merge: 'fell over'"),
            std::string::npos)
      << point.unknown();
}

// Half the readings would look like all.
TEST(MergedPlugins, OfAWindowThatLostThemAreNotKnown) {
  const v1::PluginPoint point =
      merged({minute(0, 1, kSquares, kSquares), minute(1, 7, kSquares, kSquares)});
  EXPECT_EQ(point.values_size(), 0);
  EXPECT_NE(point.unknown().find("the plugin failed on the node"), std::string::npos)
      << point.unknown();
}

TEST(MergedPlugins, OfWindowsOfWhichSomeHaveNoneAreNotKnown) {
  StoredWindow without = minute(1, 2, kSquares, kSquares);
  without.extras.reset();
  without.node_id = 2;
  const v1::PluginPoint point = merged({minute(0, 1, kSquares, kSquares), without});
  EXPECT_NE(point.unknown().find("some windows here lack it"), std::string::npos)
      << point.unknown();
}

}  // namespace
}  // namespace sluice::hub
