#include "pipeline/series_patterns.h"

#include <gtest/gtest.h>

#include <random>

#include "pipeline/refused_series.h"

namespace sluice {
namespace {

TEST(SeriesPatterns, NamesTheLevelThatTakesEverNewValues) {
  SeriesPatterns patterns;
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    patterns.add_topic("plant", "hall-2/" + std::to_string(random()) + "/temperature");
    if (i % 100 == 0) patterns.add_topic("plant", "hall-1/pump-" + std::to_string(i) + "/rpm");
  }
  const auto top = patterns.topics(10);
  ASSERT_GE(top.size(), 2u);
  EXPECT_EQ(top[0].text, "plant hall-2/+/temperature");
  EXPECT_GE(top[0].count, 19'000u);
  EXPECT_LE(top[0].count, 20'000u);
  EXPECT_EQ(top[1].text, "plant hall-1/+/rpm");
}

TEST(SeriesPatterns, NamesTheLabelThatTakesEverNewValues) {
  SeriesPatterns patterns;
  std::mt19937_64 random(1);
  for (int i = 0; i < 20'000; ++i) {
    patterns.add_series({"load", "", {{"run", std::to_string(random())}, {"site", "a"}}});
  }
  const auto top = patterns.series(3);
  ASSERT_GE(top.size(), 1u);
  EXPECT_EQ(top[0].text, R"(load{run="*",site="a"})");
  EXPECT_GE(top[0].count, 19'000u);
  EXPECT_EQ(top.size(), 1u) << "no other takes two";
}

TEST(SeriesPatterns, StaysSmallWhateverComes) {
  SeriesPatterns patterns;
  std::mt19937_64 random(1);
  for (int i = 0; i < 5'000; ++i) {
    std::string topic;
    for (int level = 0; level < 100; ++level) topic += std::to_string(random() % 1000) + "/";
    patterns.add_topic("plant", topic);
    patterns.add_series({topic, "", {{"a", topic}, {"b", topic}}});
  }
  EXPECT_LT(patterns.state_bytes(), 2u << 20);
  EXPECT_TRUE(patterns.topics(0).empty());
}

TEST(RefusedSeries, CountsMessagesAlsoWithoutASeries) {
  RefusedSeries refused;
  refused.add("plant", "a/1", Series{"t", "", {{"id", "1"}}});
  refused.add("plant", "a/2", std::nullopt);
  const RefusedSeries::View view = refused.view(10);
  EXPECT_EQ(view.messages, 2u);
  ASSERT_EQ(view.topics.size(), 1u);
  EXPECT_EQ(view.topics[0].text, "plant a/+");
  EXPECT_EQ(view.topics[0].count, 2u);
  EXPECT_TRUE(view.series.empty());
}

}  // namespace
}  // namespace sluice
