#include "hub/summary_decoder.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <bit>
#include <cmath>
#include <cstdio>
#include <functional>
#include <limits>
#include <memory>
#include <random>
#include <utility>

#include "aggregate/window_extras.h"
#include "fakes/sensor_panes.h"
#include "sluice/v1/summary.pb.h"
#include "sync/summary_encoder.h"

namespace sluice {
namespace {

bool same_bits(double a, double b) {
  return std::bit_cast<std::uint64_t>(a) == std::bit_cast<std::uint64_t>(b);
}

void expect_same(const Pane& pane, const DecodedPane& got) {
  const Moments& m = pane.content.moments;
  EXPECT_EQ(pane.window.key, got.series_id);
  EXPECT_EQ(pane.window.start_ns, got.start_ns);
  EXPECT_EQ(pane.window.end_ns, got.end_ns);
  EXPECT_EQ(pane.revision, got.revision);
  EXPECT_EQ(pane.quality, got.quality);
  EXPECT_EQ(m.count, got.count);
  EXPECT_EQ(m.first_time_ns, got.first_time_ns);
  EXPECT_EQ(m.last_time_ns, got.last_time_ns);
  const std::pair<double, double> numbers[] = {{m.total(), got.sum},
                                               {m.min, got.min},
                                               {m.max, got.max},
                                               {m.first, got.first},
                                               {m.last, got.last}};
  for (const auto& [sent, came] : numbers) EXPECT_TRUE(same_bits(sent, came)) << sent << came;
  EXPECT_NEAR(m.m2, got.m2, m.m2 * 1e-12);
  EXPECT_TRUE(got.has_held);
  EXPECT_EQ(pane.content.held.largest_gap_ns, got.largest_gap_ns);
  const double span_s = static_cast<double>(m.last_time_ns - m.first_time_ns) / 1e9;
  EXPECT_NEAR(pane.content.held.integral(), got.time_integral_s,
              std::max(std::abs(m.min), std::abs(m.max)) * span_s * 1e-12);
}

/// A block of anything a window can hold: any doubles, any times, any counts.
SummaryBlock arbitrary_block(std::mt19937_64& random) {
  const auto any = [&random](auto low, auto high) {
    return std::uniform_int_distribution<std::int64_t>(low, high)(random);
  };
  const auto any_double = [&random] {
    for (;;) {
      const auto v = std::bit_cast<double>(random());
      if (std::isfinite(v) && std::abs(v) < 1e150) return v;  // squares stay finite
    }
  };
  SummaryBlock block{"p", random(), {}};
  const std::int64_t count = any(1, 40);
  for (std::int64_t i = 0; i < count; ++i) {
    Pane pane;
    const std::int64_t start = any(-9'000'000'000'000'000'000, 9'000'000'000'000'000'000);
    pane.window = {WindowKind::tumbling, static_cast<SeriesId>(any(1, 0xFFFFFFFF)), start,
                   start + any(1, 1'000'000'000'000)};
    pane.revision = static_cast<std::uint32_t>(any(1, 0xFFFFFFFF));
    pane.quality = static_cast<PaneQuality>(any(0, 3));
    std::vector<std::pair<std::int64_t, double>> readings;
    for (std::int64_t n = any(1, 6); n > 0; --n) {
      readings.emplace_back(any(start, pane.window.end_ns - 1), any_double());
    }
    std::sort(readings.begin(), readings.end());
    pane.content = content_of(readings);
    block.panes.push_back(pane);
  }
  return block;
}

SummaryBlock sorted(SummaryBlock block) {
  std::stable_sort(block.panes.begin(), block.panes.end(), [](const Pane& a, const Pane& b) {
    return std::pair(a.window.key, a.window.start_ns) < std::pair(b.window.key, b.window.start_ns);
  });
  return block;
}

void expect_round_trip(const SummaryBlock& block) {
  const auto decoded = decode_summary_block(ProtoSummaryEncoder().encode(block));
  ASSERT_TRUE(decoded.ok()) << decoded.status().to_string();
  EXPECT_EQ(block.pipeline, decoded->pipeline);
  EXPECT_EQ(block.spec_hash, decoded->spec_hash);
  ASSERT_EQ(block.panes.size(), decoded->panes.size());
  const SummaryBlock expected = sorted(block);
  for (std::size_t i = 0; i < expected.panes.size(); ++i) {
    expect_same(expected.panes[i], decoded->panes[i]);
  }
}

TEST(SummaryDecoder, GivesBackDecimalsBitForBit) {
  std::mt19937_64 random(fresh_seed());
  for (const int digits : {0, 1, 2, 3, 5}) {
    SummaryBlock block{"room", 7, {}};
    for (SeriesId i = 1; i <= 50; ++i) {
      block.panes.push_back(
          sensor_pane(i, kBase + (i % 3) * kMinute, kSecond, 20.0 * i, 3, digits, random));
    }
    expect_round_trip(block);
  }
}

double m2_in(const SummaryBlock& block, SeriesId series) {
  const auto decoded = decode_summary_block(ProtoSummaryEncoder().encode(block));
  EXPECT_TRUE(decoded.ok()) << decoded.status().to_string();
  for (const DecodedPane& pane : decoded->panes) {
    if (pane.series_id == series) return pane.m2;
  }
  ADD_FAILURE() << "series " << series << " is missing";
  return -1;
}

// After a restart other windows may close together: the hub must hold the same all the same.
TEST(SummaryDecoder, GivesAPaneTheSameM2WhateverSharesItsBlock) {
  std::mt19937_64 random(7);
  for (int round = 0; round < 200; ++round) {
    SummaryBlock all{"p", 1, {}};
    for (SeriesId id = 1; id <= 12; ++id) {
      const int digits = static_cast<int>(random() % 7);
      all.panes.push_back(sensor_pane(id, kBase, 5 * kSecond, 20.0 * id, 3, digits, random));
    }
    for (const Pane& pane : all.panes) {
      const double alone = m2_in({"p", 1, {pane}}, pane.window.key);
      EXPECT_TRUE(same_bits(alone, m2_in(all, pane.window.key))) << round;
      EXPECT_NEAR(alone, pane.content.moments.m2, pane.content.moments.m2 * 1e-12);
    }
  }
}

TEST(SummaryDecoder, GivesBackArbitraryNumbersTimesAndRevisions) {
  std::mt19937_64 random(fresh_seed());
  for (int i = 0; i < 500; ++i) expect_round_trip(arbitrary_block(random));
}

TEST(SummaryDecoder, GivesBackNegativeZeroAndTheSmallestAndLargestNumbers) {
  SummaryBlock block{"p", 1, {}};
  SeriesId series = 0;
  for (const double v : {-0.0, 0.0, std::numeric_limits<double>::denorm_min(),
                         std::numeric_limits<double>::max(), -1e300, 9007199254740993.0, 0.1}) {
    Pane pane;
    pane.window = {WindowKind::tumbling, ++series, kBase, kBase + kMinute};
    pane.content.moments.add(kBase + 5, v);
    block.panes.push_back(pane);
  }
  expect_round_trip(block);
}

// Every cut: a shorter message may still be one, but then never the same as the whole.
TEST(SummaryDecoder, NeverTakesATruncatedBlockForTheWhole) {
  std::mt19937_64 random(fresh_seed());
  const std::string bytes = ProtoSummaryEncoder().encode(sensor_block(20, random));
  for (std::size_t size = 0; size < bytes.size(); ++size) {
    const auto decoded = decode_summary_block(std::string_view(bytes).substr(0, size));
    // One of an older release ends before the gaps.
    EXPECT_FALSE(decoded.ok() && decoded->panes[0].has_held) << "cut after " << size;
  }
}

TEST(SummaryDecoder, SurvivesEveryBitFlip) {
  std::mt19937_64 random(fresh_seed());
  std::string bytes = ProtoSummaryEncoder().encode(sensor_block(12, random));
  std::size_t refused = 0;
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    const auto mask = static_cast<char>(1 << (bit % 8));
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    const auto decoded = decode_summary_block(bytes);
    bytes[bit / 8] = static_cast<char>(bytes[bit / 8] ^ mask);
    if (!decoded.ok()) {
      ++refused;
      EXPECT_FALSE(decoded.status().message().empty());
      continue;
    }
    for (const DecodedPane& pane : decoded->panes) {
      EXPECT_LE(pane.first_time_ns, pane.last_time_ns);
      EXPECT_LT(pane.start_ns, pane.end_ns);
      EXPECT_TRUE(std::isfinite(pane.sum) && std::isfinite(pane.m2));
    }
  }
  EXPECT_GT(refused, 0u);
}

TEST(SummaryDecoder, SurvivesRandomBytes) {
  std::mt19937_64 random(fresh_seed());
  for (int i = 0; i < 20'000; ++i) {
    std::string bytes(random() % 200, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    if (const auto decoded = decode_summary_block(bytes); decoded.ok()) {
      EXPECT_FALSE(decoded->panes.empty());
    }
  }
}

/// `good`, changed by `damage`; `field` must be named in the refusal.
void expect_refused_of(const SummaryBlock& good, std::string_view field,
                       const std::function<void(v1::SummaryBlock&)>& damage) {
  v1::SummaryBlock block;
  ASSERT_TRUE(block.ParseFromString(ProtoSummaryEncoder().encode(good)));
  damage(block);
  const auto decoded = decode_summary_block(block.SerializeAsString());
  ASSERT_FALSE(decoded.ok()) << field;
  EXPECT_EQ(StatusCode::invalid_argument, decoded.status().code());
  EXPECT_NE(std::string_view::npos, decoded.status().message().find(field))
      << decoded.status().message();
}

/// Of a block of two panes with the statistics alone.
void expect_refused(std::string_view field, const std::function<void(v1::SummaryBlock&)>& damage) {
  std::mt19937_64 random(3);
  expect_refused_of(sensor_block(2, random), field, damage);
}

TEST(SummaryDecoder, NamesTheFieldThatBreaksItsContract) {
  using Block = v1::SummaryBlock;
  expect_refused("pipeline", [](Block& b) { b.clear_pipeline(); });
  expect_refused("pipeline", [](Block& b) { b.set_pipeline(std::string(129, 'x')); });
  expect_refused("kind", [](Block& b) { b.clear_kind(); });
  expect_refused("kind", [](Block& b) { b.set_kind(static_cast<v1::WindowKind>(9)); });
  expect_refused("time_unit_ns", [](Block& b) { b.clear_time_unit_ns(); });
  expect_refused("time_unit_ns", [](Block& b) { b.set_time_unit_ns(kSecond + 1); });
  expect_refused("series_id", [](Block& b) { b.clear_series_id(); });
  expect_refused("series_id", [](Block& b) { b.set_series_id(1, 0); });
  expect_refused("series_id", [](Block& b) {
    b.mutable_series_id()->Resize(static_cast<int>(kBlockPanesMax) + 1, 1);
  });
  expect_refused("start", [](Block& b) { b.clear_start(); });
  expect_refused("start", [](Block& b) { b.set_start(0, std::int64_t{1} << 62); });
  expect_refused("length", [](Block& b) { b.set_length(0, 0); });
  expect_refused("start", [](Block& b) { b.set_length(0, ~0ull); });
  expect_refused("revision", [](Block& b) { b.set_revision(0, 0); });
  expect_refused("quality", [](Block& b) { b.set_quality(0, v1::PANE_QUALITY_UNSPECIFIED); });
  expect_refused("count", [](Block& b) { b.set_count(0, 0); });
  expect_refused("count", [](Block& b) { b.mutable_count()->Resize(3, 1); });
  expect_refused("first_offset", [](Block& b) { b.mutable_first_offset()->RemoveLast(); });
  expect_refused("first_offset", [](Block& b) { b.set_first_offset(1, 60'000); });
  expect_refused("last_offset", [](Block& b) { b.set_last_offset(1, 60'000); });
  expect_refused("last_offset", [](Block& b) { b.set_last_offset(1, ~0ull); });
}

TEST(SummaryDecoder, NamesTheNumberColumnThatBreaksItsContract) {
  using Block = v1::SummaryBlock;
  constexpr double kNan = std::numeric_limits<double>::quiet_NaN();
  const auto raw = [](v1::NumberColumn& column, double a, double b) {
    column.Clear();
    column.add_exceptions(a);
    column.add_exceptions(b);
  };
  expect_refused("sum", [](Block& b) { b.clear_sum(); });
  expect_refused("sum", [](Block& b) { b.mutable_sum()->set_exponent(16); });
  expect_refused("sum", [](Block& b) { b.mutable_sum()->add_scaled(0); });
  expect_refused("sum", [](Block& b) { b.mutable_sum()->set_scaled(0, std::int64_t{1} << 53); });
  expect_refused("sum", [](Block& b) {
    b.mutable_sum()->set_scaled(0, (std::int64_t{1} << 53) - 1);
    b.mutable_sum()->set_scaled(1, std::numeric_limits<std::int64_t>::max());
  });
  expect_refused("min", [](Block& b) { b.mutable_min()->add_exceptions(1); });
  expect_refused("min", [](Block& b) {
    b.mutable_min()->add_exceptions(1);
    b.mutable_min()->add_exception_places(2);
  });
  expect_refused("max", [](Block& b) {
    for (const std::uint32_t place : {1u, 0u}) {
      b.mutable_max()->add_exceptions(1e9);
      b.mutable_max()->add_exception_places(place);
    }
  });
  expect_refused("max", [](Block& b) {
    for (const std::uint32_t place : {1u, 0xFFFFFFFFu}) {
      b.mutable_max()->add_exceptions(1e9);
      b.mutable_max()->add_exception_places(place);
    }
  });
  expect_refused("last", [&raw](Block& b) { raw(*b.mutable_last(), 1, kNan); });
  expect_refused("first", [&raw](Block& b) { raw(*b.mutable_first(), -1e9, 1e9); });
  expect_refused("min", [&raw](Block& b) { raw(*b.mutable_min(), 1e9, 1e9); });
  expect_refused("m2", [&raw](Block& b) { raw(*b.mutable_m2(), 1, -1); });
}

/// As sensor_block, with every aggregate.
SummaryBlock full_block(std::size_t panes, std::mt19937_64& random) {
  ExtrasSpec spec;
  spec.histogram = HistogramOptions{40, 20, 0.01};
  spec.distinct_precision = 6;
  spec.top = TopOptions{8, 64};
  spec.counter = CounterOptions{16, 0};
  spec.states = StateOptions{4, 0};
  SummaryBlock block{"room", 9, {}};
  for (SeriesId id = 1; id <= panes; ++id) {
    Pane pane;
    const std::int64_t start = kBase + (id % 2) * kMinute;
    pane.window = {WindowKind::tumbling, id, start, start + kMinute};
    pane.expected_every_ns = kSecond;
    std::vector<std::pair<std::int64_t, double>> readings;
    for (std::size_t n = 1 + random() % 40; n > 0; --n) {
      readings.emplace_back(start + static_cast<std::int64_t>(random() % 60) * kSecond,
                            static_cast<double>(random() % 400) / 10 - (id % 3 == 0 ? 20 : 0));
    }
    std::sort(readings.begin(), readings.end());
    pane.content = content_of(readings);
    WindowExtras extras(spec);
    for (const auto& [time_ns, value] : readings) {
      extras.add_arrived(time_ns, value);
      extras.add_in_order(time_ns, value);
    }
    pane.content.extras = std::make_shared<const WindowExtras>(std::move(extras));
    block.panes.push_back(pane);
  }
  return block;
}

template <typename Aggregate>
std::string snapshot_of(const Aggregate& aggregate) {
  ByteWriter out;
  aggregate.snapshot(out);
  return out.take();
}

TEST(ExtrasDecoder, GivesBackEveryAggregate) {
  std::mt19937_64 random(fresh_seed());
  for (int round = 0; round < 50; ++round) {
    const SummaryBlock block = sorted(full_block(1 + random() % 30, random));
    expect_round_trip(block);
    const auto decoded = decode_summary_block(ProtoSummaryEncoder().encode(block));
    ASSERT_TRUE(decoded.ok()) << decoded.status().to_string();
    for (std::size_t i = 0; i < block.panes.size(); ++i) {
      const WindowExtras& sent = *block.panes[i].content.extras;
      ASSERT_NE(decoded->panes[i].extras, nullptr);
      const WindowExtras& came = *decoded->panes[i].extras;
      EXPECT_EQ(decoded->panes[i].expected_every_ns, kSecond);
      EXPECT_TRUE(came.spec() == sent.spec());
      ByteWriter a;
      ByteWriter b;
      sent.histogram()->snapshot_without_sum(a);
      came.histogram()->snapshot_without_sum(b);
      EXPECT_EQ(a.bytes(), b.bytes());
      EXPECT_EQ(snapshot_of(*sent.distinct()), snapshot_of(*came.distinct()));
      EXPECT_EQ(snapshot_of(*sent.top()), snapshot_of(*came.top()));
      EXPECT_EQ(snapshot_of(*sent.states()), snapshot_of(*came.states()));
      EXPECT_EQ(sent.counter()->increase(), came.counter()->increase());
      EXPECT_EQ(sent.counter()->wraps(), came.counter()->wraps());
      EXPECT_EQ(sent.counter()->delta(), came.counter()->delta());
    }
  }
}

/// Of a block of three panes with every aggregate.
void expect_extras_refused(std::string_view field,
                           const std::function<void(v1::SummaryBlock&)>& damage) {
  std::mt19937_64 random(3);
  expect_refused_of(full_block(3, random), field, damage);
}

TEST(ExtrasDecoder, NamesTheFieldThatBreaksItsContract) {
  using Block = v1::SummaryBlock;
  const auto refused = expect_extras_refused;
  refused("largest_gap", [](Block& b) { b.clear_largest_gap(); });
  refused("largest_gap", [](Block& b) { b.set_largest_gap(0, 61); });
  refused("largest_gap", [](Block& b) { b.set_largest_gap(0, 0); });
  refused("time_integral", [](Block& b) { b.clear_time_integral(); });
  refused("time_integral", [](Block& b) {
    b.mutable_time_integral()->Clear();
    for (int i = 0; i < 3; ++i) b.mutable_time_integral()->add_exceptions(1e9);
  });
  refused("expected_every_ns", [](Block& b) { b.set_expected_every_ns(~0ull); });
  refused("histogram", [](Block& b) { b.mutable_histogram()->set_max_size(1); });
  refused("histogram", [](Block& b) { b.mutable_histogram()->set_max_scale(21); });
  refused("histogram", [](Block& b) { b.mutable_histogram()->set_zero_threshold(-1); });
  refused("histogram.scale", [](Block& b) { b.mutable_histogram()->clear_scale(); });
  refused("histogram.zero_count", [](Block& b) { b.mutable_histogram()->clear_zero_count(); });
  refused("histogram", [](Block& b) { b.mutable_histogram()->set_zero_count(0, 7); });
  refused("histogram.positive.offset",
          [](Block& b) { b.mutable_histogram()->mutable_positive()->clear_offset(); });
  refused("histogram.positive.size",
          [](Block& b) { b.mutable_histogram()->mutable_positive()->set_size(0, 1u << 31); });
  refused("histogram.positive.count",
          [](Block& b) { b.mutable_histogram()->mutable_positive()->set_count(0, ~0ull); });
  refused("histogram", [](Block& b) { b.mutable_histogram()->mutable_positive()->add_count(1); });
  refused("histogram", [](Block& b) {
    b.mutable_histogram()->mutable_positive()->mutable_count()->RemoveLast();
  });
  refused("distinct", [](Block& b) { b.mutable_distinct()->RemoveLast(); });
  refused("distinct", [](Block& b) { b.set_distinct(1, "no"); });
  refused("top", [](Block& b) { b.set_top(0, b.top(0) + "x"); });
  refused("top", [](Block& b) { b.mutable_top()->SwapElements(0, 1); });
  refused("counter.increase", [](Block& b) { b.mutable_counter()->clear_increase(); });
  refused("counter", [](Block& b) { b.mutable_counter()->set_wrap_bits(17); });
  refused("counter", [](Block& b) { b.mutable_counter()->set_resets(0, 1'000); });
  refused("counter.wraps", [](Block& b) { b.mutable_counter()->clear_wraps(); });
  refused("states", [](Block& b) { b.mutable_states()->SwapElements(0, 1); });
}

// A run of empty buckets is two numbers on the wire; what it becomes must stay bounded.
TEST(ExtrasDecoder, RefusesABlockThatWouldUnfoldToALotOfMemory) {
  v1::SummaryBlock block;
  std::mt19937_64 random(3);
  ASSERT_TRUE(block.ParseFromString(ProtoSummaryEncoder().encode(sensor_block(60'000, random))));
  auto& histogram = *block.mutable_histogram();
  histogram.set_max_size(1024);
  histogram.set_max_scale(20);
  histogram.add_scale(0);
  histogram.add_zero_count(0);
  histogram.mutable_positive()->add_size(1024);
  for (int i = 0; i < block.series_id_size(); ++i) {
    histogram.mutable_positive()->add_offset(0);
    for (const std::uint64_t v : {6ull, 0ull, 1021ull, 6ull}) {
      histogram.mutable_positive()->add_count(v);
    }
  }
  EXPECT_FALSE(decode_summary_block(block.SerializeAsString()).ok());
}

TEST(ExtrasDecoder, SurvivesDamageAnywhere) {
  std::mt19937_64 random(fresh_seed());
  const std::string bytes = ProtoSummaryEncoder().encode(full_block(6, random));
  for (int i = 0; i < 40'000; ++i) {
    std::string damaged = bytes;
    for (std::size_t n = 1 + random() % 3; n > 0; --n) {
      damaged[random() % damaged.size()] = static_cast<char>(random());
    }
    const auto decoded = decode_summary_block(damaged);
    if (!decoded.ok()) {
      EXPECT_FALSE(decoded.status().message().empty());
    }
  }
}

TEST(SummaryDecoder, SaysThatForeignBytesAreNoBlock) {
  const auto decoded = decode_summary_block("\xFF\xFF\xFF no");
  ASSERT_FALSE(decoded.ok());
  EXPECT_EQ(StatusCode::data_loss, decoded.status().code());
}

}  // namespace
}  // namespace sluice
