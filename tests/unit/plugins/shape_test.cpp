#include <gtest/gtest.h>

#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <string>
#include <vector>

#include "sluice_aggregate_test.hpp"

namespace sluice::sdk::test {
namespace {

const std::string kFile = PLUGIN_DIR "/shape.so";
using Values = std::vector<double>;

AggregateBench::Readings readings(const Values& values) {
  AggregateBench::Readings all;
  for (const double v : values) all.push_back({static_cast<std::int64_t>(all.size()), v});
  return all;
}

Values shape_of(const Values& values, const std::string& config = "{}") {
  return AggregateBench(kFile, config).results(readings(values));
}

/// By the definition, in two passes.
Values by_definition(const Values& values) {
  const auto n = static_cast<long double>(values.size());
  long double mean = 0;
  for (const double v : values) mean += v / n;
  long double m2 = 0;
  long double m3 = 0;
  long double m4 = 0;
  for (const double v : values) {
    const long double d = v - mean;
    m2 += d * d / n;
    m3 += d * d * d / n;
    m4 += d * d * d * d / n;
  }
  return {static_cast<double>(m3 / std::pow(m2, 1.5L)), static_cast<double>(m4 / (m2 * m2) - 3)};
}

std::uint64_t fresh_seed() {
  const std::uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

// The figures that SciPy's documentation of skew() and R's e1071 and moments packages give, or that
// follow from the closed forms for 1..n.
TEST(Shape, IsThatOfTheTextbooks) {
  EXPECT_NEAR(shape_of({2, 8, 0, 4, 1, 9, 9, 0})[0], 0.2650554122698573, 1e-15);
  EXPECT_NEAR(shape_of({1, 2, 3, 4, 5})[0], 0, 1e-15);
  EXPECT_NEAR(shape_of({1, 2, 3, 4, 5})[1], -1.3, 1e-15);
  EXPECT_NEAR(shape_of({1, 2, 3, 4, 5}, R"({"corrected": true})")[1], -1.2, 1e-14);
  // g1 = 1/sqrt(2) for two equal values and a third one; G1 = sqrt(3).
  EXPECT_NEAR(shape_of({0, 0, 1})[0], 1 / std::sqrt(2.0), 1e-15);
  EXPECT_NEAR(shape_of({0, 0, 1}, R"({"corrected": true})")[0], std::sqrt(3.0), 1e-14);
}

TEST(Shape, AgreesWithTheDefinitionFarFromZero) {
  std::mt19937_64 random(fresh_seed());
  for (const double offset : {0.0, 1e3, -1e6}) {
    std::exponential_distribution<double> values(0.5);
    Values all;
    for (int i = 0; i < 20'000; ++i) all.push_back(offset + values(random));
    const Values got = shape_of(all);
    const Values wanted = by_definition(all);
    EXPECT_NEAR(got[0], wanted[0], 1e-7) << offset;
    EXPECT_NEAR(got[1], wanted[1], 1e-6) << offset;
  }
}

TEST(Shape, KeepsTheLawsOfAnAggregate) {
  const std::uint64_t seed = fresh_seed();
  std::mt19937_64 random(seed);
  std::lognormal_distribution<double> values(0, 1);
  Values all;
  for (int i = 0; i < 300; ++i) all.push_back(values(random));
  AggregateBench(kFile).check_laws(readings(all), 1e-9, seed);
  AggregateBench(kFile, R"({"corrected": true})").check_laws(readings(all), 1e-9, seed);
  AggregateBench(kFile).check_laws(readings({}));
  AggregateBench(kFile).check_laws(readings({3}));
}

TEST(Shape, IsNoneWhereThereIsNone) {
  const auto is_none = [](double v) { return std::isnan(v); };
  EXPECT_TRUE(is_none(shape_of({})[0]) && is_none(shape_of({})[1]));
  EXPECT_TRUE(is_none(shape_of({5})[0]));
  EXPECT_TRUE(is_none(shape_of(Values(1000, 0.1))[0])) << "equal values";
  EXPECT_TRUE(is_none(shape_of({1, 2}, R"({"corrected": true})")[0]));
  EXPECT_FALSE(is_none(shape_of({1, 2, 4}, R"({"corrected": true})")[0]));
  EXPECT_TRUE(is_none(shape_of({1, 2, 4}, R"({"corrected": true})")[1]));
}

// The fourth power of these is beyond a double.
TEST(Shape, HoldsTheLargestAndTheSmallestValues) {
  const double most = std::numeric_limits<double>::max();
  const Values wanted = by_definition({0, 0, 1});
  for (const double scale : {most, 1e300, 1e-60}) {
    const Values got = shape_of({0, 0, scale});
    EXPECT_NEAR(got[0], wanted[0], 1e-12) << scale;
    EXPECT_NEAR(got[1], wanted[1], 1e-12) << scale;
  }
  EXPECT_NEAR(shape_of({-most, most, -most, most})[1], -2, 1e-12);
  EXPECT_TRUE(std::isnan(shape_of({0, 0, 1e-200})[1]));
  AggregateBench(kFile).check_laws(readings({most, 1, -most, 5e299, 3, 1e200}));
}

TEST(Shape, RefusesAConfigThatIsNone) {
  EXPECT_THROW(AggregateBench(kFile, R"({"corrected": "yes"})"), std::exception);
}

}  // namespace
}  // namespace sluice::sdk::test
