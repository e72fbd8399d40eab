#pragma once

#include <cstdint>
#include <memory>

#include "control/config_keeper.h"
#include "model/config_revision.h"

namespace grpc {
class Service;
}

namespace sluice {

inline constexpr std::uint32_t kConfigsLimitDefault = 20;
inline constexpr std::uint32_t kConfigsLimitMax = 100;

/// Answers sluice/v1/config_admin.proto. Both are borrowed. Its calls come on gRPC's threads.
std::shared_ptr<grpc::Service> make_config_service(ConfigKeeper& keeper, RevisionStore& revisions);

}  // namespace sluice
