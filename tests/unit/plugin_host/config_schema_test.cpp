#include "plugin_host/config_schema.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

constexpr const char* kSchema = R"({
  "$schema": "https://json-schema.org/draft/2020-12/schema",
  "type": "object", "additionalProperties": false, "required": ["gain"],
  "properties": {
    "gain": {"type": "number", "exclusiveMinimum": 0, "maximum": 10, "unit": "1"},
    "count": {"type": "integer", "minimum": 1, "default": 3},
    "mode": {"type": "string", "enum": ["drop", "flag"], "default": "drop"},
    "name": {"type": "string", "minLength": 1, "maxLength": 4},
    "on": {"type": "boolean"},
    "list": {"type": "array", "items": {"type": "number", "minimum": 0}, "maxItems": 2},
    "inner": {"type": "object", "additionalProperties": false,
              "properties": {"x": {"type": "number", "default": 0.1}}}
  }})";

std::string error_of(const char* config) {
  const auto result = apply_schema(kSchema, config);
  return result.ok() ? "accepted: " + *result : std::string(result.status().message());
}

TEST(ConfigSchema, FillsInDefaultsAndSortsKeys) {
  EXPECT_EQ(*apply_schema(kSchema, R"({"mode":"flag","inner":{},"gain":0.5})"),
            R"({"count":3,"gain":0.5,"inner":{"x":0.1},"mode":"flag"})");
}

TEST(ConfigSchema, SaysWhichKeyWhatIsAcceptedAndWhatWasFound) {
  EXPECT_EQ(error_of(R"({"gain":"abc"})"),
            R"(config.gain: expected a number > 0 and <= 10, got "abc")");
  EXPECT_EQ(error_of(R"({"gain":0})"), "config.gain: expected a number > 0 and <= 10, got 0");
  EXPECT_EQ(error_of(R"({"gain":10.5})"), "config.gain: expected a number > 0 and <= 10, got 10.5");
  EXPECT_EQ(error_of(R"({"gain":null})"), "config.gain: expected a number > 0 and <= 10, got null");
  EXPECT_EQ(error_of("{}"), "config.gain: missing; expected a number > 0 and <= 10");
  EXPECT_EQ(error_of(""), "config.gain: missing; expected a number > 0 and <= 10");
  EXPECT_EQ(error_of(R"({"gain":1,"gian":2})"),
            "config.gian: no such key; accepted: count, gain, inner, list, mode, name, on");
  EXPECT_EQ(error_of(R"({"gain":1,"mode":"skip"})"),
            R"(config.mode: expected one of "drop", "flag", got "skip")");
  EXPECT_EQ(error_of(R"({"gain":1,"count":1.5})"),
            "config.count: expected an integer >= 1, got 1.5");
  EXPECT_EQ(error_of(R"({"gain":1,"on":"yes"})"),
            R"(config.on: expected true or false, got "yes")");
  EXPECT_EQ(error_of(R"({"gain":1,"list":[1,-1]})"),
            "config.list[1]: expected a number >= 0, got -1");
  EXPECT_EQ(error_of(R"({"gain":1,"inner":{"y":1}})"), "config.inner.y: no such key; accepted: x");
  EXPECT_EQ(error_of("[1]"), "config: expected an object, got [1]");
}

TEST(ConfigSchema, BoundsLengths) {
  EXPECT_EQ(
      error_of(R"({"gain":1,"list":[1,2,3]})"),
      "config.list: expected an array of at most 2 items, each item a number >= 0, got [1,2,3]");
  EXPECT_EQ(error_of(R"({"gain":1,"name":"abcde"})"),
            "config.name: expected a string of at least 1 bytes and of at most 4 bytes, got "
            "\"abcde\"");
  EXPECT_NE(error_of(R"({"gain":1,"name":""})").find("got \"\""), std::string::npos);
}

TEST(ConfigSchema, CutsALongValueInTheMessage) {
  const std::string message = error_of((R"({"gain":")" + std::string(5000, 'x') + "\"}").c_str());
  EXPECT_LT(message.size(), 200u);
  EXPECT_NE(message.find("xxx…"), std::string::npos);
}

TEST(ConfigSchema, RefusesWhatIsNotJson) {
  for (const char* text : {"{", "{\"gain\":1", "{\"gain\":}", "{\"gain\":1}{}", "{\"gain\":1,}x",
                           "{\"gain\":1e999}", "{\"gain\":NaN}", "\xff\xfe"}) {
    EXPECT_FALSE(apply_schema(kSchema, text).ok()) << text;
  }
  EXPECT_NE(error_of("{\"gain\":").find("config: not JSON"), std::string::npos);
  EXPECT_FALSE(apply_schema(kSchema, std::string(70000, ' ') + "{}").ok());
  EXPECT_FALSE(apply_schema(kSchema, std::string(60000, '[')).ok());
}

TEST(ConfigSchema, RefusesAKeyThatStandsTwice) {
  EXPECT_FALSE(apply_schema(kSchema, R"({"gain":1,"gain":2})").ok());
}

TEST(ConfigSchema, WritesStringsAndNumbersThatReadBackTheSame) {
  constexpr const char* kOpen = R"({"type":"object"})";
  const char* text = R"({"a":"\"\\\u0001é","b":[0.1,-1e-300,123456789012,true],"c":{"d":null}})";
  const auto once = apply_schema(kOpen, text);
  ASSERT_TRUE(once.ok());
  EXPECT_EQ(*once, text);
  EXPECT_EQ(*apply_schema(kOpen, *once), *once);
}

TEST(CheckSchema, RefusesKeywordsItWouldNotCheck) {
  const auto error_in = [](const char* schema) {
    return std::string(check_schema(schema).message());
  };
  EXPECT_EQ(error_in(kSchema), "");
  EXPECT_NE(error_in(R"({"type":"object","oneOf":[]})").find("\"oneOf\" is not checked"),
            std::string::npos);
  EXPECT_NE(error_in(R"({"type":"object","properties":{"a":{"type":"string","pattern":"x"}}})")
                .find("schema.properties.a: the keyword \"pattern\""),
            std::string::npos);
  EXPECT_NE(error_in(R"({"type":"object","properties":{"a":{"type":["string"]}}})")
                .find("schema.properties.a.type: malformed"),
            std::string::npos);
  EXPECT_NE(error_in(R"({"type":"object","properties":{"a":{"minimum":1}}})").find("\"type\""),
            std::string::npos);
  EXPECT_NE(error_in(R"({"type":"object","minimum":"1"})").find("schema.minimum"),
            std::string::npos);
  EXPECT_NE(error_in(R"({"type":"array"})"), "");
  EXPECT_NE(error_in("[]"), "");
  EXPECT_NE(error_in("{"), "");
}

TEST(ConfigSchema, TellsInWordsWhatAValueMustBe) {
  const std::pair<const char*, const char*> kCases[] = {
      {R"({"type":"number","exclusiveMinimum":0,"maximum":10})", "a number > 0 and <= 10"},
      {R"({"type":"string","enum":["drop","flag"]})", "one of \"drop\", \"flag\""},
      {R"({"type":"boolean"})", "true or false"},
      {R"({"type":"array","maxItems":3,"items":{"type":"integer"}})",
       "an array of at most 3 items, each item an integer"}};
  for (const auto& [schema, expected] : kCases) {
    EXPECT_EQ(schema_expectation(*parse_json(schema)), expected);
  }
}

}  // namespace
}  // namespace sluice
