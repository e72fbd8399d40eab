#pragma once

#include <cstdint>
#include <string>

#include "ctl/local_commands.h"
#include "ctl/output.h"
#include "sluice/v1/config_admin.pb.h"

// What `sluicectl config` asks the daemon of this machine.

namespace sluice::ctl {

/// Hands the file to the daemon; with `waits`, tells how it goes until it is applied, refused or
/// rolled back. kExitUsage when it does not pass, kExitBadAnswer when it is rolled back.
ExitCode apply_config(const LocalTarget& target, const std::string& file, bool waits);
/// `number` 0: to the one before.
ExitCode roll_back_config(const LocalTarget& target, std::int64_t number, bool waits);
/// A revision with its document; `number` 0: the one in effect.
ExitCode show_config(const LocalTarget& target, std::int64_t number);
ExitCode show_config_history(const LocalTarget& target, std::uint32_t limit);
/// Lines that differ between two revisions, as a unified diff. kExitOk also when there are some.
ExitCode diff_configs(const LocalTarget& target, std::int64_t from, std::int64_t to);

std::string config_text(const v1::ConfigRevision& revision);
std::string config_history_text(const v1::ListConfigsResponse& response);
/// One line: what has become of it.
std::string config_state_line(const v1::ConfigRevision& revision);
std::string config_diff_text(const v1::ConfigRevision& from, const v1::ConfigRevision& to);

}  // namespace sluice::ctl
