#include "node/series_growth.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

// A device puts a number that never comes again into a level of its topic, which is a label too.
TEST(SeriesGrowth, ShowsWhichTopicLabelAndSourceGrow) {
  SeriesTable series(100'000);
  TopicTable topics(100'000);
  RefusedSeries refused;
  for (int i = 0; i < 3'000; ++i) {
    const std::string boot = "boot-" + std::to_string(i);
    topics.intern({"meters", "meter/" + boot + "/power"});
    series.intern({"power", "W", {{"meter", boot}, {"site", "a"}}});
  }
  for (int i = 0; i < 10; ++i) {
    topics.intern({"plant", "pump/" + std::to_string(i)});
    series.intern({"rpm", "", {{"pump", std::to_string(i)}}});
  }
  refused.add("meters", "meter/boot-7000/power", Series{"power", "W", {{"meter", "boot-7000"}}});
  refused.add("meters", "meter/boot-7001/power", Series{"power", "W", {{"meter", "boot-7001"}}});

  const v1::SeriesGrowth growth = growth_of(series, topics, refused, 5);
  EXPECT_EQ(growth.series(), 3'010u);
  EXPECT_EQ(growth.topics_looked_at(), 3'010u);
  EXPECT_EQ(growth.topic_patterns(0).what(), "meters meter/+/power");
  EXPECT_GE(growth.topic_patterns(0).count(), 2'900u);
  EXPECT_EQ(growth.series_patterns(0).what(), R"(power{meter="*",site="a"} W)");
  EXPECT_EQ(growth.label_values(0).what(), "meter");
  EXPECT_NEAR(static_cast<double>(growth.label_values(0).count()), 3'000, 150);
  EXPECT_EQ(growth.measurements(0).what(), "power");
  EXPECT_EQ(growth.measurements(0).count(), 3'000u);
  EXPECT_EQ(growth.sources(0).what(), "meters");
  EXPECT_EQ(growth.sources(1).count(), 10u);
  EXPECT_EQ(growth.messages_refused(), 2u);
  EXPECT_EQ(growth.refused_topics(0).what(), "meters meter/+/power");
  EXPECT_EQ(growth.refused_series(0).what(), R"(power{meter="*"} W)");
}

TEST(SeriesGrowth, LooksAtTheNewestOnly) {
  SeriesTable series(200'000);
  TopicTable topics(10);
  RefusedSeries refused;
  for (std::size_t i = 0; i < kGrowthLooksAtMax; ++i)
    series.intern({"old" + std::to_string(i), "", {}});
  for (std::size_t i = 0; i < kGrowthLooksAtMax; ++i) {
    series.intern({"new", "", {{"i", std::to_string(i)}}});
  }
  const v1::SeriesGrowth growth = growth_of(series, topics, refused, 5);
  EXPECT_EQ(growth.series(), 2 * kGrowthLooksAtMax);
  EXPECT_EQ(growth.series_looked_at(), kGrowthLooksAtMax);
  EXPECT_EQ(growth.topics(), 0u);
  EXPECT_EQ(growth.topics_looked_at(), 0u);
  ASSERT_EQ(growth.measurements_size(), 1);
  EXPECT_EQ(growth.measurements(0).what(), "new");
}

}  // namespace
}  // namespace sluice
