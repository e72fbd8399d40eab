#include "ctl/plugin_reference.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

PluginFile sample() {
  PluginFile file{"/p/odd.so", "odd", {}, {}};
  file.metadata.name = "odd";
  file.metadata.version = "1.2";
  file.metadata.description = "Drops a|b \x1b[2J.";
  file.metadata.rules = {"even", "zero"};
  file.metadata.state_bytes_per_series = 64;
  file.metadata.config_schema = R"({"type":"object","required":["base"],"properties":{
      "base":{"type":"number","exclusiveMinimum":0,"unit":"s","description":"From \"here\"|there."},
      "mode":{"type":"string","enum":["x","y"],"default":"x"},
      "limits":{"type":"array","maxItems":3,"items":{"type":"object","properties":{
        "high":{"type":"integer","default":7}}}},
      "inner":{"type":"object","properties":{"deep":{"type":"boolean"}}}}})";
  return file;
}

PluginFile unusable() {
  return {"/p/bad.so", "bad", failed_precondition("/p/bad.so: it is \x1b[31mbad"), {}};
}

TEST(PluginReference, ListsUsableAndUnusableFiles) {
  const std::string text = plugin_list_text({unusable(), sample()});
  EXPECT_TRUE(has(text, "UNUSABLE: /p/bad.so: it is \\x1b[31mbad\n")) << text;
  EXPECT_TRUE(has(text, "odd     1.2      no       no             Drops a|b \\x1b[2J.\n")) << text;
  EXPECT_EQ(plugin_list_text({}), "No plugins.\n");
  EXPECT_EQ(plugin_list_json({}), "{\"plugins\":[]}\n");
  const std::string json = plugin_list_json({unusable(), sample()});
  EXPECT_TRUE(json.starts_with(R"({"plugins":[{"name":"bad","version":"","description":"",)"));
  EXPECT_TRUE(
      has(json, R"("rules":[],"config_schema":null,"aggregate":null,"error":"/p/bad.so: it is )"))
      << json;
  EXPECT_TRUE(has(json, R"("rules":["even","zero"],"config_schema":{"properties":{)")) << json;
}

TEST(PluginReference, ShowsEveryKeyAlsoThoseInsideOthers) {
  const std::string text = plugin_text(sample());
  EXPECT_TRUE(has(text, "rules          even, zero\n")) << text;
  EXPECT_TRUE(has(text, "state          64 bytes per series\n")) << text;
  EXPECT_TRUE(has(text, "\nbase           a number > 0")) << text;
  EXPECT_TRUE(has(text, "s     required  From \"here\"|there.\n")) << text;
  EXPECT_TRUE(has(text, "\ninner.deep     true or false")) << text;
  EXPECT_TRUE(has(text, "\nlimits[].high  an integer")) << text;
  EXPECT_TRUE(has(text, "\nmode           one of \"x\", \"y\"")) << text;
  PluginFile simple = sample();
  simple.metadata.config_schema = R"({"type":"object"})";
  EXPECT_TRUE(has(plugin_text(simple), "\nIt takes no config.\n"));
}

TEST(PluginReference, WritesMarkdownThatNoTextBreaks) {
  const std::string text = plugin_markdown({sample()});
  EXPECT_TRUE(has(text, "| [odd](#odd) | Drops a\\|b \\x1b[2J. |\n")) << text;
  EXPECT_TRUE(has(text, "\n## odd\n")) << text;
  EXPECT_TRUE(has(text, "- Rules: `even`, `zero`\n")) << text;
  EXPECT_TRUE(has(text, "| `base` | a number > 0 | s | required | From \"here\"\\|there. |\n"))
      << text;
  EXPECT_TRUE(has(text, "| `mode` | one of \"x\", \"y\" |  | `\"x\"` |  |\n")) << text;
  EXPECT_EQ(text, plugin_markdown({sample()}));
}

TEST(PluginReference, ShowsWhatTheAggregateComesToAndTakes) {
  PluginFile file = sample();
  file.metadata.aggregate = AggregateMetadata{
      "Spread|of \x1b values.",
      R"({"type":"object","properties":{"wide":{"type":"boolean","default":true}}})",
      {{"spread", "", "Largest minus smallest."}, {"count", "1", "How many."}}};
  const std::string text = plugin_text(file);
  EXPECT_TRUE(has(text, "\nAggregate of windows: Spread|of \\x1b values.\n\nRESULT")) << text;
  EXPECT_TRUE(has(text, "\nspread  of the series  Largest minus smallest.\n")) << text;
  EXPECT_TRUE(has(text, "\nwide  true or false        true")) << text;
  const std::string markdown = plugin_markdown({file});
  EXPECT_TRUE(has(markdown, "\nAggregate of windows: Spread\\|of \\x1b values.\n")) << markdown;
  EXPECT_TRUE(has(markdown, "| `spread` | of the series | Largest minus smallest. |\n"));
  EXPECT_TRUE(has(markdown, "| `count` | 1 | How many. |\n\n| key |")) << markdown;
  EXPECT_TRUE(has(markdown, "| `wide` | true or false |  | `true` |  |\n")) << markdown;
  const std::string json = plugin_json(file);
  EXPECT_TRUE(has(json, R"("aggregate":{"description":"Spread|of )")) << json;
  EXPECT_TRUE(has(json, R"("results":[{"name":"spread","unit":"","description":"Largest)")) << json;
  EXPECT_TRUE(has(json, R"(},"error":""})")) << json;
}

}  // namespace
}  // namespace sluice::ctl
