#include <gtest/gtest.h>

#include <random>

#include "window_bench.h"

namespace sluice {
namespace {

using Bench = WindowBench;

WindowSpec counts(std::uint32_t readings) {
  WindowSpec spec;
  spec.kind = WindowKind::count;
  spec.readings = readings;
  return spec;
}

TEST(CountWindows, FollowArrivalWhateverTheTimes) {
  Bench bench(counts(3));
  for (const std::int64_t second : {50, 10, 90, 5, 5, 5, 7}) bench.take(second * kSecond, 1);
  bench.watermark(1'000 * kSecond);
  ASSERT_EQ(bench.panes.size(), 2u);
  EXPECT_EQ(bench.panes[0].window, (WindowId{WindowKind::count, 1, 50 * kSecond, 50 * kSecond, 1}));
  EXPECT_EQ(bench.panes[0].content.moments.first_time_ns, 10 * kSecond);
  EXPECT_EQ(bench.panes[1].window, (WindowId{WindowKind::count, 1, 5 * kSecond, 5 * kSecond, 2}));
  EXPECT_EQ(bench.panes[1].content.moments.count, 3u);
  EXPECT_EQ(bench.windows->open_count(), 1u) << "time closes none";
}

TEST(CountWindows, OfEqualTimesAreToldApart) {
  Bench bench(counts(2));
  for (int i = 0; i < 10; ++i) bench.take(5 * kSecond, 1);
  EXPECT_EQ(kept_at_hub(bench.panes).size(), 5u);
}

TEST(CountWindows, CountOnAfterARestart) {
  const WindowSpec spec = counts(7);
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  Bench bench(spec);
  for (int i = 0; i < 1'000; ++i) {
    bench.take(static_cast<std::int64_t>(random() % 50), i);
    if (random() % 5 == 0) bench.windows = bench.restored(spec);
  }
  const std::vector<Pane> kept = kept_at_hub(bench.panes);
  ASSERT_EQ(kept.size(), 142u);
  EXPECT_EQ(readings_in(kept), 142u * 7);
  for (std::size_t i = 0; i < bench.panes.size(); ++i) {
    EXPECT_EQ(bench.panes[i].window.ordinal, i + 1);
    double sum = 0;
    for (std::size_t k = 0; k < 7; ++k) sum += static_cast<double>(7 * i + k);
    EXPECT_EQ(bench.panes[i].content.moments.total(), sum);
  }
}

TEST(CountWindows, AnEpochEndsInTheMiddleOfOne) {
  Bench bench(counts(4));
  for (int i = 0; i < 6; ++i) bench.take(i, 1);
  bench.windows->mark_start();
  bench.take(6, 1);
  bench.panes.clear();
  bench.windows->end_epoch(bench.panes);
  ASSERT_EQ(bench.panes.size(), 1u);
  EXPECT_EQ(bench.panes[0].quality, PaneQuality::partial_epoch);
  EXPECT_EQ(bench.panes[0].content.moments.count, 2u);
  EXPECT_EQ(bench.panes[0].window.ordinal, 2u);
  for (int i = 0; i < 3; ++i) bench.take(7 + i, 1);
  ASSERT_EQ(bench.panes.size(), 2u);
  EXPECT_EQ(bench.panes[1].content.moments.count, 4u);
  EXPECT_EQ(bench.panes[1].window.ordinal, 3u);
}

TEST(CountWindows, OneThatMustGoEarlySaysSo) {
  Bench bench(counts(4));
  bench.take(1, 1);
  bench.windows->shed({1, 1}, bench.panes);
  ASSERT_EQ(bench.panes.size(), 1u);
  EXPECT_EQ(bench.panes[0].quality, PaneQuality::partial_limit);
  EXPECT_TRUE(bench.take(1, 1)) << "no reading is late";
  bench.windows->close_all(PaneQuality::partial_config, bench.panes);
  ASSERT_EQ(bench.panes.size(), 2u);
  EXPECT_EQ(bench.panes[1].window.ordinal, 2u);
}

}  // namespace
}  // namespace sluice
