#include "node/compose_windows.h"

#include <algorithm>
#include <string>
#include <tuple>
#include <utility>

#include "plugin_host/aggregate_library.h"
#include "plugin_host/shipped_plugins.h"
#include "schema/json_text.h"

namespace sluice {
namespace {

ExtrasSpec compose_extras(const v1::AggregatesConfig& aggregates) {
  ExtrasSpec spec;
  if (aggregates.has_histogram()) {
    spec.histogram = {static_cast<std::uint16_t>(aggregates.histogram().max_size()),
                      static_cast<std::int8_t>(aggregates.histogram().max_scale()),
                      aggregates.histogram().zero_threshold()};
  }
  if (aggregates.has_distinct()) {
    spec.distinct_precision = static_cast<int>(aggregates.distinct().precision());
  }
  if (aggregates.has_top()) {
    spec.top = TopOptions{};
    spec.top->capacity = static_cast<std::uint16_t>(aggregates.top().capacity());
  }
  if (aggregates.has_counter()) {
    spec.counter = {static_cast<std::uint8_t>(aggregates.counter().wrap_bits()),
                    aggregates.counter().wrap_rate_max()};
  }
  if (aggregates.has_states()) {
    spec.states = {static_cast<std::uint16_t>(aggregates.states().states_max()),
                   static_cast<std::uint64_t>(aggregates.states().hold_max_ns())};
  }
  return spec;
}

void compose_place(const v1::WindowConfig& window, WindowSpec& spec) {
  if (window.has_hopping()) {
    spec.kind = WindowKind::hopping;
    spec.size_ns = window.hopping().size_ns();
    spec.every_ns = window.hopping().every_ns();
  } else if (window.has_sliding()) {
    spec.kind = WindowKind::sliding;
    spec.size_ns = window.sliding().size_ns();
    spec.every_ns = window.sliding().every_ns();
    spec.readings = window.sliding().readings_max();
  } else if (window.has_session()) {
    spec.kind = WindowKind::session;
    spec.size_ns = window.session().gap_ns();
  } else if (window.count() > 0) {
    spec.kind = WindowKind::count;
    spec.readings = window.count();
  }
}

/// Without what it needs from this machine.
WindowSpec compose_own(const v1::WindowConfig& window) {
  WindowSpec spec = WindowSpec::tumbling(window.tumbling_ns());
  compose_place(window, spec);
  spec.offset_ns = window.offset_ns();
  spec.allowed_lateness_ns = window.allowed_lateness_ns();
  spec.expected_every_ns = window.expected_every_ns();
  spec.extras = compose_extras(window.aggregates());
  spec.early_every_ns = window.early_every_ns();
  spec.tells_empty = window.empty();
  return spec;
}

const v1::WindowConfig& window_of(const v1::Config& config, int pipeline, int window) {
  return config.pipelines(pipeline).windows(window);
}

/// What stands for one that cannot be loaded.
ExtrasSpec::OfPlugin absent(const v1::PluginAggregateConfig& aggregate) {
  return {{aggregate.plugin(), schema::canonical_json(aggregate.config())}, nullptr, false};
}

bool comes_before(const ExtrasSpec::OfPlugin& a, const ExtrasSpec::OfPlugin& b) {
  return std::tie(a.key.plugin, a.key.config_json) < std::tie(b.key.plugin, b.key.config_json);
}

Status load_aggregates(const v1::Config& config, int pipeline, int window,
                       std::vector<ExtrasSpec::OfPlugin>& out) {
  const auto& wanted = window_of(config, pipeline, window).aggregates().plugins();
  const auto types = compose_aggregates(config, pipeline, window);
  Status missing;
  for (int i = 0; i < wanted.size(); ++i) {
    const auto& type = types[static_cast<std::size_t>(i)];
    if (!type.ok()) missing = type.status();
    out.push_back(type.ok() ? ExtrasSpec::OfPlugin{(*type)->key(), *type} : absent(wanted[i]));
  }
  std::sort(out.begin(), out.end(), comes_before);
  const auto is_same = [](const auto& a, const auto& b) { return a.key == b.key; };
  out.erase(std::unique(out.begin(), out.end(), is_same), out.end());
  return missing;
}

/// It runs in this process, so one that does not come with Sluice must be allowed to.
Result<std::shared_ptr<const AggregateType>> load_aggregate(
    const std::string& dir, const v1::PluginAggregateConfig& aggregate, const std::string& where) {
  const bool may_run_here = aggregate.isolation() == v1::StageConfig::ISOLATION_NONE ||
                            is_shipped_plugin(aggregate.plugin());
  if (!may_run_here) {
    return invalid_argument(
        where + " (" + aggregate.plugin() +
        "): an aggregate runs in the daemon itself, and a crash of it is one of "
        "the daemon; if this one is trusted, say isolation: none");
  }
  return open_aggregate(dir, aggregate.plugin(), aggregate.config(), where);
}

}  // namespace

Result<std::shared_ptr<const CivilGrid>> compose_civil(const v1::WindowConfig& window) {
  if (window.time_zone().empty()) return std::shared_ptr<const CivilGrid>();
  return CivilGrid::create(window.time_zone(), window.tumbling_ns(), window.offset_ns());
}

std::vector<Result<std::shared_ptr<const AggregateType>>> compose_aggregates(
    const v1::Config& config, int pipeline, int window) {
  const auto item = [](const char* list, int i) {
    return std::string(list) + "[" + std::to_string(i) + "]";
  };
  const std::string path =
      item("pipelines", pipeline) + "." + item("windows", window) + ".aggregates.";
  std::vector<Result<std::shared_ptr<const AggregateType>>> types;
  std::vector<PluginAggregateKey> keys;
  for (const auto& aggregate : window_of(config, pipeline, window).aggregates().plugins()) {
    const std::string where = path + item("plugins", static_cast<int>(types.size()));
    auto type = load_aggregate(config.plugins().dir(), aggregate, where);
    if (type.ok() && std::find(keys.begin(), keys.end(), (*type)->key()) != keys.end()) {
      type = invalid_argument(where + " (" + aggregate.plugin() +
                              "): config: expected another than those before it in the list");
    }
    if (type.ok()) keys.push_back((*type)->key());
    types.push_back(std::move(type));
  }
  return types;
}

WindowSpec compose_window(const v1::Config& config, int pipeline, int window, Status& missing) {
  WindowSpec spec = compose_own(window_of(config, pipeline, window));
  spec.waiting_max = config.pipelines(pipeline).reorder_max();
  auto civil = compose_civil(window_of(config, pipeline, window));
  if (civil.ok()) spec.civil = *std::move(civil);
  missing = load_aggregates(config, pipeline, window, spec.extras.plugins);
  if (missing.ok()) missing = civil.status();
  return spec;
}

}  // namespace sluice
