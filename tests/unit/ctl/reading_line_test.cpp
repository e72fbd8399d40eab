#include "ctl/reading_line.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

std::string error_of(const std::string& line) {
  const auto parsed = parse_reading_line(line);
  return parsed.ok() ? "accepted" : std::string(parsed.status().message());
}

Value value_of(const std::string& value) {
  const auto line = parse_reading_line(R"({"measurement":"m","time":1,"value":)" + value + "}");
  EXPECT_TRUE(line.ok()) << value;
  return line.ok() ? line->reading.value : Value{};
}

TEST(ReadingLine, ReadsWhatPeopleWrite) {
  const auto line = parse_reading_line(
      R"( {"value" : 21.5, "measurement":"temperature","unit":"Cel","quality":"uncertain",
          "labels":{"room":"a","floor":"2"}, "time":"2024-05-01T12:00:00.25Z"} )");
  ASSERT_TRUE(line.ok()) << line.status().to_string();
  EXPECT_EQ(line->series.to_string(), "temperature{floor=\"2\",room=\"a\"} Cel");
  EXPECT_EQ(line->reading.event_time_ns, 1'714'564'800'250'000'000);
  EXPECT_EQ(line->reading.value, Value::of(21.5));
  EXPECT_EQ(line->reading.quality, Quality::uncertain);
}

TEST(ReadingLine, KeepsEveryDigitOfTimesAndIntegers) {
  const auto line = parse_reading_line(
      R"({"measurement":"m","time":1714564800123456789,"value":9007199254740993})");
  ASSERT_TRUE(line.ok());
  EXPECT_EQ(line->reading.event_time_ns, 1'714'564'800'123'456'789);
  EXPECT_EQ(line->reading.value, Value::of(std::int64_t{9'007'199'254'740'993}));
}

TEST(ReadingLine, TakesKindsAsTheDaemonsDecoderDoes) {
  EXPECT_EQ(value_of("21"), Value::of(std::int64_t{21}));
  EXPECT_EQ(value_of("-21"), Value::of(std::int64_t{-21}));
  EXPECT_EQ(value_of("21.0"), Value::of(21.0));
  EXPECT_EQ(value_of("2e3"), Value::of(2000.0));
  EXPECT_EQ(value_of("18446744073709551615"), Value::of(std::uint64_t{UINT64_MAX}));
  EXPECT_EQ(value_of("true"), Value::of(true));
}

TEST(ReadingLine, SaysWhichKeyIsWrongAndWhatIsExpected) {
  const std::pair<const char*, const char*> kCases[] = {
      {"", "not JSON: expected a value at byte 0"},
      {"{\"measurement\"", "not JSON: expected ':' at byte 14"},
      {"{} x", "not JSON: expected the end at byte 3"},
      {"21.5", "expected an object such as {\"measurement\":"},
      {"null", "expected an object such as"},
      {R"({"measurment":"m"})",
       "'measurment': no such key; accepted: measurement, unit, labels, time, value, quality"},
      {"{}", "measurement: expected a text of 1..128 bytes, got nothing"},
      {R"({"measurement":""})", "measurement: expected a text of 1..128 bytes, got \"\""},
      {R"({"measurement":7})", "measurement: expected a text of 1..128 bytes, got 7"},
      {R"({"measurement":"m","unit":7})", "unit: expected a UCUM code of at most 64 bytes, got 7"},
      {R"({"measurement":"m","labels":["a"]})", "labels: expected an object of texts"},
      {R"({"measurement":"m","labels":{"a":1}})", "labels.a: expected a name and a text, got 1"},
      {R"({"measurement":"m","labels":{"":"x"}})", "labels.: expected a name and a text"},
      {R"({"measurement":"m","value":1})", "whole ns since 1970, before 2261-04-10, got nothing"},
      {R"({"measurement":"m","time":1.5,"value":1})", "before 2261-04-10, got 1.5"},
      {R"({"measurement":"m","time":-1,"value":1})", "before 2261-04-10, got -1"},
      {R"({"measurement":"m","time":9223372036854775807,"value":1})", "9223372036854775807"},
      {R"({"measurement":"m","time":"yesterday","value":1})", "got \"yesterday\""},
      {R"({"measurement":"m","time":"2024-05-01T12:00:00+02:00","value":1})", "time: expected"},
      {R"({"measurement":"m","time":1})", "value: expected a number, true or false, got nothing"},
      {R"({"measurement":"m","time":1,"value":"7"})", "true or false, got \"7\""},
      {R"({"measurement":"m","time":1,"value":1e999})", "a number within a double's range"},
      {R"({"measurement":"m","time":1,"value":18446744073709551616})",
       "an integer of at most 64 bits, or a number with a point, got 18446744073709551616"},
      {R"({"measurement":"m","time":1,"value":1,"quality":"great"})",
       "quality: expected \"good\", \"uncertain\" or \"bad\", got \"great\""},
      {R"({"measurement":"m","time":1,"value":1,"value":2})", "each key once"},
  };
  for (const auto& [line, expected] : kCases) {
    EXPECT_NE(error_of(line).find(expected), std::string::npos) << line << "\n" << error_of(line);
  }
  EXPECT_NE(error_of("{\"measurement\":\"" + std::string(129, 'm') + "\"}").find("1..128 bytes"),
            std::string::npos);
  EXPECT_NE(error_of("{\"measurement\":\"\xff\"}").find("UTF-8"), std::string::npos);
}

TEST(ReadingLines, NumberTheLinesAndSkipEmptyOnes) {
  const std::string good = R"({"measurement":"m","time":1,"value":1})";
  const auto lines = parse_reading_lines(good + "\r\n\n  \n" + good);
  ASSERT_TRUE(lines.ok()) << lines.status().to_string();
  ASSERT_EQ(lines->size(), 2u);
  EXPECT_EQ((*lines)[0].line, 1u);
  EXPECT_EQ((*lines)[1].line, 4u);
  EXPECT_TRUE(parse_reading_lines("")->empty());
  const auto bad = parse_reading_lines(good + "\n\n" + "{\"measurement\":\"m\"}\n");
  EXPECT_TRUE(bad.status().message().starts_with("line 3: time: expected"));
}

TEST(ReadingLine, WritesWhatItReads) {
  const Series series{"m \"x\"\n", "Cel", {{"a", "\x7f"}, {"b", ""}}};
  for (const Value value :
       {Value::of(21.0), Value::of(0.1), Value::of(-1e300), Value::of(std::int64_t{INT64_MIN}),
        Value::of(std::uint64_t{UINT64_MAX}), Value::of(false)}) {
    const Reading reading{0, 0, 1'714'564'800'123'456'789, value, Quality::bad};
    const auto again = parse_reading_line(reading_json(series, reading));
    ASSERT_TRUE(again.ok()) << again.status().to_string();
    EXPECT_EQ(again->series, series);
    EXPECT_EQ(again->reading, reading);
  }
}

}  // namespace
}  // namespace sluice::ctl
