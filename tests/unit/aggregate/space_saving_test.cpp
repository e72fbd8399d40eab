#include "aggregate/space_saving.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <random>

#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {

using Exact = std::map<std::string, std::uint64_t>;

std::string bytes(const SpaceSaving& sketch) {
  ByteWriter writer;
  sketch.snapshot(writer);
  return writer.take();
}

/// The two guarantees, for every key that ever came.
void expect_guarantees(const SpaceSaving& sketch, const Exact& exact) {
  std::uint64_t total = 0;
  for (const auto& [key, count] : exact) total += count;
  ASSERT_EQ(sketch.total(), total);
  const std::uint64_t error_max = total / sketch.options().capacity;
  Exact held;
  for (const SpaceSaving::Counter& c : sketch.top(10'000)) {
    held[c.key] = c.count;
    const std::uint64_t truth = exact.contains(c.key) ? exact.at(c.key) : 0;
    ASSERT_GE(c.count, truth) << c.key;
    ASSERT_LE(c.count - c.error, truth) << c.key;
    ASSERT_LE(c.error, error_max) << c.key;
  }
  ASSERT_LE(held.size(), sketch.options().capacity);
  ASSERT_LE(sketch.unheld_count_max(), error_max);
  for (const auto& [key, count] : exact) {
    if (!held.contains(key)) {
      ASSERT_LE(count, sketch.unheld_count_max()) << key;
    }
  }
}

/// Keys whose frequency falls with their number, some hundreds of them.
std::string skewed_key(std::mt19937_64& random) {
  const double u = std::generate_canonical<double, 53>(random);
  return "device-" + std::to_string(static_cast<int>(std::pow(u, 4) * 400));
}

TEST(SpaceSaving, CountsExactlyWhileEveryKeyHasACounter) {
  SpaceSaving sketch({.capacity = 4});
  for (const char* key : {"a", "b", "a", "c", "a", "b"}) sketch.add_key(key);
  const auto top = sketch.top(2);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0], (SpaceSaving::Counter{"a", 3, 0}));
  EXPECT_EQ(top[1], (SpaceSaving::Counter{"b", 2, 0}));
  EXPECT_EQ(sketch.unheld_count_max(), 0u);
  EXPECT_EQ(sketch.total(), 6u);
}

TEST(SpaceSaving, GivesTheSmallestCountersPlaceToANewKeyWithItsError) {
  SpaceSaving sketch({.capacity = 2});
  for (const char* key : {"a", "a", "a", "b", "c"}) sketch.add_key(key);
  const auto top = sketch.top(9);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[1], (SpaceSaving::Counter{"c", 2, 1}));
}

TEST(SpaceSaving, NamesAValueByItsShortestDecimalAndTakesNoNan) {
  SpaceSaving sketch;
  EXPECT_TRUE(sketch.add(0, 21.5));
  EXPECT_TRUE(sketch.add(0, 21.50));
  EXPECT_TRUE(sketch.add(0, -0.0));
  EXPECT_FALSE(sketch.add(0, std::nan("")));
  EXPECT_EQ(sketch.top(1)[0].key, "21.5");
  EXPECT_EQ(sketch.top(2)[1].key, "0");
}

TEST(SpaceSaving, ShortensALongKeyAtACharacterAndKeepsItApartFromOthers) {
  SpaceSaving sketch({.capacity = 8, .key_bytes_max = 24});
  const std::string long_key = "abcde\xC3\xBC\xC3\xBC\xC3\xBC/a/long/topic/of/a/device";
  sketch.add_key(long_key + "1");
  sketch.add_key(long_key + "2");
  sketch.add_key(long_key + "1");
  const auto top = sketch.top(9);
  ASSERT_EQ(top.size(), 2u);
  EXPECT_EQ(top[0].count, 2u);
  EXPECT_LE(top[0].key.size(), 24u);
  EXPECT_EQ(top[0].key.substr(0, 8), "abcde\xC3\xBC~");
}

TEST(SpaceSaving, KeepsItsGuaranteesThroughAnyAddingAndMerging) {
  std::mt19937_64 random(announced_seed());
  for (int round = 0; round < 60; ++round) {
    const auto capacity = static_cast<std::uint16_t>(1 + random() % 60);
    std::vector<SpaceSaving> parts(1 + random() % 8, SpaceSaving({.capacity = capacity}));
    Exact exact;
    const std::uint64_t readings = random() % 3000;
    for (std::uint64_t i = 0; i < readings; ++i) {
      const std::string key = skewed_key(random);
      parts[random() % parts.size()].add_key(key);
      ++exact[key];
    }
    while (parts.size() > 1) {
      const std::size_t i = random() % (parts.size() - 1);
      SpaceSaving other_way = parts.back();
      ASSERT_TRUE(other_way.merge(parts[i]).ok());
      ASSERT_TRUE(parts[i].merge(parts.back()).ok());
      ASSERT_EQ(bytes(parts[i]), bytes(other_way));
      parts.pop_back();
      for (int more = 0; more < 20; ++more) {  // a merged one goes on counting
        const std::string key = skewed_key(random);
        parts[i].add_key(key);
        ++exact[key];
      }
    }
    expect_guarantees(parts[0], exact);
  }
}

TEST(SpaceSaving, KeepsItsGuaranteesOnRealValues) {
  if (!has_real_data()) GTEST_SKIP() << "no " << data_path("oracles") << "; set SLUICE_TEST_DATA";
  for (const RealSeries& series : real_series()) {
    SpaceSaving whole({.capacity = 64});
    SpaceSaving left({.capacity = 64});
    SpaceSaving right({.capacity = 64});
    Exact exact;
    for (std::size_t i = 0; i < series.readings.size(); ++i) {
      const double v = series.readings[i].value;
      whole.add(0, v);
      (i % 3 == 0 ? left : right).add(0, v);
      SpaceSaving one({.capacity = 1});
      one.add(0, v);
      ++exact[one.top(1)[0].key];
    }
    expect_guarantees(whole, exact);
    ASSERT_TRUE(left.merge(right).ok());
    expect_guarantees(left, exact);
  }
}

TEST(SpaceSaving, MergesAtTheSmallerOptions) {
  std::mt19937_64 random(announced_seed());
  SpaceSaving small({.capacity = 10, .key_bytes_max = 32});
  SpaceSaving large({.capacity = 100, .key_bytes_max = 64});
  Exact exact;
  for (int i = 0; i < 5000; ++i) {
    const std::string key = skewed_key(random);
    (i % 2 == 0 ? small : large).add_key(key);
    ++exact[key];
  }
  SpaceSaving other_way = small;
  ASSERT_TRUE(other_way.merge(large).ok());
  ASSERT_TRUE(large.merge(small).ok());
  EXPECT_EQ(bytes(large), bytes(other_way));
  EXPECT_EQ(large.options(), (TopOptions{10, 32}));
  expect_guarantees(large, exact);
}

// Which key is replaced next must not depend on what the memory looks like.
TEST(SpaceSaving, GoesOnAfterARestoreAsIfNothingHadHappened) {
  std::mt19937_64 random(announced_seed());
  SpaceSaving sketch({.capacity = 20});
  for (int i = 0; i < 1000; ++i) sketch.add_key(skewed_key(random));
  const std::string snapshot = bytes(sketch);
  ByteReader reader(snapshot);
  auto restored = SpaceSaving::restore(reader);
  ASSERT_TRUE(restored.ok());
  for (int i = 0; i < 1000; ++i) {
    const std::string key = skewed_key(random);
    sketch.add_key(key);
    restored->add_key(key);
    ASSERT_EQ(bytes(sketch), bytes(*restored));
  }
}

}  // namespace
}  // namespace sluice
