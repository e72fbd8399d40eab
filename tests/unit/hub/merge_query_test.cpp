#include "hub/merge_query.h"

#include <gtest/gtest.h>

#include <cmath>
#include <map>
#include <random>
#include <utility>

#include "hub/hub_reader.h"
#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

constexpr std::int64_t kHourNs = 60 * kMinuteNs;
constexpr std::int64_t kHour = kNoonNs / kHourNs * kHourNs;

bool never() { return false; }

class MergeQueryTest : public testing::Test {
 protected:
  void add(const std::vector<SamplePane>& panes, const std::string& pipeline = "climate",
           std::uint64_t spec_hash = 1) {
    ASSERT_TRUE(
        apply(*store_, row_change(++seq_, sample_block(panes, pipeline, spec_hash))).status.ok());
  }
  static v1::MergeSummariesRequest hours() {
    v1::MergeSummariesRequest request;
    request.set_measurement("temperature");
    request.set_every_ns(kHourNs);
    return request;
  }
  v1::MergeSummariesResponse merge(const v1::MergeSummariesRequest& request) {
    v1::MergeSummariesResponse page;
    const Status status = reader_.merge_summaries(request, never, page);
    EXPECT_TRUE(status.ok()) << status.to_string();
    return page;
  }
  std::string refusal(const v1::MergeSummariesRequest& request) {
    v1::MergeSummariesResponse page;
    const Status status = reader_.merge_summaries(request, never, page);
    EXPECT_EQ(status.code(), StatusCode::invalid_argument);
    return std::string(status.message());
  }

  TempDir dir_;
  std::string path_ = dir_.file("hub.db");
  TestClock clock_;
  std::unique_ptr<HubStore> store_ = open_store(path_, clock_);
  HubReader reader_{path_};
  std::int64_t seq_ = 0;
};

// Two readings per window, so every window's readings are known, and with them the hour's.
TEST_F(MergeQueryTest, AnHourOfMinutesIsWhatItsReadingsSay) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::uniform_real_distribution<double> value(-50, 50);
  std::map<std::int64_t, std::vector<double>> readings;
  std::vector<SamplePane> panes;
  for (int minute = 0; minute < 150; ++minute) {
    const double a = value(random);
    const double b = value(random);
    const SamplePane pane{1, kHour + minute * kMinuteNs, 1, std::min(a, b), std::max(a, b)};
    panes.push_back(pane);
    for (const double v : {pane.low, pane.high}) {
      readings[pane.start_ns / kHourNs * kHourNs].push_back(v);
    }
  }
  std::shuffle(panes.begin(), panes.end(), random);
  add(panes);
  const auto page = merge(hours());
  ASSERT_EQ(page.rows_size(), 3);
  for (const v1::MergedSummary& row : page.rows()) {
    const std::vector<double>& all = readings.at(row.start_ns());
    double sum = 0;
    for (const double v : all) sum += v;
    const double mean = sum / static_cast<double>(all.size());
    double m2 = 0;
    for (const double v : all) m2 += (v - mean) * (v - mean);
    EXPECT_EQ(row.end_ns(), row.start_ns() + kHourNs);
    EXPECT_EQ(row.count(), all.size());
    EXPECT_EQ(row.windows(), all.size() / 2);
    EXPECT_EQ(row.windows_partial(), 0u);
    EXPECT_NEAR(row.sum(), sum, 1e-9);
    EXPECT_NEAR(row.mean(), mean, 1e-12);
    EXPECT_EQ(row.min(), *std::min_element(all.begin(), all.end()));
    EXPECT_EQ(row.max(), *std::max_element(all.begin(), all.end()));
    EXPECT_NEAR(row.stddev(), std::sqrt(m2 / static_cast<double>(all.size() - 1)), 1e-9);
    EXPECT_EQ(row.first(), all.front());
    EXPECT_EQ(row.last(), all.back());
    EXPECT_EQ(row.node(), "plant-7");
    EXPECT_EQ(row.labels().at("site"), "north");
  }
}

TEST_F(MergeQueryTest, ACorrectionReplacesAndSpecsAndEpochsAddUp) {
  add({{1, kHour, 1, 1, 2}});
  add({{1, kHour, 2, 1, 4}});                  // the same window, corrected
  add({{1, kHour, 1, 10, 20}}, "climate", 2);  // another spec: readings of its own
  const auto page = merge(hours());
  ASSERT_EQ(page.rows_size(), 1);
  EXPECT_EQ(page.rows(0).count(), 4u);
  EXPECT_EQ(page.rows(0).sum(), 35);
  EXPECT_EQ(page.rows(0).windows(), 2u);
}

TEST_F(MergeQueryTest, SetsOfWindowsThatOnePipelineHadAtOnceAreNotAddedUp) {
  const MergeRule rule(hours());
  MergedWindow window(rule, kHour);
  StoredWindow minute;
  minute.pipeline = "p";
  minute.series = sample_series(1);
  minute.start_ns = kHour;
  minute.end_ns = kHour + kMinuteNs;
  minute.moments.add(kHour, 5);
  StoredWindow hour = minute;
  hour.end_ns = kHour + kHourNs;
  window.add(hour);
  window.add(minute);
  ASSERT_EQ(window.rows(never).size(), 1u);
  EXPECT_EQ(window.rows(never)[0].count(), 1u);
}

/// Windows of `length_min` that fill an hour as far as whole ones do, with a reading a minute; the
/// first lacks the first `missed` of them.
void add_hour_of(std::int64_t length_min, std::int64_t missed, MergedWindow& merged) {
  for (std::int64_t start = 0; start + length_min <= 60; start += length_min) {
    StoredWindow window;
    window.pipeline = "p";
    window.series = sample_series(1);
    window.start_ns = kHour + start * kMinuteNs;
    window.end_ns = window.start_ns + length_min * kMinuteNs;
    for (std::int64_t m = start == 0 ? missed : start; m < start + length_min; ++m) {
      window.moments.add(kHour + m * kMinuteNs, 1);
    }
    merged.add(window);
  }
}

TEST_F(MergeQueryTest, OfSetsOfWindowsThatOnePipelineHadAtOnceTheOneWithMostReadingsCounts) {
  struct Case {
    std::int64_t length_min;
    std::int64_t missed;
    std::int64_t other_length_min;
    std::uint64_t count;
    std::uint64_t windows;
  };
  for (const Case& c : {Case{40, 0, 60, 60, 1},     // does not cover the hour
                        Case{10, 4, 60, 60, 1},     // closed before four came
                        Case{10, 0, 60, 60, 6}}) {  // no difference: the shortest
    for (const bool shortest_first : {false, true}) {
      const MergeRule rule(hours());
      MergedWindow window(rule, kHour);
      if (shortest_first) add_hour_of(c.length_min, c.missed, window);
      add_hour_of(c.other_length_min, 0, window);
      if (!shortest_first) add_hour_of(c.length_min, c.missed, window);
      ASSERT_EQ(window.rows(never).size(), 1u);
      EXPECT_EQ(window.rows(never)[0].count(), c.count);
      EXPECT_EQ(window.rows(never)[0].windows(), c.windows);
    }
  }
}

/// A day of a series with one reading at its start, as local time has it.
StoredWindow civil_day(std::int64_t start_h, std::int64_t end_h) {
  ExtrasSpec spec;
  spec.counter = CounterOptions{};
  WindowExtras extras(spec);
  StoredWindow window;
  window.pipeline = "p";
  window.series = sample_series(1);
  window.start_ns = start_h * kHourNs;
  window.end_ns = end_h * kHourNs;
  window.moments.add(window.start_ns, static_cast<double>(start_h));
  window.held = StoredWindow::Held{0, 0};
  extras.add_arrived(window.start_ns, static_cast<double>(start_h));
  extras.add_in_order(window.start_ns, static_cast<double>(start_h));
  window.extras = std::move(extras);
  return window;
}

// The days of a year by local time begin at 23:00, in summer at 22:00 UTC, and two of them are
// shorter and longer. They are one set.
TEST_F(MergeQueryTest, DaysByLocalTimeAddUpAcrossAChangeOfTheClock) {
  auto request = hours();
  constexpr std::int64_t kYearH = 400 * 24;
  request.set_every_ns(kYearH * kHourNs);
  const MergeRule rule(request);
  MergedWindow merged(rule, 0);
  std::int64_t start_h = 23;
  for (int day = 1; day <= 365; ++day) {
    const std::int64_t length_h = day == 90 ? 23 : day == 300 ? 25 : 24;
    merged.add(civil_day(start_h, start_h + length_h));
    start_h += length_h;
  }
  ASSERT_EQ(merged.rows(never).size(), 1u);
  const v1::MergedSummary row = merged.rows(never)[0];
  EXPECT_EQ(row.count(), 365u);
  EXPECT_EQ(row.windows(), 365u);
  EXPECT_EQ(row.aggregates().counter().increase(), static_cast<double>(364 * 24));
  EXPECT_EQ(row.largest_gap_ns(), static_cast<std::uint64_t>(25 * kHourNs));
}

/// A counter's minute: at its first and at its 30th second.
StoredWindow counter_minute(std::int64_t node_id, std::uint32_t series, int minute, double first,
                            double last) {
  ExtrasSpec spec;
  spec.counter = CounterOptions{};
  spec.histogram = HistogramOptions{};
  WindowExtras extras(spec);
  StoredWindow window;
  window.node_id = node_id;
  window.node = "plant-7";
  window.pipeline = "p";
  window.series = sample_series(series);
  window.start_ns = kHour + minute * kMinuteNs;
  window.end_ns = window.start_ns + kMinuteNs;
  for (const auto& [at_ns, value] :
       {std::pair{window.start_ns, first}, std::pair{window.start_ns + kMinuteNs / 2, last}}) {
    window.moments.add(at_ns, value);
    extras.add_arrived(at_ns, value);
    extras.add_in_order(at_ns, value);
  }
  window.held = StoredWindow::Held{kMinuteNs / 2, first * 30};
  window.expected_every_ns = kMinuteNs / 2;
  window.extras = std::move(extras);
  return window;
}

TEST_F(MergeQueryTest, WindowsOfOneSeriesFollowEachOtherAndSeriesAddUp) {
  auto request = hours();
  request.set_over_all(true);
  const MergeRule rule(request);
  MergedWindow window(rule, kHour);
  window.add(counter_minute(1, 1, 0, 10, 20));
  window.add(counter_minute(2, 1, 3, 25, 30));  // the same series in the next epoch
  window.add(counter_minute(1, 2, 7, 100, 110));
  ASSERT_EQ(window.rows(never).size(), 1u);
  const v1::MergedSummary row = window.rows(never)[0];
  EXPECT_EQ(row.aggregates().counter().increase(), 20 + 10);
  EXPECT_EQ(row.aggregates().counter().resets(), 0u);
  EXPECT_EQ(row.aggregates().histogram().quantiles_size(), 3);
  EXPECT_EQ(row.largest_gap_ns(), static_cast<std::uint64_t>(kMinuteNs) * 5 / 2);
  const double integral = 10 * 30 + 20 * 150 + 25 * 30 + 100 * 30;
  EXPECT_DOUBLE_EQ(row.time_weighted_mean(), integral / (210 + 30));
  EXPECT_DOUBLE_EQ(row.coverage(), 6.0 / 240);
}

TEST_F(MergeQueryTest, WhatOneWindowDoesNotKnowIsNotKnownOfAll) {
  const MergeRule rule(hours());
  MergedWindow window(rule, kHour);
  window.add(counter_minute(1, 1, 0, 10, 20));
  StoredWindow old = counter_minute(1, 1, 1, 25, 30);
  old.held.reset();
  old.extras.reset();
  old.expected_every_ns = 0;
  window.add(old);
  window.add(counter_minute(1, 1, 2, 35, 40));
  const v1::MergedSummary row = window.rows(never)[0];
  EXPECT_EQ(row.count(), 6u);
  EXPECT_FALSE(row.has_largest_gap_ns() || row.has_time_weighted_mean() || row.has_coverage());
  EXPECT_FALSE(row.has_aggregates());
}

TEST_F(MergeQueryTest, RefusesQuantilesThatAreNone) {
  auto request = hours();
  request.add_quantiles(1.5);
  EXPECT_NE(refusal(request).find("quantiles"), std::string::npos);
  request.set_quantiles(0, 0.5);
  for (int i = 0; i < 20; ++i) request.add_quantiles(0.5);
  EXPECT_NE(refusal(request).find("at most 20"), std::string::npos);
}

TEST_F(MergeQueryTest, AWindowAcrossABorderIsLeftOutAndCounted) {
  add({{1, kHour, 1, 1, 2}, {1, kHour + kMinuteNs, 1, 3, 4}});
  auto request = hours();
  request.set_every_ns(90'000'000'000);  // borders at 0 s, 90 s, 180 s …
  const auto page = merge(request);
  std::uint64_t windows = page.left_out();
  for (const v1::MergedSummary& row : page.rows()) windows += row.windows();
  EXPECT_EQ(windows, 2u);
  EXPECT_EQ(page.left_out(), 1u);
}

TEST_F(MergeQueryTest, MergesSeriesByLabelsOverNodes) {
  add({{1, kHour, 1, 1, 2}, {2, kHour, 1, 3, 4}});
  EXPECT_EQ(merge(hours()).rows_size(), 2);
  auto request = hours();
  request.add_by("site");
  const auto page = merge(request);
  ASSERT_EQ(page.rows_size(), 1);
  EXPECT_EQ(page.rows(0).count(), 4u);
  EXPECT_EQ(page.rows(0).node(), "");
  EXPECT_EQ(page.rows(0).labels().size(), 1u);
  request.clear_by();
  request.set_over_all(true);
  EXPECT_EQ(merge(request).rows(0).labels().size(), 0u);
  request.set_over_all(false);
  (*request.mutable_labels())["device"] = "2";
  ASSERT_EQ(merge(request).rows_size(), 1);
  EXPECT_EQ(merge(request).rows(0).sum(), 7);
}

TEST_F(MergeQueryTest, CoversEveryRowOnceWithPagesOfAnySize) {
  std::vector<SamplePane> panes;
  for (int minute = 0; minute < 300; ++minute) {
    for (std::uint32_t id = 1; id <= 7; ++id) panes.push_back({id, kHour + minute * kMinuteNs});
  }
  add(panes);
  const auto whole = merge(hours());
  ASSERT_EQ(whole.rows_size(), 35);
  for (const std::uint32_t limit : {1u, 6u, 7u, 8u, 34u, 35u}) {
    auto request = hours();
    request.set_limit(limit);
    int at = 0;
    do {
      const auto page = merge(request);
      ASSERT_LE(page.rows_size(), static_cast<int>(limit));
      for (const v1::MergedSummary& row : page.rows()) {
        ASSERT_LT(at, 35);
        EXPECT_EQ(row.DebugString(), whole.rows(at++).DebugString());
      }
      request.set_page_token(page.next_page_token());
    } while (!request.page_token().empty());
    EXPECT_EQ(at, 35) << limit;
  }
}

TEST_F(MergeQueryTest, SaysWhatIsWrongWithTheQuestion) {
  auto request = hours();
  request.clear_measurement();
  EXPECT_NE(refusal(request).find("measurement is empty"), std::string::npos);
  request = hours();
  request.set_every_ns(999'999);
  EXPECT_NE(refusal(request).find("every_ns is 999999"), std::string::npos);
  request = hours();
  request.add_by("a");
  request.add_by("a");
  EXPECT_NE(refusal(request).find("twice"), std::string::npos);
  request = hours();
  request.set_page_token("00");
  EXPECT_NE(refusal(request).find("page_token"), std::string::npos);
}

// A series takes a plugin as long as it likes, and the database is not asked meanwhile.
TEST_F(MergeQueryTest, EndsBetweenSeriesWhenTheCallerIsGone) {
  std::vector<SamplePane> panes;
  for (std::uint32_t series = 1; series <= 10; ++series) panes.push_back({series, kHour});
  add(panes);
  const HubReader reader(path_, [](const PluginAggregateKey&) { return nullptr; });
  int asked = 0;
  const auto patient = [&asked] {
    ++asked;
    return false;
  };
  v1::MergeSummariesResponse page;
  EXPECT_TRUE(reader.merge_summaries(hours(), patient, page).ok());
  EXPECT_GE(asked, 20);  // for each window that is read, and for each series that is merged
  for (int patience = 0; patience < asked; ++patience) {
    int left = patience;
    const auto gone = [&left] { return --left < 0; };
    v1::MergeSummariesResponse cut;
    const Status status = reader.merge_summaries(hours(), gone, cut);
    EXPECT_EQ(status.code(), StatusCode::cancelled) << patience;
  }
}

}  // namespace
}  // namespace sluice::hub
