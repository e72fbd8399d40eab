#pragma once

#include <memory>

#include "base/clock.h"
#include "hub/group_commit.h"
#include "hub/stream_registry.h"

namespace grpc {
class Service;
}

namespace sluice::hub {

/// The node's side of the hub (uplink.proto). A batch is acknowledged only when its transaction is
/// on flash, so a node that forgets a row after its ack loses nothing.
///
/// One gRPC thread per stream, for as long as the stream lives; it waits in Read, in the commit or
/// in Write, and never holds more than one message. All three are borrowed.
std::unique_ptr<grpc::Service> make_uplink_service(GroupCommit& store, StreamRegistry& streams,
                                                   const Clock& clock);

}  // namespace sluice::hub
