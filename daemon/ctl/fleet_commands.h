#pragma once

#include <cstdint>
#include <string>

#include "ctl/hub_channel.h"
#include "ctl/output.h"
#include "ctl/signing_check.h"

// The commands that change what a fleet runs, by its hub.

namespace sluice::ctl {

struct PushArguments {
  std::string file;
  TargetArguments target;  ///< of a config that is not signed
  bool waits = false;
  std::int64_t timeout_ns = 0;  ///< of the waiting
};

/// Pushes a config, after it was checked as `config validate` does, or a signed one as it is.
/// `waits`: until the nodes that are connected say what became of it; kExitBadAnswer unless all
/// applied it.
ExitCode push_config(const HubAddress& hub, const PushArguments& a, bool json);
ExitCode withdraw_config(const HubAddress& hub, std::uint64_t offer_id, bool json);
ExitCode push_key_set(const HubAddress& hub, const std::string& file, bool json);
/// 0: 20.
ExitCode show_config_pushes(const HubAddress& hub, std::uint32_t limit, bool json);
/// Empty: all.
ExitCode show_node_configs(const HubAddress& hub, const std::string& node, bool json);
/// As plan_config(), of a node of the fleet.
ExitCode plan_node_config(const HubAddress& hub, const std::string& node, const std::string& file,
                          const std::string& since, bool json);

}  // namespace sluice::ctl
