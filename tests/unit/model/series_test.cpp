#include "model/series.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

const Series kRoom{"temperature", "Cel", {{"device", "3"}, {"site", "a"}}};

TEST(Series, IsShownWithLabelsAndUnitAndCannotForgeALine) {
  EXPECT_EQ(kRoom.to_string(), "temperature{device=\"3\",site=\"a\"} Cel");
  const Series evil{"t", "", {{"site", "a\"\n\x1b[2J"}}};
  EXPECT_EQ(evil.to_string(), "t{site=\"a\\\"\\x0a\\x1b[2J\"}");
}

TEST(Series, RoundTripsAndRefusesEveryTruncation) {
  const std::string bytes = encode_series(kRoom);
  const auto back = decode_series(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, kRoom);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(decode_series(std::string_view(bytes).substr(0, n)).ok()) << n;
  }
  EXPECT_FALSE(decode_series(bytes + "x").ok());
}

TEST(Topic, RoundTripsAndRefusesEveryTruncation) {
  const std::string bytes = encode_topic({"plant", "a/b"});
  const auto back = decode_topic(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->topic, "a/b");
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(decode_topic(std::string_view(bytes).substr(0, n)).ok()) << n;
  }
}

TEST(SeriesTable, NumbersInTheOrderOfFirstUseAndRefusesPastItsCapacity) {
  SeriesTable table(2);
  EXPECT_EQ(table.intern(kRoom), 1u);
  EXPECT_EQ(table.intern({"humidity", "", {}}), 2u);
  EXPECT_EQ(table.intern({"humidity", "%", {}}), 0u);  // another unit is another series
  EXPECT_EQ(table.intern(kRoom), 1u);
  EXPECT_EQ(table.at(1), kRoom);
  EXPECT_FALSE(table.contains(3));
}

TEST(SeriesTable, ShowsNamesAsTheyWereHoweverMany) {
  SeriesTable table(20'000);
  TopicTable topics(20'000);
  const auto nth = [](std::uint32_t n) {
    return Series{"m" + std::to_string(n % 7),
                  "",
                  {{"n", std::string(n % 300, 'x')}, {"o", std::to_string(n)}}};
  };
  const std::string_view first = (table.intern(nth(1)), table.encoded(1));
  for (std::uint32_t n = 1; n <= 20'000; ++n) {
    ASSERT_EQ(table.intern(nth(n)), n);
    ASSERT_EQ(topics.intern({"s" + std::to_string(n % 3), "t/" + std::to_string(n)}), n);
  }
  for (std::uint32_t n = 1; n <= 20'000; ++n) {
    ASSERT_EQ(table.at(n), nth(n));
    ASSERT_EQ(table.intern(nth(n)), n);
    ASSERT_EQ(source_of_topic(topics.encoded(n)), "s" + std::to_string(n % 3));
  }
  EXPECT_EQ(table.intern(nth(20'001)), 0u);
  EXPECT_EQ(first.data(), table.encoded(1).data()) << "views stay valid";
}

TEST(SeriesTable, TakesBackWhatALargerCapacityLetIn) {
  SeriesTable table(1);
  EXPECT_EQ(table.restore(kRoom), 1u);
  EXPECT_EQ(table.restore({"humidity", "", {}}), 2u);
  EXPECT_EQ(table.intern({"humidity", "", {}}), 2u);
  EXPECT_EQ(table.intern({"co2", "", {}}), 0u);
}

TEST(SeriesTable, AnotherCapacityChangesNoId) {
  SeriesTable table(2);
  EXPECT_EQ(table.intern(kRoom), 1u);
  EXPECT_EQ(table.intern({"humidity", "", {}}), 2u);
  table.set_capacity(1);
  EXPECT_EQ(table.intern({"humidity", "", {}}), 2u);
  EXPECT_EQ(table.intern({"co2", "", {}}), 0u);
  table.set_capacity(3);
  EXPECT_EQ(table.intern({"co2", "", {}}), 3u);
}

}  // namespace
}  // namespace sluice
