#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"
#include "ctl/local_commands.h"
#include "ctl/output.h"
#include "sluice/v1/plan.pb.h"

namespace sluice::ctl {

/// Has the daemon rehearse the config in `file` on the last `since` ("15m"). kExitBadAnswer when it
/// is refused, kExitUsage when it is no config.
ExitCode plan_config(const LocalTarget& target, const std::string& file, const std::string& since);

/// "15m" in seconds; at least one.
Result<std::uint32_t> parse_plan_since(const std::string& since);
/// Shows a plan of the config in `file`; the code to exit with.
ExitCode show_plan(const std::string& file, const v1::PlanReport& plan, bool json);

}  // namespace sluice::ctl
