// merge(a, b) = merge(b, a) = aggregate(a and b), on recorded series, parted at random and merged
// in random trees and orders. DESIGN 7 says what has to be equal in every byte.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <functional>
#include <random>

#include "aggregate/counter.h"
#include "aggregate/coverage.h"
#include "aggregate/exponential_histogram.h"
#include "aggregate/hyper_log_log.h"
#include "aggregate/state_duration.h"
#include "aggregate/time_weighted.h"
#include "model/window.h"
#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {

constexpr int kRounds = 20;
constexpr double kTolerance = 1e-12;

class Metamorphic : public ::testing::Test {
 protected:
  void SetUp() override {
    if (!has_real_data()) {
      GTEST_SKIP() << "no " << data_path("oracles") << "; set SLUICE_TEST_DATA";
    }
    series_ = real_series();
    random_.seed(announced_seed());
  }

  /// Every reading into a part by chance, in any order.
  template <typename T>
  std::vector<T> scatter(std::vector<Stamped> readings, const T& empty) {
    std::shuffle(readings.begin(), readings.end(), random_);
    std::vector<T> parts(1 + random_() % 9, empty);
    for (const Stamped& r : readings) parts[random_() % parts.size()].add(r.time_ns, r.value);
    return parts;
  }
  /// Stretches of time, cut where the stamp changes.
  template <typename T>
  std::vector<T> cut(const std::vector<Stamped>& readings, const T& empty) {
    const std::size_t mean_length = readings.size() / (2 + random_() % 40) + 1;
    std::vector<T> parts(1, empty);
    for (std::size_t i = 0; i < readings.size(); ++i) {
      const bool changes = i != 0 && readings[i].time_ns != readings[i - 1].time_ns;
      if (changes && random_() % mean_length == 0) parts.push_back(empty);
      parts.back().add(readings[i].time_ns, readings[i].value);
    }
    return parts;
  }
  /// Merges two by chance until one is left; `check` sees both ways of merging them.
  template <typename T>
  T merge_all(std::vector<T> parts, const std::function<void(const T&, const T&)>& check) {
    while (parts.size() > 1) {
      std::shuffle(parts.begin(), parts.end(), random_);
      T other_way = parts.back();
      EXPECT_TRUE(other_way.merge(parts[0]).ok());
      EXPECT_TRUE(parts[0].merge(parts.back()).ok());
      check(parts[0], other_way);
      parts.pop_back();
    }
    return parts[0];
  }

  std::vector<RealSeries> series_;
  std::mt19937_64 random_;
};

template <typename T>
std::string bytes(const T& aggregate) {
  ByteWriter writer;
  aggregate.snapshot(writer);
  return writer.take();
}

template <typename T>
void expect_same_bytes(const T& a, const T& b) {
  ASSERT_EQ(bytes(a), bytes(b));
}

void expect_near(double a, double b) {
  ASSERT_LE(std::abs(a - b), kTolerance * std::max(std::abs(a), std::abs(b))) << a << " " << b;
}

template <typename T>
T whole(const RealSeries& series, const T& empty) {
  T all = empty;
  for (const Stamped& r : series.readings) all.add(r.time_ns, r.value);
  return all;
}

TEST_F(Metamorphic, AHistogramIsByteEqualUnderAnyShuffleSplitAndMergeTree) {
  for (const RealSeries& series : series_) {
    for (int round = 0; round < kRounds; ++round) {
      const ExponentialHistogram empty(
          {.max_size = static_cast<std::uint16_t>(20 + random_() % 300),
           .zero_threshold = random_() % 2 * 0.5});
      const auto all = whole(series, empty);
      const auto merged = merge_all<ExponentialHistogram>(scatter(series.readings, empty),
                                                          expect_same_bytes<ExponentialHistogram>);
      ByteWriter a;
      ByteWriter b;
      all.snapshot_without_sum(a);
      merged.snapshot_without_sum(b);
      ASSERT_EQ(a.bytes(), b.bytes()) << series.name;
      ASSERT_LE(std::abs(all.sum() - merged.sum()),
                kTolerance * std::max(std::abs(all.sum()), all.max()));
    }
  }
}

TEST_F(Metamorphic, AHyperLogLogIsByteEqualUnderAnyShuffleSplitAndMergeTree) {
  for (const RealSeries& series : series_) {
    for (int round = 0; round < kRounds; ++round) {
      const HyperLogLog empty(static_cast<int>(4 + random_() % 11));
      const auto merged =
          merge_all<HyperLogLog>(scatter(series.readings, empty), expect_same_bytes<HyperLogLog>);
      ASSERT_EQ(bytes(merged), bytes(whole(series, empty))) << series.name;
    }
  }
}

TEST_F(Metamorphic, ACounterIsTheSameHoweverItsPartsAreGroupedAndWhenTheyArrive) {
  for (const RealSeries& series : series_) {
    for (int round = 0; round < kRounds; ++round) {
      const Counter empty({.wrap_bits = static_cast<std::uint8_t>(random_() % 2 * 16)});
      const auto all = whole(series, empty);
      auto merged = merge_all<Counter>(cut(series.readings, empty), expect_same_bytes<Counter>);
      if (random_() % 2 == 0) merged.close_gaps();
      expect_near(merged.increase(), all.increase());
      ASSERT_EQ(merged.count(), all.count());
      ASSERT_EQ(merged.resets(), all.resets());
      ASSERT_EQ(merged.wraps(), all.wraps());
      ASSERT_EQ(merged.delta(), all.delta());
      ASSERT_EQ(merged.covered_ns(), all.covered_ns());
      ASSERT_EQ(merged.parts().overlaps(), 0u);
    }
  }
}

TEST_F(Metamorphic, StateDurationsAreTheSameHoweverTheirPartsAreGroupedAndWhenTheyArrive) {
  for (const RealSeries& series : series_) {
    for (int round = 0; round < kRounds; ++round) {
      const StateDuration empty({.states_max = static_cast<std::uint16_t>(1 + random_() % 30),
                                 .hold_max_ns = random_() % 2 * 900'000'000'000});
      auto merged =
          merge_all<StateDuration>(cut(series.readings, empty), expect_same_bytes<StateDuration>);
      ASSERT_EQ(merged.times(), whole(series, empty).times()) << series.name;
      merged.close_gaps();
      ASSERT_EQ(merged.times(), whole(series, empty).times()) << series.name;
    }
  }
}

TEST_F(Metamorphic, ATimeWeightedMeanIsTheSameHoweverItsPartsAreGroupedAndWhenTheyArrive) {
  for (const RealSeries& series : series_) {
    for (int round = 0; round < kRounds; ++round) {
      TimeWeightedOptions options;
      options.between = static_cast<TimeWeightedOptions::Between>(random_() % 2);
      options.hold_max_ns = random_() % 2 * 900'000'000'000;
      const TimeWeighted empty(options);
      const auto all = whole(series, empty);
      const auto merged =
          merge_all<TimeWeighted>(cut(series.readings, empty), expect_same_bytes<TimeWeighted>);
      expect_near(merged.mean(), all.mean());
      ASSERT_EQ(merged.covered_ns(), all.covered_ns());
    }
  }
}

TEST_F(Metamorphic, CoverageIsTheSameHoweverItsPartsAreGroupedAndWhenTheyArrive) {
  for (const RealSeries& series : series_) {
    for (int round = 0; round < kRounds; ++round) {
      const auto all = whole(series, Coverage());
      auto merged =
          merge_all<Coverage>(cut(series.readings, Coverage()), expect_same_bytes<Coverage>);
      ASSERT_EQ(merged.count(), all.count());
      ASSERT_EQ(merged.first_time_ns(), all.first_time_ns());
      ASSERT_EQ(merged.last_time_ns(), all.last_time_ns());
      ASSERT_EQ(merged.largest_gap_ns(), all.largest_gap_ns()) << series.name;
    }
  }
}

TEST_F(Metamorphic, MomentsAgreeUnderAnyShuffleSplitAndMergeTree) {
  double worst_sum = 0;
  double worst_m2 = 0;
  for (const RealSeries& series : series_) {
    const Moments all = whole(series, Moments());
    for (int round = 0; round < kRounds; ++round) {
      std::vector<Moments> parts = scatter(series.readings, Moments());
      while (parts.size() > 1) {
        parts[random_() % (parts.size() - 1)].merge(parts.back());
        parts.pop_back();
      }
      const Moments& merged = parts[0];
      ASSERT_EQ(merged.count, all.count);
      ASSERT_EQ(merged.min, all.min);
      ASSERT_EQ(merged.max, all.max);
      ASSERT_EQ(merged.first, all.first);
      ASSERT_EQ(merged.last, all.last);
      worst_sum = std::max(worst_sum, std::abs(merged.total() / all.total() - 1));
      worst_m2 = std::max(worst_m2, std::abs(merged.m2 / all.m2 - 1));
    }
  }
  std::printf("moments under shuffle and merge: worst relative difference of sum %.1e, m2 %.1e\n",
              worst_sum, worst_m2);
  EXPECT_LE(worst_sum, kTolerance);
  EXPECT_LE(worst_m2, kTolerance);
}

}  // namespace
}  // namespace sluice
