#include "aggregate/bucket_counts.h"

#include <gtest/gtest.h>

#include <map>
#include <random>

#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {

using Reference = std::map<std::int32_t, std::uint64_t>;

void expect_equal(const BucketCounts& counts, const Reference& reference) {
  ASSERT_EQ(counts.empty(), reference.empty());
  if (reference.empty()) return;
  ASSERT_EQ(counts.first(), reference.begin()->first);
  ASSERT_EQ(counts.last(), reference.rbegin()->first);
  for (std::int32_t i = counts.first() - 2; i <= counts.last() + 2; ++i) {
    const auto it = reference.find(i);
    ASSERT_EQ(counts.at(i), it == reference.end() ? 0 : it->second) << i;
  }
}

// Against a map: counts that need 1, 2, 4 and 8 bytes, growth at both ends, coarsening.
TEST(BucketCounts, BehaveLikeAMap) {
  std::mt19937_64 random(announced_seed());
  for (int round = 0; round < 200; ++round) {
    BucketCounts counts;
    Reference reference;
    const auto width = static_cast<unsigned>(random() % 40);
    const auto base = static_cast<std::int32_t>(random() % 2000) - 1000;
    for (int i = 0; i < 100; ++i) {
      const std::int32_t index = base + static_cast<std::int32_t>(random() % 300);
      const std::uint64_t count = (random() >> (63 - width)) + 1;
      counts.add(index, count);
      reference[index] += count;
    }
    expect_equal(counts, reference);
    const int shift = static_cast<int>(random() % 4);
    Reference coarse;
    for (const auto& [index, count] : reference) coarse[index >> shift] += count;
    BucketCounts sum;
    sum.add(counts, shift);
    counts.coarsen(shift);
    expect_equal(counts, coarse);
    EXPECT_EQ(sum, counts);
    while (!counts.empty()) {
      EXPECT_EQ(counts.take_first(), coarse.begin()->second);
      coarse.erase(coarse.begin());
      expect_equal(counts, coarse);
    }
  }
}

TEST(BucketCounts, TakesNoMemoryWhileEmptyAndOneBytePerBucketWhileCountsAreSmall) {
  BucketCounts counts;
  EXPECT_EQ(counts.heap_bytes(), 0u);
  for (std::int32_t i = 0; i < 24; ++i) counts.add(i, 255);
  EXPECT_EQ(counts.heap_bytes(), 24u);
  counts.add(5, 1);
  EXPECT_EQ(counts.at(5), 256u);
  EXPECT_EQ(counts.heap_bytes(), 48u);
}

TEST(BucketCounts, RunsOfEmptyBucketsTravelAsTheirLength) {
  BucketCounts counts;
  counts.add(-7, 3);
  counts.add(150, 300);
  ByteWriter writer;
  counts.write(writer);
  EXPECT_EQ(writer.size(), 2u + 1u + 1u + 3u + 2u);
  ByteReader reader(writer.bytes());
  EXPECT_EQ(BucketCounts::read(reader, 160), counts);
  ByteReader again(writer.bytes());
  EXPECT_FALSE(BucketCounts::read(again, 157).has_value());
}

TEST(BucketCounts, RefuseAnEmptyBucketAtEitherEnd) {
  const auto read = [](std::initializer_list<std::uint64_t> numbers) {
    ByteWriter writer;
    for (const std::uint64_t n : numbers) writer.u64(n);
    ByteReader reader(writer.bytes());
    return BucketCounts::read(reader, 160).has_value();
  };
  EXPECT_TRUE(read({3, 0, 1, 0, 0, 1}));   // 1 at 0, one empty, 1 at 2
  EXPECT_FALSE(read({3, 0, 0, 0, 1, 1}));  // begins empty
  EXPECT_FALSE(read({3, 0, 1, 1, 0, 0}));  // ends empty
  EXPECT_FALSE(read({3, 0, 1, 0, 5, 1}));  // the run leaves the buckets
  EXPECT_FALSE(read({3, 0, 1}));           // cut off
}

}  // namespace
}  // namespace sluice
