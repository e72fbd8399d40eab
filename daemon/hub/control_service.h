#pragma once

#include <memory>

#include "hub/control_registry.h"
#include "hub/fleet_store.h"
#include "hub/stream_registry.h"

namespace grpc {
class Service;
}

namespace sluice::hub {

/// The nodes' side of config push (control.proto).
///
/// Two threads per stream, for as long as it lives: gRPC's reads, [hub-control] writes, so that a
/// node which does not read holds up nobody but itself. All three are borrowed.
std::unique_ptr<grpc::Service> make_control_service(FleetStore& store, ControlRegistry& registry,
                                                    StreamRegistry& streams);

}  // namespace sluice::hub
