#pragma once

#include <functional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "plugin_host/isolation.h"
#include "plugin_host/plugin_library.h"

namespace sluice {

/// One .so of the folder: metadata when `status` is ok, else why it cannot be used.
struct PluginFile {
  std::string path;
  std::string name;  ///< of the file, without .so
  Status status;
  PluginMetadata metadata;
};

/// What a plugin says of itself, checked. Its constructors run in this process.
Result<PluginMetadata> describe_plugin(const std::string& dir, const std::string& name);
/// They run in a process of their own.
Result<PluginMetadata> describe_isolated(const IsolationOptions& options, const std::string& dir,
                                         const std::string& name, const Clock& clock);

/// Every NAME.so of the folder, by name, as `describe` has it. `not_found` without the folder.
Result<std::vector<PluginFile>> list_plugins(
    const std::string& dir,
    const std::function<Result<PluginMetadata>(const std::string& name)>& describe);

}  // namespace sluice
