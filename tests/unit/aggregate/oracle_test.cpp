// Against results of other programs: the OpenTelemetry SDK's histogram, bucket by bucket and merge
// by merge, and exact quantiles.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <cmath>

#include "aggregate/exponential_histogram.h"
#include "unit/aggregate/real_series.h"

namespace sluice {
namespace {
namespace dom = simdjson::dom;

double relative(double got, double expected) {
  return expected == 0 ? std::abs(got) : std::abs(got - expected) / std::abs(expected);
}

/// The recordings that the oracles name in words.
std::vector<double> recorded(const std::string& source) {
  const RealSeries series =
      source.starts_with("nab ec2_request_latency")
          ? read_series("nab/data/realKnownCause/ec2_request_latency_system_failure.csv", ',', 0, 1)
          : read_series("uci-occupancy/datatraining.txt", ',', 1, 5);
  std::vector<double> values;
  for (const Stamped& r : series.readings) values.push_back(r.value);
  return values;
}

std::vector<double> numbers(dom::element array) {
  std::vector<double> out;
  for (const dom::element v : array.get_array()) out.push_back(v.get_double());
  return out;
}

ExponentialHistogram of(const std::vector<double>& values, std::uint64_t max_size) {
  ExponentialHistogram histogram({.max_size = static_cast<std::uint16_t>(max_size)});
  for (const double v : values) histogram.add(0, v);
  return histogram;
}

class Oracle : public ::testing::Test {
 protected:
  void load(const std::string& file) {
    const std::string path = data_path("oracles/" + file);
    if (parser_.load(path).get(root_) != simdjson::SUCCESS) {
      GTEST_SKIP() << "no " << path << "; set SLUICE_TEST_DATA to run this test";
    }
  }
  void expect_buckets(const BucketCounts& got, dom::element expected) {
    std::vector<std::uint64_t> counts;
    for (const dom::element c : expected["bucketCounts"].get_array()) {
      counts.push_back(c.get_uint64());
    }
    ASSERT_EQ(got.size(), counts.size());
    if (counts.empty()) return;
    const std::int64_t offset = expected["offset"].get_int64();
    ASSERT_EQ(got.first(), offset);
    for (std::size_t i = 0; i < counts.size(); ++i) {
      ASSERT_EQ(got.at(static_cast<std::int32_t>(offset) + static_cast<std::int32_t>(i)),
                counts[i]);
      ++buckets_;
    }
  }
  void expect_equal(const ExponentialHistogram& got, dom::element expected) {
    EXPECT_EQ(got.scale(), std::int64_t{expected["scale"].get_int64()});
    EXPECT_EQ(got.count(), std::uint64_t{expected["count"].get_uint64()});
    EXPECT_EQ(got.zero_count(), std::uint64_t{expected["zeroCount"].get_uint64()});
    EXPECT_EQ(got.min(), double{expected["min"].get_double()});
    EXPECT_EQ(got.max(), double{expected["max"].get_double()});
    worst_sum_ = std::max(worst_sum_, relative(got.sum(), expected["sum"].get_double()));
    expect_buckets(got.positive(), expected["positive"]);
    expect_buckets(got.negative(), expected["negative"]);
  }

  dom::parser parser_;
  dom::element root_;
  std::size_t buckets_ = 0;
  double worst_sum_ = 0;
};

TEST_F(Oracle, HistogramsEqualThoseOfOpenTelemetryBucketByBucket) {
  load("otel-exponential-histogram.json");
  if (IsSkipped()) return;
  std::size_t cases = 0;
  for (const dom::element c : root_["cases"].get_array()) {
    SCOPED_TRACE(std::string(std::string_view(c["name"].get_string())));
    std::string_view source;
    const bool recording = c["source"].get_string().get(source) == simdjson::SUCCESS;
    const auto values = recording ? recorded(std::string(source)) : numbers(c["values"]);
    ASSERT_EQ(values.size(), std::uint64_t{c["n"].get_uint64()});
    expect_equal(of(values, c["maxSize"].get_uint64()), c["expected"]);
    ++cases;
  }
  std::printf(
      "oracle otel-exponential-histogram: %zu cases, %zu buckets equal, worst relative "
      "error of the sum %.1e\n",
      cases, buckets_, worst_sum_);
  EXPECT_LE(worst_sum_, 1e-14);
}

TEST_F(Oracle, MergesEqualThoseOfOpenTelemetryBucketByBucket) {
  load("otel-exponential-histogram.json");
  if (IsSkipped()) return;
  std::size_t merges = 0;
  for (const dom::element c : root_["merges"].get_array()) {
    SCOPED_TRACE(std::string(std::string_view(c["name"].get_string())));
    const std::uint64_t max_size = c["maxSize"].get_uint64();
    const auto left = of(numbers(c["left"]), max_size);
    const auto right = of(numbers(c["right"]), max_size);
    auto merged = left;
    ASSERT_TRUE(merged.merge(right).ok());
    expect_equal(merged, c["expected"]);
    merged = right;
    ASSERT_TRUE(merged.merge(left).ok());
    expect_equal(merged, c["expected"]);
    ++merges;
  }
  std::printf(
      "oracle otel-exponential-histogram: %zu merges both ways, %zu buckets equal, worst "
      "relative error of the sum %.1e\n",
      merges, buckets_, worst_sum_);
  EXPECT_LE(worst_sum_, 1e-14);
}

TEST_F(Oracle, QuantilesAreWithinTheStatedErrorOfTheExactOnes) {
  load("ddsketch.json");
  if (IsSkipped()) return;
  for (const dom::element c : root_["cases"].get_array()) {
    std::string_view source;
    if (c["source"].get_string().get(source) != simdjson::SUCCESS) continue;
    const auto values = recorded(std::string(source));
    if (values.size() != std::uint64_t{c["n"].get_uint64()}) continue;
    for (const std::uint64_t max_size : {160, 320}) {
      const auto histogram = of(values, max_size);
      double worst = 0;
      for (const auto [q, exact] : c["exact_lower_rank"].get_object()) {
        const double estimate = histogram.quantile(std::stod(std::string(q)));
        worst = std::max(worst, relative(estimate, exact.get_double()));
      }
      std::printf(
          "oracle ddsketch exact quantiles, %s, %d buckets: worst relative error %.5f, "
          "promised %.5f\n",
          std::string(std::string_view(c["name"].get_string())).c_str(), static_cast<int>(max_size),
          worst, histogram.relative_error());
      EXPECT_LE(worst, histogram.relative_error());
      EXPECT_LE(worst, 0.011);
    }
  }
}

}  // namespace
}  // namespace sluice
