#include "hub/node_roster.h"

#include <algorithm>
#include <utility>

#include "control/canonical_message.h"

namespace sluice::hub {

NodeRoster::NodeRoster(std::vector<NodeReport> saved) {
  for (NodeReport& node : saved) {
    const std::string name = node.hello.node();
    entries_[name].node = std::move(node);
  }
}

void NodeRoster::greet(const v1::ControlHello& hello, std::int64_t seen_ns) {
  if (!entries_.contains(hello.node())) make_room();
  Entry& entry = entries_[hello.node()];
  entry.node.hello = hello;
  entry.node.last_seen_ns = seen_ns;
  entry.is_connected = true;
  entry.is_changed = true;
}

void NodeRoster::report(const std::string& node, const v1::ConfigReport& report,
                        std::int64_t seen_ns) {
  const auto it = entries_.find(node);
  if (it == entries_.end()) return;
  Entry& entry = it->second;
  entry.node.last_seen_ns = seen_ns;
  if (canonical_bytes(entry.node.report) == canonical_bytes(report)) return;
  entry.node.report = report;
  entry.is_changed = true;
}

void NodeRoster::see(const std::string& node, std::int64_t seen_ns) {
  if (const auto it = entries_.find(node); it != entries_.end()) {
    it->second.node.last_seen_ns = seen_ns;
  }
}

void NodeRoster::leave(const std::string& node) {
  const auto it = entries_.find(node);
  if (it == entries_.end()) return;
  it->second.is_connected = false;
  it->second.is_changed = true;  // for when it was seen last
}

const NodeReport* NodeRoster::find(const std::string& node) const {
  const auto it = entries_.find(node);
  return it == entries_.end() ? nullptr : &it->second.node;
}

const NodeReport* NodeRoster::next(const std::string& from) const {
  const auto it = entries_.lower_bound(from);
  return it == entries_.end() ? nullptr : &it->second.node;
}

bool NodeRoster::is_connected(const std::string& node) const {
  const auto it = entries_.find(node);
  return it != entries_.end() && it->second.is_connected;
}

NodeRoster::Changes NodeRoster::take_changes() {
  Changes changes;
  changes.gone = std::exchange(gone_, {});
  for (auto& entry : entries_) {
    if (!std::exchange(entry.second.is_changed, false)) continue;
    changes.changed.push_back(entry.second.node);
  }
  return changes;
}

void NodeRoster::put_back(const Changes& changes) {
  gone_.insert(gone_.end(), changes.gone.begin(), changes.gone.end());
  for (const NodeReport& node : changes.changed) {
    const auto it = entries_.find(node.hello.node());
    if (it != entries_.end()) it->second.is_changed = true;
  }
}

void NodeRoster::make_room() {
  if (entries_.size() < kNodesMax) return;
  const auto is_first_to_go = [](const auto& a, const auto& b) {
    return std::pair(a.second.is_connected, a.second.node.last_seen_ns) <
           std::pair(b.second.is_connected, b.second.node.last_seen_ns);
  };
  const auto it = std::min_element(entries_.begin(), entries_.end(), is_first_to_go);
  gone_.push_back(it->first);
  entries_.erase(it);
}

}  // namespace sluice::hub
