#pragma once

#include <chrono>

#include "base/status.h"
#include "ingest/fd.h"
#include "ingest/mqtt_options.h"

namespace sluice {

/// Opens a TCP connection (non-blocking socket, no delay), trying every address of the host.
///
/// Paho would do this under the one lock that all its clients share, so one dead name server would
/// stop every source; we do it on the thread of the source that needs it. `cancel` ends the wait
/// for a connection at once (`cancelled`), a lookup only when the resolver answers.
/// `unavailable` names host, port and cause.
Result<UniqueFd> dial(const BrokerAddress& address, std::chrono::milliseconds timeout,
                      const WakeFd& cancel);

}  // namespace sluice
