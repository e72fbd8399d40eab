// What a backend does with the rows of a node, with the two libraries that are made for it.
#include <gtest/gtest.h>

#include <algorithm>
#include <cmath>
#include <random>
#include <vector>

#include "aggregate/merged_content.h"
#include "fakes/power_sum.h"
#include "hub/summary_decoder.h"
#include "sync/summary_encoder.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kNoon = 1'700'000'000 * kSecond / kMinute * kMinute;

ExtrasSpec kinds() {
  ExtrasSpec spec;
  spec.histogram = HistogramOptions{};
  spec.distinct_precision = 12;
  spec.counter = CounterOptions{};
  spec.plugins = {PowerSum::spec(std::make_shared<PowerSum>(2))};
  return spec;
}

Pane pane_of(std::int64_t start_ns, const std::vector<Stamped>& readings) {
  Pane pane;
  pane.window = {WindowKind::tumbling, 1, start_ns, start_ns + kMinute};
  WindowExtras extras(kinds());
  for (std::size_t i = 0; i < readings.size(); ++i) {
    const Stamped& r = readings[i];
    pane.content.moments.add(r.time_ns, r.value);
    extras.add_arrived(r.time_ns, r.value);
    extras.add_in_order(r.time_ns, r.value);
    if (i == 0) continue;
    pane.content.held.hold(readings[i - 1].value,
                           static_cast<std::uint64_t>(r.time_ns - readings[i - 1].time_ns));
  }
  pane.content.extras = std::make_shared<const WindowExtras>(extras);
  return pane;
}

TEST(BackendMerge, MinutesFromTheWireAreTheHourOfAllTheirReadings) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::vector<Stamped> all;
  std::vector<DecodedPane> minutes;
  double level = 0;
  for (std::int64_t minute = 0; minute < 60; ++minute) {
    std::vector<Stamped> readings;
    const std::size_t count = random() % 5 == 0 ? 0 : 1 + random() % 40;
    for (std::size_t i = 0; i < count; ++i) {
      level += static_cast<double>(random() % 1'000) / 10;
      const auto step = static_cast<std::int64_t>(i) * kMinute / static_cast<std::int64_t>(count);
      readings.push_back({kNoon + minute * kMinute + step, level});
    }
    all.insert(all.end(), readings.begin(), readings.end());
    const SummaryBlock block{"p", 7, {pane_of(kNoon + minute * kMinute, readings)}};
    const auto decoded = decode_summary_block(ProtoSummaryEncoder().encode(block));
    ASSERT_TRUE(decoded.ok()) << decoded.status().message();
    minutes.push_back(decoded->panes[0]);
  }
  std::shuffle(minutes.begin(), minutes.end(), random);  // in whatever order the rows came

  const ExtrasSpec ours = kinds();  // the plugin, loaded once more
  MergedContent hour;
  for (const DecodedPane& minute : minutes) {
    WindowSummary summary = summary_of(minute);
    summary.extras->open_plugins(
        [&ours](const PluginAggregateKey&) { return ours.plugins[0].type; });
    hour.merge(MergedContent::of(summary));
  }
  hour.close_gaps();

  const Pane expected = pane_of(kNoon, all);
  const Moments& m = expected.content.moments;
  EXPECT_EQ(hour.windows, 60u);
  EXPECT_EQ(hour.moments.count, m.count);
  EXPECT_EQ(hour.moments.min, m.min);
  EXPECT_EQ(hour.moments.max, m.max);
  EXPECT_EQ(hour.moments.first, m.first);
  EXPECT_EQ(hour.moments.last, m.last);
  EXPECT_NEAR(hour.moments.average(), m.average(), 1e-12 * m.average());
  EXPECT_NEAR(hour.moments.stddev(), m.stddev(), 1e-9 * m.stddev());
  ASSERT_TRUE(hour.held && hour.extras);
  EXPECT_EQ(hour.held->coverage.largest_gap_ns(), expected.content.held.largest_gap_ns);
  EXPECT_NEAR(hour.held->mean.integral_s(), expected.content.held.integral(),
              1e-9 * expected.content.held.integral());
  EXPECT_NEAR(hour.extras->counter()->increase(), m.last - m.first, 1e-9 * m.last);
  for (const double q : {0.1, 0.5, 0.99}) {
    EXPECT_EQ(hour.extras->histogram()->quantile(q),
              expected.content.extras->histogram()->quantile(q));
  }
  EXPECT_EQ(hour.extras->distinct()->estimate(), expected.content.extras->distinct()->estimate());
  ASSERT_EQ(hour.extras->plugins().size(), 1u);
  const std::vector<double> got = hour.extras->plugins()[0]->results();
  const std::vector<double> power = expected.content.extras->plugins()[0]->results();
  EXPECT_EQ(got[0], power[0]);
  EXPECT_NEAR(got[1], power[1], 1e-12 * power[1]);
}

TEST(BackendMerge, WithoutThePluginItsResultsAreThoseOfEachMinute) {
  std::vector<DecodedPane> minutes;
  for (std::int64_t minute = 0; minute < 2; ++minute) {
    const std::int64_t start_ns = kNoon + minute * kMinute;
    const SummaryBlock block{"p", 7, {pane_of(start_ns, {{start_ns, 3}, {start_ns + 1, 4}})}};
    const auto decoded = decode_summary_block(ProtoSummaryEncoder().encode(block));
    ASSERT_TRUE(decoded.ok());
    minutes.push_back(decoded->panes[0]);
  }
  EXPECT_EQ(minutes[0].extras->plugins()[0]->results(), (std::vector<double>{2, 25}));
  MergedContent both = MergedContent::of(summary_of(minutes[0]));
  both.merge(MergedContent::of(summary_of(minutes[1])));
  EXPECT_TRUE(both.extras->plugins().empty());
  EXPECT_NE(both.extras->histogram(), nullptr);
}

}  // namespace
}  // namespace sluice
