#include "hub/plugins_seen.h"

#include <algorithm>

#include "base/hash.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::hub {
namespace {

/// Which of them a row has numbers of is known at its end: so many have a place besides.
constexpr std::size_t kKeptMax = PluginsSeen::kNamedMax + kPluginAggregatesMax;

std::uint64_t hash_of(const std::string& plugin, const std::string& config) {
  return hash64(config, hash64(plugin));
}

}  // namespace

void PluginsSeen::add(const PluginAggregate& plugin) {
  const PluginAggregateKey& key = plugin.key();
  Key place{key.plugin, key.config_json};
  const auto found = named_.find(place);
  if (found == named_.end() && named_.size() == kKeptMax) {
    if (more_.size() < kCountedMax) more_.insert(hash_of(key.plugin, key.config_json));
    return;
  }
  Known& known = found == named_.end() ? named_[std::move(place)] : found->second;
  known.is_here |= plugin.open() || plugin.lost();
  if (known.fault.empty() && plugin.fault() != nullptr) known.fault = *plugin.fault();
}

std::string PluginsSeen::reason(const Known& known) {
  if (!known.fault.empty()) {
    return "a call of the hub's plugin failed on what a window here holds: " + known.fault;
  }
  return known.is_here ? "some windows here lack it"
                       : "the hub has no plugin that merges it: sluice-hub --plugins";
}

void PluginsSeen::write_unknown(v1::Aggregates& out) const {
  std::set<Key> told;
  for (const v1::PluginPoint& point : out.plugins()) told.emplace(point.plugin(), point.config());
  std::size_t more = more_.size();
  for (const auto& [plugin, config] : told) more -= more_.count(hash_of(plugin, config));
  std::size_t named = 0;
  for (const auto& [key, known] : named_) {
    if (told.count(key) > 0) continue;
    if (named == kNamedMax) {
      ++more;
      continue;
    }
    ++named;
    v1::PluginPoint& point = *out.add_plugins();
    point.set_plugin(key.first);
    point.set_config(key.second);
    point.set_unknown(reason(known));
  }
  if (more > 0) out.set_plugins_more(more);
}

std::shared_ptr<const AggregateType> QueryTypes::find(const PluginAggregateKey& key) {
  std::pair<std::string, std::string> place{key.plugin, key.config_json};
  const auto known = types_.find(place);
  if (known != types_.end()) return known->second;
  if (types_.size() == kKeysMax) return nullptr;
  return types_[std::move(place)] = find_(key);
}

}  // namespace sluice::hub
