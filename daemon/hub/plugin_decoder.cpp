#include "hub/plugin_decoder.h"

#include <algorithm>
#include <cmath>
#include <memory>
#include <string>
#include <string_view>
#include <tuple>
#include <utility>

#include "hub/block_columns.h"
#include "hub/canonical_object.h"
#include "model/names.h"
#include "sluice/v1/summary.pb.h"

namespace sluice {
namespace {

bool is_config(std::string_view json) {
  return json.size() <= kPluginAggregateConfigBytesMax && is_canonical_object(json);
}

bool has_state(const v1::PluginAggregateColumns& columns) {
  return std::any_of(columns.state().begin(), columns.state().end(),
                     [](const std::string& state) { return !state.empty(); });
}

Status check_names(const v1::PluginAggregateColumns& columns) {
  if (!is_plugin_name(columns.plugin())) return broken("plugin.plugin", "no plugin's name");
  // Each config is an aggregate of its own: the same one with a space more is none.
  if (!is_config(columns.config())) {
    return broken("plugin.config",
                  "no JSON object of at most 1024 bytes with sorted keys and no spaces");
  }
  const std::string& version = columns.version();
  if (version.size() > kNameBytesMax || (version.empty() && has_state(columns))) {
    return broken("plugin.version", "not 1..64 bytes");
  }
  const auto& names = columns.result();
  if (names.size() > static_cast<int>(kPluginAggregateResultsMax)) {
    return broken("plugin.result", "more than 16");
  }
  for (auto it = names.begin(); it != names.end(); ++it) {
    if (!is_word(*it)) return broken("plugin.result", "no name of 1..64 of a-z 0-9 _");
    if (std::find(names.begin(), it, *it) != it) return broken("plugin.result", "a name twice");
  }
  return {};
}

Status read_columns(const v1::PluginAggregateColumns& columns,
                    std::vector<std::vector<WindowExtras::Kind>>& kinds) {
  if (Status s = check_names(columns); !s.ok()) return s;
  if (!fits_each(columns.state_size(), kinds.size())) {
    return wrong_length("plugin.state", columns.state_size(), kinds.size());
  }
  const auto names = static_cast<std::size_t>(columns.result_size());
  if (!fits_each(columns.value_size(), kinds.size() * names)) {
    return wrong_length("plugin.value", columns.value_size(), kinds.size() * names);
  }
  const auto identity = std::make_shared<const PluginAggregateIdentity>(
      PluginAggregateIdentity{{columns.plugin(), columns.config()},
                              columns.version(),
                              {columns.result().begin(), columns.result().end()}});
  for (std::size_t i = 0; i < kinds.size(); ++i) {
    const std::string& state = columns.state(static_cast<int>(i));
    if (state.size() > kPluginAggregateBytesMax) {
      return broken_at("plugin.state", i, "more than 65536 bytes");
    }
    const auto first = columns.value().begin() + static_cast<std::ptrdiff_t>(i * names);
    std::vector<double> values(first, first + static_cast<std::ptrdiff_t>(names));
    for (const double v : values) {
      if (std::isinf(v)) return broken_at("plugin.value", i, "infinite");
      if (state.empty() && !std::isnan(v)) return broken_at("plugin.value", i, "of no state");
    }
    if (state.empty()) values.clear();
    kinds[i].emplace_back(PluginAggregate(identity, state, std::move(values)));
  }
  return {};
}

}  // namespace

Status read_plugins(const v1::SummaryBlock& block,
                    std::vector<std::vector<WindowExtras::Kind>>& kinds) {
  if (block.plugin_size() > static_cast<int>(kPluginAggregatesMax)) {
    return broken("plugin", "more than 4");
  }
  for (int i = 0; i < block.plugin_size(); ++i) {
    const v1::PluginAggregateColumns& columns = block.plugin(i);
    const auto place_of = [](const v1::PluginAggregateColumns& c) {
      return std::tie(c.plugin(), c.config());
    };
    if (i > 0 && place_of(block.plugin(i - 1)) >= place_of(columns)) {
      return broken("plugin", "not sorted by plugin and config, each once");
    }
    if (Status s = read_columns(columns, kinds); !s.ok()) return s;
  }
  return {};
}

}  // namespace sluice
