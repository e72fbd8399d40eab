#include "hub/plugin_decoder.h"

#include <gtest/gtest.h>

#include <cmath>
#include <functional>
#include <limits>
#include <memory>
#include <string>
#include <vector>

#include "fakes/power_sum.h"
#include "hub/summary_decoder.h"
#include "sluice/v1/summary.pb.h"
#include "sync/summary_encoder.h"

namespace sluice {
namespace {

constexpr std::int64_t kMinute = 60'000'000'000;
constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
using Types = std::vector<std::shared_ptr<const AggregateType>>;

Pane pane_of(const ExtrasSpec& spec, SeriesId series, const std::vector<double>& values) {
  WindowExtras extras(spec);
  Pane pane;
  pane.window = {WindowKind::tumbling, series, 0, kMinute};
  for (const double v : values) {
    pane.content.moments.add(kMinute / 2, v);
    extras.add_arrived(kMinute / 2, v);
    extras.add_in_order(kMinute / 2, v);
  }
  pane.content.extras = std::make_shared<const WindowExtras>(std::move(extras));
  return pane;
}

ExtrasSpec spec_of(const Types& types) {
  ExtrasSpec spec;
  for (const auto& type : types) spec.plugins.push_back(PowerSum::spec(type));
  return spec;
}

/// One pane with readings, one in which a call failed, one without readings.
SummaryBlock block_of(const Types& types) {
  const ExtrasSpec spec = spec_of(types);
  return {"p", 1, {pane_of(spec, 1, {1, 2}), pane_of(spec, 2, {3, 7}), pane_of(spec, 3, {})}};
}

Types two_types() { return {std::make_shared<PowerSum>(2, 7), std::make_shared<PowerSum>(3, 7)}; }

const PluginAggregate& plugin_of(const DecodedPane& pane, std::size_t place) {
  return *pane.extras->plugins().at(place);
}

TEST(PluginDecoder, GivesBackStatesAndWhatTheyComeTo) {
  const SummaryBlock block = block_of(two_types());
  const auto decoded = decode_summary_block(ProtoSummaryEncoder().encode(block));
  ASSERT_TRUE(decoded.ok()) << decoded.status().to_string();
  ASSERT_EQ(decoded->panes.size(), 3u);
  const PluginAggregate& full = plugin_of(decoded->panes[0], 1);
  EXPECT_EQ(full.key().config_json, R"({"power":3})");
  EXPECT_EQ(full.identity().version, "1.0.0");
  EXPECT_EQ(full.results(), (std::vector<double>{2, 9}));
  EXPECT_EQ(full.saved(), block.panes[0].content.extras->plugins()[1]->saved());
  EXPECT_TRUE(plugin_of(decoded->panes[1], 0).lost());
  const PluginAggregate& empty = plugin_of(decoded->panes[2], 0);
  EXPECT_FALSE(empty.lost());
  EXPECT_EQ(empty.results()[0], 0);
  EXPECT_TRUE(std::isnan(empty.results()[1]));
}

// Of a pipeline whose plugin was gone when it ended: only the plugin can tell what its states are.
TEST(PluginDecoder, TakesStatesWithoutResults) {
  const SummaryBlock block = block_of({std::make_shared<PowerSum>(2)});
  SummaryBlock sealed = block;
  for (Pane& pane : sealed.panes) {
    ByteWriter out;
    pane.content.extras->snapshot(out);
    ByteReader in(out.bytes());
    pane.content.extras = std::make_shared<const WindowExtras>(*WindowExtras::restore(in));
  }
  ExtrasSpec gone;
  gone.plugins = {{{"power_sum", "{}"}, nullptr, false}};
  sealed.panes.push_back(pane_of(gone, 4, {}));
  const auto decoded = decode_summary_block(ProtoSummaryEncoder().encode(sealed));
  ASSERT_TRUE(decoded.ok()) << decoded.status().to_string();
  PluginAggregate first = plugin_of(decoded->panes[0], 0);
  EXPECT_TRUE(first.results().empty());
  ASSERT_TRUE(first.open_with(std::make_shared<PowerSum>(2)));
  EXPECT_EQ(first.results(), (std::vector<double>{2, 5}));
  EXPECT_TRUE(plugin_of(decoded->panes[3], 0).lost());
}

using Columns = v1::PluginAggregateColumns;

void expect_refused(const std::string& what, const std::function<void(v1::SummaryBlock&)>& damage) {
  v1::SummaryBlock block;
  ASSERT_TRUE(block.ParseFromString(ProtoSummaryEncoder().encode(block_of(two_types()))));
  damage(block);
  const auto decoded = decode_summary_block(block.SerializeAsString());
  ASSERT_FALSE(decoded.ok()) << what;
  EXPECT_EQ(decoded.status().code(), StatusCode::invalid_argument) << what;
  EXPECT_NE(decoded.status().message().find(what), std::string::npos)
      << decoded.status().to_string();
}

void expect_refused_column(const std::string& what, const std::function<void(Columns&)>& damage) {
  expect_refused("plugin." + what, [&](v1::SummaryBlock& b) { damage(*b.mutable_plugin(0)); });
}

TEST(PluginDecoder, RefusesWhatNoNodeSends) {
  expect_refused("plugin", [](v1::SummaryBlock& b) { b.mutable_plugin()->SwapElements(0, 1); });
  expect_refused("plugin", [](v1::SummaryBlock& b) { *b.add_plugin() = b.plugin(1); });
  expect_refused("plugin", [](v1::SummaryBlock& b) {
    for (int power = 4; power <= 6; ++power) {
      *b.add_plugin() = b.plugin(1);
      b.mutable_plugin()->rbegin()->set_config("{\"power\":" + std::to_string(power) + "}");
    }
  });
  expect_refused_column("plugin", [](Columns& c) { c.clear_plugin(); });
  expect_refused_column("plugin", [](Columns& c) { c.set_plugin(std::string(65, 'a')); });
  expect_refused_column("plugin", [](Columns& c) { c.set_plugin("../power_sum"); });
  expect_refused_column("version", [](Columns& c) { c.clear_version(); });
  expect_refused_column("config", [](Columns& c) { c.clear_config(); });
  expect_refused_column("config",
                        [](Columns& c) { c.set_config("{" + std::string(1024, ' ') + "}"); });
  expect_refused_column("config", [](Columns& c) { c.set_config("{\"power\": 2}"); });
  expect_refused_column("config", [](Columns& c) { c.set_config("{\"q\":1,\"power\":2}"); });
  expect_refused_column("config", [](Columns& c) { c.set_config("{power}"); });
  expect_refused_column("result", [](Columns& c) { c.set_result(0, "Sum"); });
  expect_refused_column("result", [](Columns& c) { c.set_result(0, "sum"); });
  expect_refused_column("result", [](Columns& c) {
    for (int i = 0; i < 15; ++i) c.add_result("r" + std::to_string(i));
  });
  expect_refused_column("state", [](Columns& c) { c.mutable_state()->RemoveLast(); });
  expect_refused_column("state", [](Columns& c) { c.set_state(0, std::string(65'537, 'x')); });
  expect_refused_column("value", [](Columns& c) { c.mutable_value()->RemoveLast(); });
  expect_refused_column("value", [](Columns& c) { c.add_result("more"); });
  expect_refused_column(
      "value", [](Columns& c) { c.set_value(0, std::numeric_limits<double>::infinity()); });
  // Of the pane that has no state.
  expect_refused_column("value", [](Columns& c) { c.set_value(2, 0); });
}

TEST(PluginDecoder, TakesAColumnThatIsLostThroughout) {
  v1::SummaryBlock block;
  ASSERT_TRUE(block.ParseFromString(ProtoSummaryEncoder().encode(block_of(two_types()))));
  Columns& columns = *block.mutable_plugin(0);
  for (std::string& state : *columns.mutable_state()) state.clear();
  for (double& value : *columns.mutable_value()) value = kNan;
  columns.clear_version();
  const auto decoded = decode_summary_block(block.SerializeAsString());
  ASSERT_TRUE(decoded.ok()) << decoded.status().to_string();
  for (const DecodedPane& pane : decoded->panes) EXPECT_TRUE(plugin_of(pane, 0).lost());
}

}  // namespace
}  // namespace sluice
