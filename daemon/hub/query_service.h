#pragma once

#include <memory>
#include <string>

#include "aggregate/plugin_aggregate.h"
#include "hub/hub_store.h"
#include "hub/stream_registry.h"

namespace grpc {
class Service;
}

namespace sluice::hub {

/// The people's side of the hub (hub.proto). Store and streams are borrowed; `find`: see HubReader.
std::unique_ptr<grpc::Service> make_query_service(const HubStore& store,
                                                  const StreamRegistry& streams,
                                                  FindAggregateType find);

}  // namespace sluice::hub
