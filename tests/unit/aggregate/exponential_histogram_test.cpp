#include "aggregate/exponential_histogram.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <limits>
#include <random>

#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {

constexpr double kInfinity = std::numeric_limits<double>::infinity();

ExponentialHistogram of(const std::vector<double>& values, HistogramOptions options = {}) {
  ExponentialHistogram histogram(options);
  for (const double v : values) EXPECT_TRUE(histogram.add(0, v));
  return histogram;
}

std::string bytes(const ExponentialHistogram& histogram) {
  ByteWriter writer;
  histogram.snapshot_without_sum(writer);
  return writer.take();
}

TEST(ExponentialHistogram, IsAllZeroWhenEmpty) {
  const ExponentialHistogram empty;
  EXPECT_EQ(empty.count(), 0u);
  EXPECT_EQ(empty.scale(), 20);
  EXPECT_EQ(empty.quantile(0.5), 0);
  EXPECT_EQ(empty.sum(), 0);
  EXPECT_EQ(empty.min(), 0);
  EXPECT_EQ(empty.state_bytes(), sizeof empty);
}

TEST(ExponentialHistogram, TakesNeitherNanNorInfinities) {
  ExponentialHistogram histogram = of({1, 2});
  const std::string before = bytes(histogram);
  EXPECT_FALSE(histogram.add(0, std::nan("")));
  EXPECT_FALSE(histogram.add(0, kInfinity));
  EXPECT_FALSE(histogram.add(0, -kInfinity));
  EXPECT_EQ(bytes(histogram), before);
}

TEST(ExponentialHistogram, TakesEveryFiniteDoubleIntoTwoBuckets) {
  constexpr double kMax = std::numeric_limits<double>::max();
  constexpr double kMin = std::numeric_limits<double>::denorm_min();
  const ExponentialHistogram histogram = of({kMax, kMin, 1, -kMax, -kMin}, {.max_size = 2});
  EXPECT_EQ(histogram.scale(), -11);
  EXPECT_EQ(histogram.positive().total(), 3u);
  EXPECT_EQ(histogram.quantile(1), kMax);
  EXPECT_TRUE(std::isfinite(histogram.quantile(0.7)));
  EXPECT_TRUE(std::isfinite(histogram.sum()));
}

TEST(ExponentialHistogram, SumsToTheLargestDoubleAtMost) {
  constexpr double kMax = std::numeric_limits<double>::max();
  EXPECT_EQ(of({kMax, kMax, kMax}).sum(), kMax);
}

TEST(ExponentialHistogram, CountsMagnitudesUpToTheThresholdAsZero) {
  const ExponentialHistogram histogram =
      of({-0.1, 0.05, 0.1, -0.0, 0.11, -5}, {.zero_threshold = 0.1});
  EXPECT_EQ(histogram.zero_count(), 4u);
  EXPECT_EQ(histogram.positive().total(), 1u);
  EXPECT_EQ(histogram.negative().total(), 1u);
  EXPECT_EQ(histogram.quantile(0.5), 0);
}

TEST(ExponentialHistogram, MergesAtTheCoarserOptions) {
  const std::vector<double> left{0.5, 1, 30, -4};
  const std::vector<double> right{7, 1e6, 0.25};
  std::vector<double> all = left;
  all.insert(all.end(), right.begin(), right.end());
  ExponentialHistogram a = of(left, {.max_size = 160});
  ExponentialHistogram b = of(right, {.max_size = 20, .max_scale = 2});
  ExponentialHistogram ba = b;
  ASSERT_TRUE(ba.merge(a).ok());
  ASSERT_TRUE(a.merge(b).ok());
  EXPECT_EQ(bytes(a), bytes(of(all, {.max_size = 20, .max_scale = 2})));
  EXPECT_EQ(bytes(ba), bytes(a));
}

TEST(ExponentialHistogram, MergesAtTheLargerZeroThresholdAndPartsNoBucket) {
  std::mt19937_64 random(announced_seed());
  std::normal_distribution<double> values(0, 1);
  for (int round = 0; round < 300; ++round) {
    const double low = std::abs(values(random)) / 4;
    const double high = low + std::abs(values(random));
    ExponentialHistogram a({.max_size = 20, .zero_threshold = low});
    ExponentialHistogram b({.max_size = 20, .zero_threshold = high});
    std::vector<double> all;
    for (int i = 0; i < 50; ++i) {
      all.push_back(values(random));
      (i % 2 == 0 ? a : b).add(0, all.back());
    }
    ExponentialHistogram ba = b;
    ASSERT_TRUE(ba.merge(a).ok());
    ASSERT_TRUE(a.merge(b).ok());
    EXPECT_EQ(bytes(a), bytes(ba));
    EXPECT_GE(a.options().zero_threshold, high);
    std::uint64_t zeros = 0;
    for (const double v : all) zeros += std::abs(v) <= a.options().zero_threshold ? 1u : 0u;
    EXPECT_EQ(a.zero_count(), zeros);
    const std::string snapshot = bytes(a);
    ByteReader reader(snapshot);
    EXPECT_TRUE(ExponentialHistogram::restore_without_sum(reader).ok());
  }
}

TEST(ExponentialHistogram, DoublesWhenMergedWithItself) {
  ExponentialHistogram histogram = of({1, 2, 3, -4, 0});
  ASSERT_TRUE(histogram.merge(histogram).ok());
  EXPECT_EQ(bytes(histogram), bytes(of({1, 2, 3, -4, 0, 1, 2, 3, -4, 0})));
  EXPECT_EQ(histogram.sum(), 4);
}

// The promise of the header: |estimate - exact| <= relative_error() * |exact|, at every rank.
TEST(ExponentialHistogram, EveryQuantileIsWithinTheStatedErrorOnRealSeries) {
  if (!has_real_data()) GTEST_SKIP() << "no " << data_path("oracles") << "; set SLUICE_TEST_DATA";
  for (const RealSeries& series : real_series()) {
    for (const std::uint16_t max_size : {20, 160, 320}) {
      std::vector<double> values;
      for (const Stamped& reading : series.readings) values.push_back(reading.value);
      const ExponentialHistogram histogram = of(values, {.max_size = max_size});
      std::sort(values.begin(), values.end());
      double worst = 0;
      for (double q = 0; q <= 1; q += 0.001) {
        const double exact = values[static_cast<std::size_t>(
            std::floor(q * static_cast<double>(values.size() - 1)))];
        const double error = std::abs(histogram.quantile(q) - exact);
        ASSERT_LE(error, (histogram.relative_error() + 1e-12) * std::abs(exact))
            << series.name << " q " << q;
        if (exact != 0) worst = std::max(worst, error / std::abs(exact));
      }
      ByteWriter writer;
      histogram.snapshot(writer);
      std::printf("%s, %u buckets: scale %d, promised %.5f, worst %.5f, %zu bytes\n",
                  series.name.c_str(), unsigned{max_size}, histogram.scale(),
                  histogram.relative_error(), worst, writer.size());
      if (max_size == 320) {
        EXPECT_LE(writer.size(), 400u);
      }
    }
  }
}

}  // namespace
}  // namespace sluice
