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
