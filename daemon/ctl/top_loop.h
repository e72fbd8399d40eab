#pragma once

#include <cstdint>
#include <string>

#include "ctl/hub_client.h"
#include "ctl/output.h"

namespace sluice::ctl {

struct TopOptions {
  std::int64_t interval_ns = 1'000'000'000;
  std::int64_t seconds = 0;  ///< 0: until Ctrl-C
  bool json = false;         ///< one answer a line
  bool ascii = false;        ///< sparklines without Unicode
};

/// Shows the daemon, or the fleet of a hub, until it is told to stop: on a terminal as a live
/// screen, else a line per interval. Goes on when there is no answer. kExitUnreachable when none
/// ever came.
ExitCode top_node(const std::string& socket_path, const TopOptions& options);
ExitCode top_hub(const HubAddress& hub, const TopOptions& options);

}  // namespace sluice::ctl
