// Windows of every kind from the node's encoder to the hub's decoder.
#include <gtest/gtest.h>

#include <functional>
#include <limits>
#include <string>

#include "aggregate/window_extras.h"
#include "hub/summary_decoder.h"
#include "sluice/v1/summary.pb.h"
#include "sync/summary_encoder.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kNoon = 1'700'000'000 * kSecond;

Pane pane_of(WindowId window, const std::vector<std::pair<std::int64_t, double>>& readings) {
  Pane pane;
  pane.window = window;
  for (std::size_t i = 0; i < readings.size(); ++i) {
    pane.content.moments.add(readings[i].first, readings[i].second);
    if (i == 0) continue;
    const auto step = static_cast<std::uint64_t>(readings[i].first - readings[i - 1].first);
    pane.content.held.hold(readings[i - 1].second, step);
  }
  return pane;
}

SummaryBlock block_of(std::vector<Pane> panes) { return {"p", 7, std::move(panes)}; }

void expect_equal(const DecodedPane& got, const Pane& sent) {
  EXPECT_EQ(got.kind, sent.window.kind);
  EXPECT_EQ(got.series_id, sent.window.key);
  EXPECT_EQ(got.start_ns, sent.window.start_ns);
  EXPECT_EQ(got.end_ns, sent.window.end_ns);
  EXPECT_EQ(got.ordinal, sent.window.ordinal);
  EXPECT_EQ(got.quality, sent.quality);
  const Moments& m = sent.content.moments;
  EXPECT_EQ(got.count, m.count);
  EXPECT_EQ(got.first_time_ns, m.first_time_ns);
  EXPECT_EQ(got.last_time_ns, m.last_time_ns);
  EXPECT_EQ(got.sum, m.total());
  EXPECT_EQ(got.min, m.min);
  EXPECT_EQ(got.max, m.max);
  EXPECT_EQ(got.largest_gap_ns, sent.content.held.largest_gap_ns);
  EXPECT_NEAR(got.time_integral_s, sent.content.held.integral(), 1e-6);
}

/// `sent` in the order in which the encoder puts them.
void expect_round_trip(const std::vector<Pane>& sent) {
  const auto decoded = decode_summary_block(ProtoSummaryEncoder().encode(block_of(sent)));
  ASSERT_TRUE(decoded.ok()) << decoded.status().message();
  ASSERT_EQ(decoded->panes.size(), sent.size());
  for (std::size_t i = 0; i < sent.size(); ++i) expect_equal(decoded->panes[i], sent[i]);
}

std::int64_t at(std::int64_t second) { return kNoon + second * kSecond; }

TEST(WindowKinds, SessionsMayBeginAndEndBesideTheirId) {
  const WindowId id{WindowKind::session, 3, at(0), at(60)};
  Pane earlier = pane_of(id, {{at(-7) - 1, 1}, {at(2), 2}});
  earlier.revision = 2;
  Pane later = pane_of({WindowKind::session, 4, at(0), at(60)}, {{at(5), 1}, {at(500), 2}});
  later.quality = PaneQuality::early;
  Pane gone = pane_of({WindowKind::session, 5, at(0), at(60)}, {{at(5), 1}});
  gone.quality = PaneQuality::retracted;
  expect_round_trip({earlier, later, gone});
}

TEST(WindowKinds, CountWindowsHaveTheirNumberAndMayHaveNoLength) {
  std::vector<Pane> panes;
  for (const std::uint64_t ordinal : {1u, 2u, 7u}) {
    panes.push_back(
        pane_of({WindowKind::count, 1, at(5), at(5), ordinal}, {{at(5), 1}, {at(5), 1}}));
  }
  panes.push_back(pane_of({WindowKind::count, 2, at(5), at(5), 3}, {{at(1), 1}, {at(9), 4}}));
  expect_round_trip(panes);
}

TEST(WindowKinds, SlidingWindowsEndWithTheirReading) {
  expect_round_trip(
      {pane_of({WindowKind::sliding, 1, at(0), at(10)}, {{at(0) + 1, 1}, {at(10), 2}}),
       pane_of({WindowKind::sliding, 1, at(5), at(15)}, {{at(15), 2}})});
}

TEST(WindowKinds, AWindowThatNothingCameForHasNoNumbers) {
  ExtrasSpec spec;
  spec.histogram = HistogramOptions{};
  spec.distinct_precision = 8;
  spec.top = TopOptions{};
  spec.counter = CounterOptions{};
  spec.states = StateOptions{16, 0};
  Pane empty = pane_of({WindowKind::tumbling, 1, at(0), at(60)}, {});
  Pane full = pane_of({WindowKind::tumbling, 1, at(60), at(120)}, {{at(70), 1.5}, {at(90), 2.5}});
  WindowExtras extras(spec);
  empty.content.extras = std::make_shared<const WindowExtras>(extras);
  for (const auto& [time, value] : {std::pair{at(70), 1.5}, std::pair{at(90), 2.5}}) {
    extras.add_arrived(time, value);
    extras.add_in_order(time, value);
  }
  full.content.extras = std::make_shared<const WindowExtras>(extras);
  expect_round_trip({empty, full});
  expect_round_trip({empty});
  const auto decoded = decode_summary_block(ProtoSummaryEncoder().encode(block_of({empty, full})));
  ASSERT_TRUE(decoded.ok());
  for (std::size_t i = 0; i < 2; ++i) {
    ByteWriter sent;
    ByteWriter got;
    (i == 0 ? empty : full).content.extras->snapshot(sent);
    decoded->panes[i].extras->snapshot(got);
    if (i == 0) {
      EXPECT_EQ(got.bytes(), sent.bytes());
    }
    EXPECT_EQ(decoded->panes[i].extras->histogram()->count(), i == 0 ? 0u : 2u);
    EXPECT_EQ(decoded->panes[i].extras->counter()->increase(), i == 0 ? 0 : 1);
  }
}

using Damage = std::function<void(v1::SummaryBlock&)>;

void expect_refused(const Pane& pane, std::string_view field, const Damage& damage) {
  v1::SummaryBlock block;
  ASSERT_TRUE(block.ParseFromString(ProtoSummaryEncoder().encode(block_of({pane}))));
  damage(block);
  const auto decoded = decode_summary_block(block.SerializeAsString());
  ASSERT_FALSE(decoded.ok()) << field;
  EXPECT_NE(decoded.status().message().find(field), std::string_view::npos)
      << decoded.status().message();
}

TEST(WindowKinds, WhatAKindDoesNotAllowIsRefusedByName) {
  using Block = v1::SummaryBlock;
  const Pane tumbling = pane_of({WindowKind::tumbling, 1, at(0), at(60)}, {{at(1), 1}, {at(9), 2}});
  const Pane empty = pane_of({WindowKind::tumbling, 1, at(0), at(60)}, {});
  const Pane sliding = pane_of({WindowKind::sliding, 1, at(0), at(60)}, {{at(1), 1}, {at(60), 2}});
  const Pane session = pane_of({WindowKind::session, 1, at(0), at(60)}, {{at(0), 1}, {at(9), 2}});
  const Pane count = pane_of({WindowKind::count, 1, at(0), at(9), 1}, {{at(0), 1}, {at(9), 2}});
  expect_refused(tumbling, "ordinal", [](Block& b) { b.add_ordinal(1); });
  expect_refused(count, "ordinal", [](Block& b) { b.clear_ordinal(); });
  expect_refused(count, "ordinal", [](Block& b) { b.set_ordinal(0, 0); });
  expect_refused(count, "ordinal", [](Block& b) { b.set_ordinal(0, -1); });
  expect_refused(count, "ordinal", [](Block& b) { b.add_ordinal(1); });
  expect_refused(sliding, "first_offset", [](Block& b) { b.set_first_offset(0, 0); });
  expect_refused(sliding, "last_offset", [](Block& b) { b.set_last_offset(0, 60); });
  expect_refused(sliding, "length", [](Block& b) { b.set_length(0, 0); });
  expect_refused(session, "length", [](Block& b) { b.set_length(0, 0); });
  expect_refused(session, "last_offset", [](Block& b) { b.set_first_offset(0, 1ull << 62); });
  expect_refused(session, "last_offset", [](Block& b) { b.set_last_offset(0, ~0ull); });
  expect_refused(session, "count", [](Block& b) { b.set_count(0, 0); });
  expect_refused(empty, "count", [](Block& b) { b.set_first_offset(0, 1); });
  expect_refused(empty, "largest_gap", [](Block& b) { b.set_largest_gap(0, 1); });
  const auto number = [](v1::NumberColumn& column) {
    column.Clear();
    column.add_exceptions(1);
  };
  expect_refused(empty, "count", [&](Block& b) { number(*b.mutable_sum()); });
  expect_refused(empty, "count", [&](Block& b) { number(*b.mutable_m2()); });
  expect_refused(empty, "time_integral", [&](Block& b) { number(*b.mutable_time_integral()); });
  expect_refused(empty, "count", [](Block& b) { b.set_kind(v1::WINDOW_KIND_SLIDING); });
}

}  // namespace
}  // namespace sluice
