#include "aggregate/time_weighted.h"

#include <gtest/gtest.h>

#include <cmath>
#include <limits>

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr auto kLinear = TimeWeightedOptions::Between::linear;

TimeWeighted of(const std::vector<Stamped>& readings, const TimeWeightedOptions& options = {}) {
  TimeWeighted mean(options);
  for (const Stamped& r : readings) mean.add(r.time_ns * kSecond, r.value);
  return mean;
}

TEST(TimeWeighted, IsZeroWhenEmptyAndTheValueOfOneStamp) {
  EXPECT_EQ(TimeWeighted().mean(5), 0);
  EXPECT_EQ(of({{3, 7}}).mean(), 7);
  EXPECT_EQ(of({{3, 7}}).covered_ns(), 0u);
  EXPECT_EQ(of({{3, 7}}).mean(9 * kSecond), 7);
  EXPECT_EQ(of({{3, 7}}).covered_ns(9 * kSecond), 6u * kSecond);
}

TEST(TimeWeighted, WeighsAValueWithTheTimeUntilTheNext) {
  const TimeWeighted mean = of({{0, 10}, {1, 20}, {4, 0}});
  EXPECT_DOUBLE_EQ(mean.mean(), (10 * 1 + 20 * 3) / 4.0);
  EXPECT_DOUBLE_EQ(mean.mean(8 * kSecond), (10 * 1 + 20 * 3 + 0 * 4) / 8.0);
  EXPECT_DOUBLE_EQ(mean.integral_s(), 70);
}

TEST(TimeWeighted, RunsStraightBetweenReadingsWhenLinear) {
  const TimeWeighted mean = of({{0, 10}, {1, 20}, {4, 0}}, {.between = kLinear});
  EXPECT_DOUBLE_EQ(mean.mean(), (15 * 1 + 10 * 3) / 4.0);
  EXPECT_DOUBLE_EQ(mean.mean(8 * kSecond), mean.mean());  // nothing is known after the last
}

TEST(TimeWeighted, HoldsNoLongerThanItIsTold) {
  const std::vector<Stamped> readings{{0, 10}, {1, 20}, {100, 0}, {101, 0}};
  const std::uint64_t bound = 9 * kSecond;
  const TimeWeighted held = of(readings, {.hold_max_ns = bound});
  EXPECT_EQ(held.covered_ns(), 11u * kSecond);
  EXPECT_DOUBLE_EQ(held.mean(), (10 + 20 * 9 + 0) / 11.0);
  const TimeWeighted linear = of(readings, {.between = kLinear, .hold_max_ns = bound});
  EXPECT_EQ(linear.covered_ns(), 2u * kSecond);
  EXPECT_DOUBLE_EQ(linear.mean(), 15 / 2.0);
}

TEST(TimeWeighted, DoesNotDependOnTheOrderOfEqualStamps) {
  for (const auto between : {TimeWeightedOptions::Between::hold, kLinear}) {
    const TimeWeighted a = of({{0, 1}, {2, 5}, {2, 3}, {4, 1}}, {.between = between});
    const TimeWeighted b = of({{0, 1}, {2, 3}, {2, 5}, {4, 1}}, {.between = between});
    EXPECT_EQ(a.mean(), b.mean());
    EXPECT_DOUBLE_EQ(a.mean(), 3);
  }
}

TEST(TimeWeighted, SurvivesTheLargestValues) {
  constexpr double kMax = std::numeric_limits<double>::max();
  const TimeWeighted mean = of({{0, kMax}, {1000, kMax}, {2000, kMax}}, {.between = kLinear});
  EXPECT_TRUE(std::isfinite(mean.mean()));
}

TEST(TimeWeighted, FillsAGapWithTheValueBeforeIt) {
  TimeWeighted sum = of({{0, 10}, {1, 20}});
  ASSERT_TRUE(sum.merge(of({{11, 0}, {12, 0}})).ok());
  EXPECT_DOUBLE_EQ(sum.integral_s(), 10 + 20 * 10);
  ASSERT_TRUE(sum.merge(of({{2, 30}})).ok());
  EXPECT_DOUBLE_EQ(sum.integral_s(), 10 + 20 * 1 + 30 * 9);
  EXPECT_FALSE(sum.merge(of({}, {.between = kLinear})).ok());
}

}  // namespace
}  // namespace sluice
