#include "sync/summary_encoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <optional>
#include <span>
#include <tuple>

#include "base/assert.h"
#include "base/decimal.h"
#include "sluice/v1/summary.pb.h"

namespace sluice {
namespace {

constexpr double kM2Tolerance = 1e-12;             // relative, DESIGN §7
constexpr double kScaledMax = 9007199254740992.0;  // 2^53: larger doubles skip integers

using Sorted = std::vector<const Pane*>;
using Scaled = std::vector<std::optional<std::int64_t>>;

Sorted sort_panes(const SummaryBlock& block) {
  Sorted panes;
  panes.reserve(block.panes.size());
  for (const Pane& pane : block.panes) panes.push_back(&pane);
  std::stable_sort(panes.begin(), panes.end(), [](const Pane* a, const Pane* b) {
    return std::tie(a->window.key, a->window.start_ns, a->revision) <
           std::tie(b->window.key, b->window.start_ns, b->revision);
  });
  return panes;
}

double finite(double v) {
  if (std::isfinite(v)) return v;
  constexpr double kMax = std::numeric_limits<double>::max();
  return v < 0 ? -kMax : kMax;
}

std::uint64_t length_ns(const Pane& pane) {
  return static_cast<std::uint64_t>(pane.window.end_ns) -
         static_cast<std::uint64_t>(pane.window.start_ns);
}
std::uint64_t first_offset_ns(const Pane& pane) {
  return static_cast<std::uint64_t>(pane.moments.first_time_ns) -
         static_cast<std::uint64_t>(pane.window.start_ns);
}
std::uint64_t last_offset_ns(const Pane& pane) {
  return static_cast<std::uint64_t>(pane.moments.last_time_ns) -
         static_cast<std::uint64_t>(pane.moments.first_time_ns);
}

/// Devices stamp in milliseconds or seconds: their zeros need not travel.
std::int64_t time_unit_ns(const Sorted& panes) {
  std::int64_t unit = 1'000'000'000;
  for (const Pane* pane : panes) {
    while (pane->window.start_ns % unit != 0) unit /= 10;
    const auto u = [&unit] { return static_cast<std::uint64_t>(unit); };
    while (length_ns(*pane) % u() != 0 || first_offset_ns(*pane) % u() != 0 ||
           last_offset_ns(*pane) % u() != 0) {
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
    out.add_first_offset(first_offset_ns(*pane) / u);
    out.add_last_offset(last_offset_ns(*pane) / u);
  }
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
  for (const Pane* pane : panes) values.push_back(finite(value(pane->moments)));
  const unsigned exponent = decimal_exponent(values);
  Scaled scaled;
  for (const double v : values) scaled.push_back(decimal_scale(v, exponent));
  put_numbers(values, scaled, exponent, out);
}

/// m2 as it travels. `value` is the pane's own, whatever shares the block with it: a restart may
/// close other windows together, and must not change what the hub holds.
struct M2 {
  double value = 0;
  unsigned exponent = 0;
  std::optional<std::int64_t> scaled;  ///< of count * m2
};

/// Digits of the pane's readings, as far as it still knows them.
std::optional<unsigned> reading_exponent(const Moments& m) {
  for (unsigned exponent = 0; exponent <= kDecimalExponentMax; ++exponent) {
    const auto fits = [exponent](double v) { return decimal_scale(v, exponent).has_value(); };
    if (fits(m.min) && fits(m.max) && fits(m.first) && fits(m.last)) return exponent;
  }
  return std::nullopt;
}

/// count * m2 = count * sum(v^2) - sum(v)^2 is a decimal of twice the readings' digits. What the
/// running m2 has lost to rounding is far below the tolerance, else the double travels.
M2 decimal_m2(const Moments& moments) {
  const M2 raw{finite(moments.m2), 0, std::nullopt};
  const auto digits = reading_exponent(moments);
  if (!digits) return raw;
  const unsigned exponent = std::min(2 * *digits, kDecimalExponentMax);
  const auto count = static_cast<double>(moments.count);
  const double product = std::round(moments.m2 * count * std::pow(10.0, exponent));
  if (!(product >= 0 && product < kScaledMax)) return raw;
  const auto scaled = static_cast<std::int64_t>(product);
  const double value = decimal_value(scaled, exponent) / count;
  if (std::abs(value - moments.m2) > kM2Tolerance * moments.m2) return raw;
  return {value, exponent, scaled};
}

/// The same value with more digits, where that is exact.
std::optional<std::int64_t> rescale(const M2& m2, unsigned exponent, std::uint64_t count) {
  if (!m2.scaled || m2.exponent > exponent) return std::nullopt;
  const double product = static_cast<double>(*m2.scaled) * std::pow(10.0, exponent - m2.exponent);
  if (!(product < kScaledMax)) return std::nullopt;
  const auto scaled = static_cast<std::int64_t>(product);
  const bool same = decimal_value(scaled, exponent) / static_cast<double>(count) == m2.value;
  return same ? std::optional(scaled) : std::nullopt;
}

void put_m2(const Sorted& panes, v1::NumberColumn& out) {
  std::vector<M2> all;
  std::vector<unsigned> exponents;
  for (const Pane* pane : panes) {
    all.push_back(decimal_m2(pane->moments));
    if (all.back().scaled) exponents.push_back(all.back().exponent);
  }
  // An eighth may need more digits than the rest, and travels as doubles.
  std::sort(exponents.begin(), exponents.end());
  const unsigned exponent = exponents.empty() ? 0 : exponents[(exponents.size() - 1) * 7 / 8];
  std::vector<double> values;
  Scaled scaled;
  for (std::size_t i = 0; i < all.size(); ++i) {
    values.push_back(all[i].value);
    scaled.push_back(rescale(all[i], exponent, panes[i]->moments.count));
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
  }
  SLUICE_ASSERT(false);
  return v1::PANE_QUALITY_UNSPECIFIED;
}

v1::WindowKind wire_kind(WindowKind kind) {
  switch (kind) {
    case WindowKind::tumbling: return v1::WINDOW_KIND_TUMBLING;
    case WindowKind::hopping: return v1::WINDOW_KIND_HOPPING;
  }
  SLUICE_ASSERT(false);
  return v1::WINDOW_KIND_UNSPECIFIED;
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
  put_column(panes, *out.mutable_revision(), [](const Pane& pane) { return pane.revision; });
  put_column(panes, *out.mutable_quality(),
             [](const Pane& pane) { return wire_quality(pane.quality); });
  put_column(panes, *out.mutable_count(), [](const Pane& pane) { return pane.moments.count; });
  put_decimals(panes, *out.mutable_sum(), [](const Moments& m) { return m.total(); });
  put_decimals(panes, *out.mutable_min(), [](const Moments& m) { return m.min; });
  put_decimals(panes, *out.mutable_max(), [](const Moments& m) { return m.max; });
  put_decimals(panes, *out.mutable_first(), [](const Moments& m) { return m.first; });
  put_decimals(panes, *out.mutable_last(), [](const Moments& m) { return m.last; });
  put_m2(panes, *out.mutable_m2());
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
