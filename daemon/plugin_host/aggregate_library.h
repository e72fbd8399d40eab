#pragma once

#include <map>
#include <memory>
#include <string>
#include <utility>

#include "aggregate/plugin_aggregate.h"
#include "base/mutex.h"
#include "base/status.h"

namespace sluice {

/// The aggregate that a plugin supplies (plugins/api/sluice_aggregate.h), for one config. It runs
/// in this process. What a call of it breaks or throws is `false` from the call, and the first time
/// a line in the log.
///
/// `invalid_argument`, e.g. `pipelines[0].windows[0].aggregates.plugins[0] (shape): config.bias:
/// expected true or false, got 3`; `not_found` and `failed_precondition` as PluginLibrary::open,
/// and when the plugin supplies none. Holds its library. Any thread.
Result<std::shared_ptr<const AggregateType>> open_aggregate(const std::string& dir,
                                                            const std::string& plugin,
                                                            const std::string& config_json,
                                                            const std::string& where);

/// The aggregates of a folder, each loaded when it is first asked for; a file that is replaced
/// later is not looked at again. Any thread.
class AggregateFolder {
 public:
  explicit AggregateFolder(std::string dir) : dir_(std::move(dir)) {}
  /// Null where there is none such; the first time a line in the log says why. Of so many keys at
  /// most (kKeysMax): they come from the network.
  std::shared_ptr<const AggregateType> find(const PluginAggregateKey& key);

  static constexpr std::size_t kKeysMax = 1024;

 private:
  const std::string dir_;
  Mutex mutex_;
  std::map<std::pair<std::string, std::string>, std::shared_ptr<const AggregateType>> found_
      SLUICE_GUARDED_BY(mutex_);
};

}  // namespace sluice
