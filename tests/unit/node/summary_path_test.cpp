// What a window holds on its whole way: pipeline, encoder, decoder, the hub's database, its
// answers.
#include <gtest/gtest.h>
#include <simdjson.h>

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <map>
#include <random>
#include <set>
#include <tuple>

#include "aggregate/coverage.h"
#include "fakes/power_sum.h"
#include "unit/node/summary_path.h"

namespace sluice {
namespace {

namespace dom = simdjson::dom;
using hub::kMinuteNs;

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kHour = 60 * kMinuteNs;

double relative(double a, double b) {
  return a == b ? 0 : std::abs(a - b) / std::max(std::abs(a), std::abs(b));
}

std::shared_ptr<const AggregateType> squares() {
  static const std::shared_ptr<const AggregateType> type = std::make_shared<PowerSum>(2);
  return type;
}

std::shared_ptr<const AggregateType> find_squares(const PluginAggregateKey& key) {
  return key == squares()->key() ? squares() : nullptr;
}

ExtrasSpec all_kinds() {
  ExtrasSpec spec;
  spec.histogram = HistogramOptions{};
  spec.distinct_precision = 10;
  spec.top = TopOptions{1024, 128};
  spec.counter = CounterOptions{};
  spec.states = StateOptions{256, 0};
  spec.plugins = {PowerSum::spec(squares())};
  return spec;
}

/// Straight from the readings of one window, in order of time and value.
struct Straight {
  std::uint64_t gap_ns = 0;
  double integral_s = 0;
  double span_s = 0;
  double increase = 0;
  std::uint64_t resets = 0;
  std::map<double, std::uint64_t> states;
  std::set<double> values;
};

/// Of readings with equal stamps the largest counts.
Readings one_a_stamp(const Readings& readings) {
  std::map<std::int64_t, double> by_time;
  for (const Stamped& r : readings) {
    const auto [at, fresh] = by_time.try_emplace(r.time_ns, r.value);
    at->second = std::max(at->second, r.value);
  }
  Readings out;
  for (const auto& [time_ns, value] : by_time) out.push_back({time_ns, value});
  return out;
}

Straight straight(const Readings& readings) {
  Straight out;
  for (const Stamped& r : readings) out.values.insert(r.value);
  const Readings steps = one_a_stamp(readings);
  for (std::size_t i = 1; i < steps.size(); ++i) {
    const Stamped& from = steps[i - 1];
    const Stamped& to = steps[i];
    const auto length = static_cast<std::uint64_t>(to.time_ns - from.time_ns);
    out.gap_ns = std::max(out.gap_ns, length);
    out.integral_s += from.value * static_cast<double>(length) / 1e9;
    out.span_s += static_cast<double>(length) / 1e9;
    out.states[from.value] += length;
    if (to.value >= from.value) {
      out.increase += to.value - from.value;
    } else {
      out.increase += std::max(to.value, 0.0);
      ++out.resets;
    }
  }
  return out;
}

std::map<std::int64_t, Readings> by_window(const Readings& readings, std::int64_t size_ns) {
  std::map<std::int64_t, Readings> windows;
  for (const Stamped& r : readings) windows[r.time_ns / size_ns * size_ns].push_back(r);
  return windows;
}

template <typename Row>
void expect_held(const Row& row, const Straight& truth) {
  ASSERT_TRUE(row.has_largest_gap_ns() && row.has_time_weighted_mean());
  EXPECT_EQ(row.largest_gap_ns(), truth.gap_ns);
  if (truth.span_s > 0) {
    const double largest = std::max({std::abs(row.min()), std::abs(row.max())});
    EXPECT_NEAR(row.time_weighted_mean(), truth.integral_s / truth.span_s, 1e-11 * largest);
  }
}

template <typename Row>
void expect_extras(const Row& row, const Readings& readings, const Straight& truth) {
  const v1::Aggregates& got = row.aggregates();
  ExponentialHistogram histogram;
  HyperLogLog distinct(10);
  for (const Stamped& r : readings) {
    histogram.add(r.time_ns, r.value);
    distinct.add(r.time_ns, r.value);
  }
  for (const auto& quantile : got.histogram().quantiles()) {
    EXPECT_EQ(quantile.value(), histogram.quantile(quantile.q())) << quantile.q();
  }
  EXPECT_EQ(got.distinct().estimate(), distinct.estimate());
  std::map<std::string, std::uint64_t> counts;
  SpaceSaving top(TopOptions{1024, 128});
  for (const Stamped& r : readings) top.add(r.time_ns, r.value);
  if (truth.values.size() <= 1024) {
    ASSERT_GT(got.top().entries_size(), 0);
    EXPECT_EQ(got.top().entries(0).value(), top.top(1)[0].key);
    EXPECT_EQ(got.top().entries(0).count(), top.top(1)[0].count);
    EXPECT_EQ(got.top().entries(0).count_error(), 0u);
  }
  ASSERT_EQ(got.plugins_size(), 1);
  ASSERT_EQ(got.plugins(0).values_size(), 2) << got.plugins(0).unknown();
  double sum = 0;
  for (const Stamped& r : readings) sum += r.value * r.value;
  EXPECT_EQ(got.plugins(0).values(0).value(), static_cast<double>(readings.size()));
  EXPECT_LE(relative(got.plugins(0).values(1).value(), sum), 1e-9);
  EXPECT_LE(relative(got.counter().increase(), truth.increase), 1e-12);
  EXPECT_EQ(got.counter().resets(), truth.resets);
  if (truth.states.size() > 256) return;
  ASSERT_EQ(static_cast<std::size_t>(got.states().states_size()), truth.states.size());
  for (const auto& state : got.states().states()) {
    EXPECT_EQ(state.time_ns(), truth.states.at(state.value()));
  }
}

/// Delayed by less than `disorder_ns` each.
Readings disordered(const Readings& readings, std::int64_t disorder_ns, std::mt19937_64& random) {
  std::vector<std::pair<std::int64_t, Stamped>> by_arrival;
  for (const Stamped& r : readings) {
    const auto delay = random() % static_cast<std::uint64_t>(disorder_ns);
    by_arrival.emplace_back(r.time_ns + static_cast<std::int64_t>(delay), r);
  }
  std::stable_sort(by_arrival.begin(), by_arrival.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Readings order;
  for (const auto& [arrival, r] : by_arrival) order.push_back(r);
  return order;
}

/// A machine: an hour and a half at about a reading a second, with breaks and few values.
Readings machine(std::mt19937_64& random) {
  Readings readings;
  std::int64_t time_ns = 1'700'000'000 * kSecond / kHour * kHour + 5 * kSecond;
  const std::int64_t end_ns = time_ns + 2 * kHour;
  double value = 3;
  while (time_ns < end_ns) {
    if (random() % 8 == 0) value = static_cast<double>(random() % 40) / 4 - 2;
    readings.push_back({time_ns, value});
    time_ns += static_cast<std::int64_t>(random() % 2'000) * 1'000'000;
    if (random() % 300 == 0) time_ns += 4 * kMinuteNs;
  }
  return readings;
}

TEST_F(SummaryPath, MinutesMergeToTheHoursOfAllTheirReadings) {
  find_ = find_squares;
  const Readings readings = machine(random_);
  WindowSpec windows = WindowSpec::tumbling(kMinuteNs);
  windows.extras = all_kinds();
  windows.expected_every_ns = kSecond;
  constexpr std::int64_t kDisorder = 20 * kSecond;
  run(disordered(readings, kDisorder, random_), windows, kDisorder);
  const auto minutes = by_window(readings, kMinuteNs);
  const auto records = stored();
  ASSERT_EQ(records.size(), minutes.size());
  for (const v1::SummaryRecord& record : records) {
    SCOPED_TRACE(record.start_ns());
    const Readings& in_window = minutes.at(record.start_ns());
    const Straight truth = straight(in_window);
    expect_held(record, truth);
    expect_extras(record, in_window, truth);
    EXPECT_EQ(record.coverage(), std::min(1.0, static_cast<double>(in_window.size()) / 60));
  }
  const auto hours = by_window(readings, kHour);
  const auto rows = merged(kHour);
  ASSERT_EQ(rows.size(), hours.size());
  for (const v1::MergedSummary& row : rows) {
    const Readings& in_window = hours.at(row.start_ns());
    const Straight truth = straight(in_window);
    expect_held(row, truth);
    expect_extras(row, in_window, truth);
    EXPECT_EQ(row.coverage(), std::min(1.0, static_cast<double>(in_window.size()) / 3600));
  }
}

TEST_F(SummaryPath, NoShuffleWithinTheDisorderChangesAByteOfWhatIsStored) {
  const Readings readings = machine(random_);
  WindowSpec windows = WindowSpec::tumbling(kMinuteNs);
  windows.extras = all_kinds();
  windows.extras.top.reset();  // holds its guarantees under any order, and no more
  constexpr std::int64_t kDisorder = 15 * kSecond;
  std::map<std::int64_t, std::string> first;
  for (int round = 0; round < 4; ++round) {
    hub::TempDir dir;
    path_ = dir.file("hub.db");
    store_ = hub::open_store(path_, clock_);
    seq_ = 0;
    run(round == 0 ? readings : disordered(readings, kDisorder, random_), windows, kDisorder);
    for (v1::SummaryRecord record : stored()) {
      record.clear_sum();  // within 1e-12
      record.clear_mean();
      record.clear_stddev();
      record.clear_labels();  // a map, written in any order
      const std::string bytes = record.SerializeAsString();
      const auto [at, fresh] = first.try_emplace(record.start_ns(), bytes);
      EXPECT_TRUE(at->second == bytes) << record.start_ns() << " in round " << round;
    }
    store_.reset();
  }
}

// A correction holds all readings so far, in their order.
TEST_F(SummaryPath, ACorrectedWindowIsThatOfAllItsReadings) {
  Readings readings;
  const std::int64_t start_ns = hub::kNoonNs;
  for (int i = 0; i < 40; ++i) {
    readings.push_back({start_ns + i * 1'400'000'000ll, static_cast<double>(i * 7 % 11)});
  }
  Readings order = readings;
  order.push_back({start_ns + 3 * kMinuteNs, 1});
  std::shuffle(order.begin(), order.end(), random_);
  WindowSpec windows = WindowSpec::tumbling(kMinuteNs);
  windows.allowed_lateness_ns = kHour;
  windows.extras = all_kinds();
  run(order, windows, 0);
  const auto records = stored();
  ASSERT_EQ(records.size(), 2u);
  const Straight truth = straight(readings);
  expect_held(records[0], truth);
  expect_extras(records[0], readings, truth);
}

class RecordedPath : public SummaryPath {
 protected:
  void SetUp() override {
    if (!has_real_data()) {
      GTEST_SKIP() << "no " << data_path("oracles") << "; set SLUICE_TEST_DATA";
    }
  }
};

TEST_F(RecordedPath, HoursOfARecordingEqualNumpysAndMinutesMergeToThem) {
  dom::parser parser;
  dom::element root;
  ASSERT_EQ(parser.load(data_path("oracles/tumbling-stats.json")).get(root), simdjson::SUCCESS);
  const auto readings = read_series("uci-occupancy/datatest.txt", ',', 1, 5).readings;
  run(readings, WindowSpec::tumbling(10 * kMinuteNs), 0);
  std::map<std::int64_t, v1::MergedSummary> hours;
  for (const v1::MergedSummary& row : merged(kHour)) hours[row.start_ns()] = row;
  double worst = 0;
  for (const dom::element w : root["windows"].get_array()) {
    const v1::MergedSummary& row = hours.at(w["window_start"].get_int64() * kSecond);
    EXPECT_EQ(row.count(), std::uint64_t{w["count"].get_uint64()});
    EXPECT_EQ(row.min(), double{w["min"].get_double()});
    EXPECT_EQ(row.max(), double{w["max"].get_double()});
    EXPECT_EQ(row.first(), double{w["first"].get_double()});
    EXPECT_EQ(row.last(), double{w["last"].get_double()});
    worst = std::max(worst, relative(row.mean(), w["mean"].get_double()));
    worst = std::max(worst, relative(row.stddev() * row.stddev(), w["var_sample"].get_double()));
  }
  EXPECT_EQ(hours.size(), root["windows"].get_array().size());
  std::printf("tumbling-stats through the hub: worst relative error %.1e\n", worst);
  EXPECT_LE(worst, 1e-11);
}

TEST_F(RecordedPath, MeanOverTimeGapAndRestOfRecordingsAreWhatTheirReadingsSay) {
  find_ = find_squares;
  for (const RealSeries& series : real_series()) {
    SCOPED_TRACE(series.name);
    hub::TempDir dir;
    path_ = dir.file("hub.db");
    store_ = hub::open_store(path_, clock_);
    seq_ = 0;
    WindowSpec windows = WindowSpec::tumbling(kHour);
    windows.extras = all_kinds();
    run(series.readings, windows, kMinuteNs);
    for (const std::int64_t every_ns : {kHour, 24 * kHour}) {
      const auto truth = by_window(series.readings, every_ns);
      const auto rows = merged(every_ns);
      ASSERT_EQ(rows.size(), truth.size());
      for (const v1::MergedSummary& row : rows) {
        const Readings& in_window = truth.at(row.start_ns());
        expect_held(row, straight(in_window));
        expect_extras(row, in_window, straight(in_window));
      }
    }
    std::printf("%-60s %zu readings, %zu panes, %.1f bytes each with all aggregates\n",
                series.name.c_str(), series.readings.size(), stored().size(),
                static_cast<double>(bytes_) / static_cast<double>(stored().size()));
    bytes_ = 0;
    store_.reset();
  }
}

void expect_buckets(const v1::HistogramPoint::Buckets& got, dom::element expected) {
  const dom::array counts = expected["bucketCounts"].get_array();
  ASSERT_EQ(static_cast<std::size_t>(got.bucket_counts_size()), counts.size());
  if (counts.size() > 0) {
    EXPECT_EQ(got.offset(), std::int64_t{expected["offset"].get_int64()});
  }
  int i = 0;
  for (const dom::element count : counts) {
    ASSERT_EQ(got.bucket_counts(i++), std::uint64_t{count.get_uint64()});
  }
}

// Every value of a case is a reading of one window.
TEST_F(RecordedPath, HistogramsInTheHubEqualThoseOfOpenTelemetryBucketByBucket) {
  dom::parser parser;
  dom::element root;
  ASSERT_EQ(parser.load(data_path("oracles/otel-exponential-histogram.json")).get(root),
            simdjson::SUCCESS);
  std::size_t cases = 0;
  for (const dom::element c : root["cases"].get_array()) {
    dom::array values;
    if (c["values"].get_array().get(values) != simdjson::SUCCESS) continue;  // of a recording
    SCOPED_TRACE(std::string(std::string_view(c["name"].get_string())));
    const std::int64_t start_ns = static_cast<std::int64_t>(cases) * kHour;
    Readings readings;
    for (const dom::element v : values) {
      const auto at = start_ns + static_cast<std::int64_t>(readings.size()) * 1'000'000;
      readings.push_back({at, v.get_double()});
    }
    if (readings.empty()) continue;
    WindowSpec windows = WindowSpec::tumbling(kHour);
    windows.extras.histogram = HistogramOptions{};
    windows.extras.histogram->max_size =
        static_cast<std::uint16_t>(std::uint64_t{c["maxSize"].get_uint64()});
    run(readings, windows, 0);
    const auto records = stored();
    ASSERT_EQ(records.size(), ++cases);
    const v1::HistogramPoint& got = records.back().aggregates().histogram();
    const dom::element expected = c["expected"];
    EXPECT_EQ(got.scale(), std::int64_t{expected["scale"].get_int64()});
    EXPECT_EQ(got.zero_count(), std::uint64_t{expected["zeroCount"].get_uint64()});
    EXPECT_EQ(records.back().count(), std::uint64_t{expected["count"].get_uint64()});
    expect_buckets(got.positive(), expected["positive"]);
    expect_buckets(got.negative(), expected["negative"]);
  }
  std::printf("otel-exponential-histogram through the hub: %zu cases\n", cases);
  EXPECT_GT(cases, 0u);
}

}  // namespace
}  // namespace sluice
