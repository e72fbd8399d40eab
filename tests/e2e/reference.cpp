#include "e2e/reference.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <set>

namespace sluice::e2e {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

std::int64_t floor_to(std::int64_t time_ns, std::int64_t size_ns) {
  return time_ns - ((time_ns % size_ns) + size_ns) % size_ns;
}

void expect_near(double actual, double expected, const char* what) {
  EXPECT_NEAR(actual, expected, 1e-9 * std::max(1.0, std::abs(expected))) << what;
}

void expect_window(const ExpectedWindow& window, const v1::SummaryRecord& summary) {
  std::vector<std::pair<std::int64_t, double>> values = window.values;
  std::sort(values.begin(), values.end());
  long double sum = 0;
  for (const auto& [time, value] : values) sum += value;
  const auto n = static_cast<long double>(values.size());
  long double squares = 0;
  for (const auto& [time, value] : values) squares += (value - sum / n) * (value - sum / n);
  const auto by_value = [](const auto& a, const auto& b) { return a.second < b.second; };
  EXPECT_EQ(summary.count(), values.size());
  expect_near(summary.sum(), static_cast<double>(sum), "sum");
  expect_near(summary.mean(), static_cast<double>(sum / n), "mean");
  expect_near(summary.stddev(), n < 2 ? 0 : std::sqrt(static_cast<double>(squares / (n - 1))),
              "stddev");
  EXPECT_DOUBLE_EQ(summary.min(), std::min_element(values.begin(), values.end(), by_value)->second);
  EXPECT_DOUBLE_EQ(summary.max(), std::max_element(values.begin(), values.end(), by_value)->second);
  EXPECT_DOUBLE_EQ(summary.first(), values.front().second);
  EXPECT_DOUBLE_EQ(summary.last(), values.back().second);
  EXPECT_EQ(summary.first_time_ns(), values.front().first);
  EXPECT_EQ(summary.last_time_ns(), values.back().first);
}

}  // namespace

void Reference::saw(std::int64_t time_ns) { newest_ns_ = std::max(newest_ns_, time_ns); }

void Reference::kept(const std::string& measurement, std::int64_t time_ns, double value) {
  readings_.emplace_back(measurement, time_ns, value);
}

void Reference::add_to(Expected& expected) const {
  const std::int64_t size = pipeline_.window_s * kSecond;
  const std::int64_t watermark = newest_ns_ - pipeline_.max_out_of_order_s * kSecond;
  for (const auto& [measurement, time, value] : readings_) {
    const std::int64_t start = floor_to(time, size);
    if (start + size > watermark) continue;
    expected[{pipeline_.name, measurement, pipeline_.label, start}].values.emplace_back(time,
                                                                                        value);
  }
}

void expect_equal(const Expected& expected, const std::vector<v1::SummaryRecord>& summaries) {
  std::set<WindowKey> seen;
  for (const v1::SummaryRecord& summary : summaries) {
    const std::string label = summary.labels().empty() ? "" : summary.labels().begin()->second;
    const WindowKey key{summary.pipeline(), summary.measurement(), label, summary.start_ns()};
    SCOPED_TRACE(summary.pipeline() + " " + summary.measurement() + " " + label + " " +
                 std::to_string(summary.start_ns()));
    EXPECT_TRUE(seen.insert(key).second) << "twice in the hub";
    const auto it = expected.find(key);
    if (it == expected.end()) {
      ADD_FAILURE() << "a window that should not be there, of " << summary.count() << " readings";
      continue;
    }
    expect_window(it->second, summary);
    if (testing::Test::HasFailure()) return;
  }
  EXPECT_EQ(seen.size(), expected.size()) << "windows are missing in the hub";
}

bool number_in(const std::string& payload, const std::string& name, double& value) {
  const std::size_t at = payload.find("\"" + name + "\":");
  if (at == std::string::npos) return false;
  value = std::strtod(payload.c_str() + at + name.size() + 3, nullptr);
  return true;
}

}  // namespace sluice::e2e
