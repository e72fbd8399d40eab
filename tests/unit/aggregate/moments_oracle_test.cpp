// The statistics that panes carry today, against certified and independent results.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <array>
#include <cmath>
#include <map>

#include "model/window.h"
#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {
namespace dom = simdjson::dom;

double relative(double got, double expected) {
  return expected == 0 ? std::abs(got) : std::abs(got - expected) / std::abs(expected);
}

/// NIST's sets are made by a rule: a first value, then 500 times two others around it.
std::vector<double> nist_values(std::string_view name) {
  if (name == "NumAcc1") return {10000001, 10000003, 10000002};
  const std::map<std::string_view, std::array<double, 3>> sets{
      {"NumAcc2", {1.2, 1.1, 1.3}},
      {"NumAcc3", {1000000.2, 1000000.1, 1000000.3}},
      {"NumAcc4", {10000000.2, 10000000.1, 10000000.3}}};
  const auto& [first, low, high] = sets.at(name);
  std::vector<double> values{first};
  for (int i = 0; i < 500; ++i) values.insert(values.end(), {low, high});
  return values;
}

class MomentsOracle : public ::testing::Test {
 protected:
  void load(const std::string& file) {
    const std::string path = data_path("oracles/" + file);
    if (parser_.load(path).get(root_) != simdjson::SUCCESS) {
      GTEST_SKIP() << "no " << path << "; set SLUICE_TEST_DATA to run this test";
    }
  }
  dom::parser parser_;
  dom::element root_;
};

// Added one by one, and merged from parts of one to seven.
TEST_F(MomentsOracle, AgreesWithNistsCertifiedValues) {
  load("nist-numacc.json");
  if (IsSkipped()) return;
  const std::map<std::string_view, double> tolerance{
      {"NumAcc1", 1e-12}, {"NumAcc2", 1e-12}, {"NumAcc3", 1e-8}, {"NumAcc4", 1e-7}};
  for (const dom::element c : root_["cases"].get_array()) {
    const std::string_view name = c["name"].get_string();
    const auto values = nist_values(name);
    ASSERT_EQ(values.size(), std::uint64_t{c["n"].get_uint64()});
    Moments added;
    Moments merged;
    Moments part;
    for (std::size_t i = 0; i < values.size(); ++i) {
      added.add(static_cast<std::int64_t>(i), values[i]);
      part.add(static_cast<std::int64_t>(i), values[i]);
      if (i % 7 < 3 && i + 1 < values.size()) continue;
      merged.merge(part);
      part = {};
    }
    for (const Moments& m : {added, merged}) {
      const double mean_error = relative(m.average(), c["mean"].get_double());
      const double stddev_error = relative(m.stddev(), c["stdev_sample"].get_double());
      std::printf("oracle nist-numacc %s: worst relative error mean %.1e, stddev %.1e\n",
                  std::string(name).c_str(), mean_error, stddev_error);
      EXPECT_LE(mean_error, 1e-14);
      EXPECT_LE(stddev_error, tolerance.at(name));
    }
  }
}

TEST_F(MomentsOracle, AgreesWithNumpyOnHourlyWindowsOfARecording) {
  load("tumbling-stats.json");
  if (IsSkipped()) return;
  const auto readings = read_series("uci-occupancy/datatest.txt", ',', 1, 5).readings;
  ASSERT_FALSE(readings.empty());
  constexpr std::int64_t kHour = 3'600'000'000'000;
  std::map<std::int64_t, Moments> windows;
  for (const Stamped& r : readings) windows[r.time_ns / kHour * kHour].add(r.time_ns, r.value);
  ASSERT_EQ(windows.size(), root_["windows"].get_array().size());
  double worst_sum = 0;
  double worst_mean = 0;
  double worst_variance = 0;
  for (const dom::element w : root_["windows"].get_array()) {
    const Moments& m = windows.at(w["window_start"].get_int64() * std::int64_t{1'000'000'000});
    EXPECT_EQ(m.count, std::uint64_t{w["count"].get_uint64()});
    EXPECT_EQ(m.min, double{w["min"].get_double()});
    EXPECT_EQ(m.max, double{w["max"].get_double()});
    EXPECT_EQ(m.first, double{w["first"].get_double()});
    EXPECT_EQ(m.last, double{w["last"].get_double()});
    worst_sum = std::max(worst_sum, relative(m.total(), w["sum"].get_double()));
    worst_mean = std::max(worst_mean, relative(m.average(), w["mean"].get_double()));
    const double variance = m.m2 / static_cast<double>(m.count);
    worst_variance = std::max(worst_variance, relative(variance, w["var_pop"].get_double()));
    worst_variance =
        std::max(worst_variance, relative(m.stddev() * m.stddev(), w["var_sample"].get_double()));
  }
  std::printf(
      "oracle tumbling-stats, %zu windows: worst relative error sum %.1e, mean %.1e, "
      "variance %.1e\n",
      windows.size(), worst_sum, worst_mean, worst_variance);
  EXPECT_LE(worst_sum, 1e-14);
  EXPECT_LE(worst_mean, 1e-14);
  EXPECT_LE(worst_variance, 1e-12);
}

}  // namespace
}  // namespace sluice
