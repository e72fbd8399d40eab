#include "base/decimal.h"

#include <gtest/gtest.h>

#include <bit>
#include <cmath>
#include <limits>
#include <random>
#include <vector>

namespace sluice {
namespace {

std::uint64_t bits(double v) { return std::bit_cast<std::uint64_t>(v); }

TEST(Decimal, FindsTheIntegerBehindADecimalAndGivesBackTheSameBits) {
  EXPECT_EQ(decimal_scale(21.37, 2), 2137);
  EXPECT_EQ(decimal_scale(-0.001, 3), -1);
  EXPECT_EQ(decimal_scale(0.1, 1), 1);
  EXPECT_EQ(decimal_scale(1e15, 0), 1'000'000'000'000'000);
  EXPECT_EQ(decimal_scale(0.0, 7), 0);
  EXPECT_EQ(bits(decimal_value(2137, 2)), bits(21.37));
}

TEST(Decimal, RefusesWhatWouldNotComeBackBitForBit) {
  constexpr double kInf = std::numeric_limits<double>::infinity();
  for (unsigned e = 0; e <= kDecimalExponentMax; ++e) {
    for (const double v :
         {-0.0, kInf, -kInf, std::nan(""), std::nan("7"), std::numeric_limits<double>::denorm_min(),
          std::numeric_limits<double>::max(), 0.1 + 0.2, std::sqrt(2.0)}) {
      EXPECT_FALSE(decimal_scale(v, e)) << v << " at exponent " << e;
    }
  }
  EXPECT_FALSE(decimal_scale(21.37, 1));
}

TEST(Decimal, KeepsTheIntegerBelowTwoToThe53) {
  EXPECT_EQ(decimal_scale(9007199254740991.0, 0), 9007199254740991);
  EXPECT_FALSE(decimal_scale(9007199254740992.0, 0));
  EXPECT_FALSE(decimal_scale(-9007199254740992.0, 0));
  EXPECT_FALSE(decimal_scale(9007199254740991.0, 1));
}

TEST(Decimal, RefusesAnExponentOutOfRange) {
  EXPECT_FALSE(decimal_scale(1.0, 16));
  EXPECT_FALSE(decimal_scale(1.0, 4'000'000'000u));
  EXPECT_TRUE(std::isnan(decimal_value(1, 16)));
}

TEST(Decimal, WhateverItAcceptsRoundTripsBitExactly) {
  const auto seed = std::random_device{}();
  RecordProperty("seed", static_cast<int>(seed));
  std::mt19937_64 random(seed);
  for (int i = 0; i < 200'000; ++i) {
    const double v = std::bit_cast<double>(random());
    const auto e = static_cast<unsigned>(random() % 16);
    if (const auto scaled = decimal_scale(v, e)) {
      ASSERT_EQ(bits(decimal_value(*scaled, e)), bits(v)) << "seed " << seed;
      ASSERT_LT(std::llabs(*scaled), 1ll << 53) << "seed " << seed;
    }
    // Every decimal of up to 15 digits must be found: that is what sensors send.
    const auto n =
        static_cast<std::int64_t>(random() % 1'999'999'999'999'999) - 999'999'999'999'999;
    const double decimal = decimal_value(n, e);
    ASSERT_EQ(decimal_scale(decimal, e), n) << "seed " << seed << " exponent " << e;
  }
}

TEST(Decimal, PicksTheSmallestExponentThatCoversMostValues) {
  EXPECT_EQ(decimal_exponent({}), 0u);
  EXPECT_EQ(decimal_exponent(std::vector<double>{1, 2, 300}), 0u);
  EXPECT_EQ(decimal_exponent(std::vector<double>{21.5, 21.37, 22}), 2u);
  EXPECT_EQ(decimal_exponent(std::vector<double>{std::nan(""), std::sqrt(2.0)}), 0u);
  std::vector<double> one_odd(99, 20.5);
  one_odd.push_back(20.123456789);
  EXPECT_EQ(decimal_exponent(one_odd), 1u) << "one odd value must not stretch all the others";
}

}  // namespace
}  // namespace sluice
