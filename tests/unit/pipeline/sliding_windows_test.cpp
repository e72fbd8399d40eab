#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <set>

#include "window_bench.h"

namespace sluice {
namespace {

using Bench = WindowBench;

WindowSpec sliding(std::int64_t size_ns, std::int64_t every_ns, std::int64_t lateness_ns = 0,
                   std::uint32_t readings = 10'000) {
  WindowSpec spec;
  spec.kind = WindowKind::sliding;
  spec.size_ns = size_ns;
  spec.every_ns = every_ns;
  spec.allowed_lateness_ns = lateness_ns;
  spec.readings = readings;
  return spec;
}

using Content = std::pair<std::uint64_t, double>;  ///< count, sum

/// By definition: of each stretch the last reading has a window, of what is in (t - size, t].
std::map<std::int64_t, Content> windows_of(const std::multimap<std::int64_t, double>& readings,
                                           std::int64_t size_ns, std::int64_t every_ns) {
  std::map<std::int64_t, std::int64_t> last_of;  // by stretch
  const auto stretch = [&](std::int64_t t) { return t - ((t % every_ns) + every_ns) % every_ns; };
  for (const auto& [time, value] : readings) last_of[stretch(time)] = time;
  std::map<std::int64_t, Content> windows;
  for (const auto& [start, last] : last_of) {
    for (const auto& [time, value] : readings) {
      if (time <= last - size_ns || time > last) continue;
      ++windows[last].first;
      windows[last].second += value;
    }
  }
  return windows;
}

std::map<std::int64_t, Content> windows_of(const std::vector<Pane>& panes) {
  std::map<std::int64_t, Content> windows;
  for (const Pane& pane : panes) {
    windows[pane.window.end_ns] = {pane.content.moments.count, pane.content.moments.total()};
  }
  return windows;
}

TEST(SlidingWindows, HaveOnePaneForAReading) {
  Bench bench(sliding(10 * kSecond, 1));
  for (const std::int64_t second : {0, 4, 9, 10, 14}) {
    bench.take(second * kSecond, 1);
    bench.watermark(second * kSecond);
  }
  bench.watermark(kHour);
  ASSERT_EQ(bench.panes.size(), 5u);
  const std::vector<std::uint64_t> counts = {1, 2, 3, 3, 3};
  for (std::size_t i = 0; i < 5; ++i) {
    EXPECT_EQ(bench.panes[i].content.moments.count, counts[i]);
    EXPECT_EQ(bench.panes[i].window.end_ns - bench.panes[i].window.start_ns, 10 * kSecond);
    EXPECT_EQ(bench.panes[i].window.end_ns, bench.panes[i].content.moments.last_time_ns);
  }
}

TEST(SlidingWindows, NoMoreThanOneInAStretchAndNoReadingInNone) {
  Bench bench(sliding(kMinute, 10 * kSecond));
  for (std::int64_t second = 0; second <= 95; ++second) {
    bench.take(second * kSecond, 1);
    bench.watermark(second * kSecond);
  }
  EXPECT_EQ(bench.panes.size(), 9u);
  bench.watermark(kHour);
  ASSERT_EQ(bench.panes.size(), 10u);
  EXPECT_EQ(bench.panes[9].window.end_ns, 95 * kSecond);
  EXPECT_EQ(bench.panes[9].content.moments.count, 60u);
  EXPECT_EQ(bench.windows->count(), 0u);
}

TEST(SlidingWindows, LackWhatHadToBeGivenUpAndSaySo) {
  Bench bench(sliding(kMinute, kSecond, 0, 10));
  for (std::int64_t second = 0; second < 30; ++second) {
    bench.take(second * kSecond, 1);
    bench.watermark(second * kSecond);
  }
  bench.watermark(kHour);
  ASSERT_EQ(bench.panes.size(), 30u);
  EXPECT_EQ(bench.panes[8].quality, PaneQuality::complete);
  EXPECT_EQ(bench.panes[29].quality, PaneQuality::partial_limit);
  EXPECT_LE(bench.panes[29].content.moments.count, 10u);
}

TEST(SlidingWindows, AreShedWithTheirReadings) {
  Bench bench(sliding(kMinute, kSecond));
  for (std::int64_t second = 0; second < 800; ++second) bench.take(second * kSecond, 1);
  EXPECT_EQ(bench.windows->count(), 100u);
  std::vector<KeyedWindows::Place> places;
  bench.windows->places(places);
  EXPECT_EQ(places.size(), bench.windows->count());
  bench.windows->shed({340 * kSecond, 1}, bench.panes);
  EXPECT_EQ(bench.panes.size(), 401u);
  EXPECT_EQ(bench.panes[0].quality, PaneQuality::partial_limit);
  EXPECT_EQ(bench.windows->count(), 49u);
  EXPECT_FALSE(bench.take(400 * kSecond, 1)) << "its window has gone";
  EXPECT_TRUE(bench.take(401 * kSecond, 1));
}

// What a device kept while it could not send: its topic's watermark has moved on with the clock.
TEST(SlidingWindows, ManyLateReadingsOfAStretchHaveOneWindow) {
  Bench bench(sliding(10 * kSecond, kSecond, kHour));
  bench.take(0, 1);
  bench.watermark(30 * kMinute);
  bench.panes.clear();
  for (std::int64_t i = 0; i < 100; ++i) EXPECT_TRUE(bench.add(kMinute + i, 1));
  EXPECT_LT(bench.windows->count(), 20u) << "eight readings weigh as much as a window";
  bench.windows->correct(bench.panes);
  ASSERT_EQ(bench.panes.size(), 1u);
  EXPECT_EQ(bench.panes[0].window.end_ns, kMinute + 99);
  EXPECT_EQ(bench.panes[0].content.moments.count, 100u);
}

class SlidingHistories : public testing::Test {
 protected:
  std::int64_t any(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  const unsigned seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
};

TEST_F(SlidingHistories, InAnyOrderTheyAreWhatTheDefinitionSays) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 200; ++round) {
    const std::int64_t size = any(1, 60);
    const std::int64_t every = any(1, size);
    const std::int64_t disorder = any(0, 40);
    const WindowSpec spec = sliding(size, every);
    Bench bench(spec);
    std::multimap<std::int64_t, double> readings;
    std::int64_t now = any(-200, 200);
    for (int i = 0; i < 120; ++i) {
      now += any(0, 9);
      const std::int64_t time = now - any(0, disorder);
      const auto value = static_cast<double>(any(-9, 9));
      readings.emplace(time, value);
      ASSERT_TRUE(bench.take(time, value));
      bench.watermark(now - disorder);
      if (any(0, 5) == 0) bench.windows = bench.restored(spec);
    }
    bench.watermark(now + 1'000);
    ASSERT_EQ(windows_of(bench.panes), windows_of(readings, size, every)) << "round " << round;
    EXPECT_EQ(kept_at_hub(bench.panes).size(), bench.panes.size()) << "all at revision 1";
    EXPECT_EQ(bench.windows->count(), 0u);
  }
}

// A late reading changes each window that holds it, and makes one where there is none: every window
// that is told is what the definition says of all that was taken, and every reading is in one.
TEST_F(SlidingHistories, LateReadingsCorrectWhatHoldsThem) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 200; ++round) {
    const std::int64_t size = any(1, 60);
    const std::int64_t every = any(1, size);
    const WindowSpec spec = sliding(size, every, 100'000);
    Bench bench(spec);
    std::multimap<std::int64_t, double> readings;
    std::int64_t now = 0;
    for (int i = 0; i < 120; ++i) {
      now += any(0, 9);
      const std::int64_t time = now - any(0, 1) * any(0, 200);
      const auto value = static_cast<double>(any(-9, 9));
      readings.emplace(time, value);
      ASSERT_TRUE(bench.take(time, value));
      bench.watermark(now - any(0, 20));
      if (any(0, 5) == 0) bench.windows = bench.restored(spec);
    }
    bench.watermark(now + 1'000);
    std::set<std::int64_t> in_one;
    for (const auto& [end, told] : windows_of(kept_at_hub(bench.panes))) {
      Content content;
      for (const auto& [time, value] : readings) {
        if (time <= end - size || time > end) continue;
        ++content.first;
        content.second += value;
        in_one.insert(time);
      }
      ASSERT_EQ(told, content) << "round " << round << " end " << end;
    }
    for (const auto& [time, value] : readings) ASSERT_TRUE(in_one.count(time)) << time;
  }
}

// Windows overlap, so what counts is each window: its part in the epoch that ends and its part in
// the next come to the whole.
TEST_F(SlidingHistories, TheEndOfAnEpochPartsThemWithoutDouble) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 200; ++round) {
    const std::int64_t size = any(1, 60);
    const std::int64_t every = any(1, size);
    const std::int64_t disorder = any(0, 20);
    const WindowSpec spec = sliding(size, every);
    Bench bench(spec);
    std::multimap<std::int64_t, double> readings;
    std::int64_t now = 0;
    const auto run = [&](int count) {
      for (int i = 0; i < count; ++i) {
        now += any(0, 9);
        const std::int64_t time = now - any(0, disorder);
        readings.emplace(time, 1);
        ASSERT_TRUE(bench.take(time, 1));
        bench.watermark(now - disorder);
      }
    };
    run(40);
    const std::vector<Pane> out = std::exchange(bench.panes, {});
    bench.windows->mark_start();
    bench.windows->end_epoch(bench.panes);
    run(40);
    bench.watermark(now + 1'000);
    std::map<std::int64_t, std::uint64_t> told;
    std::set<std::int64_t> in_one;
    for (const Pane& pane : out) told[pane.window.end_ns] += pane.content.moments.count;
    for (const Pane& pane : bench.panes) told[pane.window.end_ns] += pane.content.moments.count;
    for (const auto& [end, count] : told) {
      std::uint64_t there = 0;
      for (const auto& [time, value] : readings) {
        if (time <= end - size || time > end) continue;
        ++there;
        in_one.insert(time);
      }
      ASSERT_LE(count, there) << "round " << round << " end " << end;
    }
    for (const auto& [time, value] : readings) ASSERT_TRUE(in_one.count(time)) << time;
  }
}

}  // namespace
}  // namespace sluice
