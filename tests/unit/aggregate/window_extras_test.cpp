#include "aggregate/window_extras.h"

#include <gtest/gtest.h>

#include <random>

#include "fakes/power_sum.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

ExtrasSpec all_kinds() {
  ExtrasSpec spec;
  spec.histogram = HistogramOptions{};
  spec.distinct_precision = 8;
  spec.top = TopOptions{};
  spec.counter = CounterOptions{32, 0};
  spec.states = StateOptions{};
  spec.plugins = {PowerSum::spec(std::make_shared<PowerSum>(2)),
                  PowerSum::spec(std::make_shared<PowerSum>(3))};
  return spec;
}

WindowExtras of(const ExtrasSpec& spec, std::int64_t from_s, std::int64_t to_s) {
  WindowExtras extras(spec);
  for (std::int64_t s = from_s; s < to_s; ++s) {
    extras.add_arrived(s * kSecond, static_cast<double>(s % 7));
    extras.add_in_order(s * kSecond, static_cast<double>(s % 7));
  }
  return extras;
}

std::string bytes_of(const WindowExtras& extras) {
  ByteWriter out;
  extras.snapshot(out);
  return out.take();
}

TEST(WindowExtras, HoldsNothingUnlessAsked) {
  const WindowExtras none((ExtrasSpec()));
  EXPECT_TRUE(none.empty());
  EXPECT_EQ(none.state_bytes(), sizeof none);
  ExtrasSpec spec;
  spec.counter = CounterOptions{};
  const WindowExtras counter = of(spec, 0, 10);
  EXPECT_EQ(counter.histogram(), nullptr);
  EXPECT_EQ(counter.counter()->count(), 10u);
  EXPECT_TRUE(counter.spec() == spec);
}

TEST(WindowExtras, MinutesMergeToWhatTheirHourWouldHold) {
  const WindowExtras hour = of(all_kinds(), 0, 3600);
  WindowExtras merged = of(all_kinds(), 0, 60);
  for (std::int64_t minute = 1; minute < 60; ++minute) {
    merged.merge(of(all_kinds(), minute * 60, minute * 60 + 60));
    merged.close_gaps();
  }
  EXPECT_EQ(merged.histogram()->count(), hour.histogram()->count());
  for (const double q : {0.0, 0.1, 0.5, 0.99, 1.0}) {
    EXPECT_EQ(merged.histogram()->quantile(q), hour.histogram()->quantile(q));
  }
  EXPECT_EQ(merged.distinct()->estimate(), hour.distinct()->estimate());
  ASSERT_EQ(merged.plugins().size(), 2u);
  EXPECT_EQ(merged.plugins()[1]->results(), hour.plugins()[1]->results());
  EXPECT_EQ(merged.top()->top(3), hour.top()->top(3));
  EXPECT_EQ(merged.counter()->increase(), hour.counter()->increase());
  EXPECT_EQ(merged.counter()->wraps(), hour.counter()->wraps());
  EXPECT_TRUE(merged.states()->times() == hour.states()->times());
}

TEST(WindowExtras, WhatOneOfTwoLacksIsNotTheirs) {
  ExtrasSpec less = all_kinds();
  less.top.reset();
  less.counter->wrap_bits = 16;
  WindowExtras merged = of(all_kinds(), 0, 60);
  merged.merge(of(less, 60, 120));
  EXPECT_EQ(merged.top(), nullptr);
  EXPECT_EQ(merged.counter(), nullptr) << "of another width";
  EXPECT_EQ(merged.histogram()->count(), 120u);
}

TEST(WindowExtras, CountsTimeFromAnotherMomentAfterAMove) {
  constexpr std::int64_t kLater = 1'700'000'000 * kSecond + 5;
  WindowExtras late(all_kinds());
  for (std::int64_t s = 0; s < 60; ++s) {
    late.add_arrived(s * kSecond + kLater, static_cast<double>(s % 7));
    late.add_in_order(s * kSecond + kLater, static_cast<double>(s % 7));
  }
  WindowExtras moved = of(all_kinds(), 0, 60);
  EXPECT_NE(bytes_of(moved), bytes_of(late));
  moved.move_by(kLater);
  EXPECT_EQ(bytes_of(moved), bytes_of(late));
  moved.move_by(-kLater);
  EXPECT_EQ(bytes_of(moved), bytes_of(of(all_kinds(), 0, 60)));
}

TEST(WindowExtras, GivesBackWhatItWroteAndRefusesTheRest) {
  const std::string bytes = bytes_of(of(all_kinds(), 0, 100));
  EXPECT_LE(bytes.size(), all_kinds().snapshot_bytes_max());
  ByteReader in(bytes);
  const auto restored = WindowExtras::restore(in);
  ASSERT_TRUE(restored.ok() && in.at_end());
  EXPECT_EQ(bytes_of(*restored), bytes);
  EXPECT_TRUE(restored->spec() == all_kinds());
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    ByteReader cut(std::string_view(bytes).substr(0, size));
    EXPECT_EQ(WindowExtras::restore(cut).status().code(), StatusCode::data_loss) << size;
  }
  std::mt19937_64 random(5);
  for (int i = 0; i < 20'000; ++i) {
    std::string damaged = bytes;
    damaged[random() % damaged.size()] = static_cast<char>(random());
    ByteReader reader(damaged);
    (void)WindowExtras::restore(reader);
  }
}

}  // namespace
}  // namespace sluice
