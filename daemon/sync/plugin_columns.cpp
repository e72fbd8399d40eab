#include "sync/plugin_columns.h"

#include <algorithm>
#include <cstddef>
#include <limits>
#include <string>
#include <vector>

#include "aggregate/window_extras.h"
#include "sluice/v1/summary.pb.h"

namespace sluice {
namespace {

/// One plugin's aggregate, of each pane.
using Column = std::vector<const PluginAggregate*>;

/// Of panes that were made while the plugin was not there only its name is known.
const PluginAggregateIdentity& identity_of(const Column& column) {
  const auto known = std::find_if(column.begin(), column.end(), [](const PluginAggregate* plugin) {
    return !plugin->identity().version.empty();
  });
  return (known == column.end() ? column.front() : *known)->identity();
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
  std::vector<Column> all(panes.front()->content.extras->plugins().size());
  for (const Pane* pane : panes) {
    const Column plugins = pane->content.extras->plugins();
    for (std::size_t place = 0; place < all.size(); ++place) all[place].push_back(plugins[place]);
  }
  for (const Column& column : all) {
    const PluginAggregateIdentity& identity = identity_of(column);
    v1::PluginAggregateColumns& columns = *out.add_plugin();
    columns.set_plugin(identity.key.plugin);
    columns.set_version(identity.version);
    columns.set_config(identity.key.config_json);
    for (const std::string& name : identity.result_names) columns.add_result(name);
    for (const PluginAggregate* plugin : column) {
      put_pane(*plugin, identity.result_names.size(), columns);
    }
  }
}

}  // namespace sluice
