#include "ingest/topic_cache.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(TopicCache, FindsWhatWasAddedForThatSourceOnly) {
  TopicCache cache(2, 1 << 20);
  EXPECT_EQ(cache.find(0, "a"), nullptr);
  TopicEntry& entry = cache.add(0, "a", {{"site", "x"}});
  cache.add_series(entry, "k", 7);
  ASSERT_EQ(cache.find(0, "a"), &entry);
  EXPECT_EQ(cache.find(0, "a")->series.at("k"), 7u);
  EXPECT_EQ(cache.find(0, "a")->labels, (Labels{{"site", "x"}}));
  EXPECT_EQ(cache.find(1, "a"), nullptr);
}

TEST(TopicCache, KeepsEntriesInPlaceWhileOthersAreAdded) {
  TopicCache cache(1, 1 << 30);
  TopicEntry& first = cache.add(0, "first", {});
  for (int i = 0; i < 10000; ++i) cache.add(0, std::to_string(i), {});
  EXPECT_EQ(cache.find(0, "first"), &first);
}

TEST(TopicCache, StartsOverOnceItIsPastItsBound) {
  TopicCache cache(1, 4000);
  TopicEntry& entry = cache.add(0, "a", {});
  cache.trim();
  EXPECT_NE(cache.find(0, "a"), nullptr) << "within its bound nothing is lost";
  for (int i = 0; i < 100; ++i) cache.add_series(entry, std::to_string(i), 1);
  EXPECT_GT(cache.bytes(), 4000u);
  cache.trim();
  EXPECT_EQ(cache.find(0, "a"), nullptr);
  EXPECT_EQ(cache.bytes(), 0u);
}

TEST(TopicCache, CountsASeriesOnce) {
  TopicCache cache(1, 1 << 20);
  TopicEntry& entry = cache.add(0, "a", {});
  cache.add_series(entry, "k", 1);
  const std::size_t once = cache.bytes();
  cache.add_series(entry, "k", 1);
  EXPECT_EQ(cache.bytes(), once);
}

}  // namespace
}  // namespace sluice
