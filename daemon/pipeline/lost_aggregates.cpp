#include "pipeline/lost_aggregates.h"

#include <algorithm>
#include <utility>

#include "aggregate/window_extras.h"
#include "base/shown_text.h"
#include "model/boot_time.h"

namespace sluice {
namespace {

constexpr std::size_t kAttributeBytesMax = 256;  // as event.proto has them

/// What is known of a window that was lost in the time of another process, or without a call.
constexpr char kNotKnown[] = "not known: the log of the time before this start may say";

std::string reason_of(const PluginAggregate& lost) {
  return lost.fault() == nullptr ? kNotKnown : *lost.fault();
}

/// There are few of them, while a plugin may fail with any number of texts.
std::string function_of(const std::string& reason) { return reason.substr(0, reason.find(':')); }

ToldEvent event_of(const std::string& pipeline, const Pane& pane, const PluginAggregate& lost) {
  const PluginAggregateIdentity& identity = lost.identity();
  Event event;
  event.series = pane.window.key;
  event.topic = pane.boot ? kBootTopic : 0;
  event.event_time_ns = std::clamp<std::int64_t>(pane.window.end_ns, 0, kEventTimeMaxNs);
  event.severity = Severity::error;
  event.name = "aggregate_failed";
  event.message = "A window goes upstream without what a plugin's aggregate came to.";
  event.attributes = {
      {"plugin", identity.key.plugin},
      {"reason", std::string(utf8_head(reason_of(lost), kAttributeBytesMax))},
      {"config", std::string(utf8_head(identity.key.config_json, kAttributeBytesMax))}};
  if (!identity.version.empty()) event.attributes.emplace_back("version", identity.version);
  return {std::move(event), pipeline, identity.key.plugin,
          pane.boot ? pane.boot->boot_id : std::string()};
}

}  // namespace

bool LostAggregates::is_new(const Key& key, const std::string& function, std::int64_t boottime_ns) {
  const auto is_calm = [boottime_ns](const auto& entry) {
    return boottime_ns - entry.second.last_ns >= kCalmNs;
  };
  if (known_.size() >= kKnownMax) std::erase_if(known_, is_calm);
  const auto at = known_.find(key);
  if (at != known_.end() && is_calm(*at)) at->second.functions.clear();
  if (at == known_.end() && known_.size() >= kKnownMax) return false;
  Known& known = known_[key];
  known.last_ns = boottime_ns;
  return known.functions.insert(function).second;
}

std::vector<ToldEvent> LostAggregates::tell(const std::string& pipeline,
                                            const std::vector<Pane>& closed,
                                            std::int64_t boottime_ns) {
  std::vector<ToldEvent> told;
  for (const Pane& pane : closed) {
    if (pane.content.extras == nullptr) continue;
    for (const PluginAggregate* one : pane.content.extras->plugins()) {
      if (!one->lost()) continue;
      const PluginAggregateIdentity& is = one->identity();
      const Key key{pipeline, is.key.plugin, is.key.config_json, is.version};
      if (is_new(key, function_of(reason_of(*one)), boottime_ns)) {
        told.push_back(event_of(pipeline, pane, *one));
      }
    }
  }
  return told;
}

}  // namespace sluice
