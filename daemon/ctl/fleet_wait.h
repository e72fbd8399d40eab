#pragma once

#include <cstdint>
#include <string>

#include "ctl/fleet_client.h"
#include "ctl/output.h"

namespace sluice::ctl {

/// Looks, twice a second, at what the nodes say of an offer that were connected when it was pushed
/// and should run it, and tells each state that one gets into. `node` narrows the question; empty:
/// all. kExitOk when all have applied it, also when there is none; kExitBadAnswer when one has not,
/// or nothing came of it within `timeout_ns`.
ExitCode wait_for_offer(FleetClient& client, std::uint64_t offer_id, const std::string& node,
                        std::int64_t timeout_ns, bool json);

}  // namespace sluice::ctl
