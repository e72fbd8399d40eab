#include "ingest/decode_plan.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

JsonSource source() {
  JsonSource s;
  s.name = "hall";
  s.patterns.push_back(*TopicPattern::parse("site/{site}/dev/{device}"));
  return s;
}

std::string fault(const JsonSource& s) {
  const Result<DecodePlan> plan = DecodePlan::make(s);
  if (plan.ok()) return "accepted";
  EXPECT_EQ(plan.status().code(), StatusCode::invalid_argument);
  EXPECT_EQ(plan.status().message().rfind("source 'hall': decode.", 0), 0u);
  return std::string(plan.status().message().substr(22));
}

TEST(DecodePlan, NamesAFieldByItsPointersLastPart) {
  JsonSource s = source();
  s.fields = {{"/a/temp", "", "Cel"}, {"/x~1y", "", ""}, {"/z", "renamed", ""}};
  const Result<DecodePlan> plan = DecodePlan::make(s);
  ASSERT_TRUE(plan.ok()) << plan.status().to_string();
  EXPECT_EQ(plan->fields[0].measurement, "temp");
  EXPECT_EQ(plan->fields[0].unit, "Cel");
  EXPECT_EQ(plan->fields[1].measurement, "x/y");
  EXPECT_EQ(plan->fields[2].measurement, "renamed");
  EXPECT_FALSE(plan->scalar_items);
}

TEST(DecodePlan, KeepsTimeAndLabelsFromBeingMeasured) {
  JsonSource s = source();
  s.time = "/ts";
  s.time_format = TimeFormat::ms;
  s.labels = {{"unit_no", "/no"}, {"deep", "/a/b"}};
  const Result<DecodePlan> plan = DecodePlan::make(s);
  ASSERT_TRUE(plan.ok());
  EXPECT_EQ(plan->not_measured, (std::vector<std::string>{"ts", "no"}));
}

TEST(DecodePlan, WantsTimeAndItsFormatTogether) {
  JsonSource s = source();
  s.time_format = TimeFormat::ms;
  EXPECT_EQ(fault(s), "time_format is set but time is not; say where the event time is");
  s.time = "/ts";
  s.time_format = TimeFormat::arrival;
  EXPECT_EQ(fault(s), "time is set but time_format is not; say s, ms, us, ns or rfc3339");
}

TEST(DecodePlan, SaysWhichPointerIsMalformed) {
  JsonSource s = source();
  s.items = "list";
  EXPECT_EQ(fault(s).rfind("items: JSON pointer 'list'", 0), 0u) << fault(s);
  s = source();
  s.time = "ts";
  s.time_format = TimeFormat::s;
  EXPECT_EQ(fault(s).rfind("time: JSON pointer 'ts'", 0), 0u);
  s = source();
  s.fields = {{"/ok", "", ""}, {"/~", "", ""}};
  EXPECT_EQ(fault(s).rfind("fields[1].pointer: JSON pointer '/~'", 0), 0u);
  s = source();
  s.labels = {{"a", "b"}};
  EXPECT_EQ(fault(s).rfind("labels[0].pointer: JSON pointer 'b'", 0), 0u);
}

TEST(DecodePlan, WantsAProperMeasurement) {
  JsonSource s = source();
  s.fields = {{"", "", ""}};
  EXPECT_EQ(fault(s).rfind("fields[0].measurement is needed", 0), 0u);
  s.fields = {{"", "level", ""}};
  EXPECT_EQ(fault(s), "accepted");
  EXPECT_TRUE(DecodePlan::make(s)->scalar_items);
  s.fields = {{"/a", std::string(129, 'm'), ""}};
  EXPECT_NE(fault(s).find("has 129 bytes; at most 128"), std::string::npos);
  s.fields = {{"/a", "a\nb", ""}};
  EXPECT_NE(fault(s).find("has a control character"), std::string::npos);
}

TEST(DecodePlan, RefusesFieldsThatCollide) {
  JsonSource s = source();
  s.fields = {{"/a/temp", "", "Cel"}, {"/b/temp", "", "Cel"}};
  EXPECT_NE(fault(s).find("'/b/temp' and a field before it are both measurement 'temp'"),
            std::string::npos);
  s.fields = {{"/a/temp", "", "Cel"}, {"/b/temp", "", "K"}};
  EXPECT_EQ(fault(s), "accepted");
  s.fields = {{"/a", "x", ""}, {"/a", "y", ""}};
  EXPECT_NE(fault(s).find("'/a' is declared twice"), std::string::npos);
}

TEST(DecodePlan, RefusesLabelsThatCollide) {
  JsonSource s = source();
  s.labels = {{"a", "/1"}, {"a", "/2"}};
  EXPECT_NE(fault(s).find("labels[1].name 'a' is taken"), std::string::npos);
  s.patterns.push_back(*TopicPattern::parse("other/{line}"));
  s.labels = {{"line", "/line"}};
  EXPECT_NE(fault(s).find("also captured by topic pattern 'other/{line}'"), std::string::npos);
  s.labels = {{"", "/line"}};
  EXPECT_NE(fault(s).find("name is empty"), std::string::npos);
}

}  // namespace
}  // namespace sluice
