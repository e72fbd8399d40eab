#pragma once

#include <grpcpp/client_context.h>
#include <grpcpp/support/status.h>

#include <string>

#include "base/status.h"

namespace sluice::ctl {

/// Of messages from a daemon or hub: a page of summaries has well under 1 MiB.
inline constexpr int kAnswerBytesMax = 64 * 1024 * 1024;

/// Ends the call `timeout_ms` from now. The clock is monotonic: a step of the wall clock neither
/// ends it early nor keeps it open.
void set_timeout(grpc::ClientContext& context, int timeout_ms);

/// A failed call in a sentence. `peer` is e.g. "the daemon at /run/sluice/admin.sock";
/// `unreachable` is the whole sentence for an UNAVAILABLE one.
Status call_failure(const grpc::Status& failure, const std::string& peer, int timeout_ms,
                    const std::string& unreachable);

}  // namespace sluice::ctl
