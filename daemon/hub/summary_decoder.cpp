#include "hub/summary_decoder.h"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "hub/block_columns.h"
#include "hub/extras_decoder.h"
#include "sluice/v1/summary.pb.h"

namespace sluice {
namespace {

constexpr std::size_t kPipelineBytesMax = 128;
constexpr std::uint64_t kTimeUnitMaxNs = 1'000'000'000;
constexpr std::uint64_t kOrdinalMax = std::uint64_t{1} << 62;
constexpr std::uint64_t kExpectedEveryMaxNs = 365ull * 86'400 * 1'000'000'000;

/// Of a block that check_head() has let pass.
WindowKind kind_of(const v1::SummaryBlock& block) {
  switch (block.kind()) {
    case v1::WINDOW_KIND_HOPPING: return WindowKind::hopping;
    case v1::WINDOW_KIND_SLIDING: return WindowKind::sliding;
    case v1::WINDOW_KIND_SESSION: return WindowKind::session;
    case v1::WINDOW_KIND_COUNT: return WindowKind::count;
    default: return WindowKind::tumbling;
  }
}

Status check_head(const v1::SummaryBlock& block) {
  if (block.pipeline().empty() || block.pipeline().size() > kPipelineBytesMax) {
    return broken("pipeline",
                  std::to_string(block.pipeline().size()) + " bytes, allowed are 1..128");
  }
  if (block.kind() < v1::WINDOW_KIND_TUMBLING || block.kind() > v1::WINDOW_KIND_COUNT) {
    return broken("kind", "window kind " + std::to_string(block.kind()) +
                              " is unknown to this hub; upgrade it before its nodes");
  }
  if (block.time_unit_ns() < 1 || block.time_unit_ns() > kTimeUnitMaxNs) {
    return broken("time_unit_ns",
                  std::to_string(block.time_unit_ns()) + ", allowed are 1 to 1000000000");
  }
  if (block.expected_every_ns() > kExpectedEveryMaxNs) {
    return broken("expected_every_ns", std::to_string(block.expected_every_ns()) +
                                           ", allowed are 0 to " +
                                           std::to_string(kExpectedEveryMaxNs));
  }
  return {};
}

Status check_lengths(const v1::SummaryBlock& block) {
  const auto panes = static_cast<std::size_t>(block.series_id_size());
  if (panes == 0 || panes > kBlockPanesMax) {
    return broken("series_id", std::to_string(panes) + " panes, allowed are 1 to " +
                                   std::to_string(kBlockPanesMax));
  }
  const std::pair<const char*, int> shared[] = {
      {"start", block.start_size()},       {"length", block.length_size()},
      {"revision", block.revision_size()}, {"quality", block.quality_size()},
      {"count", block.count_size()},
  };
  for (const auto& [field, size] : shared) {
    if (!fits_one_or_each(size, panes)) return wrong_length(field, size, panes);
  }
  const std::pair<const char*, int> each[] = {{"first_offset", block.first_offset_size()},
                                              {"last_offset", block.last_offset_size()}};
  for (const auto& [field, size] : each) {
    if (!fits_each(size, panes)) return wrong_length(field, size, panes);
  }
  const std::size_t ordinals = block.kind() == v1::WINDOW_KIND_COUNT ? panes : 0;
  if (fits_each(block.ordinal_size(), ordinals)) return {};
  return broken("ordinal", std::to_string(block.ordinal_size()) + " entries for " +
                               std::to_string(ordinals) + " count windows");
}

Status read_identity(const v1::SummaryBlock& block, std::size_t i, DecodedPane& pane) {
  pane.series_id = block.series_id(static_cast<int>(i));
  if (pane.series_id == 0) return broken_at("series_id", i, "0 is no series");
  pane.revision = entry(block.revision(), i);
  if (pane.revision == 0) return broken_at("revision", i, "0, revisions begin at 1");
  pane.count = entry(block.count(), i);
  switch (entry(block.quality(), i)) {
    case v1::PANE_QUALITY_COMPLETE: pane.quality = PaneQuality::complete; return {};
    case v1::PANE_QUALITY_PARTIAL_CONFIG: pane.quality = PaneQuality::partial_config; return {};
    case v1::PANE_QUALITY_PARTIAL_EPOCH: pane.quality = PaneQuality::partial_epoch; return {};
    case v1::PANE_QUALITY_PARTIAL_LIMIT: pane.quality = PaneQuality::partial_limit; return {};
    case v1::PANE_QUALITY_PARTIAL_CLOCK: pane.quality = PaneQuality::partial_clock; return {};
    case v1::PANE_QUALITY_EARLY: pane.quality = PaneQuality::early; return {};
    case v1::PANE_QUALITY_RETRACTED: pane.quality = PaneQuality::retracted; return {};
    default: return broken_at("quality", i, "unknown quality");
  }
}

/// Whether readings from `first` after the start until `last` after that are in such a window.
bool is_inside(WindowKind kind, std::uint64_t length, std::uint64_t first, std::uint64_t last) {
  if (kind == WindowKind::session || kind == WindowKind::count) return true;
  if (kind != WindowKind::sliding) return first < length && last < length - first;
  return first > 0 && first <= length && last <= length - first;
}

/// `start` is in time units, as everything in the block; checks that all of it fits int64 ns.
Status read_times(const v1::SummaryBlock& block, std::size_t i, std::int64_t start,
                  DecodedPane& pane) {
  const auto unit = static_cast<std::int64_t>(block.time_unit_ns());
  const std::uint64_t length = entry(block.length(), i);
  const std::uint64_t first = block.first_offset(static_cast<int>(i));
  const std::uint64_t last = block.last_offset(static_cast<int>(i));
  if (length == 0 && pane.kind != WindowKind::count) {
    return broken_at("length", i, "a window of no length");
  }
  std::int64_t length_ns = 0;
  if (__builtin_mul_overflow(start, unit, &pane.start_ns) ||
      __builtin_mul_overflow(length, unit, &length_ns) ||
      __builtin_add_overflow(pane.start_ns, length_ns, &pane.end_ns)) {
    return broken_at("start", i, "a window beyond the years 1677 to 2262");
  }
  if (pane.count == 0) {
    const bool may_be = pane.kind == WindowKind::tumbling || pane.kind == WindowKind::hopping;
    if (may_be && first == 0 && last == 0) return {};
    return broken_at("count", i, may_be ? "times without readings" : "a pane without readings");
  }
  if (!is_inside(pane.kind, length, first, 0)) {
    return broken_at("first_offset", i, "outside the window");
  }
  if (!is_inside(pane.kind, length, first, last)) {
    return broken_at("last_offset", i, "outside the window");
  }
  std::int64_t first_ns = 0;
  std::int64_t last_ns = 0;
  if (__builtin_mul_overflow(static_cast<std::int64_t>(first), unit, &first_ns) ||
      __builtin_add_overflow(pane.start_ns, first_ns, &pane.first_time_ns) ||
      __builtin_mul_overflow(last, unit, &last_ns) ||
      __builtin_add_overflow(pane.first_time_ns, last_ns, &pane.last_time_ns)) {
    return broken_at("last_offset", i, "readings beyond the years 1677 to 2262");
  }
  return {};
}

Status read_panes(const v1::SummaryBlock& block, std::vector<DecodedPane>& panes) {
  std::uint64_t start = 0;
  std::uint64_t ordinal = 0;
  for (std::size_t i = 0; i < panes.size(); ++i) {
    const int place = static_cast<int>(i);
    if (place < block.ordinal_size()) {
      ordinal += static_cast<std::uint64_t>(block.ordinal(place));
      if (ordinal == 0 || ordinal > kOrdinalMax) return broken_at("ordinal", i, "not 1 to 2^62");
    }
    panes[i].ordinal = ordinal;
    if (place < block.start_size()) start += static_cast<std::uint64_t>(block.start(place));
    if (Status s = read_identity(block, i, panes[i]); !s.ok()) return s;
    if (Status s = read_times(block, i, static_cast<std::int64_t>(start), panes[i]); !s.ok()) {
      return s;
    }
  }
  return {};
}

Status read_values(const v1::SummaryBlock& block, std::vector<DecodedPane>& panes) {
  const struct {
    const char* field;
    const v1::NumberColumn& column;
    double DecodedPane::*member;
  } columns[] = {
      {"sum", block.sum(), &DecodedPane::sum},    {"min", block.min(), &DecodedPane::min},
      {"max", block.max(), &DecodedPane::max},    {"first", block.first(), &DecodedPane::first},
      {"last", block.last(), &DecodedPane::last},
  };
  for (const auto& [field, column, member] : columns) {
    const auto numbers = read_numbers(field, column, panes.size());
    if (!numbers.ok()) return numbers.status();
    for (std::size_t i = 0; i < panes.size(); ++i) panes[i].*member = numbers->values[i];
  }
  const auto m2 = read_numbers("m2", block.m2(), panes.size());
  if (!m2.ok()) return m2.status();
  for (std::size_t i = 0; i < panes.size(); ++i) {
    const auto count = static_cast<double>(std::max<std::uint64_t>(panes[i].count, 1));
    const double divisor = m2->raw[i] ? 1.0 : count;
    panes[i].m2 = m2->values[i] / divisor;
  }
  return {};
}

/// Between two stamps lie no more steps than readings after the first, and the longest is at least
/// their average.
bool gap_fits(const DecodedPane& pane, std::uint64_t gap_ns) {
  const auto span_ns = static_cast<std::uint64_t>(pane.last_time_ns) -
                       static_cast<std::uint64_t>(pane.first_time_ns);
  if (gap_ns > span_ns) return false;
  if (span_ns == 0) return true;
  return pane.count > 1 && gap_ns != 0 && (span_ns - 1) / gap_ns < pane.count - 1;
}

Status read_gaps(const v1::SummaryBlock& block, std::vector<DecodedPane>& panes) {
  if (!fits_one_or_each(block.largest_gap_size(), panes.size())) {
    return wrong_length("largest_gap", block.largest_gap_size(), panes.size());
  }
  for (std::size_t i = 0; i < panes.size(); ++i) {
    const std::uint64_t gap = entry(block.largest_gap(), i);
    std::uint64_t gap_ns = 0;
    if (__builtin_mul_overflow(gap, block.time_unit_ns(), &gap_ns) || !gap_fits(panes[i], gap_ns)) {
      return broken_at("largest_gap", i, "no readings give this");
    }
    panes[i].largest_gap_ns = gap_ns;
  }
  return {};
}

Status check_boot_id(std::string_view field, std::string_view id) {
  const auto fits = [](char c) {
    return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '-';
  };
  if (!id.empty() && id.size() <= kBootIdBytesMax && std::all_of(id.begin(), id.end(), fits)) {
    return {};
  }
  return broken(field, "expected 1 to 64 of 0-9 A-Z a-z -");
}

/// Also bounds what corrections make of them.
Status check_boot_times(const std::vector<DecodedPane>& panes) {
  for (std::size_t i = 0; i < panes.size(); ++i) {
    const DecodedPane& pane = panes[i];
    if (std::min(pane.start_ns, pane.first_time_ns) < -kBoottimeMaxNs ||
        std::max(pane.end_ns, pane.last_time_ns) > kBoottimeMaxNs) {
      return broken_at("start", i, "a window more than ten years from the node's boot");
    }
  }
  return {};
}

/// A mean over time lies between min and max; the rest is rounding.
bool integral_fits(const DecodedPane& pane, double integral, double span_s) {
  constexpr double kRounding = 1e-9;
  const double slack = std::max(std::abs(pane.min), std::abs(pane.max)) * span_s * kRounding;
  return !(integral < pane.min * span_s - slack) && !(integral > pane.max * span_s + slack);
}

Status read_integrals(const v1::SummaryBlock& block, std::vector<DecodedPane>& panes) {
  const auto numbers = read_numbers("time_integral", block.time_integral(), panes.size());
  if (!numbers.ok()) return numbers.status();
  for (std::size_t i = 0; i < panes.size(); ++i) {
    DecodedPane& pane = panes[i];
    const double span_s = static_cast<double>(pane.last_time_ns - pane.first_time_ns) / 1e9;
    double integral = numbers->values[i];
    if (!numbers->raw[i]) integral += pane.first * span_s;
    if (!std::isfinite(integral) || !integral_fits(pane, integral, span_s)) {
      return broken_at("time_integral", i, "outside min..max over the time");
    }
    pane.time_integral_s = integral;
  }
  return {};
}

Status read_held(const v1::SummaryBlock& block, std::vector<DecodedPane>& panes) {
  if (block.largest_gap_size() == 0 && !block.has_time_integral()) return {};
  if (Status s = read_gaps(block, panes); !s.ok()) return s;
  if (Status s = read_integrals(block, panes); !s.ok()) return s;
  for (DecodedPane& pane : panes) pane.has_held = true;
  return {};
}

Result<TimeCorrection> read_correction(const v1::SummaryBlock& block) {
  const v1::TimeCorrection& time = block.time_correction();
  if (block.series_id_size() != 0) return broken("time_correction", "stands beside panes");
  if (Status s = check_boot_id("time_correction.boot_id", time.boot_id()); !s.ok()) return s;
  const bool fits = time.offset_ns() >= 0 && time.offset_ns() <= kBootOffsetMaxNs &&
                    time.error_ns() >= 0 && time.boottime_ns() >= 0;
  if (!fits) return broken("time_correction", "its times are negative, or after 2093");
  return TimeCorrection{time.boot_id(), time.offset_ns(), time.error_ns(), time.boottime_ns()};
}

/// A window that nothing came for.
Status check_empty(const DecodedPane& pane, std::size_t i) {
  for (const double number : {pane.sum, pane.min, pane.max, pane.first, pane.last, pane.m2}) {
    if (number != 0) return broken_at("count", i, "numbers without readings");
  }
  return {};
}

Status check_values(const std::vector<DecodedPane>& panes) {
  for (std::size_t i = 0; i < panes.size(); ++i) {
    const DecodedPane& pane = panes[i];
    if (pane.count == 0) {
      if (Status s = check_empty(pane, i); !s.ok()) return s;
    }
    const auto outside = [&pane](double v) { return v < pane.min || v > pane.max; };
    if (pane.min > pane.max) return broken_at("min", i, "above max");
    if (outside(pane.first)) return broken_at("first", i, "outside min..max");
    if (outside(pane.last)) return broken_at("last", i, "outside min..max");
    if (pane.m2 < 0) return broken_at("m2", i, "negative");
  }
  return {};
}

}  // namespace

WindowSummary summary_of(const DecodedPane& pane) {
  WindowSummary summary;
  summary.complete = pane.quality == PaneQuality::complete;
  Moments& m = summary.moments;
  m.count = pane.count;
  m.sum = pane.sum;
  m.mean = pane.count == 0 ? 0 : pane.sum / static_cast<double>(pane.count);
  m.m2 = pane.m2;
  m.min = pane.min;
  m.max = pane.max;
  m.first = pane.first;
  m.last = pane.last;
  m.first_time_ns = pane.first_time_ns;
  m.last_time_ns = pane.last_time_ns;
  if (pane.has_held) summary.held = {pane.largest_gap_ns, pane.time_integral_s};
  summary.expected_every_ns = static_cast<std::uint64_t>(pane.expected_every_ns);
  if (pane.extras) summary.extras = *pane.extras;
  return summary;
}

Result<DecodedBlock> decode_summary_block(std::string_view bytes) {
  v1::SummaryBlock block;
  if (bytes.size() > static_cast<std::size_t>(std::numeric_limits<int>::max()) ||
      !block.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) {
    return data_loss("these " + std::to_string(bytes.size()) +
                     " bytes are not a SummaryBlock: cut short, damaged or not from a node");
  }
  DecodedBlock out;
  if (block.has_time_correction()) {
    auto correction = read_correction(block);
    if (!correction.ok()) return correction.status();
    out.correction = *std::move(correction);
    return out;
  }
  if (Status s = check_head(block); !s.ok()) return s;
  if (Status s = check_lengths(block); !s.ok()) return s;
  out.pipeline = block.pipeline();
  out.spec_hash = block.spec_hash();
  DecodedPane empty;
  empty.kind = kind_of(block);
  empty.expected_every_ns = static_cast<std::int64_t>(block.expected_every_ns());
  out.panes.resize(static_cast<std::size_t>(block.series_id_size()), empty);
  if (Status s = read_panes(block, out.panes); !s.ok()) return s;
  if (Status s = read_values(block, out.panes); !s.ok()) return s;
  if (Status s = check_values(out.panes); !s.ok()) return s;
  if (Status s = read_held(block, out.panes); !s.ok()) return s;
  if (Status s = read_extras(block, out.panes); !s.ok()) return s;
  if (block.boot_id().empty()) return out;
  out.boot_id = block.boot_id();
  if (Status s = check_boot_id("boot_id", out.boot_id); !s.ok()) return s;
  if (Status s = check_boot_times(out.panes); !s.ok()) return s;
  return out;
}

}  // namespace sluice
