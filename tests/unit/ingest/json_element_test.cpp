#include "ingest/json_element.h"

#include <gtest/gtest.h>

#include <limits>
#include <string>

namespace sluice {
namespace {

class JsonElement : public ::testing::Test {
 protected:
  simdjson::dom::element parse(const std::string& json) {
    simdjson::dom::element root;
    EXPECT_EQ(parser_.parse(json).get(root), simdjson::SUCCESS) << json;
    return root;
  }
  /// The text of what stands at `pointer`, or "nothing".
  std::string at(const std::string& json, std::string_view pointer) {
    const auto found = resolve(parse(json), *JsonPointer::parse(pointer));
    NumberText buffer;
    return found ? std::string(text_of(*found, buffer).value_or("a container")) : "nothing";
  }

  simdjson::dom::parser parser_;
};

TEST_F(JsonElement, ResolvesThroughObjectsAndArrays) {
  const char* json = R"({"a":{"b":[10,{"c":"x"}],"":1,"m/n":2,"0":3},"n":null})";
  EXPECT_EQ(at(json, "/a/b/0"), "10");
  EXPECT_EQ(at(json, "/a/b/1/c"), "x");
  EXPECT_EQ(at(json, "/a/"), "1");
  EXPECT_EQ(at(json, "/a/m~1n"), "2");
  EXPECT_EQ(at(json, "/a/0"), "3") << "a number is a key where there is an object";
  EXPECT_EQ(at(json, ""), "a container");
}

TEST_F(JsonElement, FindsNothingWhereNothingIs) {
  const char* json = R"({"a":{"b":[10]},"n":null,"s":"x"})";
  for (const char* pointer :
       {"/n", "/n/x", "/x", "/a/b/1", "/a/b/-", "/a/b/00", "/a/b/x", "/s/0", "/a/b/0/0"}) {
    EXPECT_EQ(at(json, pointer), "nothing") << pointer;
  }
  EXPECT_EQ(at("null", ""), "nothing");
}

TEST_F(JsonElement, KeepsTheKindOfNumbers) {
  EXPECT_EQ(value_of(parse("9007199254740993")), Value::of(std::int64_t{9007199254740993}));
  EXPECT_EQ(value_of(parse("-9223372036854775808")),
            Value::of(std::numeric_limits<std::int64_t>::min()));
  EXPECT_EQ(value_of(parse("18446744073709551615")),
            Value::of(std::numeric_limits<std::uint64_t>::max()));
  EXPECT_EQ(value_of(parse("1.0")), Value::of(1.0));
  EXPECT_EQ(value_of(parse("1e2")), Value::of(100.0));
  EXPECT_EQ(value_of(parse("false")), Value::of(false));
  for (const char* json : {"\"1\"", "[1]", "{}", "null"}) {
    EXPECT_EQ(value_of(parse(json)), std::nullopt) << json;
  }
}

TEST_F(JsonElement, WritesNumbersInTheirShortestForm) {
  NumberText buffer;
  EXPECT_EQ(text_of(parse("0.1"), buffer), "0.1");
  EXPECT_EQ(text_of(parse("3.0"), buffer), "3");
  EXPECT_EQ(text_of(parse("-1.7976931348623157e308"), buffer), "-1.7976931348623157e+308");
  EXPECT_EQ(text_of(parse("18446744073709551615"), buffer), "18446744073709551615");
  EXPECT_EQ(text_of(parse("true"), buffer), "true");
  EXPECT_EQ(text_of(parse("[]"), buffer), std::nullopt);
}

TEST_F(JsonElement, NamesTypesForSentences) {
  EXPECT_EQ(type_name(parse("[]")), "an array");
  EXPECT_EQ(type_name(parse("{}")), "an object");
  EXPECT_EQ(type_name(parse("\"\"")), "a string");
  EXPECT_EQ(type_name(parse("1.5")), "a number");
  EXPECT_EQ(type_name(parse("true")), "a boolean");
  EXPECT_EQ(type_name(parse("null")), "null");
}

TEST_F(JsonElement, ReadsATimeFromTheTypesItsFormatHas) {
  EXPECT_EQ(*event_time_of(parse("1700000000123"), TimeFormat::ms), 1700000000123000000);
  EXPECT_EQ(*event_time_of(parse("1.5"), TimeFormat::s), 1500000000);
  EXPECT_EQ(*event_time_of(parse("\"1.5\""), TimeFormat::s), 1500000000);
  EXPECT_EQ(*event_time_of(parse("\"1970-01-01T00:00:01Z\""), TimeFormat::rfc3339), 1000000000);
  for (const char* json :
       {"true", "[1]", "{}", "\"1970-01-01T00:00:01Z\"", "18446744073709551615"}) {
    EXPECT_FALSE(event_time_of(parse(json), TimeFormat::s).ok()) << json;
  }
  EXPECT_FALSE(event_time_of(parse("1"), TimeFormat::rfc3339).ok());
}

TEST_F(JsonElement, NamesTheFaultOfADocument) {
  EXPECT_EQ(parse_fault(simdjson::DEPTH_ERROR, "[").first, RejectReason::too_deep);
  EXPECT_EQ(parse_fault(simdjson::EMPTY, "").first, RejectReason::empty);
  EXPECT_EQ(parse_fault(simdjson::UTF8_ERROR, "\xff"),
            (std::pair<RejectReason, std::string>{RejectReason::not_json,
                                                  "the payload is not JSON: it is not UTF-8"}));
  EXPECT_EQ(parse_fault(simdjson::UNEXPECTED_ERROR, "").first, RejectReason::not_json)
      << "a code we do not know must not stop the daemon";
  EXPECT_EQ(parse_fault(simdjson::NUMBER_ERROR, "[1e]").second,
            "the payload is not JSON: a number is malformed");
  EXPECT_EQ(parse_fault(simdjson::NUMBER_ERROR, "[1e400]"),
            (std::pair<RejectReason, std::string>{
                RejectReason::number_range,
                "a number is beyond 64 bits: a decimal past 1.8e308, or an integer past "
                "18446744073709551615 or -9223372036854775808"}));
}

}  // namespace
}  // namespace sluice
