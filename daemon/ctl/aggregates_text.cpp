#include "ctl/aggregates_text.h"

#include <algorithm>
#include <cmath>

#include "ctl/text.h"

namespace sluice::ctl {
namespace {

constexpr int kTopShown = 3;
constexpr int kStatesShown = 4;

void join(std::string& out, std::string_view separator, std::string_view text) {
  if (!out.empty()) out += separator;
  out += text;
}

std::string quantiles_text(const v1::HistogramPoint& point) {
  std::string out;
  for (const auto& quantile : point.quantiles()) {
    join(out, ", ", "p" + value_text(quantile.q() * 100) + " " + value_text(quantile.value()));
  }
  return out;
}

std::string top_text(const v1::TopPoint& point) {
  std::string out;
  for (int i = 0; i < point.entries_size() && i < kTopShown; ++i) {
    const auto& entry = point.entries(i);
    join(out, ", ", entry.value() + " x" + grouped(entry.count()));
  }
  return "top " + out;
}

std::string counter_text(const v1::CounterPoint& point) {
  std::string out =
      "+" + value_text(point.increase()) + " (" + value_text(point.rate_per_s()) + "/s";
  if (point.wraps() > 0) out += ", " + grouped(point.wraps()) + " wraps";
  if (point.resets() > 0) out += ", " + grouped(point.resets()) + " resets";
  return out + ")";
}

std::string states_text(const v1::StatesPoint& point) {
  std::string out;
  for (int i = 0; i < point.states_size() && i < kStatesShown; ++i) {
    const auto& state = point.states(i);
    join(out, ", ", value_text(state.value()) + " for " + seconds_text(state.time_ns()));
  }
  if (point.states_size() > kStatesShown || point.other_ns() > 0) join(out, ", ", "others");
  return out.empty() ? "no state lasted" : out;
}

/// The config tells apart what one plugin supplies twice.
std::string plugin_text(const v1::PluginPoint& point, bool with_config) {
  const std::string name = point.plugin() + (with_config ? " " + point.config() : std::string());
  if (!point.unknown().empty()) return name + " not known: " + point.unknown();
  std::string out;
  for (const auto& value : point.values()) {
    join(out, ", ", value.name() + " " + (value.has_value() ? value_text(value.value()) : "-"));
  }
  return name + ": " + out;
}

void join_plugins(std::string& out, const v1::Aggregates& aggregates) {
  const auto& points = aggregates.plugins();
  for (const v1::PluginPoint& point : points) {
    const auto same = std::count_if(points.begin(), points.end(), [&point](const auto& other) {
      return other.plugin() == point.plugin();
    });
    join(out, "; ", plugin_text(point, same > 1));
  }
  if (aggregates.plugins_more() > 0) {
    join(out, "; ", grouped(aggregates.plugins_more()) + " more of plugins not known");
  }
}

}  // namespace

std::string window_kind_text(v1::WindowKind kind) {
  switch (kind) {
    case v1::WINDOW_KIND_TUMBLING: return "tumbling";
    case v1::WINDOW_KIND_HOPPING: return "hopping";
    case v1::WINDOW_KIND_SLIDING: return "sliding";
    case v1::WINDOW_KIND_SESSION: return "session";
    case v1::WINDOW_KIND_COUNT: return "count";
    default: return "-";
  }
}

std::string quality_text(v1::PaneQuality quality) {
  switch (quality) {
    case v1::PANE_QUALITY_COMPLETE: return "complete";
    case v1::PANE_QUALITY_PARTIAL_CONFIG: return "partial_config";
    case v1::PANE_QUALITY_PARTIAL_EPOCH: return "partial_epoch";
    case v1::PANE_QUALITY_PARTIAL_LIMIT: return "partial_limit";
    case v1::PANE_QUALITY_PARTIAL_CLOCK: return "partial_clock";
    case v1::PANE_QUALITY_EARLY: return "early";
    case v1::PANE_QUALITY_RETRACTED: return "retracted";
    default: return "-";
  }
}

std::string seconds_text(std::uint64_t ns) {
  return value_text(static_cast<double>(ns) / 1e9) + " s";
}

std::string aggregates_text(const v1::Aggregates& aggregates) {
  std::string out;
  if (aggregates.has_histogram()) join(out, "; ", quantiles_text(aggregates.histogram()));
  if (aggregates.has_distinct()) {
    join(out, "; ", "distinct " + value_text(std::round(aggregates.distinct().estimate())));
  }
  if (aggregates.has_top()) join(out, "; ", top_text(aggregates.top()));
  if (aggregates.has_counter()) join(out, "; ", counter_text(aggregates.counter()));
  if (aggregates.has_states()) join(out, "; ", states_text(aggregates.states()));
  join_plugins(out, aggregates);
  return out.empty() ? "-" : out;
}

}  // namespace sluice::ctl
