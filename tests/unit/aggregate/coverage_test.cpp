#include "aggregate/coverage.h"

#include <gtest/gtest.h>

#include <cmath>

namespace sluice {
namespace {

Coverage of(const std::vector<std::int64_t>& times) {
  Coverage coverage;
  for (const std::int64_t t : times) coverage.add(t, 1);
  return coverage;
}

TEST(Coverage, OfNothingIsOneGap) {
  const Coverage empty;
  EXPECT_EQ(empty.count(), 0u);
  EXPECT_EQ(empty.largest_gap_ns(), 0u);
  EXPECT_EQ(empty.largest_gap_ns(10, 25), 15u);
  EXPECT_EQ(empty.share(0, 100, 10), 0);
}

TEST(Coverage, KnowsItsEndsAndItsLargestGap) {
  const Coverage coverage = of({10, 11, 30, 35, 35});
  EXPECT_EQ(coverage.count(), 5u);
  EXPECT_EQ(coverage.first_time_ns(), 10);
  EXPECT_EQ(coverage.last_time_ns(), 35);
  EXPECT_EQ(coverage.largest_gap_ns(), 19u);
  EXPECT_EQ(coverage.largest_gap_ns(0, 40), 19u);
  EXPECT_EQ(coverage.largest_gap_ns(-20, 40), 30u);
  EXPECT_EQ(coverage.largest_gap_ns(0, 60), 25u);
}

TEST(Coverage, ComparesWithTheExpectedCount) {
  EXPECT_EQ(Coverage::expected_count(0, 60, 10), 6u);
  EXPECT_EQ(Coverage::expected_count(0, 60, 0), 0u);
  EXPECT_DOUBLE_EQ(of({1, 11, 21}).share(0, 60, 10), 0.5);
  EXPECT_EQ(of({1, 1, 1, 1, 1, 1, 1}).share(0, 60, 10), 1);
  EXPECT_EQ(of({}).share(0, 60, 0), 1);
}

TEST(Coverage, DoesNotCountAGapThatALatePartFills) {
  Coverage coverage = of({0, 1, 2});
  ASSERT_TRUE(coverage.merge(of({20, 21})).ok());
  EXPECT_EQ(coverage.largest_gap_ns(), 18u);
  ASSERT_TRUE(coverage.merge(of({8, 14})).ok());
  EXPECT_EQ(coverage.largest_gap_ns(), 6u);
  coverage.close_gaps();
  EXPECT_EQ(coverage.largest_gap_ns(), 6u);
  EXPECT_EQ(coverage.parts().size(), 1u);
}

TEST(Coverage, RefusesNan) {
  Coverage coverage;
  EXPECT_FALSE(coverage.add(1, std::nan("")));
  EXPECT_EQ(coverage.count(), 0u);
}

}  // namespace
}  // namespace sluice
