#include "sync/plugin_columns.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>

#include "aggregate/window_extras.h"
#include "sluice/v1/summary.pb.h"

namespace sluice {
namespace {

const PluginAggregate& plugin_of(const Pane& pane, std::size_t place) {
  return *pane.content.extras->plugins()[place];
}

/// Of panes that were made while the plugin was not there only its name is known.
const PluginAggregateIdentity& identity_of(const std::vector<const Pane*>& panes,
                                           std::size_t place) {
  const auto known = std::find_if(panes.begin(), panes.end(), [place](const Pane* pane) {
    return !plugin_of(*pane, place).identity().version.empty();
  });
  return plugin_of(known == panes.end() ? *panes.front() : **known, place).identity();
}

void put_pane(const PluginAggregate& plugin, std::size_t names, v1::PluginAggregateColumns& out) {
  std::string state = plugin.saved();
  std::vector<double> results = state.empty() ? std::vector<double>() : plugin.results();
  results.resize(names, std::numeric_limits<double>::quiet_NaN());
  *out.add_state() = std::move(state);
  for (const double v : results) out.add_value(v);
}

}  // namespace

void put_plugins(const std::vector<const Pane*>& panes, v1::SummaryBlock& out) {
  const std::size_t count = panes.front()->content.extras->plugins().size();
  for (std::size_t place = 0; place < count; ++place) {
    const PluginAggregateIdentity& identity = identity_of(panes, place);
    v1::PluginAggregateColumns& columns = *out.add_plugin();
    columns.set_plugin(identity.key.plugin);
    columns.set_version(identity.version);
    columns.set_config(identity.key.config_json);
    for (const std::string& name : identity.result_names) columns.add_result(name);
    for (const Pane* pane : panes) {
      put_pane(plugin_of(*pane, place), identity.result_names.size(), columns);
    }
  }
}

}  // namespace sluice
