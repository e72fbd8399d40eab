#include "pipeline/open_content.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <limits>
#include <random>
#include <tuple>
#include <vector>

#include "fakes/power_sum.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNever = std::numeric_limits<std::int64_t>::min();
using Readings = std::vector<Stamped>;

ExtrasSpec all_kinds() {
  ExtrasSpec spec;
  spec.histogram = HistogramOptions{40, 20, 0.5};
  spec.distinct_precision = 6;
  spec.top = TopOptions{64, 128};
  spec.counter = CounterOptions{};
  spec.states = StateOptions{8, 0};
  spec.plugins = {PowerSum::spec(std::make_shared<PowerSum>(2))};
  return spec;
}

std::uint64_t fresh_seed() {
  const std::uint64_t seed = std::random_device{}();
  std::printf("seed %llu\n", static_cast<unsigned long long>(seed));
  return seed;
}

/// In order of time, now and then several at one stamp.
Readings some_readings(std::mt19937_64& random, std::size_t count) {
  Readings readings;
  std::int64_t time_ns = 1'000 * kSecond;
  for (std::size_t i = 0; i < count; ++i) {
    if (random() % 6 != 0) time_ns += static_cast<std::int64_t>(1 + random() % 3'000) * 1'000'000;
    readings.push_back({time_ns, static_cast<double>(random() % 9) - 3});
  }
  return readings;
}

std::string bytes_of(const WindowExtras& extras) {
  ByteWriter out;
  extras.snapshot(out);
  return out.take();
}

/// By going through the readings in order, and nothing else.
void expect_is_of(const WindowContent& got, Readings readings) {
  std::sort(readings.begin(), readings.end(), [](const Stamped& a, const Stamped& b) {
    return std::tie(a.time_ns, a.value) < std::tie(b.time_ns, b.value);
  });
  double integral = 0;
  std::uint64_t gap = 0;
  for (std::size_t i = 1; i < readings.size(); ++i) {
    const auto step = static_cast<std::uint64_t>(readings[i].time_ns - readings[i - 1].time_ns);
    integral += readings[i - 1].value * static_cast<double>(step) / 1e9;
    gap = std::max(gap, step);
  }
  EXPECT_EQ(got.moments.count, readings.size());
  EXPECT_EQ(got.held.largest_gap_ns, gap);
  EXPECT_NEAR(got.held.integral(), integral, 1e-9 * std::max(1.0, std::abs(integral)));
}

void expect_same(const WindowContent& a, const WindowContent& b) {
  EXPECT_EQ(a.moments.count, b.moments.count);
  EXPECT_EQ(a.moments.first, b.moments.first);
  EXPECT_EQ(a.moments.last, b.moments.last);
  EXPECT_EQ(a.held.largest_gap_ns, b.held.largest_gap_ns);
  EXPECT_EQ(std::bit_cast<std::uint64_t>(a.held.integral_s),
            std::bit_cast<std::uint64_t>(b.held.integral_s));
  EXPECT_EQ(std::bit_cast<std::uint64_t>(a.held.integral_error_s),
            std::bit_cast<std::uint64_t>(b.held.integral_error_s));
  ASSERT_EQ(a.extras == nullptr, b.extras == nullptr);
  if (a.extras) {
    EXPECT_EQ(bytes_of(*a.extras), bytes_of(*b.extras));
  }
}

/// A top list holds its guarantees under any order, and no more.
ExtrasSpec kinds_of_any_order() {
  ExtrasSpec spec = all_kinds();
  spec.top.reset();
  return spec;
}

/// Of readings that come `order`ed, with a watermark `behind_ns` after the newest of them.
WindowContent take(const Readings& order, std::int64_t behind_ns, bool settles) {
  OpenContent content(kinds_of_any_order());
  std::int64_t watermark_ns = kNever;
  for (const Stamped& reading : order) {
    content.add(reading.time_ns, reading.value, settles ? watermark_ns : kNever);
    watermark_ns = std::max(watermark_ns, reading.time_ns - behind_ns);
  }
  return content.content();
}

/// No reading comes more than `behind_ns` after one that is newer.
Readings disordered(const Readings& readings, std::int64_t behind_ns, std::mt19937_64& random) {
  std::vector<std::pair<std::int64_t, Stamped>> by_arrival;
  for (const Stamped& reading : readings) {
    const auto delay = static_cast<std::int64_t>(random() % static_cast<std::uint64_t>(behind_ns));
    by_arrival.emplace_back(reading.time_ns + delay, reading);
  }
  std::shuffle(by_arrival.begin(), by_arrival.end(), random);
  std::stable_sort(by_arrival.begin(), by_arrival.end(),
                   [](const auto& a, const auto& b) { return a.first < b.first; });
  Readings order;
  for (const auto& [arrival, reading] : by_arrival) order.push_back(reading);
  return order;
}

TEST(OpenContent, IsByteEqualUnderAnyShuffleWithinTheWatermark) {
  std::mt19937_64 random(fresh_seed());
  constexpr std::int64_t kBehind = 10 * kSecond;
  for (int round = 0; round < 200; ++round) {
    const Readings readings = some_readings(random, 1 + random() % 200);
    const WindowContent in_order = take(readings, 0, true);
    expect_is_of(in_order, readings);
    for (int shuffle = 0; shuffle < 3; ++shuffle) {
      expect_same(take(disordered(readings, kBehind, random), kBehind, true), in_order);
    }
  }
}

// A window that can be corrected keeps everything apart, as long as the bound allows.
TEST(OpenContent, IsByteEqualUnderAnyShuffleWhileNothingIsSettled) {
  std::mt19937_64 random(fresh_seed());
  for (int round = 0; round < 200; ++round) {
    Readings readings = some_readings(random, 1 + random() % OpenContent::kWaitingLeast);
    const WindowContent in_order = take(readings, 0, false);
    expect_is_of(in_order, readings);
    std::shuffle(readings.begin(), readings.end(), random);
    expect_same(take(readings, 0, false), in_order);
  }
}

TEST(OpenContent, GoesOnAfterARestoreAsIfNothingHadHappened) {
  std::mt19937_64 random(fresh_seed());
  for (int round = 0; round < 60; ++round) {
    const bool settles = round % 2 == 0;
    Readings order = disordered(some_readings(random, 1 + random() % 150), 20 * kSecond, random);
    OpenContent straight(all_kinds());
    OpenContent restored(all_kinds());
    std::int64_t watermark_ns = kNever;
    for (const Stamped& reading : order) {
      const std::int64_t settled_ns = settles ? watermark_ns : kNever;
      straight.add(reading.time_ns, reading.value, settled_ns);
      restored.add(reading.time_ns, reading.value, settled_ns);
      // Less than the disorder: some readings come behind what is folded.
      watermark_ns = std::max(watermark_ns, reading.time_ns - 5 * kSecond);
      ByteWriter out;
      restored.snapshot(out);
      ByteReader in(out.bytes());
      auto again = OpenContent::restore(in, all_kinds());
      ASSERT_TRUE(again.ok() && in.at_end()) << again.status().to_string();
      ByteWriter out_again;
      again->snapshot(out_again);
      EXPECT_EQ(out.bytes(), out_again.bytes());
      restored = *std::move(again);
    }
    expect_same(restored.content(), straight.content());
  }
}

TEST(OpenContent, KeepsNoMoreReadingsApartThanItsBound) {
  OpenContent content;
  Readings readings;
  for (int i = 0; i < 1'000; ++i) {
    readings.push_back({i * kSecond, static_cast<double>(i % 5)});
    content.add(readings.back().time_ns, readings.back().value, kNever);
    EXPECT_LE(content.waiting(), OpenContent::kWaitingLeast);
  }
  EXPECT_LE(content.heap_bytes(), (OpenContent::kWaitingLeast + 1) * sizeof(Stamped));
  expect_is_of(content.content(), readings);
  std::printf("bytes of a window's content: %zu, and %zu of each reading that waits\n",
              sizeof(OpenContent), sizeof(Stamped));
}

TEST(OpenContent, AReadingBehindWhatIsFoldedChangesNoStep) {
  OpenContent content(all_kinds());
  content.add(10 * kSecond, 1, kNever);
  content.add(20 * kSecond, 3, 10 * kSecond);
  content.add(30 * kSecond, 5, 30 * kSecond);
  content.add(15 * kSecond, 100, 30 * kSecond);  // inside
  content.add(4 * kSecond, 7, 30 * kSecond);     // before the first
  const WindowContent got = content.content();
  EXPECT_EQ(got.moments.count, 5u);
  EXPECT_EQ(got.held.largest_gap_ns, 10u * kSecond);
  EXPECT_EQ(got.held.integral(), 7 * 6 + 1 * 10 + 3 * 10);
  EXPECT_EQ(got.extras->counter()->count(), 5u);
}

TEST(OpenContent, RefusesBytesThatNoContentHasWritten) {
  std::mt19937_64 random(fresh_seed());
  OpenContent content(all_kinds());
  for (const Stamped& reading : some_readings(random, 30)) {
    content.add(reading.time_ns, reading.value, reading.time_ns - 5 * kSecond);
  }
  ByteWriter out;
  content.snapshot(out);
  const std::string bytes = out.take();
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader in(std::string_view(bytes).substr(0, size));
    EXPECT_FALSE(OpenContent::restore(in, all_kinds()).ok()) << size;
  }
  ByteReader in(bytes);
  ExtrasSpec other = all_kinds();
  other.histogram->max_size = 41;
  EXPECT_FALSE(OpenContent::restore(in, other).ok());
}

ExtrasSpec power_sum(std::shared_ptr<const AggregateType> type) {
  ExtrasSpec spec;
  spec.plugins = {PowerSum::spec(std::move(type))};
  return spec;
}

OpenContent restored(const OpenContent& content, const ExtrasSpec& spec) {
  ByteWriter out;
  content.snapshot(out);
  ByteReader in(out.bytes());
  auto again = OpenContent::restore(in, spec);
  EXPECT_TRUE(again.ok() && in.at_end()) << again.status().message();
  return again.ok() ? *std::move(again) : OpenContent();
}

std::vector<double> results_of(const OpenContent& content) {
  return content.content().extras->plugins().at(0)->results();
}

TEST(OpenContent, GoesOnWithAnotherVersionOfAPluginsAggregate) {
  const ExtrasSpec first = power_sum(std::make_shared<PowerSum>(2));
  const ExtrasSpec second = power_sum(std::make_shared<PowerSum>(2, 99, "2.0.0"));
  OpenContent content(first);
  content.add(kSecond, 3, kNever);
  OpenContent next = restored(content, second);
  next.add(2 * kSecond, 4, kNever);
  EXPECT_EQ(results_of(next), (std::vector<double>{2, 25}));
  EXPECT_EQ(next.content().extras->plugins()[0]->identity().version, "2.0.0");
}

// What came after the change alone would look like the whole window's.
TEST(OpenContent, LosesTheAggregateThatAnotherVersionDoesNotTakeBack) {
  const ExtrasSpec first = power_sum(std::make_shared<PowerSum>(2));
  OpenContent content(first);
  content.add(kSecond, 3, kNever);
  OpenContent next =
      restored(content, power_sum(std::make_shared<PowerSum>(2, 99, "2.0.0", "1.0.0")));
  next.add(2 * kSecond, 4, kNever);
  EXPECT_TRUE(results_of(next).empty());
  StateBytes bytes;
  next.add_bytes(bytes);
  EXPECT_EQ(bytes.plugins_lost, 1u);
  EXPECT_EQ(next.count(), 2u);
}

// The spec of a pipeline that waits for its plugin: what it has goes on unchanged.
TEST(OpenContent, KeepsWhatAPluginSavedThatIsNotHere) {
  const ExtrasSpec here = power_sum(std::make_shared<PowerSum>(2));
  ExtrasSpec gone;
  gone.plugins = {{{"power_sum", "{}"}, nullptr, false}};
  OpenContent content(here);
  content.add(kSecond, 3, kNever);
  const OpenContent kept = restored(content, gone);
  EXPECT_FALSE(kept.content().extras->plugins()[0]->lost());
  EXPECT_EQ(results_of(restored(kept, here)), (std::vector<double>{1, 9}));
}

}  // namespace
}  // namespace sluice
