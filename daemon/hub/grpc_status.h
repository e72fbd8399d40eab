#pragma once

#include <grpcpp/support/status.h>

#include <string>

#include "base/status.h"

namespace sluice::hub {

/// The codes have the same numbers on both sides.
inline grpc::Status to_grpc(const Status& status) {
  return {static_cast<grpc::StatusCode>(status.code()), std::string(status.message())};
}

}  // namespace sluice::hub
