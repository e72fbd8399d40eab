#include <gtest/gtest.h>

#include <cmath>
#include <limits>
#include <random>
#include <vector>

#include "rig.h"
#include "testing/aggregate_harness.hpp"

namespace sluice {
namespace {

using sdk::test::AggregateHarness;

class ShapeTest : public Rig {
 protected:
  static AggregateHarness::Readings readings(const std::vector<double>& values) {
    AggregateHarness::Readings out;
    for (const double v : values) out.push_back({static_cast<double>(out.size()), v});
    return out;
  }
  AggregateHarness shape_{PLUGIN_DIR "/shape.so"};
  AggregateHarness corrected_{PLUGIN_DIR "/shape.so", R"({"bias_corrected":true})"};
};

/// By the definition, in two passes.
std::pair<double, double> by_definition(const std::vector<double>& values) {
  long double mean = 0;
  for (const double v : values) mean += v;
  const auto n = static_cast<long double>(values.size());
  mean /= n;
  long double m2 = 0, m3 = 0, m4 = 0;
  for (const double v : values) {
    const long double d = v - mean;
    m2 += d * d;
    m3 += d * d * d;
    m4 += d * d * d * d;
  }
  m2 /= n;
  return {static_cast<double>(m3 / n / (m2 * std::sqrt(m2))),
          static_cast<double>(m4 / n / (m2 * m2) - 3)};
}

std::vector<double> drawn(unsigned seed, std::size_t count, double offset, double scale) {
  std::mt19937_64 random(seed);
  std::gamma_distribution<double> gamma(2, scale);
  std::vector<double> values(count);
  for (double& v : values) v = offset + gamma(random);
  return values;
}

// A coin that shows heads once in four: (1 - 2p) / sqrt(pq) and (1 - 6pq) / pq. The corrected ones
// are 2 and 4, as spreadsheets have them.
TEST_F(ShapeTest, IsExactForACoin) {
  const auto coin = readings({0, 0, 0, 1});
  EXPECT_NEAR(shape_.fold(coin).at("skewness"), 2 / std::sqrt(3.0), 1e-15);
  EXPECT_NEAR(shape_.fold(coin).at("kurtosis"), -2.0 / 3, 1e-15);
  EXPECT_NEAR(corrected_.fold(coin).at("skewness"), 2, 1e-14);
  EXPECT_NEAR(corrected_.fold(coin).at("kurtosis"), 4, 1e-14);
}

TEST_F(ShapeTest, HasNoneOfTooFewReadingsOrWithoutSpread) {
  for (const std::vector<double>& values :
       std::vector<std::vector<double>>{{}, {1}, {1, 2}, {0.1, 0.1, 0.1, 0.1, 0.1}, {0, 0, 0, 0}}) {
    EXPECT_TRUE(std::isnan(shape_.fold(readings(values)).at("skewness"))) << values.size();
    EXPECT_TRUE(std::isnan(corrected_.fold(readings(values)).at("kurtosis"))) << values.size();
  }
  EXPECT_FALSE(std::isnan(shape_.fold(readings({1, 2, 4})).at("skewness")));
  EXPECT_TRUE(std::isnan(shape_.fold(readings({1, 2, 4})).at("kurtosis")));
}

TEST_F(ShapeTest, AgreesWithTheDefinition) {
  for (const double offset : {0.0, -40.0, 1e6, 1e9}) {
    const auto values = drawn(3, 5'000, offset, 0.7);
    const auto [skewness, kurtosis] = by_definition(values);
    const auto results = shape_.fold(readings(values));
    const double tolerance = offset == 1e9 ? 1e-7 : 1e-9;  // of the two passes, not of ours
    EXPECT_NEAR(results.at("skewness"), skewness, tolerance) << offset;
    EXPECT_NEAR(results.at("kurtosis"), kurtosis, 10 * tolerance) << offset;
  }
}

// Only the scale differs: no power of a value may overflow or vanish.
TEST_F(ShapeTest, DoesNotDependOnTheScale) {
  const std::vector<double> values = {-0.75, 0.5, 0.25, 1, 1.5, -0.125};
  const auto expected = shape_.fold(readings(values));
  for (const int exponent : {-1070, -600, -100, 0, 300, 1022}) {
    std::vector<double> scaled;
    for (const double v : values) scaled.push_back(std::ldexp(v, exponent));
    EXPECT_EQ(shape_.fold(readings(scaled)), expected) << exponent;
  }
  const double most = std::numeric_limits<double>::max();
  EXPECT_NEAR(shape_.fold(readings({most, -most, -most, -most})).at("skewness"), 2 / std::sqrt(3.0),
              1e-14);
}

// Values that differ in their last digit only.
TEST_F(ShapeTest, IsAsGoodAsTheSpreadNotAsTheValues) {
  const double next = std::nextafter(1e6, 2e6);
  const auto coin = readings({1e6, 1e6, next, 1e6});
  EXPECT_NEAR(shape_.fold(coin).at("skewness"), 2 / std::sqrt(3.0), 1e-14);
  shape_.check_laws(coin);
}

TEST_F(ShapeTest, KeepsTheLawsOfAnAggregate) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE(::testing::Message() << "seed " << seed);
  for (const AggregateHarness* shape : {&shape_, &corrected_}) {
    shape->check_laws({}, seed);
    shape->check_laws(readings({0, 0, 0, 1}), seed);
    shape->check_laws(readings(drawn(seed, 1'000, 20, 1)), seed);
    shape->check_laws(readings(drawn(seed, 1'000, 1e9, 1e-3)), seed);
    shape->check_laws(readings({0, 1e-300, 1e300, -2e-308, 5, 7, 1e308, -1e308}), seed);
  }
}

TEST_F(ShapeTest, RefusesBytesOfNoReadings) {
  const std::string bytes = shape_.save(readings({1, 2, 4, 9}));
  EXPECT_EQ(bytes.size(), 56u);
  EXPECT_EQ(shape_.restore(bytes, "1.0.0"), "");
  for (const std::size_t at : {7u, 15u, 23u, 31u, 39u, 47u, 55u}) {  // the highest byte of each
    std::string damaged = bytes;
    damaged[at] = '\x7f';
    EXPECT_NE(shape_.restore(damaged, "1.0.0"), "") << at;
  }
}

TEST_F(ShapeTest, LetsAllPassAsAStage) {
  const auto stage = make("shape", "{}");
  EXPECT_EQ(words(*stage, {at(1, 1), at(2, -1)}), (Words{"pass", "pass"}));
  EXPECT_NE(error_of("shape", R"({"bias_corrected":true})"), "accepted");
}

}  // namespace
}  // namespace sluice
