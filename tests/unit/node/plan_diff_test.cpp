#include "node/plan_diff.h"

#include <gtest/gtest.h>

#include "unit/node/recording.h"

namespace sluice {
namespace {

std::vector<std::string> keys(const std::string& before, const std::string& after) {
  return changed_keys(plant_config("[" + before + "]").pipelines(0),
                      plant_config("[" + after + "]").pipelines(0));
}

using Keys = std::vector<std::string>;

TEST(PlanDiff, NamesTheKeysThatDifferAsYamlHasThem) {
  const std::string plain = "{name: p, windows: [{tumbling: 1s}]}";
  EXPECT_EQ(keys(plain, plain), Keys{});
  EXPECT_EQ(keys(plain, "{name: p, windows: [{tumbling: 2s}]}"), Keys{"windows[0].tumbling"});
  EXPECT_EQ(keys(plain, "{name: p, windows: [{tumbling: 1s, aggregates: {top: {}}}]}"),
            Keys{"windows[0].aggregates"});
  EXPECT_EQ(keys(plain, "{name: p, idle_timeout: 9s, windows: [{tumbling: 1s}, {count: 3}]}"),
            (Keys{"windows[1]", "idle_timeout"}));
  EXPECT_EQ(
      keys("{name: p, match: {labels: {a: x, b: y}}}", "{name: p, match: {labels: {b: y, a: x}}}"),
      Keys{});
  EXPECT_EQ(keys("{name: p, match: {labels: {a: x}}}", "{name: p, match: {labels: {a: z}}}"),
            Keys{"match.labels"});
  EXPECT_EQ(
      keys("{name: p, match: {measurements: [a, b]}}", "{name: p, match: {measurements: [a]}}"),
      Keys{"match.measurements[1]"});
  EXPECT_EQ(keys("{name: p, stages: [{plugin: range, config: {min: 1}}]}",
                 "{name: p, stages: [{plugin: range, config: {min: 2}}]}"),
            Keys{"stages[0].config"});
}

TEST(PlanDiff, EndsItsListSomewhere) {
  std::string many = "{name: p, match: {measurements: [a";
  for (int i = 0; i < 100; ++i) many += ", m" + std::to_string(i);
  const Keys found = keys("{name: p, match: {measurements: [a]}}", many + "]}}");
  ASSERT_EQ(found.size(), kChangedKeysMax + 1);
  EXPECT_EQ(found.back(), "…");
}

TEST(PlanDiff, TellsWhichPipelinesAndPluginsComeChangeAndGo) {
  const v1::Config before = plant_config(R"(
  - {name: same, windows: [{tumbling: 1s}]}
  - {name: waits, idle_timeout: 9s, stages: [{plugin: range, config: {min: 1}}]}
  - {name: other, windows: [{tumbling: 1s}], stages: [{plugin: deadband, config: {absolute: 1}}]}
  - {name: gone, stages: [{plugin: scale, config: {factor: 2}}]}
)");
  const v1::Config after = plant_config(R"(
  - {name: same, windows: [{tumbling: 1s}]}
  - {name: waits, idle_timeout: 8s, stages: [{plugin: range, config: {min: 1}}]}
  - {name: other, windows: [{tumbling: 2s}], stages: [{plugin: deadband, config: {absolute: 2}}]}
  - {name: new, stages: [{plugin: alert, config: {when: "value > 1"}}]}
)",
                                        "limits: {windows_max: 5000}");
  v1::PlanReport plan;
  diff_configs(before, after, plan);
  std::string text;
  for (const v1::PipelinePlan& row : plan.pipelines()) {
    text += row.name() + " " + std::to_string(row.change()) + (row.keeps_state() ? " keeps" : "");
    for (const std::string& key : row.changed_keys()) text += " " + key;
    text += "\n";
  }
  EXPECT_EQ(text,
            "same 1 keeps\nwaits 3 keeps idle_timeout\n"
            "other 3 stages[0].config windows[0].tumbling\nnew 2\ngone 4\n");
  text.clear();
  for (const v1::PluginPlan& row : plan.plugins()) {
    text += row.name() + " " + std::to_string(row.change()) + "\n";
  }
  EXPECT_EQ(text, "alert 2\ndeadband 3\nrange 1\nscale 4\n");
  ASSERT_EQ(plan.changed_keys_size(), 1);
  EXPECT_EQ(plan.changed_keys(0), "limits.windows_max");
}

}  // namespace
}  // namespace sluice
