#include "schema/json_text.h"

#include <gtest/gtest.h>

#include "example.h"

namespace sluice::schema {
namespace {

std::string to_json(const std::string& yaml) {
  ErrorList errors("t");
  auto tree = parse_yaml(yaml, errors);
  if (!tree) return "unreadable: " + errors.take()[0].to_string();
  const std::string json = json_from_yaml(*tree, "c", errors);
  const auto found = errors.take();
  return found.empty() ? json : found[0].to_string();
}

TEST(JsonText, ResolvesPlainScalarsAsYamlsCoreSchemaDoes) {
  EXPECT_EQ(to_json("[~, null, Null, NULL]"), "[null,null,null,null]");
  EXPECT_EQ(to_json("[true, True, TRUE, false, False, FALSE]"),
            "[true,true,true,false,false,false]");
  EXPECT_EQ(to_json("[0, -1, +2, 12345678901234567890]"), "[0,-1,2,12345678901234567890]");
  EXPECT_EQ(to_json("[1.50, .5, 5., -1e3, 1E+3, 1.5e-3]"), "[1.50,0.5,5,-1e3,1e+3,1.5e-3]");
  EXPECT_EQ(to_json("[0x1F, 0o17]"), "[31,15]");
  EXPECT_EQ(to_json("[yes, no, on, off, y, 12:30, 1_000, 0x, 1e, ., '-', 2024-01-01]"),
            R"(["yes","no","on","off","y","12:30","1_000","0x","1e",".","-","2024-01-01"])");
}

TEST(JsonText, KeepsQuotedScalarsAsText) {
  EXPECT_EQ(to_json(R"(["5", 'true', "null", "", "a\nb\t\"\\ é"])"),
            "[\"5\",\"true\",\"null\",\"\",\"a\\u000ab\\u0009\\\"\\\\ é\"]");
  EXPECT_EQ(to_json("a: |\n  1\n"), R"({"a":"1\u000a"})");
}

TEST(JsonText, KeepsTheOrderOfKeys) {
  EXPECT_EQ(to_json("b: 1\na:\n  - x: {}\n    y: []\n"), R"({"b":1,"a":[{"x":{},"y":[]}]})");
}

TEST(JsonText, RefusesNumbersThatJsonCannotSayOrThatReadTwoWays) {
  EXPECT_EQ(to_json("a: 010"),
            "t:1:4: c.a: expected a number without leading zeros (or text in "
            "quotes), got \"010\"");
  for (const char* text : {"a: -007.5", "a: 00"}) {
    EXPECT_TRUE(contains(to_json(text), "leading zeros")) << text;
  }
  for (const char* text : {"a: .inf", "a: -.INF", "a: +.Inf", "a: .nan", "a: 1e999", "a: -1e999"}) {
    EXPECT_TRUE(contains(to_json(text), "c.a: expected a finite number")) << to_json(text);
  }
  const std::string zeros(400, '0');
  EXPECT_EQ(to_json("a: 1e-999"), R"({"a":1e-999})");
  EXPECT_EQ(to_json("a: 1e-99999999999999999999"), R"({"a":1e-99999999999999999999})");
  EXPECT_EQ(to_json("a: 0." + zeros + "1"), "{\"a\":0." + zeros + "1}");
  EXPECT_EQ(to_json("a: 0." + zeros + "1e401"), "{\"a\":0." + zeros + "1e401}");
  EXPECT_EQ(to_json("a: 1" + zeros + "e-400"), "{\"a\":1" + zeros + "e-400}");
  EXPECT_TRUE(contains(to_json("a: 1" + zeros), "expected a finite number"));
  EXPECT_TRUE(contains(to_json("a: 1e99999999999999999999"), "expected a finite number"));
  EXPECT_TRUE(contains(to_json("a: .1e310"), "expected a finite number"));
}

TEST(CanonicalJson, IsOneTextForAllWaysToWriteAValue) {
  const std::string canonical = canonical_json(R"({"a":1,"b":[1.5,"x",null,true]})");
  EXPECT_EQ(canonical, R"({"a":1,"b":[1.5,"x",null,true]})");
  EXPECT_EQ(canonical_json("{ \"b\" : [15e-1, \"\\u0078\", null, true],\n \"a\" : 1.0 }"),
            canonical);
  EXPECT_EQ(canonical_json("[-0, 0.0, -0.0, 1e2, 9007199254740993, 1.0e300]"),
            "[0,0,0,100,9007199254740993,1e+300]");
  EXPECT_EQ(canonical_json("{}"), "{}");
  EXPECT_EQ(canonical_json(""), "{}");
  // Beyond a double's exactness integers stay apart.
  EXPECT_NE(canonical_json("[9007199254740993]"), canonical_json("[9007199254740992]"));
  EXPECT_NE(canonical_json("[\"1\"]"), canonical_json("[1]"));
}

TEST(CanonicalJson, LeavesAloneWhatItCannotRead) {
  for (const char* text : {"{\"a\":", "{\"a\":1,\"a\":2}", "[\"\\uD83D\\uDE00\"]", "[1e999]"}) {
    EXPECT_EQ(canonical_json(text), text);
  }
}

}  // namespace
}  // namespace sluice::schema
