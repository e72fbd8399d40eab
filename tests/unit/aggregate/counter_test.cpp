#include "aggregate/counter.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

Counter of(const std::vector<double>& values, const CounterOptions& options = {},
           std::int64_t first_s = 0) {
  Counter counter(options);
  std::int64_t t = first_s;
  for (const double v : values) counter.add(t++ * kSecond, v);
  return counter;
}

TEST(Counter, IsZeroWhenEmptyAndHasNoIncreaseOfOneReading) {
  EXPECT_EQ(Counter().increase(), 0);
  EXPECT_EQ(Counter().rate_per_s(), 0);
  EXPECT_EQ(of({700}).increase(), 0);
  EXPECT_EQ(of({700}).rate_per_s(), 0);
  EXPECT_EQ(of({700}).extrapolated_increase(-kSecond, kSecond), 0);
}

TEST(Counter, CountsAfterAResetFromZero) {
  const Counter counter = of({0, 1, 2, 3, 2, 3, 4});
  EXPECT_EQ(counter.increase(), 7);
  EXPECT_EQ(counter.resets(), 1u);
  EXPECT_EQ(counter.delta(), 4);
  EXPECT_EQ(counter.covered_ns(), 6u * kSecond);
  EXPECT_DOUBLE_EQ(counter.rate_per_s(), 7.0 / 6);
}

TEST(Counter, WrapsAtItsWidth) {
  EXPECT_EQ(of({4294967290, 4}, {.wrap_bits = 32}).increase(), 10);
  EXPECT_EQ(of({65535, 0}, {.wrap_bits = 16}).increase(), 1);
  EXPECT_EQ(of({4294967290, 4}, {.wrap_bits = 32}).wraps(), 1u);
  EXPECT_EQ(of({4294967290, 4}).increase(), 4);  // unknown width: a reset
  EXPECT_EQ(of({4294967290, 4}).resets(), 1u);
  // A value that the width cannot hold did not wrap there.
  EXPECT_EQ(of({70000, 4}, {.wrap_bits = 16}).resets(), 1u);
  EXPECT_EQ(of({std::ldexp(1.0, 64) - 4096, 4096}, {.wrap_bits = 64}).increase(), 8192);
}

TEST(Counter, TakesAWrapThatWouldBeTooFastForAReset) {
  const CounterOptions options{.wrap_bits = 32, .wrap_rate_max = 1e6};
  EXPECT_EQ(of({4294967290, 4}, options).wraps(), 1u);
  const Counter reset = of({1000, 4}, options);  // as a wrap 4.29e9 in a second
  EXPECT_EQ(reset.wraps(), 0u);
  EXPECT_EQ(reset.increase(), 4);
}

TEST(Counter, TakesNoNanAndNothingFromBelowZero) {
  Counter counter = of({5, 7});
  EXPECT_FALSE(counter.add(9 * kSecond, std::nan("")));
  EXPECT_EQ(counter.count(), 2u);
  counter.add(3 * kSecond, -4);
  EXPECT_EQ(counter.increase(), 2);
  EXPECT_EQ(counter.delta(), -9);
}

TEST(Counter, DoesNotDependOnTheOrderOfEqualStamps) {
  Counter a;
  Counter b;
  a.add(0, 100);
  b.add(0, 100);
  for (const double v : {5.0, 110.0}) a.add(kSecond, v);
  for (const double v : {110.0, 5.0}) b.add(kSecond, v);
  EXPECT_EQ(a.increase(), 10);
  EXPECT_EQ(b.increase(), 10);
  EXPECT_EQ(a.resets() + b.resets(), 0u);
}

TEST(Counter, CountsTheGapBetweenPartsOnceAllAreThere) {
  Counter sum = of({10, 12});
  ASSERT_TRUE(sum.merge(of({3, 4}, {}, 10)).ok());  // a reset in the gap, as it seems
  EXPECT_EQ(sum.increase(), 2 + 3 + 1);
  EXPECT_EQ(sum.resets(), 1u);
  ASSERT_TRUE(sum.merge(of({14, 15, 1}, {}, 5)).ok());  // it came here, and 1 was not lost
  EXPECT_EQ(sum.increase(), 2 + 2 + 1 + 1 + 2 + 1);
  EXPECT_EQ(sum.resets(), 1u);
}

TEST(Counter, AddsUpPartsThatOverlapAsDifferentCounters) {
  Counter sum = of({10, 12, 15});
  ASSERT_TRUE(sum.merge(of({1000, 1001, 1002})).ok());
  EXPECT_EQ(sum.increase(), 7);
  EXPECT_EQ(sum.parts().overlaps(), 1u);
}

TEST(Counter, RefusesToMergeAnotherWidth) {
  Counter a = of({1, 2});
  EXPECT_EQ(a.merge(of({1, 2}, {.wrap_bits = 32})).code(), StatusCode::invalid_argument);
  EXPECT_EQ(a.count(), 2u);
}

}  // namespace
}  // namespace sluice
