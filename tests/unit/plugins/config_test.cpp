#include "config.hpp"

#include <gtest/gtest.h>

#include <random>

namespace sluice::sdk {
namespace {

std::string error_of(const std::string& json) {
  try {
    Config::parse(json);
    return "accepted";
  } catch (const std::invalid_argument& e) {
    return e.what();
  }
}

TEST(SdkConfig, ReadsNumbersStringsBooleansAndArrays) {
  const Config c = Config::parse(
      " {\"n\" : -1.5e2,\t\"s\":\"a\\\"\\u00e9\\ud83d\\ude00\\n\",\n\"b\":true,\"f\":false,"
      "\"l\":[1, -0.25 ,3E+2],\"e\":[]} \r\n");
  EXPECT_EQ(c.number("n"), -150);
  EXPECT_EQ(c.string("s"), "a\"é😀\n");
  EXPECT_EQ(c.boolean("b"), true);
  EXPECT_EQ(c.boolean("f"), false);
  EXPECT_EQ(c.numbers("l"), (Config::Numbers{1, -0.25, 300}));
  EXPECT_TRUE(c.numbers("e").empty());
  EXPECT_EQ(c.size(), 6u);
  EXPECT_FALSE(c.number("missing"));
  EXPECT_EQ(Config::parse("{}").size(), 0u);
}

TEST(SdkConfig, ReadsAnObjectOfScalars) {
  const Config c = Config::parse(R"({"p": {"n": -2.5, "s": "x", "b" : true}, "e":{}})");
  EXPECT_EQ(c.table("p"), (Config::Table{{"n", -2.5}, {"s", std::string("x")}, {"b", true}}));
  EXPECT_TRUE(c.table("e").empty());
  EXPECT_TRUE(c.table("missing").empty());
}

TEST(SdkConfig, SaysWhatItExpectedAndAtWhichByte) {
  EXPECT_EQ(error_of("{\"a\" 1}"), "config, byte 5: expected ':'");
  EXPECT_EQ(error_of("{\"a\":1} x"), "config, byte 8: expected the end");
  EXPECT_EQ(error_of("{\"a\":1,\"a\":2}"), "config, byte 11: expected each key once");
  EXPECT_EQ(error_of("{\"a\":null}"),
            "config, byte 5: expected a number, a string, true, false, an array of numbers or an "
            "object of scalars");
  EXPECT_EQ(error_of("{\"a\":{\"b\":{}}}"),
            "config, byte 10: expected a number, a string, true or false");
}

TEST(SdkConfig, RefusesEverythingElse) {
  for (const char* bad : {"",
                          " ",
                          "[]",
                          "1",
                          "{",
                          "{\"a\"",
                          "{\"a\":",
                          "{\"a\":1",
                          "{\"a\":1,}",
                          "{,}",
                          "{a:1}",
                          "{'a':1}",
                          "{\"a\":null}",
                          "{\"a\":[\"x\"]}",
                          "{\"a\":[1,]}",
                          "{\"a\":{\"b\":[1]}}",
                          "{\"a\":{\"b\":1,\"b\":2}}",
                          "{\"a\":{\"b\":1}",
                          "{\"a\":{\"b\"}}",
                          "{\"a\":[[1]]}",
                          "{\"a\":01}",
                          "{\"a\":1.}",
                          "{\"a\":.5}",
                          "{\"a\":+1}",
                          "{\"a\":-}",
                          "{\"a\":1e}",
                          "{\"a\":1e999}",
                          "{\"a\":NaN}",
                          "{\"a\":Infinity}",
                          "{\"a\":0x10}",
                          "{\"a\":tru}",
                          "{\"a\":\"\x01\"}",
                          "{\"a\":\"\\x\"}",
                          "{\"a\":\"\\u12g4\"}",
                          "{\"a\":\"\\ud800\"}",
                          "{\"a\":\"\\udc00\"}",
                          "{\"a\":\"\\ud800\\u0041\"}",
                          "{\"a\":\"b}",
                          "{\"a\":\"b\\",
                          "\xef\xbb\xbf{}",
                          "{}{}"}) {
    EXPECT_NE(error_of(bad), "accepted") << bad;
  }
  EXPECT_NE(error_of(std::string("{}\0", 3)), "accepted");
}

TEST(SdkConfig, KeepsItsBounds) {
  EXPECT_NE(error_of("{}" + std::string(Config::kBytesMax, ' ')), "accepted");
  EXPECT_EQ(error_of("{\"a\":\"" + std::string(32768, 'x') + "\"}"), "accepted");
  EXPECT_NE(error_of("{\"a\":\"" + std::string(32769, 'x') + "\"}"), "accepted");
  const auto numbers = [](int count) {
    std::string text = "{\"a\":[0";
    for (int i = 1; i < count; ++i) text += ",0";
    return text + "]}";
  };
  EXPECT_EQ(error_of(numbers(4096)), "accepted");
  EXPECT_NE(error_of(numbers(4097)), "accepted");
  const auto keys = [](int count) {
    std::string text = "{";
    for (int i = 0; i < count; ++i) text += (i ? ",\"" : "\"") + std::to_string(i) + "\":1";
    return text + "}";
  };
  EXPECT_EQ(error_of(keys(256)), "accepted");
  EXPECT_NE(error_of(keys(257)), "accepted");
}

TEST(SdkConfig, RefusesAValueOfAnotherType) {
  const Config c = Config::parse(R"({"a":"x"})");
  EXPECT_THROW(c.number("a"), std::invalid_argument);
  EXPECT_THROW(c.boolean("a"), std::invalid_argument);
  EXPECT_THROW(c.numbers("a"), std::invalid_argument);
  EXPECT_THROW(c.table("a"), std::invalid_argument);
}

TEST(SdkConfig, SurvivesDamagedText) {
  const std::string good =
      R"({"min":-1.5e2,"s":"a\u00e9\n","b":true,"l":[1,2,3],"t":{"k":"v","n":2}})";
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  std::mt19937 random(seed);
  for (std::size_t size = 0; size < good.size(); ++size) {
    EXPECT_NE(error_of(good.substr(0, size)), "accepted") << size;
  }
  for (int i = 0; i < 20000; ++i) {
    std::string text = good;
    for (unsigned n = random() % 4 + 1; n > 0; --n) {
      text[random() % text.size()] = static_cast<char>(random());
    }
    EXPECT_FALSE(error_of(text).empty());
  }
}

}  // namespace
}  // namespace sluice::sdk
