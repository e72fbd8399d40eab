#include "sync/summary_encoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <tuple>

#include "aggregate/window_extras.h"
#include "base/assert.h"
#include "base/decimal.h"
#include "sluice/v1/summary.pb.h"
#include "sync/plugin_columns.h"

namespace sluice {
namespace {

constexpr double kTolerance = 1e-12;               // relative, DESIGN §7
constexpr double kScaledMax = 9007199254740992.0;  // 2^53: larger doubles skip integers

using Sorted = std::vector<const Pane*>;
using Scaled = std::vector<std::optional<std::int64_t>>;

Sorted sort_panes(const SummaryBlock& block) {
  Sorted panes;
  panes.reserve(block.panes.size());
  for (const Pane& pane : block.panes) panes.push_back(&pane);
  std::stable_sort(panes.begin(), panes.end(), [](const Pane* a, const Pane* b) {
    return std::tie(a->window.key, a->window.ordinal, a->window.start_ns, a->revision) <
           std::tie(b->window.key, b->window.ordinal, b->window.start_ns, b->revision);
  });
  return panes;
}

double finite(double v) {
  if (std::isfinite(v)) return v;
  constexpr double kMax = std::numeric_limits<double>::max();
  return v < 0 ? -kMax : kMax;
}

double seconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

std::uint64_t length_ns(const Pane& pane) {
  return static_cast<std::uint64_t>(pane.window.end_ns) -
         static_cast<std::uint64_t>(pane.window.start_ns);
}
/// A late reading may have let a session begin before its start.
std::int64_t first_offset_ns(const Pane& pane) {
  const Moments& m = pane.content.moments;
  return m.count == 0 ? 0 : m.first_time_ns - pane.window.start_ns;
}
std::uint64_t last_offset_ns(const Pane& pane) { return pane.content.span_ns(); }

/// Devices stamp in milliseconds or seconds: their zeros need not travel.
std::int64_t time_unit_ns(const Sorted& panes) {
  std::int64_t unit = 1'000'000'000;
  for (const Pane* pane : panes) {
    while (pane->window.start_ns % unit != 0) unit /= 10;
    const auto u = [&unit] { return static_cast<std::uint64_t>(unit); };
    while (length_ns(*pane) % u() != 0 || first_offset_ns(*pane) % unit != 0 ||
           last_offset_ns(*pane) % u() != 0 || pane->content.held.largest_gap_ns % u() != 0) {
      unit /= 10;
    }
  }
  return unit;
}

template <typename Value>
bool all_equal(const Sorted& panes, Value value) {
  return std::all_of(panes.begin(), panes.end(),
                     [&](const Pane* pane) { return value(*pane) == value(*panes.front()); });
}

/// One entry when all are equal, else one per pane.
template <typename Column, typename Value>
void put_column(const Sorted& panes, Column& column, Value value) {
  const std::size_t count = all_equal(panes, value) ? 1 : panes.size();
  for (std::size_t i = 0; i < count; ++i) column.Add(value(*panes[i]));
}

void put_times(const Sorted& panes, v1::SummaryBlock& out) {
  const std::int64_t unit = time_unit_ns(panes);
  const auto u = static_cast<std::uint64_t>(unit);
  out.set_time_unit_ns(u);
  const auto start = [](const Pane& pane) { return pane.window.start_ns; };
  const std::size_t starts = all_equal(panes, start) ? 1 : panes.size();
  std::uint64_t before = 0;
  for (std::size_t i = 0; i < starts; ++i) {
    const auto now = static_cast<std::uint64_t>(start(*panes[i]) / unit);
    out.add_start(static_cast<std::int64_t>(now - before));
    before = now;
  }
  put_column(panes, *out.mutable_length(), [u](const Pane& pane) { return length_ns(pane) / u; });
  for (const Pane* pane : panes) {
    out.add_first_offset(static_cast<std::uint64_t>(first_offset_ns(*pane) / unit));
    out.add_last_offset(last_offset_ns(*pane) / u);
  }
  put_column(panes, *out.mutable_largest_gap(),
             [u](const Pane& pane) { return pane.content.held.largest_gap_ns / u; });
}

void put_raw(std::span<const double> values, v1::NumberColumn& out) {
  out.Clear();
  for (const double v : values) out.add_exceptions(v);
}

/// `scaled[i]` stands for values[i]; where it is empty the double itself travels.
void put_numbers(std::span<const double> values, const Scaled& scaled, unsigned exponent,
                 v1::NumberColumn& out) {
  out.set_exponent(exponent);
  std::int64_t before = 0;
  std::uint32_t place_before = 0;
  for (std::uint32_t i = 0; i < values.size(); ++i) {
    const std::int64_t now = scaled[i].value_or(before);
    out.add_scaled(now - before);
    before = now;
    if (scaled[i]) continue;
    out.add_exception_places(i - place_before);
    out.add_exceptions(values[i]);
    place_before = i;
  }
  v1::NumberColumn raw;
  put_raw(values, raw);
  if (raw.ByteSizeLong() < out.ByteSizeLong()) out = std::move(raw);
}

template <typename Value>
void put_decimals(const Sorted& panes, v1::NumberColumn& out, Value value) {
  std::vector<double> values;
  values.reserve(panes.size());
  std::vector<double> measured;  // the zeros of windows without readings say nothing of digits
  for (const Pane* pane : panes) {
    values.push_back(finite(value(pane->content)));
    if (pane->content.moments.count > 0) measured.push_back(values.back());
  }
  const unsigned exponent = decimal_exponent(measured);
  Scaled scaled;
  for (const double v : values) scaled.push_back(decimal_scale(v, exponent));
  put_numbers(values, scaled, exponent, out);
}

/// A number as it travels. `value` is the pane's own, whatever shares the block with it: a restart
/// may close other windows together, and must not change what the hub holds.
struct Travelling {
  double value = 0;
  unsigned exponent = 0;
  std::optional<std::int64_t> scaled;
};

/// Digits of the pane's readings, as far as it still knows them.
std::optional<unsigned> reading_exponent(const Moments& m) {
  for (unsigned exponent = 0; exponent <= kDecimalExponentMax; ++exponent) {
    const auto fits = [exponent](double v) { return decimal_scale(v, exponent).has_value(); };
    if (fits(m.min) && fits(m.max) && fits(m.first) && fits(m.last)) return exponent;
  }
  return std::nullopt;
}

/// What the hub makes of `scaled`.
using Reading = double (*)(std::int64_t scaled, unsigned exponent, const WindowContent& content);

double read_m2(std::int64_t scaled, unsigned exponent, const WindowContent& content) {
  const auto count = static_cast<double>(std::max<std::uint64_t>(content.moments.count, 1));
  return decimal_value(scaled, exponent) / count;
}

/// count * m2 = count * sum(v^2) - sum(v)^2 is a decimal of twice the readings' digits. What the
/// running m2 has lost to rounding is far below the tolerance, else the double travels.
Travelling travelling_m2(const WindowContent& content) {
  const Moments& moments = content.moments;
  const Travelling raw{finite(moments.m2), 0, std::nullopt};
  const auto digits = reading_exponent(moments);
  if (!digits) return raw;
  const unsigned exponent = std::min(2 * *digits, kDecimalExponentMax);
  const auto count = static_cast<double>(moments.count);
  const double product = std::round(moments.m2 * count * std::pow(10.0, exponent));
  if (!(product >= 0 && product < kScaledMax)) return raw;
  const auto scaled = static_cast<std::int64_t>(product);
  const double value = read_m2(scaled, exponent, content);
  if (std::abs(value - moments.m2) > kTolerance * moments.m2) return raw;
  return {value, exponent, scaled};
}

double read_integral(std::int64_t scaled, unsigned exponent, const WindowContent& content) {
  return decimal_value(scaled, exponent) + content.moments.first * seconds(content.span_ns());
}

/// Values and times are decimals, so the integral is one, and what it differs from a value that
/// never changed is a short one. What it has lost to rounding is far below the tolerance.
Travelling travelling_integral(const WindowContent& content) {
  const Moments& m = content.moments;
  const double integral = content.held.integral();
  const double span = seconds(content.span_ns());
  const double tolerance = kTolerance * span * std::max(std::abs(m.min), std::abs(m.max));
  const double rest = integral - m.first * span;
  for (unsigned exponent = 0; exponent <= kDecimalExponentMax; ++exponent) {
    const double product = std::round(rest * std::pow(10.0, exponent));
    if (!(std::abs(product) < kScaledMax)) break;
    const auto scaled = static_cast<std::int64_t>(product);
    const double value = read_integral(scaled, exponent, content);
    if (std::abs(value - integral) <= tolerance) return {value, exponent, scaled};
  }
  return {integral, 0, std::nullopt};
}

/// The same value with more digits, where that is exact.
std::optional<std::int64_t> rescale(const Travelling& number, unsigned exponent,
                                    const WindowContent& content, Reading read) {
  if (!number.scaled || number.exponent > exponent) return std::nullopt;
  const double product =
      static_cast<double>(*number.scaled) * std::pow(10.0, exponent - number.exponent);
  if (!(std::abs(product) < kScaledMax)) return std::nullopt;
  const auto scaled = static_cast<std::int64_t>(product);
  return read(scaled, exponent, content) == number.value ? std::optional(scaled) : std::nullopt;
}

void put_travelling(const Sorted& panes, v1::NumberColumn& out,
                    Travelling (*of)(const WindowContent&), Reading read) {
  std::vector<Travelling> all;
  std::vector<unsigned> exponents;
  for (const Pane* pane : panes) {
    all.push_back(of(pane->content));
    const bool measured = panes[all.size() - 1]->content.moments.count > 0;
    if (measured && all.back().scaled) exponents.push_back(all.back().exponent);
  }
  // An eighth may need more digits than the rest, and travels as doubles.
  std::sort(exponents.begin(), exponents.end());
  const unsigned exponent = exponents.empty() ? 0 : exponents[(exponents.size() - 1) * 7 / 8];
  std::vector<double> values;
  Scaled scaled;
  for (std::size_t i = 0; i < all.size(); ++i) {
    values.push_back(all[i].value);
    scaled.push_back(rescale(all[i], exponent, panes[i]->content, read));
  }
  put_numbers(values, scaled, exponent, out);
}

v1::PaneQuality wire_quality(PaneQuality quality) {
  switch (quality) {
    case PaneQuality::complete: return v1::PANE_QUALITY_COMPLETE;
    case PaneQuality::partial_config: return v1::PANE_QUALITY_PARTIAL_CONFIG;
    case PaneQuality::partial_epoch: return v1::PANE_QUALITY_PARTIAL_EPOCH;
    case PaneQuality::partial_limit: return v1::PANE_QUALITY_PARTIAL_LIMIT;
    case PaneQuality::partial_clock: return v1::PANE_QUALITY_PARTIAL_CLOCK;
    case PaneQuality::early: return v1::PANE_QUALITY_EARLY;
    case PaneQuality::retracted: return v1::PANE_QUALITY_RETRACTED;
  }
  SLUICE_ASSERT(false);
  return v1::PANE_QUALITY_UNSPECIFIED;
}

v1::WindowKind wire_kind(WindowKind kind) {
  switch (kind) {
    case WindowKind::tumbling: return v1::WINDOW_KIND_TUMBLING;
    case WindowKind::hopping: return v1::WINDOW_KIND_HOPPING;
    case WindowKind::sliding: return v1::WINDOW_KIND_SLIDING;
    case WindowKind::session: return v1::WINDOW_KIND_SESSION;
    case WindowKind::count: return v1::WINDOW_KIND_COUNT;
  }
  SLUICE_ASSERT(false);
  return v1::WINDOW_KIND_UNSPECIFIED;
}

const WindowExtras& extras_of(const Pane& pane) { return *pane.content.extras; }

using Buckets = const BucketCounts& (ExponentialHistogram::*)() const;

/// Pane after pane, runs of empty buckets as their length.
void put_counts(const BucketCounts& buckets, v1::BucketColumns& out) {
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(buckets.size()); ++i) {
    const std::uint64_t count = buckets.at(buckets.first() + i);
    out.add_count(count);
    if (count != 0) continue;
    std::int32_t more = 0;
    while (buckets.at(buckets.first() + i + 1 + more) == 0) ++more;  // the last one is not empty
    out.add_count(static_cast<std::uint64_t>(more));
    i += more;
  }
}

void put_buckets(const Sorted& panes, Buckets buckets, v1::BucketColumns& out) {
  const auto of = [buckets](const Pane& pane) -> const BucketCounts& {
    return (extras_of(pane).histogram()->*buckets)();
  };
  std::int32_t before = 0;
  for (const Pane* pane : panes) {
    const std::int32_t first = of(*pane).empty() ? before : of(*pane).first();
    out.add_offset(static_cast<std::int32_t>(static_cast<std::uint32_t>(first) -
                                             static_cast<std::uint32_t>(before)));
    before = first;
    put_counts(of(*pane), out);
  }
  put_column(panes, *out.mutable_size(),
             [of](const Pane& pane) { return static_cast<std::uint32_t>(of(pane).size()); });
}

void put_histogram(const Sorted& panes, v1::HistogramColumns& out) {
  const auto of = [](const Pane& pane) -> const ExponentialHistogram& {
    return *extras_of(pane).histogram();
  };
  const HistogramOptions& options = of(*panes.front()).options();
  out.set_max_size(options.max_size);
  out.set_max_scale(options.max_scale);
  out.set_zero_threshold(options.zero_threshold);
  put_column(panes, *out.mutable_scale(), [of](const Pane& pane) { return of(pane).scale(); });
  put_column(panes, *out.mutable_zero_count(),
             [of](const Pane& pane) { return of(pane).zero_count(); });
  const auto any = [&](Buckets buckets) {
    return std::any_of(panes.begin(), panes.end(),
                       [&](const Pane* pane) { return !(of(*pane).*buckets)().empty(); });
  };
  using Histogram = ExponentialHistogram;
  if (any(&Histogram::positive)) put_buckets(panes, &Histogram::positive, *out.mutable_positive());
  if (any(&Histogram::negative)) put_buckets(panes, &Histogram::negative, *out.mutable_negative());
}

void put_counter(const Sorted& panes, v1::CounterColumns& out) {
  const auto of = [](const WindowContent& c) -> const Counter& { return *c.extras->counter(); };
  const CounterOptions& options = of(panes.front()->content).options();
  out.set_wrap_bits(options.wrap_bits);
  out.set_wrap_rate_max(options.wrap_rate_max);
  put_decimals(panes, *out.mutable_increase(),
               [of](const WindowContent& c) { return of(c).increase(); });
  put_column(panes, *out.mutable_resets(),
             [of](const Pane& pane) { return of(pane.content).resets(); });
  put_column(panes, *out.mutable_wraps(),
             [of](const Pane& pane) { return of(pane.content).wraps(); });
  const auto first = [of](const WindowContent& c) { return of(c).parts().first().value; };
  const bool differs = std::any_of(panes.begin(), panes.end(), [first](const Pane* pane) {
    return first(pane->content) != pane->content.moments.first;
  });
  if (differs) put_decimals(panes, *out.mutable_first(), first);
}

template <typename Aggregate>
void put_snapshots(const Sorted& panes, const Aggregate* (WindowExtras::*of)() const,
                   google::protobuf::RepeatedPtrField<std::string>& out) {
  for (const Pane* pane : panes) {
    ByteWriter bytes;
    (extras_of(*pane).*of)()->snapshot(bytes);
    *out.Add() = bytes.take();
  }
}

void put_extras(const Sorted& panes, v1::SummaryBlock& out) {
  const WindowExtras& first = extras_of(*panes.front());
  if (first.histogram()) put_histogram(panes, *out.mutable_histogram());
  if (first.distinct()) put_snapshots(panes, &WindowExtras::distinct, *out.mutable_distinct());
  if (first.top()) put_snapshots(panes, &WindowExtras::top, *out.mutable_top());
  if (first.counter()) put_counter(panes, *out.mutable_counter());
  if (first.states()) put_snapshots(panes, &WindowExtras::states, *out.mutable_states());
  put_plugins(panes, out);
}

void put_ordinals(const Sorted& panes, v1::SummaryBlock& out) {
  if (panes.front()->window.kind != WindowKind::count) return;
  std::uint64_t before = 0;
  for (const Pane* pane : panes) {
    out.add_ordinal(static_cast<std::int64_t>(pane->window.ordinal - before));
    before = pane->window.ordinal;
  }
}

}  // namespace

std::string ProtoSummaryEncoder::encode(const SummaryBlock& block) {
  SLUICE_ASSERT(!block.panes.empty());
  const Sorted panes = sort_panes(block);
  v1::SummaryBlock out;
  out.set_pipeline(block.pipeline);
  out.set_spec_hash(block.spec_hash);
  out.set_boot_id(block.boot_id);
  out.set_kind(wire_kind(block.panes.front().window.kind));
  for (const Pane* pane : panes) out.add_series_id(pane->window.key);
  put_times(panes, out);
  put_ordinals(panes, out);
  put_column(panes, *out.mutable_revision(), [](const Pane& pane) { return pane.revision; });
  put_column(panes, *out.mutable_quality(),
             [](const Pane& pane) { return wire_quality(pane.quality); });
  put_column(panes, *out.mutable_count(),
             [](const Pane& pane) { return pane.content.moments.count; });
  put_decimals(panes, *out.mutable_sum(), [](const WindowContent& c) { return c.moments.total(); });
  put_decimals(panes, *out.mutable_min(), [](const WindowContent& c) { return c.moments.min; });
  put_decimals(panes, *out.mutable_max(), [](const WindowContent& c) { return c.moments.max; });
  put_decimals(panes, *out.mutable_first(), [](const WindowContent& c) { return c.moments.first; });
  put_decimals(panes, *out.mutable_last(), [](const WindowContent& c) { return c.moments.last; });
  put_travelling(panes, *out.mutable_m2(), travelling_m2, read_m2);
  put_travelling(panes, *out.mutable_time_integral(), travelling_integral, read_integral);
  out.set_expected_every_ns(static_cast<std::uint64_t>(block.panes.front().expected_every_ns));
  if (panes.front()->content.extras) put_extras(panes, out);
  return out.SerializeAsString();
}

std::string ProtoSummaryEncoder::encode(const TimeCorrection& correction) {
  v1::SummaryBlock out;
  v1::TimeCorrection& time = *out.mutable_time_correction();
  time.set_boot_id(correction.boot_id);
  time.set_offset_ns(correction.offset_ns);
  time.set_error_ns(correction.error_ns);
  time.set_boottime_ns(correction.boottime_ns);
  return out.SerializeAsString();
}

}  // namespace sluice
