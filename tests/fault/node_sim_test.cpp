#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "aggregate/exponential_histogram.h"
#include "base/log.h"
#include "fault/campaign.h"
#include "fault/memory_folder.h"
#include "fault/node_sim.h"
#include "hub/hub_reader.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::fault {
namespace {

/// Windows of "changing" are those of several specs, so they are told apart by nothing but count.
struct Held {
  std::map<TruthKey, v1::SummaryRecord> windows;
  std::uint64_t in_changing = 0;
  std::vector<v1::SummaryRecord> arrivals;
  std::map<std::string, std::vector<v1::SummaryRecord>> visits;  ///< by device, in order of time
  std::map<std::string, std::vector<v1::SummaryRecord>> lots;
};

Held held_by_hub(const std::string& database, const std::string& node) {
  v1::ListSummariesRequest request;
  request.set_node(node);
  request.set_limit(10'000);
  request.set_oldest_first(true);
  v1::ListSummariesResponse found;
  const Status status = hub::HubReader(database).list_summaries(
      request, [] { return false; }, found);
  EXPECT_TRUE(status.ok()) << status.to_string();
  Held held;
  for (const v1::SummaryRecord& record : found.summaries()) {
    if (record.pipeline() == "arrivals") {
      held.arrivals.push_back(record);
      continue;
    }
    if (record.pipeline() == "visits") {
      if (record.quality() != v1::PANE_QUALITY_EARLY) {
        held.visits[record.labels().at("device")].push_back(record);
      }
      continue;
    }
    if (record.pipeline() == "lots") {
      held.lots[record.labels().at("device")].push_back(record);
      continue;
    }
    if (record.pipeline() == "changing") {
      held.in_changing += record.count();
      continue;
    }
    const TruthKey key{record.pipeline(), record.labels().at("device"), record.start_ns()};
    EXPECT_FALSE(held.windows.contains(key)) << "a window twice";
    held.windows[key] = record;
  }
  return held;
}

/// From one reading to the next; no device stamps two alike.
struct Steps {
  std::uint64_t largest_gap_ns = 0;
  double integral_s = 0;
  double span_s = 0;
  double increase = 0;
  std::map<double, std::uint64_t> states;
};

Steps steps_of(const WindowTruth& window) {
  Steps steps;
  for (std::size_t i = 1; i < window.readings.size(); ++i) {
    const auto& [from_ns, from] = window.readings[i - 1];
    const auto& [to_ns, to] = window.readings[i];
    const auto length_ns = static_cast<std::uint64_t>(to_ns - from_ns);
    steps.largest_gap_ns = std::max(steps.largest_gap_ns, length_ns);
    steps.integral_s += from * static_cast<double>(length_ns) / 1e9;
    steps.span_s += static_cast<double>(length_ns) / 1e9;
    steps.increase += to >= from ? to - from : std::max(to, 0.0);
    steps.states[from] += length_ns;
  }
  return steps;
}

std::vector<std::uint64_t> counts_of(const BucketCounts& buckets) {
  std::vector<std::uint64_t> counts;
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    counts.push_back(buckets.at(buckets.first() + static_cast<std::int32_t>(i)));
  }
  return counts;
}

std::vector<std::uint64_t> counts_of(const v1::HistogramPoint::Buckets& buckets) {
  return {buckets.bucket_counts().begin(), buckets.bucket_counts().end()};
}

void expect_histogram(const WindowTruth& window, std::uint16_t max_size,
                      const v1::HistogramPoint& got) {
  ExponentialHistogram histogram({max_size, kBucketScaleMax, 0});
  for (const auto& [time_ns, value] : window.readings) histogram.add(time_ns, value);
  EXPECT_EQ(got.scale(), histogram.scale());
  EXPECT_EQ(got.zero_count(), histogram.zero_count());
  EXPECT_EQ(counts_of(got.positive()), counts_of(histogram.positive()));
  EXPECT_EQ(counts_of(got.negative()), counts_of(histogram.negative()));
}

void expect_extras(const std::string& pipeline, const WindowTruth& window,
                   const v1::SummaryRecord& held) {
  const Steps steps = steps_of(window);
  EXPECT_TRUE(held.has_largest_gap_ns());
  EXPECT_EQ(held.largest_gap_ns(), steps.largest_gap_ns);
  if (steps.span_s > 0) {
    EXPECT_NEAR(held.time_weighted_mean(), steps.integral_s / steps.span_s, 1e-9);
  }
  EXPECT_EQ(held.has_aggregates(), pipeline != "band");
  if (pipeline == "band") return;
  expect_histogram(window, pipeline == "plain" ? 20 : 8, held.aggregates().histogram());
  std::map<double, std::uint64_t> values;
  for (const auto& [time_ns, value] : window.readings) ++values[value];
  EXPECT_EQ(std::lround(held.aggregates().distinct().estimate()), static_cast<long>(values.size()));
  EXPECT_EQ(held.aggregates().counter().increase(), steps.increase);
  if (pipeline == "plain") {
    EXPECT_EQ(held.coverage(), std::min(1.0, static_cast<double>(window.count) / 10));
    std::map<double, std::uint64_t> states;
    for (const auto& state : held.aggregates().states().states()) {
      states[state.value()] = state.time_ns();
    }
    EXPECT_EQ(states, steps.states);
  } else {
    for (const auto& entry : held.aggregates().top().entries()) {
      EXPECT_EQ(entry.count(), values[std::stod(entry.value())]) << entry.value();
    }
  }
}

void expect_equal(const Truth& truth, const std::map<TruthKey, v1::SummaryRecord>& held) {
  for (const auto& [key, window] : truth) {
    const auto found = held.find(key);
    const auto& [pipeline, device, start_ns] = key;
    SCOPED_TRACE(pipeline + " " + device + " " + std::to_string(start_ns));
    ASSERT_NE(found, held.end()) << "is missing";
    const v1::SummaryRecord& got = found->second;
    EXPECT_EQ(got.count(), window.count);
    EXPECT_EQ(got.sum(), window.sum);
    EXPECT_EQ(got.min(), window.min);
    EXPECT_EQ(got.max(), window.max);
    expect_extras(pipeline, window, got);
  }
  EXPECT_EQ(held.size(), truth.size());
}

/// Every reading of each device, by time: none is late in "plain".
std::map<std::string, std::map<std::int64_t, double>> readings_of(const Truth& truth) {
  std::map<std::string, std::map<std::int64_t, double>> readings;
  for (const auto& [key, window] : truth) {
    if (std::get<0>(key) != "plain") continue;
    for (const auto& [time_ns, value] : window.readings)
      readings[std::get<1>(key)][time_ns] = value;
  }
  return readings;
}

/// By definition: cut where nothing came for two seconds. The readings that close the histories
/// come after all others and are in sessions of their own.
void expect_sessions(const std::map<std::int64_t, double>& readings,
                     const std::vector<v1::SummaryRecord>& held) {
  constexpr std::int64_t kGapNs = 2'000'000'000;
  std::size_t next = 0;
  for (auto at = readings.begin(); at != readings.end();) {
    const std::int64_t first_ns = at->first;
    std::int64_t last_ns = first_ns;
    std::uint64_t count = 0;
    double sum = 0;
    for (; at != readings.end() && at->first - last_ns < kGapNs; ++at) {
      last_ns = at->first;
      ++count;
      sum += at->second;
    }
    ASSERT_LT(next, held.size()) << "no session from " << first_ns;
    const v1::SummaryRecord& got = held[next++];
    EXPECT_EQ(got.start_ns(), first_ns);
    EXPECT_EQ(got.first_time_ns(), first_ns);
    EXPECT_EQ(got.last_time_ns(), last_ns);
    EXPECT_LE(got.end_ns(), last_ns + kGapNs) << "that of its first early pane";
    EXPECT_EQ(got.count(), count);
    EXPECT_EQ(got.sum(), sum);
  }
  for (; next < held.size(); ++next) {
    EXPECT_GT(held[next].first_time_ns(), readings.rbegin()->first) << "a session too many";
  }
}

/// Seven by seven, in order of arrival; the last ones wait for more.
void expect_lots(const std::map<std::int64_t, double>& readings,
                 std::vector<v1::SummaryRecord> held) {
  std::sort(held.begin(), held.end(),
            [](const auto& a, const auto& b) { return a.ordinal() < b.ordinal(); });
  for (std::size_t i = 0; i < held.size(); ++i) {
    EXPECT_EQ(held[i].count(), 7u);
    EXPECT_EQ(held[i].ordinal(), i + 1);
  }
  EXPECT_GE(7 * held.size() + 6, readings.size());
  EXPECT_LE(7 * held.size(), readings.size() + 1) << "one reading closes the history";
}

/// Each reading without a time is in one pane, and where anybody knows when that was, it was then.
void expect_arrivals(const NodeSim& sim, const std::vector<v1::SummaryRecord>& held,
                     std::map<std::string, std::uint64_t>& seen) {
  constexpr std::int64_t kReadNs = 20'000'000;           // two clocks are read one after the other
  constexpr std::int64_t kStandStillNs = 1'000'000'000;  // a stamp waits for a clock that was ahead
  std::uint64_t count = 0;
  double sum = 0;
  for (const v1::SummaryRecord& record : held) {
    count += record.count();
    sum += record.sum();
    EXPECT_EQ(record.end_ns() - record.start_ns(), 5'000'000'000);
    ++seen[v1::TimeQuality_Name(record.time_quality())];
    if (record.time_quality() == v1::TIME_QUALITY_UNSYNCED) continue;
    const std::int64_t error_ns = record.time_quality() == v1::TIME_QUALITY_CORRECTED
                                      ? record.time_error_ns() + kReadNs
                                      : ClockTrust::kErrorMaxNs + kStandStillNs;
    const auto expect_then = [&](double value, std::int64_t label_ns) {
      const auto& deliveries = sim.arrivals().at(static_cast<std::size_t>(value));
      EXPECT_TRUE(std::any_of(
          deliveries.begin(), deliveries.end(),
          [&](std::int64_t true_ns) { return std::abs(label_ns - true_ns) <= error_ns; }))
          << "reading " << value << " is labelled " << label_ns << ", first came "
          << deliveries.at(0) << "; " << record.ShortDebugString();
    };
    expect_then(record.first(), record.first_time_ns());
    expect_then(record.last(), record.last_time_ns());
  }
  const auto published = static_cast<double>(sim.arrivals().size());
  if (sim.arrivals_in_doubt() == 0) {
    EXPECT_EQ(count, sim.arrivals().size()) << "readings without a time";
    EXPECT_EQ(sum, published * (published - 1) / 2);
  } else {
    EXPECT_GE(count, sim.arrivals().size());
    EXPECT_LE(count, sim.arrivals().size() + sim.arrivals_in_doubt());
  }
}

/// What the broker forgot is missing or not; every other window of "plain" is whole.
void expect_all_but_the_forgotten(const NodeSim& sim,
                                  const std::map<TruthKey, v1::SummaryRecord>& held) {
  for (const auto& [key, window] : sim.truth()) {
    if (std::get<0>(key) != "plain") continue;
    const auto found = held.find(key);
    const std::uint64_t count = found == held.end() ? 0 : found->second.count();
    if (sim.forgotten().contains(key)) {
      EXPECT_LE(count, window.count) << std::get<1>(key) << " " << std::get<2>(key);
    } else {
      EXPECT_EQ(count, window.count) << std::get<1>(key) << " " << std::get<2>(key);
    }
  }
}

/// A stage tells of each reading: once, also of those behind the truth's end, and of none that the
/// broker did not forget the hub hears nothing.
void expect_each_reading_told_once(const NodeSim& sim, const std::string& database) {
  v1::ListEventsRequest request;
  request.set_node(sim.node());
  request.set_limit(100'000);
  v1::ListEventsResponse found;
  const Status status = hub::HubReader(database).list_events(
      request, [] { return false; }, found);
  EXPECT_TRUE(status.ok()) << status.to_string();
  EXPECT_EQ(found.next_page_token(), "");
  std::set<std::pair<std::string, std::int64_t>> told;
  for (const v1::EventRow& row : found.events()) {
    EXPECT_TRUE(told.emplace(row.labels().at("device"), row.time_ns()).second)
        << "told twice: " << row.ShortDebugString();
  }
  for (const auto& [key, window] : sim.truth()) {
    const auto& [pipeline, device, start_ns] = key;
    if (pipeline != "plain" || sim.forgotten().contains(key)) continue;
    for (const auto& [time_ns, value] : window.readings) {
      EXPECT_TRUE(told.contains({device, time_ns})) << device << " at " << time_ns << " is untold";
    }
  }
}

/// Silence closes the windows of the last readings too.
std::map<TruthKey, v1::SummaryRecord> without_last(const NodeSim& sim,
                                                   std::map<TruthKey, v1::SummaryRecord> held) {
  std::erase_if(held, [&](const auto& entry) { return !sim.truth().contains(entry.first); });
  return held;
}

/// Nothing is lost in these histories but what the broker forgets, so nothing else may be reported.
void expect_only_true_gaps(const std::string& database, const NodeSim& sim) {
  v1::ListGapsRequest request;
  request.set_node(sim.node());
  v1::ListGapsResponse found;
  const Status status = hub::HubReader(database).list_gaps(
      request, [] { return false; }, found);
  EXPECT_TRUE(status.ok()) << status.to_string();
  const bool forgot = sim.strikes().contains("broker forgets a session");
  for (const v1::GapRow& gap : found.gaps()) {
    EXPECT_TRUE(forgot && gap.cause() == "suspected_broker_loss") << gap.ShortDebugString();
  }
  if (sim.must_report_broker()) {
    EXPECT_GT(found.gaps_size(), 0) << "nobody was told that the broker forgot";
  }
}

// A whole node with every fault mixed: see NodeSim. The publishers' history is the oracle.
TEST(WholeNode, TheHubHoldsWhatThePublishersSentWhateverFails) {
  const Campaign campaign("whole_node", 800);
  log::configure(log::Level::error, log::Format::logfmt);
  const FakeClock clock;
  const v1::Config config = node_sim_config(SLUICE_PLUGIN_DIR);
  std::map<std::string, std::uint64_t> strikes;
  constexpr std::uint64_t kHistoriesPerDatabase = 200;
  for (std::uint64_t from = 0; from < campaign.n(); from += kHistoriesPerDatabase) {
    const MemoryFolder folder;
    auto store = hub::HubStore::open(folder.file("hub.sqlite"), clock);
    ASSERT_TRUE(store.ok()) << store.status().to_string();
    const std::uint64_t to = std::min(campaign.n(), from + kHistoriesPerDatabase);
    for (std::uint64_t i = from; i < to; ++i) {
      SCOPED_TRACE(repeat_with(campaign.seed() + i));
      NodeSim sim(config, **store, "node-" + std::to_string(i), campaign.seed() + i);
      ASSERT_EQ(sim.run(), "");
      const auto [held, in_changing, arrivals, visits, lots] =
          held_by_hub(folder.file("hub.sqlite"), sim.node());
      expect_arrivals(sim, arrivals, strikes);
      EXPECT_EQ(in_changing, sim.in_changing()) << "under a spec that came and went";
      if (sim.broker_forgot()) {
        expect_all_but_the_forgotten(sim, held);
      } else {
        expect_equal(sim.truth(), sim.closes_by_silence() ? without_last(sim, held) : held);
        for (const auto& [device, readings] : readings_of(sim.truth())) {
          SCOPED_TRACE(device);
          expect_sessions(readings, visits.contains(device) ? visits.at(device)
                                                            : std::vector<v1::SummaryRecord>());
          expect_lots(readings,
                      lots.contains(device) ? lots.at(device) : std::vector<v1::SummaryRecord>());
        }
      }
      expect_each_reading_told_once(sim, folder.file("hub.sqlite"));
      expect_only_true_gaps(folder.file("hub.sqlite"), sim);
      for (const auto& [name, count] : sim.strikes()) strikes[name] += count;
      if (testing::Test::HasFailure()) return;
    }
  }
  for (const auto& [name, count] : strikes) {
    std::printf("%8llu  %s\n", static_cast<unsigned long long>(count), name.c_str());
    EXPECT_GT(count, 0u) << name;
  }
}

}  // namespace
}  // namespace sluice::fault
