#pragma once

#include <cstdint>
#include <string>

#include "ctl/output.h"

// The commands that ask the daemon of this machine, or nobody. Each writes its answer to stdout and
// says on stderr what went wrong.

namespace sluice::ctl {

struct LocalTarget {
  std::string socket_path;
  bool json = false;
};

/// With `check`, kExitBadAnswer for a node that is not ready.
ExitCode show_status(const LocalTarget& target, bool check);
/// kExitBadAnswer when a difference is not 0.
ExitCode show_ledger(const LocalTarget& target);
ExitCode show_series(const LocalTarget& target, const std::string& measurement,
                     std::uint32_t limit);
/// What the windows of the largest series keep in memory, and those of each pipeline; `limit`
/// 0: 20.
ExitCode show_series_state(const LocalTarget& target, const std::string& measurement,
                           std::uint32_t limit);
/// What makes the series grow, and what was refused; `limit` 0: 10 of each.
ExitCode show_series_growth(const LocalTarget& target, std::uint32_t limit);
ExitCode show_summaries(const LocalTarget& target, const std::string& pipeline,
                        std::uint32_t limit);
/// With `follows`, what comes until the process is stopped, oldest first, a look a second.
ExitCode show_late(const LocalTarget& target, const std::string& pipeline, std::uint32_t limit,
                   bool follows);
/// Likewise.
ExitCode show_events(const LocalTarget& target, const std::string& pipeline, std::uint32_t limit,
                     bool follows);
ExitCode show_plugins(const LocalTarget& target);
/// kExitBadAnswer when a pipeline could not go over to the new files.
ExitCode reload_plugins(const LocalTarget& target, bool begins_anew);

/// The schema's checks: YAML, keys, types, bounds and the rules between keys. Topic patterns and
/// plugin configs are checked by the daemon. kExitUsage when the config does not pass.
ExitCode validate_config(const std::string& file, bool json);
ExitCode show_version(bool json);

}  // namespace sluice::ctl
