#pragma once

#include <string>

#include "ctl/output.h"
#include "ctl/plugin_trial.h"

// The commands that look into plugin files themselves, without a daemon. Loading a file runs its
// code: of plugins that come with Sluice in this process, of others in one of their own, behind the
// sandbox that the daemon uses, unless the user wants it here.

namespace sluice::ctl {

struct PluginTarget {
  std::string dir = "/usr/lib/sluice/plugins";
  std::string name;
  bool json = false;
  bool in_process = false;
};

/// kExitOk also with files that cannot be used: each line says so.
ExitCode list_plugin_files(const PluginTarget& target);
ExitCode describe_plugin(const PluginTarget& target);
/// The reference of all plugins as Markdown; kExitBadAnswer when a file cannot be used.
ExitCode write_plugin_docs(const PluginTarget& target);

/// Gives the readings on stdin to the plugin, or with `of_aggregate` to its aggregate, which runs
/// in this process as it does in the daemon: of a plugin that does not come with Sluice only when
/// the user wants it here. `config` is JSON or @FILE. kExitUsage for a config or readings that do
/// not pass, kExitBadAnswer when the plugin broke a promise or a call failed.
ExitCode try_plugin(const PluginTarget& target, const std::string& config,
                    const TrialOptions& options);

}  // namespace sluice::ctl
