#include "pipeline/lost_aggregates.h"

#include <gtest/gtest.h>

#include <memory>

#include "aggregate/window_extras.h"
#include "fakes/power_sum.h"
#include "model/boot_time.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// Which says of each failure something else.
struct Chatty : PowerSum {
  explicit Chatty(std::string version = "1.0.0") : PowerSum(1, 7, std::move(version)) {}
  std::shared_ptr<const std::string> failure() const override {
    return std::make_shared<const std::string>("add: 'failed " + std::to_string(++failed) + "'");
  }
  mutable int failed = 0;
};

Pane pane_of(const std::shared_ptr<const AggregateType>& type, double value) {
  ExtrasSpec spec;
  spec.plugins = {PowerSum::spec(type)};
  WindowExtras extras(spec);
  extras.add_arrived(0, value);
  extras.seal_plugins();
  Pane pane;
  pane.window = {WindowKind::tumbling, 3, 0, 10 * kSecond};
  pane.content.extras = std::make_shared<const WindowExtras>(std::move(extras));
  return pane;
}

TEST(LostAggregates, AreToldOnceForEachPipelineAndVersionWhateverTheTextSays) {
  const auto type = std::make_shared<Chatty>();
  LostAggregates lost;
  const auto told = lost.tell("p", {pane_of(type, 1), pane_of(type, 7), pane_of(type, 7)}, 0);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].pipeline, "p");
  EXPECT_EQ(told[0].stage, "power_sum");
  EXPECT_EQ(told[0].event.name, "aggregate_failed");
  EXPECT_EQ(told[0].event.series, 3u);
  EXPECT_EQ(told[0].event.event_time_ns, 10 * kSecond);
  EXPECT_EQ(told[0].event.attributes[1].second, "add: 'failed 1'");
  EXPECT_EQ(lost.tell("p", {pane_of(type, 7)}, kSecond).size(), 0u);
  EXPECT_EQ(lost.tell("q", {pane_of(type, 7)}, kSecond).size(), 1u);
  EXPECT_EQ(lost.tell("p", {pane_of(std::make_shared<Chatty>("2"), 7)}, kSecond).size(), 1u);
}

TEST(LostAggregates, AreToldAgainWhenTheyHadWorkedForAnHour) {
  const auto type = std::make_shared<Chatty>();
  LostAggregates lost;
  EXPECT_EQ(lost.tell("p", {pane_of(type, 7)}, 0).size(), 1u);
  const std::int64_t hour = LostAggregates::kCalmNs;
  EXPECT_EQ(lost.tell("p", {pane_of(type, 7)}, hour - 1).size(), 0u);
  EXPECT_EQ(lost.tell("p", {pane_of(type, 7)}, 2 * hour - 2).size(), 0u);
  EXPECT_EQ(lost.tell("p", {pane_of(type, 7)}, 3 * hour - 2).size(), 1u);
}

TEST(LostAggregates, OfBootTimeAndOfBeforeTheStartSaySo) {
  Pane pane;
  pane.boot = std::make_shared<const BootStretch>(BootStretch{"boot", 0});
  std::vector<WindowExtras::Kind> kinds;
  kinds.emplace_back(PluginAggregate::lost_of({"power_sum", "{}"}));
  pane.content.extras = std::make_shared<const WindowExtras>(WindowExtras::of(std::move(kinds)));
  LostAggregates lost;
  const auto told = lost.tell("p", {pane}, 0);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0].boot_id, "boot");
  EXPECT_TRUE(in_boot_time(told[0].event.topic));
  EXPECT_TRUE(told[0].event.attributes[1].second.starts_with("not known"));
}

TEST(LostAggregates, AreNotToldOfAnyNumber) {
  const auto type = std::make_shared<Chatty>();
  LostAggregates lost;
  std::size_t told = 0;
  for (int i = 0; i < 1'000; ++i) {
    told += lost.tell("p" + std::to_string(i), {pane_of(type, 7)}, 0).size();
  }
  EXPECT_EQ(told, LostAggregates::kKnownMax);
  EXPECT_EQ(lost.tell("another", {pane_of(type, 7)}, LostAggregates::kCalmNs).size(), 1u);
}

}  // namespace
}  // namespace sluice
