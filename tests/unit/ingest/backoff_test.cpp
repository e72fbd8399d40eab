#include "ingest/backoff.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <random>

namespace sluice {
namespace {

using std::chrono::milliseconds;

std::mt19937_64 seeded() {
  const auto seed = std::random_device{}();
  ::testing::Test::RecordProperty("seed", static_cast<int>(seed));
  std::printf("seed %u\n", seed);
  return std::mt19937_64(seed);
}

TEST(Backoff, StaysBetweenItsBoundsForEver) {
  auto rng = seeded();
  Backoff backoff(milliseconds(100), milliseconds(30'000));
  for (int attempt = 0; attempt < 10'000; ++attempt) {
    const auto wait = backoff.next(rng);
    ASSERT_GE(wait, milliseconds(100));
    ASSERT_LE(wait, milliseconds(30'000));
  }
}

TEST(Backoff, DoublesItsCeilingUntilTheMaximum) {
  auto rng = seeded();
  milliseconds highest[4] = {};
  for (int trial = 0; trial < 2000; ++trial) {
    Backoff backoff(milliseconds(100), milliseconds(700));
    for (auto& high : highest) high = std::max(high, backoff.next(rng));
  }
  // 2000 draws miss the upper tenth of a range with a probability below 1e-80.
  EXPECT_GT(highest[0], milliseconds(190));
  EXPECT_LE(highest[0], milliseconds(200));
  EXPECT_GT(highest[1], milliseconds(370));
  EXPECT_LE(highest[1], milliseconds(400));
  EXPECT_GT(highest[2], milliseconds(640));
  EXPECT_LE(highest[3], milliseconds(700));
}

TEST(Backoff, JittersOverTheWholeRangeSoThatGatewaysSpreadOut) {
  auto rng = seeded();
  milliseconds lowest = milliseconds(30'000);
  for (int trial = 0; trial < 2000; ++trial) {
    Backoff backoff(milliseconds(100), milliseconds(30'000));
    for (int attempt = 0; attempt < 12; ++attempt) backoff.next(rng);
    lowest = std::min(lowest, backoff.next(rng));
  }
  EXPECT_LT(lowest, milliseconds(3'000));
}

TEST(Backoff, BeginsAnewAfterASuccess) {
  auto rng = seeded();
  Backoff backoff(milliseconds(100), milliseconds(30'000));
  for (int attempt = 0; attempt < 20; ++attempt) backoff.next(rng);
  backoff.reset();
  EXPECT_LE(backoff.next(rng), milliseconds(200));
}

TEST(Backoff, AcceptsAMinimumEqualToTheMaximum) {
  auto rng = seeded();
  Backoff backoff(milliseconds(50), milliseconds(50));
  for (int attempt = 0; attempt < 5; ++attempt) EXPECT_EQ(backoff.next(rng), milliseconds(50));
}

}  // namespace
}  // namespace sluice
