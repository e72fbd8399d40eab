#include "model/window.h"

#include <gtest/gtest.h>

#include <cmath>
#include <random>
#include <vector>

namespace sluice {
namespace {

TEST(Moments, HoldsOneReadingExactly) {
  Moments m;
  m.add(5, -2.5);
  EXPECT_EQ(m.count, 1u);
  EXPECT_EQ(m.total(), -2.5);
  EXPECT_EQ(m.min, -2.5);
  EXPECT_EQ(m.last_time_ns, 5);
  EXPECT_EQ(m.stddev(), 0);
}

TEST(Moments, FirstAndLastDoNotDependOnArrivalOrder) {
  Moments a;
  Moments b;
  for (const auto& [t, v] : std::vector<std::pair<int, double>>{{1, 3}, {2, 5}, {2, 7}, {1, 1}}) {
    a.add(t, v);
  }
  for (const auto& [t, v] : std::vector<std::pair<int, double>>{{2, 7}, {1, 1}, {1, 3}, {2, 5}}) {
    b.add(t, v);
  }
  EXPECT_EQ(a.first, 1.0);
  EXPECT_EQ(a.last, 7.0);
  EXPECT_EQ(a.first, b.first);
  EXPECT_EQ(a.last, b.last);
}

// They compare equal, but their bytes differ.
TEST(Moments, DoNotTellInWhichOrderMinusZeroAndZeroCame) {
  for (const auto& [one, other] : {std::pair{0.0, -0.0}, std::pair{-0.0, 0.0}}) {
    Moments m;
    m.add(1, one);
    m.add(1, other);
    for (const double v : {m.min, m.max, m.first, m.last, m.total()}) EXPECT_FALSE(std::signbit(v));
  }
}

// Adding 1e16 and taking it away again loses small values in a plain sum.
TEST(Moments, SumsWithCompensation) {
  Moments m;
  for (const double v : {1.0, 1e16, 1.0, -1e16}) m.add(0, v);
  EXPECT_EQ(m.total(), 2.0);
}

TEST(Moments, MergingPartsEqualsAddingAll) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::normal_distribution<double> values(1e6, 3);
  for (int round = 0; round < 100; ++round) {
    Moments all;
    std::vector<Moments> parts(1 + random() % 7);
    for (int i = 0; i < 500; ++i) {
      const double v = values(random);
      all.add(i, v);
      parts[random() % parts.size()].add(i, v);
    }
    Moments merged;
    for (const Moments& part : parts) merged.merge(part);
    EXPECT_EQ(merged.count, all.count);
    EXPECT_EQ(merged.min, all.min);
    EXPECT_EQ(merged.max, all.max);
    EXPECT_EQ(merged.first, all.first);
    EXPECT_EQ(merged.last, all.last);
    EXPECT_NEAR(merged.total(), all.total(), 1e-12 * all.total());
    EXPECT_NEAR(merged.stddev(), all.stddev(), 1e-9);
  }
}

TEST(Moments, KeepsItsDigitsFarFromZero) {
  Moments m;  // like NIST's NumAcc4: 10000000.2 and a thousand values 0.1 above and below
  m.add(0, 10000000.2);
  for (int i = 0; i < 500; ++i) {
    m.add(i, 10000000.1);
    m.add(i, 10000000.3);
  }
  EXPECT_NEAR(m.stddev(), 0.1, 1e-8);
}

}  // namespace
}  // namespace sluice
