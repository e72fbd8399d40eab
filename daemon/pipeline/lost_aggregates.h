#pragma once

#include <compare>
#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "model/event.h"
#include "model/window.h"

namespace sluice {

/// Tells people of aggregates of plugins that windows go without, because a call of the plugin
/// failed. One event for each pipeline, aggregate and function that failed; the next one comes when
/// it had worked for an hour, so that an aggregate that fails in some windows and not in others
/// tells no event for each. Since the start: a new one tells again. Thread: [pipeline].
class LostAggregates {
 public:
  static constexpr std::int64_t kCalmNs = 3'600'000'000'000;
  /// Past it those that work again are forgotten, and of others nothing is told.
  static constexpr std::size_t kKnownMax = 256;

  /// What is to be told of the panes that a step closed; they are sealed.
  std::vector<ToldEvent> tell(const std::string& pipeline, const std::vector<Pane>& closed,
                              std::int64_t boottime_ns);

 private:
  struct Key {
    std::string pipeline;
    std::string plugin;
    std::string config_json;
    std::string version;
    auto operator<=>(const Key&) const = default;
  };
  struct Known {
    std::int64_t last_ns = 0;  ///< boot time of the last pane that lacked it
    std::set<std::string> functions;
  };
  bool is_new(const Key& key, const std::string& function, std::int64_t boottime_ns);

  std::map<Key, Known> known_;
};

}  // namespace sluice
