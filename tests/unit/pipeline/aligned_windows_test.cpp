#include "pipeline/aligned_windows.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <map>
#include <random>
#include <string>

#include "window_bench.h"

namespace sluice {
namespace {

using Bench = WindowBench;

WindowSpec hopping(std::int64_t size_ns, std::int64_t every_ns, std::int64_t offset_ns = 0,
                   std::int64_t lateness_ns = 0) {
  const WindowKind kind = size_ns == every_ns ? WindowKind::tumbling : WindowKind::hopping;
  return {kind, size_ns, every_ns, offset_ns, lateness_ns};
}

// Ten readings of one half hour, of which four come after its end, and a watermark 15 minutes
// behind the clock: the example of Apache Beam's cookbook (TriggerExample).
class LateReadings : public testing::Test {
 protected:
  struct Element {
    double value;
    std::int64_t event_s;
    std::int64_t arrival_s;
  };
  static std::int64_t at(int hour, int minute, int second = 0) {
    return (hour * 60 + minute) * 60 + second;
  }
  void run(std::int64_t allowed_lateness_ns) {
    std::vector<Element> elements = {
        {50, at(10, 0, 3), at(10, 0, 47)},    {30, at(10, 1), at(10, 1, 3)},
        {30, at(10, 2), at(11, 7)},           {20, at(10, 4, 10), at(10, 5, 15)},
        {60, at(10, 5), at(11, 3)},           {20, at(10, 5, 1), at(11, 7, 30)},
        {60, at(10, 15), at(10, 27, 15)},     {40, at(10, 26, 40), at(10, 26, 43)},
        {60, at(10, 27, 20), at(10, 27, 25)}, {60, at(10, 29), at(11, 11)}};
    std::sort(elements.begin(), elements.end(),
              [](const Element& a, const Element& b) { return a.arrival_s < b.arrival_s; });
    Bench bench(hopping(30 * kMinute, 30 * kMinute, 0, allowed_lateness_ns));
    for (const Element& element : elements) {
      bench.watermark(element.arrival_s * kSecond - 15 * kMinute);
      late_ += bench.take(element.event_s * kSecond, element.value) ? 0 : 1;
    }
    panes_ = bench.panes;
    sums_ = bench.sums();
  }
  std::vector<Pane> panes_;
  std::vector<std::pair<double, std::uint64_t>> sums_;
  int late_ = 0;
};

TEST_F(LateReadings, AreCountedWhereNoLatenessIsAllowed) {
  run(0);
  EXPECT_EQ(sums_, (std::vector<std::pair<double, std::uint64_t>>{{260, 6}}));
  EXPECT_EQ(late_, 4);
}

// The example lists what each late pane adds; ours hold all readings so far, so the differences are
// compared: 60, 30, 20, 60.
TEST_F(LateReadings, CorrectThePaneWhereItIs) {
  run(24 * kHour);
  EXPECT_EQ(sums_, (std::vector<std::pair<double, std::uint64_t>>{
                       {260, 6}, {320, 7}, {350, 8}, {370, 9}, {430, 10}}));
  EXPECT_EQ(late_, 0);
  for (std::size_t i = 0; i < panes_.size(); ++i) {
    EXPECT_EQ(panes_[i].window, panes_[0].window) << "a correction has the window's id";
    EXPECT_EQ(panes_[i].revision, i + 1);
  }
}

TEST(AlignedWindows, ManyCorrectionsInOneBatchAreOneRevision) {
  Bench bench(hopping(10 * kSecond, 10 * kSecond, 0, kHour));
  bench.take(1 * kSecond, 1);
  bench.watermark(20 * kSecond);
  bench.add(2 * kSecond, 2);
  bench.add(3 * kSecond, 3);
  bench.add(12 * kSecond, 4);  // of a window that never had a reading
  bench.windows->correct(bench.panes);
  EXPECT_EQ(bench.sums(), (std::vector<std::pair<double, std::uint64_t>>{{1, 1}, {6, 3}, {4, 1}}));
  EXPECT_EQ(bench.panes[1].revision, 2u);
  EXPECT_EQ(bench.panes[2].revision, 1u);
  bench.watermark(10 * kSecond + kHour);
  EXPECT_FALSE(bench.take(4 * kSecond, 5)) << "now it is late";
  EXPECT_EQ(bench.panes.size(), 3u);
  EXPECT_EQ(bench.windows->open_count(), 0u);
}

TEST(AlignedWindows, WhatWaitsForItsCorrectionIsNotForgottenWhenTheTimeForItEnds) {
  Bench bench(hopping(10 * kSecond, 10 * kSecond, 0, kHour));
  bench.take(1 * kSecond, 1);
  bench.watermark(20 * kSecond);
  bench.add(2 * kSecond, 2);
  bench.watermark(2 * kHour);
  EXPECT_EQ(bench.sums(), (std::vector<std::pair<double, std::uint64_t>>{{1, 1}, {3, 2}}));
}

// Against a list of all readings: each is in every window that contains it, whose start is
// offset + k * every; a window of which some reading was late lacks just those.
TEST(AlignedWindows, HoldWhatAPlainListSays) {
  const unsigned seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  for (int round = 0; round < 300; ++round) {
    const auto any = [&](std::int64_t low, std::int64_t high) {
      return std::uniform_int_distribution<std::int64_t>(low, high)(random);
    };
    const std::int64_t every = any(1, 20);
    const WindowSpec spec =
        hopping(any(every, 60), every, any(0, every - 1), any(0, 1) * any(0, 50));
    Bench bench(spec);
    std::map<std::int64_t, std::pair<std::uint64_t, double>> expected;  // by start
    std::int64_t now = any(-200, 200);
    std::int64_t watermark = kNoTime;
    for (int i = 0; i < 200; ++i) {
      now += any(0, 3);
      const std::int64_t time = now - any(0, 40);
      const double value = static_cast<double>(any(-9, 9));
      for (std::int64_t start = time - spec.size_ns + 1; start <= time; ++start) {
        const bool aligned = ((start - spec.offset_ns) % every + every) % every == 0;
        const bool is_late =
            watermark != kNoTime && start + spec.size_ns + spec.allowed_lateness_ns <= watermark;
        if (!aligned || is_late) continue;
        ++expected[start].first;
        expected[start].second += value;
      }
      bench.add(time, value);
      if (any(0, 2) == 0) bench.windows->correct(bench.panes);
      if (any(0, 4) == 0) bench.windows = bench.restored(spec);
      if (any(0, 2) == 0) bench.watermark(watermark = std::max(watermark, now - any(0, 20)));
    }
    bench.watermark(now + 1'000);
    std::map<std::int64_t, std::pair<std::uint64_t, double>> held;
    std::map<std::int64_t, std::uint32_t> revisions;
    for (const Pane& pane : bench.panes) {
      EXPECT_EQ(pane.window.end_ns - pane.window.start_ns, spec.size_ns);
      EXPECT_EQ(pane.revision, ++revisions[pane.window.start_ns]) << "no revision is left out";
      held[pane.window.start_ns] = {pane.content.moments.count, pane.content.moments.total()};
    }
    ASSERT_EQ(held, expected) << "round " << round << " size " << spec.size_ns << " every "
                              << every;
    EXPECT_EQ(bench.windows->open_count(), 0u);
  }
}

// A correction after the epoch's end goes to another epoch, where the window's earlier panes are
// not: it must hold only what came since, and what was there before must not come again.
TEST(AlignedWindows, ACorrectionAcrossTheEndOfAnEpochHoldsOnlyWhatCameSince) {
  Bench bench(hopping(10 * kSecond, 10 * kSecond, 0, kHour));
  bench.take(1 * kSecond, 1);
  bench.watermark(20 * kSecond);
  bench.take(21 * kSecond, 2);  // open
  bench.windows->mark_start();
  bench.take(2 * kSecond, 4);
  ASSERT_EQ(bench.panes.size(), 2u);
  ASSERT_NE(bench.panes[1].split, nullptr);
  EXPECT_EQ(bench.panes[1].split->before.moments.total(), 1);
  EXPECT_EQ(bench.panes[1].split->since.moments.total(), 4);
  bench.panes.clear();
  bench.windows->end_epoch(bench.panes);
  EXPECT_EQ(bench.sums(), (std::vector<std::pair<double, std::uint64_t>>{{2, 1}}));
  EXPECT_EQ(bench.panes[0].quality, PaneQuality::partial_epoch);
  bench.panes.clear();
  bench.take(3 * kSecond, 8);
  bench.take(22 * kSecond, 16);
  bench.watermark(30 * kSecond);
  EXPECT_EQ(bench.sums(), (std::vector<std::pair<double, std::uint64_t>>{{12, 2}, {16, 1}}));
  EXPECT_EQ(bench.windows->open_count(), 0u);
}

TEST(AlignedWindows, RefuseASnapshotThatWasCutShort) {
  const WindowSpec spec = hopping(20 * kSecond, 5 * kSecond, 2 * kSecond, kHour);
  Bench bench(spec);
  for (int i = 0; i < 50; ++i) bench.take(i * kSecond, i);
  bench.watermark(30 * kSecond);
  bench.add(3 * kSecond, 1);
  ByteWriter out;
  bench.windows->snapshot(out);
  const std::string bytes = out.take();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader in(std::string_view(bytes).substr(0, size));
    const auto copy = KeyedWindows::create(spec);
    EXPECT_FALSE(copy->restore(in).ok() && in.at_end()) << size;
  }
}

TEST(AlignedWindows, ShedsItsOldestAndTakesNothingMoreForThem) {
  Bench bench(WindowSpec::tumbling(10 * kSecond));
  for (const std::int64_t second : {5, 15, 16, 25}) bench.add(second * kSecond, 1);
  bench.windows->shed({10 * kSecond, 1}, bench.panes);
  ASSERT_EQ(bench.panes.size(), 2u);
  EXPECT_EQ(bench.panes[1].window.start_ns, 10 * kSecond);
  EXPECT_EQ(bench.panes[1].content.moments.count, 2u);
  EXPECT_EQ(bench.panes[1].revision, 1u);
  EXPECT_EQ(bench.panes[1].quality, PaneQuality::partial_limit);
  EXPECT_EQ(bench.windows->count(), 1u);
  EXPECT_FALSE(bench.add(17 * kSecond, 1))
      << "another pane of revision 1 would contradict the first";
  EXPECT_TRUE(bench.add(25 * kSecond, 1));
  EXPECT_TRUE(bench.add(17 * kSecond, 1, false, 2)) << "of another series";
  bench.windows = bench.restored(WindowSpec::tumbling(10 * kSecond));
  EXPECT_FALSE(bench.add(17 * kSecond, 1)) << "after a restart";
  bench.watermark(30 * kSecond);
  ASSERT_EQ(bench.panes.size(), 4u);
  EXPECT_EQ(bench.panes[2].quality, PaneQuality::complete) << "what opens later is as ever";
}

TEST(AlignedWindows, ShedsAWindowThatHasItsPaneWithoutAnother) {
  const WindowSpec spec = hopping(10 * kSecond, 10 * kSecond, 0, 100 * kSecond);
  Bench bench(spec);
  bench.take(5 * kSecond, 1);
  bench.take(15 * kSecond, 1);
  bench.watermark(30 * kSecond);
  ASSERT_EQ(bench.panes.size(), 2u);
  bench.add(16 * kSecond, 1);
  bench.windows->shed({20 * kSecond, 1}, bench.panes);
  ASSERT_EQ(bench.panes.size(), 3u) << "only the second has something new to tell";
  EXPECT_EQ(bench.panes[2].revision, 2u);
  EXPECT_EQ(bench.panes[2].quality, PaneQuality::partial_limit);
  bench.windows->correct(bench.panes);
  EXPECT_EQ(bench.panes.size(), 3u);
  EXPECT_FALSE(bench.take(5 * kSecond, 1));
  EXPECT_EQ(bench.windows->count(), 0u);
}

// 1,000 series of 1 s windows that wait for late readings: per checkpoint some of them come and
// none of the others changes.
TEST(AlignedWindows, ACheckpointWritesTheWindowsThatChanged) {
  Bench bench(WindowSpec::tumbling(kSecond));
  const auto second = [&](std::int64_t s) {
    for (SeriesId series = 1; series <= 1000; ++series) bench.add(s * kSecond, 1, false, series);
  };
  for (std::int64_t s = 0; s < 50; ++s) second(s);
  std::map<std::string, std::string> before;
  std::size_t bytes_before = 0;
  for (const CheckpointPart& part : bench.parts()) {
    before[part.name] = part.bytes;
    bytes_before += part.bytes.size();
  }
  EXPECT_LE(bytes_before, 50'000 * AlignedWindows::kSnapshotBytes);
  second(50);
  bench.windows->shed({0, 1000}, bench.panes);
  std::size_t changed_bytes = 0;
  for (const CheckpointPart& part : bench.parts()) {
    if (before[part.name] != part.bytes) changed_bytes += part.bytes.size();
  }
  EXPECT_LT(changed_bytes, bytes_before / 10);
}

// --- windows that nothing came for ---

WindowSpec with_empty(std::int64_t size_ns, std::int64_t lateness_ns = 0) {
  WindowSpec spec = hopping(size_ns, size_ns, 0, lateness_ns);
  spec.tells_empty = true;
  return spec;
}

TEST(EmptyWindows, AreToldFromTheFirstReadingOn) {
  const WindowSpec spec = with_empty(10 * kSecond);
  Bench bench(spec);
  bench.take(105 * kSecond, 1);
  bench.watermark(109 * kSecond);
  bench.windows = bench.restored(spec);
  bench.take(145 * kSecond, 1);
  bench.watermark(150 * kSecond);
  ASSERT_EQ(bench.panes.size(), 5u);
  for (std::size_t i = 0; i < 5; ++i) {
    const Pane& pane = bench.panes[i];
    EXPECT_EQ(pane.window.start_ns, static_cast<std::int64_t>(100 + 10 * i) * kSecond);
    EXPECT_EQ(pane.content.moments.count, i == 0 || i == 4 ? 1u : 0u);
    EXPECT_EQ(pane.revision, 1u);
    EXPECT_EQ(pane.quality, PaneQuality::complete);
  }
  EXPECT_EQ(bench.windows->count(), 0u);
}

TEST(EmptyWindows, OneThatALateReadingComesForIsCorrected) {
  const WindowSpec spec = with_empty(10 * kSecond, kHour);
  Bench bench(spec);
  bench.take(5 * kSecond, 1);
  bench.watermark(30 * kSecond);
  ASSERT_EQ(bench.panes.size(), 3u);
  bench.windows = bench.restored(spec);
  EXPECT_TRUE(bench.take(15 * kSecond, 7));
  ASSERT_EQ(bench.panes.size(), 4u);
  EXPECT_EQ(bench.panes[3].window.start_ns, 10 * kSecond);
  EXPECT_EQ(bench.panes[3].revision, 2u);
  EXPECT_EQ(bench.panes[3].content.moments.count, 1u);
}

TEST(EmptyWindows, AreToldWhileATopicIsSilentButNotForEver) {
  Bench bench(with_empty(10 * kSecond));
  bench.take(5 * kSecond, 1);
  bench.watermark(5 * kSecond);
  const std::int64_t day = 24 * kHour;
  EXPECT_FALSE(bench.windows->due(bench.watermarks, 1'000 * kSecond));
  EXPECT_TRUE(bench.windows->due(bench.watermarks, 3'600 * kSecond));
  bench.windows->advance_all(bench.watermarks, day, bench.panes);
  EXPECT_EQ(bench.panes.size(), 1u + AlignedWindows::kEmptyRunMax);
  EXPECT_FALSE(bench.windows->due(bench.watermarks, 2 * day));
  bench.windows->advance_all(bench.watermarks, 2 * day, bench.panes);
  EXPECT_EQ(bench.panes.size(), 1u + AlignedWindows::kEmptyRunMax);
  bench.take(3 * day + 5 * kSecond, 1);
  bench.watermark(3 * day + 30 * kSecond);
  EXPECT_EQ(bench.panes.size(), 4u + AlignedWindows::kEmptyRunMax) << "with a reading they go on";
}

// What was told of the time before a reading does not count for the time after it.
TEST(EmptyWindows, AreToldAfterAReadingThatEndsALongPause) {
  const WindowSpec spec = with_empty(10 * kSecond);
  Bench bench(spec);
  bench.take(5 * kSecond, 1);
  bench.watermark(5 * kSecond);
  bench.take(1'005 * kSecond, 1);
  bench.watermark(1'005 * kSecond);
  EXPECT_EQ(bench.panes.size(), 1u + AlignedWindows::kEmptyRunMax);
  bench.windows = bench.restored(spec);
  bench.watermark(1'040 * kSecond);
  ASSERT_EQ(bench.panes.size(), 5u + AlignedWindows::kEmptyRunMax);
  EXPECT_EQ(bench.panes[1 + AlignedWindows::kEmptyRunMax].window.start_ns, 1'000 * kSecond);
  EXPECT_EQ(bench.panes.back().window.start_ns, 1'030 * kSecond);
}

// Of a clock that stood at 1970 and then was set: a window each millisecond would take for ever.
TEST(EmptyWindows, ThoseThatWereClosedEarlyTakeNoTime) {
  Bench bench(with_empty(kSecond / 1'000));
  const std::int64_t now_ns = 1'700'000'000 * kSecond;
  bench.take(0, 1);
  bench.take(now_ns, 1);
  bench.windows->shed({now_ns, 1}, bench.panes);
  EXPECT_EQ(bench.panes.size(), 2u);
  bench.watermark(now_ns + kSecond / 200);
  ASSERT_EQ(bench.panes.size(), 6u);
  EXPECT_EQ(bench.panes[2].window.start_ns, now_ns + kSecond / 1'000);
}

// After a start without a hub each window is kept apart from what came before: it is not copied
// before there is anything to keep apart.
TEST(AlignedWindows, AMarkTakesMemoryOnlyOfWindowsThatTakeReadings) {
  WindowSpec spec = hopping(kHour, kHour);
  spec.extras.histogram = HistogramOptions{};
  Bench bench(spec);
  bench.take(5 * kMinute, 1);
  bench.take(kHour + kMinute, 2);
  const auto bytes = [&] {
    WindowState state;
    EXPECT_TRUE(bench.windows->add_state(1, state));
    return state.bytes.total();
  };
  const std::size_t before = bytes();
  bench.windows->mark_start();
  EXPECT_EQ(bytes(), before);
  bench.take(6 * kMinute, 4);
  const std::size_t one_split = bytes();
  EXPECT_GT(one_split, before);
  EXPECT_LT(one_split, 3 * before);
  bench.windows->end_epoch(bench.panes);
  EXPECT_EQ(bench.sums(), (std::vector<std::pair<double, std::uint64_t>>{{1, 1}, {2, 1}}));
  EXPECT_EQ(bench.windows->count(), 1u) << "that which took a reading since";
}

// --- panes before the end ---

TEST(EarlyPanes, ComeAsTheWatermarkPassesSoMuchMoreOfTheWindow) {
  WindowSpec spec = hopping(kHour, kHour);
  spec.early_every_ns = 10 * kMinute;
  Bench bench(spec);
  bench.take(5 * kMinute, 1);
  bench.watermark(9 * kMinute);
  EXPECT_TRUE(bench.panes.empty());
  bench.watermark(12 * kMinute);
  bench.windows = bench.restored(spec);
  bench.watermark(55 * kMinute);
  EXPECT_EQ(bench.panes.size(), 1u) << "nothing has come since";
  bench.watermark(kHour);
  ASSERT_EQ(bench.panes.size(), 2u);
  EXPECT_EQ(bench.panes[0].quality, PaneQuality::early);
  EXPECT_EQ(bench.panes[0].revision, 1u);
  EXPECT_EQ(bench.panes[1].quality, PaneQuality::complete) << "the same, but final";
  EXPECT_EQ(bench.panes[1].revision, 2u);
  EXPECT_EQ(bench.panes[1].content.moments.count, 1u);
  EXPECT_EQ(bench.windows->count(), 0u);
}

TEST(EarlyPanes, AreReplacedByWhatAnEpochEndsWith) {
  WindowSpec spec = hopping(kHour, kHour);
  spec.early_every_ns = 10 * kMinute;
  Bench bench(spec);
  bench.take(5 * kMinute, 1);
  bench.watermark(12 * kMinute);
  bench.windows->mark_start();
  bench.take(15 * kMinute, 1);
  bench.windows->end_epoch(bench.panes);
  ASSERT_EQ(bench.panes.size(), 2u);
  EXPECT_EQ(bench.panes[1].quality, PaneQuality::partial_epoch);
  EXPECT_EQ(bench.panes[1].revision, 2u);
  EXPECT_EQ(bench.panes[1].content.moments.count, 1u);
  bench.watermark(kHour);
  ASSERT_EQ(bench.panes.size(), 3u);
  EXPECT_EQ(bench.panes[2].content.moments.count, 1u) << "what came since, in the next epoch";
}

}  // namespace
}  // namespace sluice
