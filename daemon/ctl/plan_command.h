#pragma once

#include <string>

#include "ctl/local_commands.h"
#include "ctl/output.h"

namespace sluice::ctl {

/// Has the daemon rehearse the config in `file` on the last `since` ("15m"). kExitBadAnswer when it
/// is refused, kExitUsage when it is no config.
ExitCode plan_config(const LocalTarget& target, const std::string& file, const std::string& since);

}  // namespace sluice::ctl
