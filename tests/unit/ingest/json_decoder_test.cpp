#include "ingest/json_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <random>
#include <set>
#include <string>

#include "unit/ingest/decoder_fixture.h"

namespace sluice {
namespace {

using JsonDecoderTest = DecoderFixture;

TEST_F(JsonDecoderTest, TakesEveryNumberAndBooleanWhenNoFieldsAreDeclared) {
  ASSERT_EQ(
      decode(R"({"temp":21.5,"n":-3,"on":true,"name":"x","sub":{"a":1},"list":[1],"no":null})"),
      "ok");
  ASSERT_EQ(batch_.size(), 3u);
  EXPECT_EQ(row(0), R"(temp{device="1",site="a"} = f64 21.500000)");
  EXPECT_EQ(row(1), R"(n{device="1",site="a"} = i64 -3)");
  EXPECT_EQ(row(2), R"(on{device="1",site="a"} = true)");
  EXPECT_EQ(batch_.event_time_ns[0], kArrivalNs);
  EXPECT_EQ(topics_->at(batch_.topic[0]), (Topic{"hall", "site/a/dev/1"}));
  EXPECT_EQ(batch_.quality[2], Quality::good);
}

TEST_F(JsonDecoderTest, TakesDeclaredFieldsAloneAndSkipsMissingAndNullOnes) {
  source_.fields = {{"/s/temp", "", "Cel"}, {"/p/1", "power", "W"}, {"/gone", "", ""}};
  ASSERT_EQ(decode(R"({"s":{"temp":20},"p":[1,2.5],"other":9})"), "ok");
  ASSERT_EQ(batch_.size(), 2u);
  EXPECT_EQ(row(0), R"(temp{device="1",site="a"} Cel = i64 20)");
  EXPECT_EQ(row(1), R"(power{device="1",site="a"} W = f64 2.500000)");
  batch_.clear();
  ASSERT_EQ(decode(R"({"s":{"temp":null},"p":[1],"gone":false})"), "ok");
  ASSERT_EQ(batch_.size(), 1u);
  EXPECT_EQ(row(0), R"(gone{device="1",site="a"} = false)");
}

TEST_F(JsonDecoderTest, KeepsIntegersExactAtBothEnds) {
  ASSERT_EQ(decode(R"({"i":9007199254740993,"u":18446744073709551615,"n":-9223372036854775808})"),
            "ok");
  EXPECT_EQ(batch_.at(0).value, Value::of(std::int64_t{9007199254740993}));
  EXPECT_EQ(batch_.at(1).value, Value::of(std::numeric_limits<std::uint64_t>::max()));
  EXPECT_EQ(batch_.at(2).value, Value::of(std::numeric_limits<std::int64_t>::min()));
}

TEST_F(JsonDecoderTest, RejectsADeclaredFieldOfAnotherTypeAndSaysWhere) {
  source_.fields = {{"/a", "", ""}, {"/b/c", "", ""}};
  EXPECT_EQ(decode(R"({"a":1,"b":{"c":"20"}})"), "wrong_type");
  EXPECT_EQ(detail_, "'/b/c' is a string; expected a number or a boolean");
  EXPECT_EQ(decode(R"({"a":{}})"), "wrong_type");
  EXPECT_EQ(detail_, "'/a' is an object; expected a number or a boolean");
  EXPECT_EQ(decode(R"({"a":[1]})"), "wrong_type");
}

TEST_F(JsonDecoderTest, DecodesEachItemOfAnArrayAtAPointer) {
  source_.items = "/d/list";
  source_.time = "/t";
  source_.time_format = TimeFormat::ms;
  ASSERT_EQ(decode(R"({"v":1,"d":{"list":[{"t":2,"v":20},{"t":1,"v":10},{"t":1,"v":10}]}})"), "ok");
  ASSERT_EQ(batch_.size(), 3u);
  EXPECT_EQ(batch_.event_time_ns, (std::vector<std::int64_t>{2000000, 1000000, 1000000}));
  EXPECT_EQ(batch_.series, (std::vector<SeriesId>{1, 1, 1}));
}

TEST_F(JsonDecoderTest, DecodesATopLevelArrayItemByItem) {
  ASSERT_EQ(decode(R"([{"v":1},{"w":2}])"), "ok");
  ASSERT_EQ(batch_.size(), 2u);
  EXPECT_EQ(row(1), R"(w{device="1",site="a"} = i64 2)");
}

TEST_F(JsonDecoderTest, RejectsAllItemsForOneBadOneAndNumbersNoNewSeries) {
  source_.items = "/list";
  source_.time = "/t";
  source_.time_format = TimeFormat::s;
  EXPECT_EQ(decode(R"({"list":[{"t":1,"a":1},{"t":1,"b":1},{"b":1}]})"), "missing_time");
  EXPECT_EQ(detail_, "there is no event time at '/list/2/t'");
  EXPECT_EQ(series_->size(), 0u);
  EXPECT_EQ(topics_->size(), 0u);
  EXPECT_EQ(decode(R"({"list":[{"t":1,"a":1},7]})"), "wrong_type");
  EXPECT_EQ(detail_, "'/list/1' is a number; expected an object");
  EXPECT_EQ(decode(R"({"list":{"t":1,"a":1}})"), "wrong_type");
  EXPECT_EQ(detail_, "'/list' is an object; expected an array of items");
  EXPECT_EQ(decode(R"({"list":null})"), "no_readings");
  EXPECT_EQ(decode(R"({"list":[]})"), "no_readings");
  EXPECT_EQ(decode(R"({"a":1})"), "no_readings");
  EXPECT_EQ(detail_, "there is nothing at '/list'; expected an array of items");
}

TEST_F(JsonDecoderTest, TakesBareNumbersWhenAFieldIsTheItemItself) {
  source_.fields = {{"", "level", "m"}};
  ASSERT_EQ(decode(" 182.5\r\n"), "ok");
  EXPECT_EQ(row(0), R"(level{device="1",site="a"} m = f64 182.500000)");
  ASSERT_EQ(decode("[1,2,true]"), "ok");
  EXPECT_EQ(batch_.size(), 4u);
  EXPECT_EQ(decode("\"12\""), "wrong_type");
  EXPECT_EQ(detail_, "the payload is a string; expected a number or a boolean");
  EXPECT_EQ(decode("[1,{}]"), "wrong_type");
  EXPECT_EQ(decode("null"), "no_readings");
}

TEST_F(JsonDecoderTest, WantsAnObjectOtherwise) {
  EXPECT_EQ(decode("42"), "wrong_type");
  EXPECT_EQ(detail_, "the payload is a number; expected an object");
  EXPECT_EQ(decode("null"), "wrong_type");
  EXPECT_EQ(decode(R"("text")"), "wrong_type");
  EXPECT_EQ(decode("[[]]"), "wrong_type");
  EXPECT_EQ(detail_, "'/0' is an array; expected an object");
  EXPECT_EQ(decode("42"), "wrong_type");
  EXPECT_EQ(detail_, "the payload is a number; expected an object") << "the index is forgotten";
}

TEST_F(JsonDecoderTest, SaysWhenNothingIsAReading) {
  EXPECT_EQ(decode("{}"), "no_readings");
  EXPECT_EQ(decode("[]"), "no_readings");
  EXPECT_EQ(decode(R"({"state":"online","list":[1]})"), "no_readings");
  EXPECT_EQ(topics_->size(), 0u);
}

struct TimeCase {
  TimeFormat format;
  const char* json;
  std::int64_t ns;
};

TEST_F(JsonDecoderTest, ReadsTheEventTimeInEachFormat) {
  const TimeCase cases[] = {
      {TimeFormat::s, "1700000000", 1700000000000000000},
      {TimeFormat::s, "1704067260.07", 1704067260070000000},
      {TimeFormat::s, "\"1700000000.123456789\"", 1700000000123456789},
      {TimeFormat::ms, "1700000000123", 1700000000123000000},
      {TimeFormat::us, "1700000000123456", 1700000000123456000},
      {TimeFormat::ns, "1700000000123456789", 1700000000123456789},
      {TimeFormat::ns, "\"1700000000123456789\"", 1700000000123456789},
      {TimeFormat::rfc3339, "\"2024-02-10T08:15:31.120+01:00\"", 1707549331120000000},
  };
  for (const TimeCase& c : cases) {
    source_.time = "/meta/ts";
    source_.time_format = c.format;
    build();
    ASSERT_EQ(decode(std::string(R"({"v":1,"meta":{"ts":)") + c.json + "}}"), "ok") << detail_;
    EXPECT_EQ(batch_.event_time_ns[0], c.ns) << c.json;
  }
}

TEST_F(JsonDecoderTest, RejectsATimeThatIsNotInItsFormat) {
  source_.time = "/ts";
  source_.time_format = TimeFormat::ms;
  EXPECT_EQ(decode(R"({"ts":"soon","v":1})"), "bad_time");
  EXPECT_EQ(detail_,
            "the event time at '/ts', 'soon', is not a number of digits with at most one point");
  EXPECT_EQ(decode(R"({"ts":true,"v":1})"), "bad_time");
  EXPECT_EQ(decode(R"({"ts":{},"v":1})"), "bad_time");
  EXPECT_EQ(detail_, "the event time at '/ts' is an object; expected a number");
  EXPECT_EQ(decode(R"({"ts":-1,"v":1})"), "bad_time");
  EXPECT_EQ(detail_, "the event time at '/ts', '-1', lies before 1970");
  EXPECT_EQ(decode(R"({"ts":18446744073709551615,"v":1})"), "bad_time");
  EXPECT_EQ(decode(R"({"ts":1e300,"v":1})"), "bad_time");
  EXPECT_EQ(decode(R"({"ts":null,"v":1})"), "missing_time");
  EXPECT_EQ(decode(R"({"v":1})"), "missing_time");
  source_.time_format = TimeFormat::rfc3339;
  build();
  EXPECT_EQ(decode(R"({"ts":"2024-03-31T02:30:05","v":1})"), "bad_time") << "no zone, no instant";
  EXPECT_EQ(decode(R"({"ts":1700000000,"v":1})"), "bad_time");
  EXPECT_EQ(detail_,
            "the event time at '/ts', '1700000000', is a number; expected a string in RFC 3339");
}

TEST_F(JsonDecoderTest, DoesNotMeasureTimeAndLabels) {
  source_.time = "/ts";
  source_.time_format = TimeFormat::s;
  source_.labels = {{"unit", "/no"}};
  ASSERT_EQ(decode(R"({"ts":5,"no":7,"v":1})"), "ok");
  ASSERT_EQ(batch_.size(), 1u);
  EXPECT_EQ(row(0), R"(v{device="1",site="a",unit="7"} = i64 1)");
}

TEST_F(JsonDecoderTest, TakesLabelsFromTheItemSortedWithThoseOfTheTopic) {
  source_.items = "/l";
  source_.labels = {{"zone", "/z"}, {"Channel", "/c/n"}, {"hot", "/h"}};
  source_.fields = {{"/v", "", ""}};
  ASSERT_EQ(
      decode(R"({"l":[{"z":"n","c":{"n":1},"h":true,"v":1},{"z":"","c":{"n":2.5},"h":"","v":1},
                            {"z":"n","c":{"n":1},"h":true,"v":2}]})"),
      "ok");
  EXPECT_EQ(row(0), R"(v{Channel="1",device="1",hot="true",site="a",zone="n"} = i64 1)");
  EXPECT_EQ(row(1), R"(v{Channel="2.5",device="1",hot="",site="a",zone=""} = i64 1)");
  EXPECT_EQ(batch_.series, (std::vector<SeriesId>{1, 2, 1}));
}

TEST_F(JsonDecoderTest, TellsLabelValuesApartThatJoinToTheSameText) {
  source_.labels = {{"x", "/x"}, {"y", "/y"}};
  ASSERT_EQ(
      decode(R"([{"x":"ab","y":"c","v":1},{"x":"a","y":"bc","v":1},{"x":"","y":"abc","v":1}])"),
      "ok");
  EXPECT_EQ(batch_.series, (std::vector<SeriesId>{1, 2, 3}));
}

TEST_F(JsonDecoderTest, RejectsLabelsThatCannotBe) {
  source_.labels = {{"id", "/id"}};
  EXPECT_EQ(decode(R"({"v":1})"), "missing_label");
  EXPECT_EQ(detail_, "label 'id' is missing at '/id'; expected a string, number or boolean");
  EXPECT_EQ(decode(R"({"v":1,"id":null})"), "missing_label");
  EXPECT_EQ(decode(R"({"v":1,"id":[]})"), "bad_label");
  EXPECT_EQ(decode(R"({"v":1,"id":"a\u0000b"})"), "bad_label");
  EXPECT_EQ(detail_, "'/id', 'a\\x00b', cannot be a label: it has a control character");
  EXPECT_EQ(decode(R"({"v":1,"id":")" + std::string(256, 'x') + "\"}"), "ok");
  EXPECT_EQ(decode(R"({"v":1,"id":")" + std::string(257, 'x') + "\"}"), "bad_label");
}

TEST_F(JsonDecoderTest, RejectsKeysThatCannotNameAMeasurement) {
  EXPECT_EQ(decode(R"({"":1})"), "bad_measurement");
  EXPECT_EQ(decode(R"({"a\nb":1})"), "bad_measurement");
  EXPECT_EQ(detail_, "the key at '/a\\x0ab' cannot name a measurement: it has a control character");
  EXPECT_EQ(decode("{\"" + std::string(128, 'm') + "\":1}"), "ok");
  EXPECT_EQ(decode("{\"" + std::string(129, 'm') + "\":1}"), "bad_measurement");
  EXPECT_EQ(decode("{\"" + std::string(200000, 'm') + "\":\"text is ignored\",\"v\":1}"), "ok");
}

TEST_F(JsonDecoderTest, TakesLabelsFromTheFirstPatternThatMatches) {
  add_pattern("site/+/dev/{id}");
  add_pattern("site/#");
  ASSERT_EQ(decode(R"({"v":1})", "site/a/dev/9"), "ok");
  EXPECT_EQ(row(0), R"(v{device="9",site="a"} = i64 1)");
  ASSERT_EQ(decode(R"({"v":1})", "site/a"), "ok");
  EXPECT_EQ(row(1), "v = i64 1");
  EXPECT_EQ(decode(R"({"v":1})", "elsewhere"), "unmatched_topic");
}

TEST_F(JsonDecoderTest, GivesTopicsOfOneSeriesTheirOwnTopicIds) {
  source_.patterns.clear();
  add_pattern("x/+/{d}");
  ASSERT_EQ(decode(R"({"v":1})", "x/1/d"), "ok");
  ASSERT_EQ(decode(R"({"v":1})", "x/2/d"), "ok");
  EXPECT_EQ(batch_.series, (std::vector<SeriesId>{1, 1}));
  EXPECT_EQ(batch_.topic, (std::vector<TopicId>{1, 2}));
}

TEST_F(JsonDecoderTest, RejectsTopicsItCouldNotKeep) {
  add_pattern("#");
  EXPECT_EQ(decode(R"({"v":1})", "a/" + std::string(1022, 'x')), "ok");
  EXPECT_EQ(decode(R"({"v":1})", "a/" + std::string(1023, 'x')), "bad_topic");
  EXPECT_EQ(decode(R"({"v":1})", "a/\xff"), "bad_topic");
  EXPECT_EQ(detail_, "the topic 'a/\\xff' is not UTF-8");
  EXPECT_EQ(decode(R"({"v":1})", "site/" + std::string(257, 'x') + "/dev/1"), "bad_label");
  EXPECT_EQ(decode(R"({"v":1})", "site/a\nb/dev/1"), "bad_label");
}

TEST_F(JsonDecoderTest, RejectsTheWholeMessageWhenTheSeriesTableIsFull) {
  table_capacity_ = 2;
  ASSERT_EQ(decode(R"({"a":1,"b":1})"), "ok");
  EXPECT_EQ(decode(R"({"a":1,"c":1})"), "series_cap");
  EXPECT_NE(detail_.find("series 'c{device"), std::string::npos) << detail_;
  ASSERT_TRUE(refused_.has_value());
  EXPECT_EQ(refused_->measurement, "c");
  EXPECT_EQ(decode(R"({"a":2,"b":2})"), "ok") << "known series go on";
  ASSERT_EQ(batch_.size(), 4u);
}

TEST_F(JsonDecoderTest, RejectsANewTopicWhenTheTopicTableIsFull) {
  table_capacity_ = 2;
  source_.patterns.clear();
  add_pattern("#");
  ASSERT_EQ(decode(R"({"a":1})", "t/1"), "ok");
  ASSERT_EQ(decode(R"({"a":1})", "t/2"), "ok");
  EXPECT_EQ(decode(R"({"a":1})", "t/3"), "series_cap");
  ASSERT_TRUE(refused_.has_value());
  EXPECT_EQ(refused_->measurement, "a");
  EXPECT_EQ(decode(R"({"a":1})", "t/1"), "ok");
}

TEST_F(JsonDecoderTest, NumbersASeriesOnceThoughItIsNewTwiceInAMessage) {
  ASSERT_EQ(decode(R"([{"v":1},{"v":2},{"v":3}])"), "ok");
  EXPECT_EQ(series_->size(), 1u);
  EXPECT_EQ(batch_.series, (std::vector<SeriesId>{1, 1, 1}));
}

TEST_F(JsonDecoderTest, DoesNotGrowUnderAFloodOfTopicsAndKeepsTheIds) {
  options_.cache_bytes_max = 64 * 1024;
  table_capacity_ = 100000;
  ASSERT_EQ(decode(R"({"v":1})", "site/a/dev/1"), "ok");
  std::size_t largest = 0;
  for (int i = 0; i < 20000; ++i) {
    ASSERT_EQ(decode("{}", "site/" + std::to_string(i) + "/dev/flood"), "no_readings");
    largest = std::max(largest, decoder_->cache_bytes());
  }
  EXPECT_LT(largest, 70u * 1024);
  EXPECT_EQ(topics_->size(), 1u) << "garbage numbers no topics";
  ASSERT_EQ(decode(R"({"v":1})", "site/a/dev/1"), "ok");
  EXPECT_EQ(batch_.series, (std::vector<SeriesId>{1, 1}));
  EXPECT_EQ(batch_.topic, (std::vector<TopicId>{1, 1}));
}

TEST_F(JsonDecoderTest, KnowsASeriesAgainWhateverStandsBesideIt) {
  ASSERT_EQ(decode(R"({"a":1,"b":2,"c":3})"), "ok");
  const std::size_t bytes = decoder_->cache_bytes();
  ASSERT_EQ(decode(R"([{"c":1},{"b":2,"a":3}])"), "ok");
  EXPECT_EQ(decoder_->cache_bytes(), bytes);
  EXPECT_EQ(batch_.series, (std::vector<SeriesId>{1, 2, 3, 3, 2, 1}));
}

TEST_F(JsonDecoderTest, GivesTheSameReadingsWithAndWithoutItsCache) {
  source_.labels = {{"ch", "/ch"}};
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  build();
  SeriesTable other_series(1000);
  TopicTable other_topics(1000);
  JsonDecoderOptions forgetful = options_;
  forgetful.cache_bytes_max = 0;
  const auto other = std::move(*JsonDecoder::create(forgetful, other_series, other_topics));
  ReadingBatch other_batch;
  for (int i = 0; i < 2000; ++i) {
    IngestEvent message;
    message.topic = "site/" + std::to_string(random() % 5) + "/dev/" + std::to_string(random() % 5);
    message.payload = "[{\"ch\":" + std::to_string(random() % 3) + ",\"k" +
                      std::to_string(random() % 4) + "\":" + std::to_string(random()) +
                      "},{\"ch\":\"" + std::to_string(random() % 3) + "\",\"v\":true}]";
    ASSERT_TRUE(decoder_->decode(message, batch_).ok);
    ASSERT_TRUE(other->decode(message, other_batch).ok);
  }
  EXPECT_EQ(batch_, other_batch);
}

TEST_F(JsonDecoderTest, ServesEachSourceByItsOwnRules) {
  JsonSource second = source_;
  second.name = "yard";
  second.fields = {{"/v", "volume", "l"}};
  build();
  options_.sources = {source_, second};
  decoder_ = std::move(*JsonDecoder::create(options_, *series_, *topics_));
  ASSERT_EQ(decode(R"({"v":1,"w":2})"), "ok");
  EXPECT_EQ(batch_.size(), 2u);
  source_index_ = 1;
  ASSERT_EQ(decode(R"({"v":1,"w":2})"), "ok");
  ASSERT_EQ(batch_.size(), 3u);
  EXPECT_EQ(row(2), R"(volume{device="1",site="a"} l = i64 1)");
  EXPECT_EQ(topics_->at(batch_.topic[2]).source, "yard");
}

TEST_F(JsonDecoderTest, RefusesASourceThatContradictsItself) {
  SeriesTable series(1);
  TopicTable topics(1);
  source_.labels = {{"site", "/site"}};
  options_.sources = {source_};
  const auto made = JsonDecoder::create(options_, series, topics);
  ASSERT_FALSE(made.ok());
  EXPECT_EQ(made.status().code(), StatusCode::invalid_argument);
  EXPECT_NE(made.status().message().find("also captured by topic pattern"), std::string::npos);
}

TEST(RejectReasons, StandInTheOrderOfTheEnumWithNamesOfTheirOwn) {
  std::set<std::string_view> names;
  std::size_t index = 0;
  for (const RejectReasonText& text : kRejectReasons) {
    EXPECT_EQ(static_cast<std::size_t>(text.reason), index++);
    EXPECT_EQ(reject_reason_name(text.reason), text.name);
    EXPECT_TRUE(names.insert(text.name).second) << text.name;
    EXPECT_FALSE(text.meaning.empty());
  }
}

}  // namespace
}  // namespace sluice
