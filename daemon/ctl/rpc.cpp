#include "ctl/rpc.h"

#include <grpc/support/time.h>

#include <cstdio>

namespace sluice::ctl {
namespace {
std::string seconds_text(int ms) {
  char text[32];
  std::snprintf(text, sizeof text, "%g s", ms / 1000.0);
  return text;
}
}  // namespace

void set_timeout(grpc::ClientContext& context, int timeout_ms) {
  context.set_deadline(
      gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), gpr_time_from_millis(timeout_ms, GPR_TIMESPAN)));
}

Status call_failure(const grpc::Status& failure, const std::string& peer, int timeout_ms,
                    const std::string& unreachable) {
  switch (failure.error_code()) {
    case grpc::StatusCode::UNAVAILABLE: return unavailable(unreachable);
    case grpc::StatusCode::DEADLINE_EXCEEDED:
      return Status(StatusCode::deadline_exceeded, peer + " did not answer within " +
                                                       seconds_text(timeout_ms) +
                                                       ": is it stopped or overloaded?");
    case grpc::StatusCode::UNIMPLEMENTED:
      return Status(StatusCode::unimplemented,
                    peer + " does not know this request: use the sluicectl of its version");
    default: break;
  }
  // The values of StatusCode are gRPC's.
  return Status(static_cast<StatusCode>(failure.error_code()),
                peer + " refused the request: " + failure.error_message());
}

}  // namespace sluice::ctl
