#include "plugin_host/json.h"

#include <gtest/gtest.h>

#include <random>

namespace sluice {
namespace {

std::string text_of(std::string_view json) {
  const auto value = parse_json(json);
  return value.ok() ? value->text() : std::string(value.status().message());
}

TEST(Json, WritesBackWhatItReadWithSortedKeysAndShortNumbers) {
  EXPECT_EQ(
      text_of(" {\"b\" : [ 1.50 , -0, true,null ],\n\"a\":{\"\":\"\\u00e9\\ud83d\\ude00/\"}} "),
      "{\"a\":{\"\":\"é😀/\"},\"b\":[1.5,-0,true,null]}");
  EXPECT_EQ(text_of("\"\\\"\\\\\\n\\u0001\""), "\"\\\"\\\\\\u000a\\u0001\"");
  EXPECT_EQ(text_of("[]"), "[]");
  EXPECT_EQ(text_of("{}"), "{}");
  EXPECT_EQ(text_of("false"), "false");
  EXPECT_EQ(text_of("1e300"), "1e+300");
  EXPECT_EQ(text_of("0.1"), "0.1");
}

TEST(Json, KeepsTheDigitsOfANumberAsTheyWereWritten) {
  const auto value = parse_json("[9007199254740993, -0.50e1, \"7\"]");
  ASSERT_TRUE(value.ok());
  EXPECT_EQ((*value->array())[0].digits, "9007199254740993");
  EXPECT_EQ((*value->array())[1].digits, "-0.50e1");
  EXPECT_EQ((*value->array())[2].digits, "");
}

TEST(Json, SaysWhatItExpectedAtWhichByte) {
  EXPECT_EQ(text_of("{\"a\" 1}"), "not JSON: expected ':' at byte 5");
  EXPECT_EQ(text_of("[1 2]"), "not JSON: expected ',' or ']' at byte 3");
  EXPECT_EQ(text_of("{} x"), "not JSON: expected the end at byte 3");
  EXPECT_EQ(text_of("{\"a\":1,\"a\":2}"), "not JSON: expected each key once, before at byte 10");
}

TEST(Json, RefusesWhatIsNotQuiteJson) {
  for (const char* bad : {"",
                          " ",
                          "{",
                          "[",
                          "[1,]",
                          "{\"a\":1,}",
                          "{a:1}",
                          "{'a':1}",
                          "01",
                          "1.",
                          ".5",
                          "+1",
                          "-",
                          "1e",
                          "1e999",
                          "-1e999",
                          "NaN",
                          "Infinity",
                          "nul",
                          "tru",
                          "\"",
                          "\"\\x\"",
                          "\"\\u12g4\"",
                          "\"\\u-123\"",
                          "\"\\u12\"",
                          "\"\\ud800\"",
                          "\"\\udc00\"",
                          "\"\\ud800\\u0041\"",
                          "\"\x01\"",
                          "\"\xff\"",
                          "\"\xc0\xaf\"",
                          "\"\xed\xa0\x80\"",
                          "\"\xf5\x80\x80\x80\"",
                          "\"\xe2\x82\"",
                          "\xef\xbb\xbf{}",
                          "[1]]",
                          "// x\n1"}) {
    EXPECT_FALSE(parse_json(bad).ok()) << bad;
  }
  EXPECT_FALSE(parse_json(std::string_view("1\0", 2)).ok());
}

TEST(Json, BoundsSizeAndDepth) {
  EXPECT_TRUE(parse_json(std::string(32, '[') + std::string(32, ']')).ok());
  EXPECT_FALSE(parse_json(std::string(34, '[') + std::string(34, ']')).ok());
  EXPECT_FALSE(parse_json(std::string(60000, '[')).ok());
  EXPECT_FALSE(parse_json("1" + std::string(65536, ' ')).ok());
}

TEST(Json, FindsAndMakesMembers) {
  Json value = *parse_json(R"({"b":1,"d":2})");
  EXPECT_EQ(*value.find("d")->number(), 2);
  EXPECT_EQ(value.find("c"), nullptr);
  EXPECT_EQ(parse_json("[1]")->find("b"), nullptr);
  value.member("c").value = true;
  value.member("e").value = std::string("x");
  value.member("b").value = 7.0;
  EXPECT_EQ(value.text(), R"({"b":7,"c":true,"d":2,"e":"x"})");
}

// Whatever is accepted is written as JSON that reads back as the same text.
TEST(Json, SurvivesDamagedText) {
  const std::string good = R"({"type":"object","a":[1,-2.5e-3,"é\u20ac\n",{"b":null}],"c":true})";
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_FALSE(parse_json(good.substr(0, size)).ok()) << size;
  }
  for (int i = 0; i < 20000; ++i) {
    std::string text = good;
    for (unsigned n = random() % 3 + 1; n > 0; --n) {
      text[random() % text.size()] =
          random() % 2 ? static_cast<char>(random()) : good[random() % good.size()];
    }
    const auto value = parse_json(text);
    if (!value.ok()) continue;
    const std::string written = value->text();
    ASSERT_EQ(text_of(written), written) << text;
  }
}

}  // namespace
}  // namespace sluice
