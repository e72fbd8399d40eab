#include "aggregate/compensated_sum.h"

#include <gtest/gtest.h>

#include <limits>
#include <random>

#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {

TEST(CompensatedSum, KeepsWhatAPlainSumLoses) {
  CompensatedSum sum;
  for (const double v : {1.0, 1e16, 1.0, -1e16}) sum.add(v);
  EXPECT_EQ(sum.total(), 2.0);
}

TEST(CompensatedSum, StaysAtTheLargestNumberInsteadOfBecomingInfinite) {
  constexpr double kMax = std::numeric_limits<double>::max();
  CompensatedSum sum;
  sum.add(kMax);
  sum.add(kMax);
  EXPECT_EQ(sum.total(), kMax);
  EXPECT_TRUE(sum.finite());
  sum.add(-kMax);
  EXPECT_TRUE(sum.finite());
}

TEST(CompensatedSum, IsTheSameBitsWhicheverIsAddedToTheOther) {
  std::mt19937_64 random(announced_seed());
  std::normal_distribution<double> values(0, 1e6);
  for (int round = 0; round < 1000; ++round) {
    CompensatedSum a;
    CompensatedSum b;
    for (int i = 0; i < 20; ++i) (i % 3 == 0 ? a : b).add(values(random));
    CompensatedSum ab = a;
    ab.add(b);
    CompensatedSum ba = b;
    ba.add(a);
    EXPECT_EQ(ab.sum, ba.sum);
    EXPECT_EQ(ab.error, ba.error);
  }
}

}  // namespace
}  // namespace sluice
