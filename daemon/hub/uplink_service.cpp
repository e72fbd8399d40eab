#include "hub/uplink_service.h"

#include <grpcpp/grpcpp.h>

#include "base/log.h"
#include "hub/grpc_status.h"
#include "hub/uplink_messages.h"
#include "hub/uplink_session.h"
#include "sluice/v1/uplink.grpc.pb.h"

namespace sluice::hub {
namespace {

using UplinkStream = grpc::ServerReaderWriter<v1::UplinkResponse, v1::UplinkRequest>;

// Ok when the node ended the stream or went away; otherwise why the hub ends it. A write that fails
// ends the next Read; the node sends again what it got no answer to.
Status run(UplinkSession& session, UplinkStream& stream) {
  v1::UplinkRequest request;
  while (stream.Read(&request)) {
    const auto answer = session.take(request);
    if (!answer.ok()) {
      if (const auto last = refusal(answer.status())) stream.Write(*last);
      return answer.status();
    }
    if (*answer) stream.Write(**answer);
    // A large message's buffers are not kept through the quiet time after it.
    request = v1::UplinkRequest();
  }
  return {};
}

class UplinkService final : public v1::Uplink::Service {
 public:
  UplinkService(GroupCommit& store, StreamRegistry& streams, const Clock& clock)
      : store_(store), streams_(streams), clock_(clock) {}

  grpc::Status Exchange(grpc::ServerContext* context, UplinkStream* stream) override {
    const std::string peer = context->peer();  // unknown once the connection is gone
    Status status;
    NodeKey node;
    if (auto entry = streams_.enter([context] { context->TryCancel(); }); entry.ok()) {
      UplinkSession session({[this](const Change& change) { return store_.commit(change); },
                             [&entry](const NodeKey& who, const std::string& instance) {
                               return (*entry)->greet(who, instance);
                             },
                             clock_});
      status = run(session, *stream);
      node = session.node();
    } else {
      status = entry.status();
    }
    if (status.ok()) {
      log::info("hub", "stream ended", {{"node", node.node}, {"peer", peer}});
    } else {
      log::warn("hub", "stream refused",
                {{"node", node.node}, {"peer", peer}, {"why", status.to_string()}});
    }
    return to_grpc(status);
  }

 private:
  GroupCommit& store_;
  StreamRegistry& streams_;
  const Clock& clock_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_uplink_service(GroupCommit& store, StreamRegistry& streams,
                                                   const Clock& clock) {
  return std::make_unique<UplinkService>(store, streams, clock);
}

}  // namespace sluice::hub
