#include "schema/yaml_tree.h"

#include <gtest/gtest.h>

#include "example.h"

namespace sluice::schema {
namespace {

std::string refusal(const std::string& text) {
  ErrorList errors("t");
  parse_yaml(text, errors);
  const auto found = errors.take();
  return found.empty() ? "" : found[0].to_string();
}

TEST(YamlTree, KnowsWhereEachValueStandsAndWhetherItWasQuoted) {
  ErrorList errors("t");
  auto root = parse_yaml("a: 5\nb:\n  - 'x'\n  - \"y\"\nc:\n", errors);
  ASSERT_TRUE(root);
  ASSERT_TRUE(errors.empty());
  EXPECT_FALSE(root->find("a")->value.quoted);
  EXPECT_EQ(root->find("a")->value.place.line, 1);
  EXPECT_EQ(root->find("a")->value.place.column, 4);
  const YamlNode& list = root->find("b")->value;
  ASSERT_EQ(list.items.size(), 2u);
  EXPECT_TRUE(list.items[0].quoted);
  EXPECT_EQ(list.items[1].text, "y");
  EXPECT_EQ(list.items[1].place.line, 4);
  // An empty value stands where its key does.
  EXPECT_EQ(root->find("c")->value.kind, YamlNode::Kind::null);
  EXPECT_EQ(root->find("c")->value.place.line, 5);
  EXPECT_EQ(root->find("d"), nullptr);
}

TEST(YamlTree, RefusesAliasesWhereTheyAreUsedAndAnchorsWhereTheyAreMade) {
  ErrorList errors("t");
  ASSERT_TRUE(parse_yaml("a: &x [1]\nb:\n  - *x\n", errors));
  const auto found = errors.take();
  ASSERT_EQ(found.size(), 2u);
  EXPECT_EQ(found[0].to_string(), "t:1:4: a: anchors (&name) are not accepted; remove it");
  EXPECT_EQ(found[1].to_string(),
            "t:3:5: b[0]: aliases (*name) are not accepted; write the value out here");
}

TEST(YamlTree, DoesNotUnfoldABillionLaughs) {
  std::string bomb = "a0: &a0 [lol, lol]\n";
  for (int i = 1; i < 40; ++i) {
    const std::string last = "*a" + std::to_string(i - 1);
    bomb +=
        "a" + std::to_string(i) + ": &a" + std::to_string(i) + " [" + last + ", " + last + "]\n";
  }
  EXPECT_TRUE(contains(refusal(bomb), "anchors (&name) are not accepted"));
}

TEST(YamlTree, BoundsDepthKeysAndValues) {
  EXPECT_EQ(refusal(std::string(32, '[') + std::string(32, ']')), "");
  EXPECT_TRUE(contains(refusal(std::string(33, '[') + std::string(33, ']')),
                       "nested deeper than 32 levels"));
  EXPECT_NE(refusal(std::string(100000, '[')), "");
  EXPECT_NE(refusal(std::string(100000, '{')), "");

  std::string keys;
  for (std::size_t i = 0; i <= kYamlKeysMax; ++i) keys += "k" + std::to_string(i) + ": 1\n";
  EXPECT_TRUE(contains(refusal(keys), "t:1025:1: more than 1024 keys in one mapping"));

  std::string values = "[1";
  for (std::size_t i = 0; i < kYamlNodesMax; ++i) values += ",1";
  EXPECT_TRUE(contains(refusal(values + "]"), "more than 50000 values in one file"));

  EXPECT_EQ(refusal(std::string(256, 'k') + ": 1\n"), "");
  EXPECT_TRUE(contains(refusal(std::string(257, 'k') + ": 1\n"), "longer than 256 bytes"));
  EXPECT_TRUE(contains(refusal(std::string(kYamlBytesMax + 1, '#')), "larger than 1 MiB"));
}

TEST(YamlTree, RefusesOtherEncodings) {
  EXPECT_NE(refusal(std::string("\xFF\xFE"
                                "a\0:\0 \0"
                                "1\0",
                                10)),
            "");
  EXPECT_NE(refusal(std::string("\0a\0:\0 \0"
                                "1",
                                8)),
            "");
  EXPECT_NE(refusal("a: 1\rb: 2\n"), "");
  EXPECT_TRUE(contains(refusal("a: 1\nb: \xC3(\n"), "t:2:4: not UTF-8 text"));
}

TEST(YamlTree, SaysWhereTheYamlIsBroken) {
  EXPECT_TRUE(refusal("a: 1\n b: 2\n").starts_with("t:2:3: not valid YAML: "));
  EXPECT_TRUE(refusal("a: *nowhere\n").starts_with("t:1:4: not valid YAML: "));
}

// yaml-cpp 0.7 would accept these: a file cut off inside a quoted value.
TEST(YamlTree, RefusesAQuoteThatIsNotClosed) {
  for (const char* text :
       {"b: 1\na: \"x\n", "b: 1\na: 'x\n", "b: 1\na: \"x\\\"\n", "b: 1\na: 'x''\n"}) {
    EXPECT_EQ(refusal(text), "t:2:4: a quote is opened here, not closed") << text;
  }
  EXPECT_NE(refusal("b: 1\n\"a"), "");
  EXPECT_EQ(refusal("a: 'it''s'\nb: \"\\\"\"\n'c': ''\nd: \"\\\\\"\n"), "");
}

TEST(YamlTree, MakesKeyPaths) {
  EXPECT_EQ(child_path("", "a"), "a");
  EXPECT_EQ(child_path("a", "b"), "a.b");
  EXPECT_EQ(child_path("a.b", std::size_t{3}), "a.b[3]");
}

}  // namespace
}  // namespace sluice::schema
