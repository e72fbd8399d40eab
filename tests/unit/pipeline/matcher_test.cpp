#include "pipeline/matcher.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Matcher, AStarStandsForAnyRunOfCharacters) {
  EXPECT_TRUE(matches_pattern("*", ""));
  EXPECT_TRUE(matches_pattern("temp*", "temperature"));
  EXPECT_TRUE(matches_pattern("*_c*t", "room_count"));
  EXPECT_TRUE(matches_pattern("a*b*c", "abbbc"));
  EXPECT_FALSE(matches_pattern("a*b", "abc"));
  EXPECT_FALSE(matches_pattern("", "a"));
  EXPECT_TRUE(matches_pattern("a**", "a"));
}

TEST(Matcher, WantsAReadingWhenAllConditionsHold) {
  SeriesTable series(10);
  TopicTable topics(10);
  MatchSpec spec{{"plant"}, {"temp*"}, {{"site", "north*"}}};
  Matcher matcher(spec, series, topics);
  const auto plant = topics.intern({"plant", "t"});
  const auto other = topics.intern({"other", "t"});
  const auto good = series.intern({"temperature", "", {{"site", "north1"}}});
  EXPECT_TRUE(matcher.wants(good, plant));
  EXPECT_TRUE(matcher.wants(good, plant));  // from memory
  EXPECT_FALSE(matcher.wants(good, other));
  EXPECT_FALSE(matcher.wants(series.intern({"temperature", "", {{"site", "south"}}}), plant));
  EXPECT_FALSE(matcher.wants(series.intern({"temperature", "", {}}), plant));
  EXPECT_FALSE(matcher.wants(series.intern({"humidity", "", {{"site", "north1"}}}), plant));
}

// What was found out of a series on one topic says nothing of the topic, and the other way round.
TEST(Matcher, RemembersASeriesAndATopicEachForItself) {
  SeriesTable series(10);
  TopicTable topics(10);
  Matcher matcher({{"plant"}, {"t"}, {}}, series, topics);
  const auto wanted = series.intern({"t", "", {}});
  const auto unwanted = series.intern({"u", "", {}});
  const auto plant = topics.intern({"plant", "a"});
  const auto other = topics.intern({"other", "a"});
  for (int again = 0; again < 2; ++again) {
    EXPECT_FALSE(matcher.wants(unwanted, other));
    EXPECT_FALSE(matcher.wants(wanted, other));
    EXPECT_FALSE(matcher.wants(unwanted, plant));
    EXPECT_TRUE(matcher.wants(wanted, plant));
  }
}

}  // namespace
}  // namespace sluice
