#include "ctl/hub_client.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "ctl/rpc.h"
#include "sluice/v1/hub.grpc.pb.h"

namespace sluice::ctl {
struct HubClient::State {
  std::string hub;
  int timeout_ms;
  std::unique_ptr<v1::HubQuery::Stub> stub;

  template <typename Request, typename Response>
  Result<Response> call(grpc::Status (v1::HubQuery::Stub::*method)(grpc::ClientContext*,
                                                                   const Request&, Response*),
                        const Request& request) {
    grpc::ClientContext context;
    set_timeout(context, timeout_ms);
    Response response;
    const grpc::Status status = (stub.get()->*method)(&context, request, &response);
    if (status.ok()) return response;
    return call_failure(status, hub, timeout_ms, hub_unreachable(hub, status.error_message()));
  }
};

Result<HubClient> HubClient::make(const HubAddress& address, int timeout_ms) {
  const auto channel = open_hub_channel(address);
  if (!channel.ok()) return channel.status();
  return HubClient(std::make_unique<State>(
      State{"the hub at " + address.address, timeout_ms, v1::HubQuery::NewStub(*channel)}));
}

HubClient::HubClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
HubClient::HubClient(HubClient&&) noexcept = default;
HubClient& HubClient::operator=(HubClient&&) noexcept = default;
HubClient::~HubClient() = default;

Result<v1::ListNodesResponse> HubClient::nodes() {
  return state_->call(&v1::HubQuery::Stub::ListNodes, v1::ListNodesRequest());
}
Result<v1::ListSummariesResponse> HubClient::summaries(const v1::ListSummariesRequest& request) {
  return state_->call(&v1::HubQuery::Stub::ListSummaries, request);
}
Result<v1::MergeSummariesResponse> HubClient::merge(const v1::MergeSummariesRequest& request) {
  return state_->call(&v1::HubQuery::Stub::MergeSummaries, request);
}
Result<v1::ListGapsResponse> HubClient::gaps(const v1::ListGapsRequest& request) {
  return state_->call(&v1::HubQuery::Stub::ListGaps, request);
}
Result<v1::ListEventsResponse> HubClient::events(const v1::ListEventsRequest& request) {
  return state_->call(&v1::HubQuery::Stub::ListEvents, request);
}
Result<v1::ListUnreadResponse> HubClient::unread(const v1::ListUnreadRequest& request) {
  return state_->call(&v1::HubQuery::Stub::ListUnread, request);
}

}  // namespace sluice::ctl
