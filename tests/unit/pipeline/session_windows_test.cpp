#include <gtest/gtest.h>

#include <algorithm>
#include <random>
#include <set>

#include "window_bench.h"

namespace sluice {
namespace {

using Bench = WindowBench;
using Spans = std::vector<std::pair<std::int64_t, std::int64_t>>;

WindowSpec sessions(std::int64_t gap_ns, std::int64_t lateness_ns = 0) {
  WindowSpec spec;
  spec.kind = WindowKind::session;
  spec.size_ns = gap_ns;
  spec.allowed_lateness_ns = lateness_ns;
  return spec;
}

/// First and last reading of each session, by definition: sorted, and cut at each long pause.
Spans sessions_of(std::multiset<std::int64_t> times, std::int64_t gap_ns) {
  Spans spans;
  for (const std::int64_t time : times) {
    if (spans.empty() || time - spans.back().second >= gap_ns) spans.push_back({time, time});
    spans.back().second = time;
  }
  return spans;
}

std::uint64_t largest_gap_of(const std::multiset<std::int64_t>& times, const Moments& session) {
  std::uint64_t largest = 0;
  for (auto at = times.find(session.first_time_ns); *at != session.last_time_ns;) {
    const std::int64_t before = *at++;
    largest = std::max(largest, static_cast<std::uint64_t>(*at - before));
  }
  return largest;
}

Spans spans_of(const std::vector<Pane>& panes) {
  Spans spans;
  for (const Pane& pane : panes) {
    spans.push_back({pane.content.moments.first_time_ns, pane.content.moments.last_time_ns});
  }
  std::sort(spans.begin(), spans.end());
  return spans;
}

TEST(SessionWindows, APauseAsLongAsTheGapEndsOne) {
  Bench bench(sessions(10 * kSecond));
  for (const std::int64_t second : {0, 9, 18, 28}) bench.take(second * kSecond, 1);
  bench.watermark(100 * kSecond);
  ASSERT_EQ(bench.panes.size(), 2u);
  const Pane& first = bench.panes[0];
  EXPECT_EQ(first.window.start_ns, 0);
  EXPECT_EQ(first.window.end_ns, 28 * kSecond);
  EXPECT_EQ(first.content.moments.count, 3u);
  EXPECT_EQ(first.content.held.largest_gap_ns, 9 * kSecond);
  EXPECT_EQ(bench.panes[1].window.start_ns, 28 * kSecond);
  EXPECT_EQ(bench.windows->count(), 0u);
}

TEST(SessionWindows, StaysOpenAsLongAsReadingsCome) {
  Bench bench(sessions(10 * kSecond));
  for (std::int64_t second = 0; second < 1'000; second += 5) {
    bench.take(second * kSecond, 1);
    bench.watermark(second * kSecond);
  }
  EXPECT_TRUE(bench.panes.empty());
  bench.watermark(995 * kSecond + 10 * kSecond);
  ASSERT_EQ(bench.panes.size(), 1u);
  EXPECT_EQ(bench.panes[0].content.moments.count, 200u);
}

TEST(SessionWindows, ALateReadingThatJoinsTwoRetractsTheLater) {
  Bench bench(sessions(10 * kSecond, kHour));
  bench.take(0, 1);
  bench.take(15 * kSecond, 2);
  bench.watermark(30 * kSecond);
  ASSERT_EQ(bench.panes.size(), 2u);
  const WindowId earlier = bench.panes[0].window;
  const WindowId later = bench.panes[1].window;
  bench.panes.clear();
  EXPECT_TRUE(bench.take(8 * kSecond, 4));
  ASSERT_EQ(bench.panes.size(), 2u);
  EXPECT_EQ(bench.panes[0].window, later);
  EXPECT_EQ(bench.panes[0].quality, PaneQuality::retracted);
  EXPECT_EQ(bench.panes[0].revision, 2u);
  EXPECT_EQ(bench.panes[1].window, earlier) << "the earlier one keeps its id";
  EXPECT_EQ(bench.panes[1].revision, 2u);
  EXPECT_EQ(bench.panes[1].content.moments.total(), 7);
  EXPECT_EQ(bench.panes[1].content.moments.last_time_ns, 15 * kSecond);
  EXPECT_EQ(bench.panes[1].content.held.largest_gap_ns, 8 * kSecond);
  EXPECT_EQ(bench.windows->count(), 1u);
}

TEST(SessionWindows, OneThatALateReadingMakesLongerIsOpenAgain) {
  Bench bench(sessions(10 * kSecond, kHour));
  bench.take(0, 1);
  bench.watermark(12 * kSecond);
  ASSERT_EQ(bench.panes.size(), 1u);
  EXPECT_TRUE(bench.take(5 * kSecond, 1));
  EXPECT_EQ(bench.panes.size(), 1u) << "its end is ahead of the watermark again";
  EXPECT_EQ(bench.windows->open_count(), 1u);
  bench.watermark(15 * kSecond);
  ASSERT_EQ(bench.panes.size(), 2u);
  EXPECT_EQ(bench.panes[1].window, bench.panes[0].window);
  EXPECT_EQ(bench.panes[1].revision, 2u);
}

TEST(SessionWindows, OneThatBeginsEarlierKeepsItsId) {
  Bench bench(sessions(10 * kSecond, kHour));
  bench.take(20 * kSecond, 1);
  bench.watermark(40 * kSecond);
  EXPECT_TRUE(bench.take(12 * kSecond, 1));
  ASSERT_EQ(bench.panes.size(), 2u);
  EXPECT_EQ(bench.panes[1].window, bench.panes[0].window);
  EXPECT_EQ(bench.panes[1].content.moments.first_time_ns, 12 * kSecond);
}

TEST(SessionWindows, WithoutLatenessWhatComesAfterItsEndIsLate) {
  Bench bench(sessions(10 * kSecond));
  bench.take(0, 1);
  bench.watermark(10 * kSecond);
  EXPECT_FALSE(bench.take(0, 1));
  EXPECT_TRUE(bench.take(1 * kSecond, 1)) << "a session of its own would end after the watermark";
}

TEST(SessionWindows, EarlyPanesTellOfOneThatGoesOn) {
  WindowSpec spec = sessions(10 * kSecond);
  spec.early_every_ns = kMinute;
  Bench bench(spec);
  for (std::int64_t second = 0; second < 200; second += 5) {
    bench.take(second * kSecond, 1);
    bench.watermark(second * kSecond);
  }
  ASSERT_EQ(bench.panes.size(), 3u);
  for (const Pane& pane : bench.panes) {
    EXPECT_EQ(pane.quality, PaneQuality::early);
    EXPECT_EQ(pane.window, bench.panes[0].window);
  }
  bench.watermark(kHour);
  ASSERT_EQ(bench.panes.size(), 4u);
  EXPECT_EQ(bench.panes[3].quality, PaneQuality::complete);
  EXPECT_EQ(bench.panes[3].revision, 4u);
  EXPECT_EQ(bench.panes[3].window, bench.panes[0].window);
  EXPECT_EQ(bench.panes[3].content.moments.count, 40u);
}

class Random : public testing::Test {
 protected:
  std::int64_t any(std::int64_t low, std::int64_t high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
  }
  const unsigned seed_ = std::random_device{}();
  std::mt19937_64 random_{seed_};
};

using SessionHistories = Random;

// Whatever the order within the disorder that is allowed, and wherever the process starts again.
TEST_F(SessionHistories, InAnyOrderTheyAreWhatTheDefinitionSays) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 300; ++round) {
    const std::int64_t gap = any(1, 30);
    const std::int64_t disorder = any(0, 40);
    const WindowSpec spec = sessions(gap);
    Bench bench(spec);
    std::multiset<std::int64_t> times;
    std::int64_t now = any(-100, 100);
    double sum = 0;
    for (int i = 0; i < 150; ++i) {
      now += any(0, 1) * any(0, 20);
      const std::int64_t time = now - any(0, disorder);
      const auto value = static_cast<double>(any(-9, 9));
      times.insert(time);
      sum += value;
      ASSERT_TRUE(bench.take(time, value));
      bench.watermark(now - disorder);
      if (any(0, 5) == 0) bench.windows = bench.restored(spec);
    }
    bench.watermark(now + 1'000);
    ASSERT_EQ(spans_of(bench.panes), sessions_of(times, gap)) << "round " << round;
    double told = 0;
    for (const Pane& pane : bench.panes) {
      EXPECT_EQ(pane.revision, 1u);
      EXPECT_EQ(pane.window.start_ns, pane.content.moments.first_time_ns);
      EXPECT_EQ(pane.window.end_ns, pane.content.moments.last_time_ns + gap);
      EXPECT_EQ(pane.content.held.largest_gap_ns, largest_gap_of(times, pane.content.moments));
      told += pane.content.moments.total();
    }
    EXPECT_EQ(told, sum);
    EXPECT_EQ(bench.windows->count(), 0u);
  }
}

// Late readings join, lengthen and reopen; in the end the hub has what the definition says of all
// that was taken.
TEST_F(SessionHistories, LateReadingsEndInTheSameSessions) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 300; ++round) {
    const std::int64_t gap = any(1, 30);
    WindowSpec spec = sessions(gap, 100'000);
    spec.early_every_ns = any(0, 1) * any(1, 20);
    Bench bench(spec);
    std::multiset<std::int64_t> times;
    std::int64_t now = 0;
    for (int i = 0; i < 120; ++i) {
      now += any(0, 15);
      const std::int64_t time = now - any(0, 1) * any(0, 300);
      times.insert(time);
      ASSERT_TRUE(bench.add(time, 1));
      if (any(0, 2) == 0) bench.windows->correct(bench.panes);
      if (any(0, 5) == 0) bench.windows = bench.restored(spec);
      if (any(0, 2) == 0) {
        bench.windows->correct(bench.panes);
        bench.watermark(now - any(0, 20));
      }
    }
    bench.windows->correct(bench.panes);
    bench.watermark(now + 1'000);
    const std::vector<Pane> kept = kept_at_hub(bench.panes);
    ASSERT_EQ(spans_of(kept), sessions_of(times, gap)) << "round " << round;
    EXPECT_EQ(readings_in(kept), times.size());
  }
}

// What the epoch that ends is told and what the next one is told come to all readings, once.
TEST_F(SessionHistories, TheEndOfAnEpochPartsThemWithoutLossOrDouble) {
  SCOPED_TRACE("seed " + std::to_string(seed_));
  for (int round = 0; round < 300; ++round) {
    WindowSpec spec = sessions(any(1, 30), any(0, 1) * any(0, 200));
    spec.early_every_ns = any(0, 1) * any(1, 20);
    Bench bench(spec);
    std::uint64_t taken = 0;
    std::int64_t now = 0;
    const auto run = [&](int readings) {
      for (int i = 0; i < readings; ++i) {
        now += any(0, 15);
        taken += bench.take(now - any(0, 30), 1) ? 1 : 0;
        if (any(0, 2) == 0) bench.watermark(now - any(0, 20));
      }
    };
    run(40);
    const std::vector<Pane> first = std::exchange(bench.panes, {});  // out before the start
    bench.windows->mark_start();
    run(40);
    std::vector<Pane> before = first;
    std::vector<Pane> since;
    const auto part = [&](std::vector<Pane> panes) {
      for (Pane& pane : panes) {
        if (pane.quality == PaneQuality::partial_epoch) {
          before.push_back(pane);
          continue;
        }
        Pane of_since = pane;
        if (pane.split) {
          of_since.content = pane.split->since;
          pane.content = pane.split->before;
          before.push_back(pane);
        }
        if (of_since.content.moments.count > 0) since.push_back(of_since);
      }
    };
    bench.windows->end_epoch(bench.panes);
    part(std::exchange(bench.panes, {}));
    run(40);
    bench.watermark(now + 1'000);
    since.insert(since.end(), bench.panes.begin(), bench.panes.end());
    ASSERT_EQ(readings_in(kept_at_hub(before)) + readings_in(kept_at_hub(since)), taken)
        << "round " << round;
  }
}

}  // namespace
}  // namespace sluice
