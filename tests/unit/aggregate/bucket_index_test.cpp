#include "aggregate/bucket_index.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>

#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {

// 10,000 doubles of all exponents, subnormals too.
std::vector<double> magnitudes() {
  std::mt19937_64 random(announced_seed());
  std::vector<double> all;
  while (all.size() < 10'000) {
    const double v = std::abs(std::bit_cast<double>(random()));
    if (std::isfinite(v) && v > 0) all.push_back(v);
  }
  for (int i = 0; i < 1000; ++i) {
    all.push_back(std::bit_cast<double>(random() >> (12 + random() % 52) | 1));
  }
  return all;
}

TEST(BucketIndex, PutsPowersOfTwoIntoTheBucketThatTheyClose) {
  for (int e = -1074; e <= 1023; ++e) {
    const double v = std::ldexp(1.0, e);
    EXPECT_EQ(bucket_index(v, 0), e - 1);
    EXPECT_EQ(bucket_index(v, 3), e * 8 - 1);
    EXPECT_EQ(bucket_index(v, 20), e * 1048576 - 1);
    EXPECT_EQ(bucket_index(v, -2), (e - 1) >> 2);
  }
}

TEST(BucketIndex, OfEveryScaleIsThatOfTheNextFinerOneHalved) {
  for (const double v : magnitudes()) {
    std::int32_t finer = bucket_index(v, kBucketScaleMax);
    for (int scale = kBucketScaleMax - 1; scale >= kBucketScaleMin; --scale) {
      const std::int32_t index = bucket_index(v, scale);
      ASSERT_EQ(index, finer >> 1) << v << " at scale " << scale;
      finer = index;
    }
  }
}

// With 64 bits of mantissa where the platform has them; too near to a boundary is left out.
TEST(BucketIndex, AgreesWithTheLogarithm) {
  for (const double v : magnitudes()) {
    for (const int scale : {20, 13, 6, 1}) {
      const long double log = std::ldexp(std::log2(static_cast<long double>(v)), scale);
      if (std::abs(log - std::round(log)) < 1e-7L) continue;
      ASSERT_EQ(bucket_index(v, scale), static_cast<std::int32_t>(std::floor(log))) << v;
    }
  }
}

TEST(BucketIndex, NeverDecreases) {
  std::mt19937_64 random(announced_seed());
  for (int i = 0; i < 20'000; ++i) {
    const double v = std::bit_cast<double>(random() >> 2);
    const double next = std::nextafter(v, std::numeric_limits<double>::max());
    if (v > 0 && std::isfinite(v)) {
      ASSERT_LE(bucket_index(v, 20), bucket_index(next, 20)) << v;
    }
  }
}

TEST(BucketMiddle, IsWithinTheStatedErrorOfEveryValueOfItsBucket) {
  for (const double v : magnitudes()) {
    if (v < 1e-300 || v > 1e300) continue;  // bounds that are doubles themselves
    for (int scale = -4; scale <= 12; ++scale) {
      const double middle = bucket_middle(bucket_index(v, scale), scale);
      ASSERT_LE(std::abs(middle - v) / v, bucket_relative_error(scale) + 1e-12) << v;
    }
  }
  EXPECT_NEAR(bucket_relative_error(5), 0.0108, 1e-4);
  EXPECT_NEAR(bucket_relative_error(6), 0.0054, 1e-4);
  EXPECT_EQ(bucket_relative_error(kBucketScaleMin), 1);
}

}  // namespace
}  // namespace sluice
