#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>

#include "aggregate/plugin_aggregate.h"

namespace sluice::v1 {
class Aggregates;
}  // namespace sluice::v1

namespace sluice::hub {

/// Which aggregates of plugins the windows of a merged row have, so that the row can say of those
/// that it has no numbers of why. Nodes choose the configs and may send any number of them, so few
/// are named and the rest is counted.
class PluginsSeen {
 public:
  static constexpr std::size_t kNamedMax = 16;      ///< of those that a row has no numbers of
  static constexpr std::size_t kCountedMax = 1024;  ///< beyond; further ones are as if not there

  /// Of a window, after the hub has tried to open it.
  void add(const PluginAggregate& plugin);
  bool empty() const { return named_.empty(); }
  /// Adds to the row's aggregates those that are not among them.
  void write_unknown(v1::Aggregates& out) const;

 private:
  using Key = std::pair<std::string, std::string>;  ///< plugin and config
  struct Known {
    bool is_here = false;  ///< the hub has opened one
    std::string fault;     ///< why it could not open another
  };
  static std::string reason(const Known& known);

  std::map<Key, Known> named_;
  std::set<std::uint64_t> more_;  ///< hashes of further keys
};

/// The types of one query: each key is looked up once, and no more than so many different ones,
/// for each may load a file. Not for several threads.
class QueryTypes {
 public:
  static constexpr std::size_t kKeysMax = 256;

  explicit QueryTypes(const FindAggregateType& find) : find_(find) {}
  /// Null where there is none, and past the bound.
  std::shared_ptr<const AggregateType> find(const PluginAggregateKey& key);
  explicit operator bool() const { return find_ != nullptr; }

 private:
  const FindAggregateType& find_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const AggregateType>> types_;
};

}  // namespace sluice::hub
