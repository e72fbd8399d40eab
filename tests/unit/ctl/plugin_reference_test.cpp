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
  EXPECT_TRUE(has(json, R"("rules":[],"config_schema":null,"error":"/p/bad.so: it is \u001b[31m)"))
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

}  // namespace
}  // namespace sluice::ctl
