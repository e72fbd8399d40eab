#pragma once

#include <cstdint>
#include <functional>
#include <memory>

#include "control/config_keeper.h"
#include "model/config_revision.h"
#include "sluice/v1/config_admin.pb.h"

namespace grpc {
class Service;
}

namespace sluice {

inline constexpr std::uint32_t kConfigsLimitDefault = 20;
inline constexpr std::uint32_t kConfigsLimitMax = 100;

/// Answers sluice/v1/config_admin.proto. Keeper and revisions are borrowed. Its calls, and so those
/// of `status`, come on gRPC's threads.
std::shared_ptr<grpc::Service> make_config_service(ConfigKeeper& keeper, RevisionStore& revisions,
                                                   std::function<v1::ConfigStatus()> status);

}  // namespace sluice
