#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "hub/node_report_table.h"

namespace sluice::hub {

/// What each node said last, in memory, and which of it the database does not have yet: a node may
/// say something new as often as it likes, and that makes no more writes than take_changes() is
/// called. One thread at a time.
class NodeRoster {
 public:
  /// Past it the node goes that was not seen for longest and is not connected.
  static constexpr std::size_t kNodesMax = 4096;

  explicit NodeRoster(std::vector<NodeReport> saved);

  /// Its report stays until it sends another one.
  void greet(const v1::ControlHello& hello, std::int64_t seen_ns);
  void report(const std::string& node, const v1::ConfigReport& report, std::int64_t seen_ns);
  /// The node is there, and has nothing new to say.
  void see(const std::string& node, std::int64_t seen_ns);
  void leave(const std::string& node);

  /// Null: unknown.
  const NodeReport* find(const std::string& node) const;
  /// The first one whose name is not below `from`; null: none.
  const NodeReport* next(const std::string& from) const;
  bool is_connected(const std::string& node) const;

  struct Changes {
    std::vector<NodeReport> changed;
    std::vector<std::string> gone;
  };
  /// Since the last call.
  Changes take_changes();
  /// These could not be saved: they come again with the next ones.
  void put_back(const Changes& changes);

 private:
  struct Entry {
    NodeReport node;
    bool is_connected = false;
    bool is_changed = false;
  };
  void make_room();

  std::map<std::string, Entry> entries_;
  std::vector<std::string> gone_;
};

}  // namespace sluice::hub
