#pragma once

#include <cstddef>
#include <map>
#include <memory>
#include <string>

#include "aggregate/plugin_aggregate.h"
#include "base/mutex.h"
#include "base/status.h"

namespace sluice {

/// Loads `dir`/`plugin`.so and opens the aggregate that it supplies with a config, "" for {}. Its
/// code runs in this process. `where` starts the messages, e.g.
/// `pipelines[0].aggregates.plugins[0]`.
///
/// `invalid_argument` for a config that the plugin or its schema refuses, or that is larger than
/// kPluginAggregateConfigBytesMax with all defaults, e.g. `… (shape): config.bias: no such key`;
/// `not_found` and `failed_precondition` as PluginLibrary::open, the latter also when the plugin
/// supplies no aggregate; `internal` when it breaks the contract.
///
/// The type holds its library: the code is unloaded with the last type or stage that uses it.
/// Whatever the plugin throws, answers or writes beyond its bounds is a call that failed; the log
/// has the first one of each function, and failure() the last one.
///
/// Bounds: state_bytes() and saved_bytes_max() are 1..kPluginAggregateBytesMax, read once. A state
/// is its holder's memory (PluginAggregate), which the plugin can write past, as code in this
/// process. What save() writes is counted here, call by call of its writer; `out` never grows by
/// more than saved_bytes_max(), and after a call that failed it is as it was. The bytes that a
/// plugin is given to restore its holder has bounded.
Result<std::shared_ptr<const AggregateType>> open_aggregate(const std::string& dir,
                                                            const std::string& plugin,
                                                            const std::string& config_json,
                                                            const std::string& where);

/// The aggregates of a folder's plugins, loaded when they are first asked for, by keys that may
/// come from anywhere. Any thread.
class AggregateFolder {
 public:
  /// So many keys are kept at least, those in use before others.
  static constexpr std::size_t kKeysMax = 1024;

  explicit AggregateFolder(std::string dir) : dir_(std::move(dir)) {}

  /// The type of this very key, also where the plugin has further keys with defaults by now. Null
  /// where there is none, which is kept too: a file that comes later is for another folder object.
  /// The log says why.
  std::shared_ptr<const AggregateType> find(const PluginAggregateKey& key);

 private:
  using Key = std::pair<std::string, std::string>;
  void make_room() SLUICE_REQUIRES(mutex_);

  const std::string dir_;
  Mutex mutex_;
  std::map<Key, std::shared_ptr<const AggregateType>> types_ SLUICE_GUARDED_BY(mutex_);
};

}  // namespace sluice
