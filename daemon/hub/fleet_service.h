#pragma once

#include <memory>

#include "hub/control_registry.h"
#include "hub/fleet_access.h"

namespace grpc {
class Service;
}

namespace sluice::hub {

/// The people's side of config push (fleet.proto). `registry` is borrowed. A caller that waits for
/// a plan keeps one of gRPC's threads.
std::unique_ptr<grpc::Service> make_fleet_service(ControlRegistry& registry, FleetAccess access);

}  // namespace sluice::hub
