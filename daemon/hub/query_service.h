#pragma once

#include <memory>
#include <string>

#include "hub/hub_store.h"
#include "hub/stream_registry.h"

namespace grpc {
class Service;
}

namespace sluice::hub {

/// The people's side of the hub (hub.proto). Both are borrowed.
std::unique_ptr<grpc::Service> make_query_service(const HubStore& store,
                                                  const StreamRegistry& streams);

}  // namespace sluice::hub
