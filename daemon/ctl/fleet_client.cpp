#include "ctl/fleet_client.h"

#include <grpcpp/grpcpp.h>

#include <utility>

#include "ctl/rpc.h"
#include "sluice/v1/fleet.grpc.pb.h"

namespace sluice::ctl {

struct FleetClient::State {
  std::string hub;
  std::unique_ptr<v1::Fleet::Stub> stub;

  template <typename Request, typename Response>
  grpc::Status call(grpc::Status (v1::Fleet::Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                    const Request& request, Response& response, int timeout_ms) {
    grpc::ClientContext context;
    set_timeout(context, timeout_ms);
    return (stub.get()->*method)(&context, request, &response);
  }

  template <typename Request, typename Response>
  Result<Response> ask(grpc::Status (v1::Fleet::Stub::*method)(grpc::ClientContext*, const Request&,
                                                               Response*),
                       const Request& request) {
    Response response;
    const grpc::Status status = call(method, request, response, kFleetTimeoutMs);
    if (status.ok()) return response;
    return call_failure(status, hub, kFleetTimeoutMs, hub_unreachable(hub, status.error_message()));
  }
};

Result<FleetClient> FleetClient::make(const HubAddress& address) {
  const auto channel = open_hub_channel(address);
  if (!channel.ok()) return channel.status();
  return FleetClient(std::make_unique<State>(
      State{"the hub at " + address.address, v1::Fleet::NewStub(*channel)}));
}

FleetClient::FleetClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
FleetClient::FleetClient(FleetClient&&) noexcept = default;
FleetClient& FleetClient::operator=(FleetClient&&) noexcept = default;
FleetClient::~FleetClient() = default;

Result<v1::PushConfigResponse> FleetClient::push(const v1::PushConfigRequest& request) {
  return state_->ask(&v1::Fleet::Stub::PushConfig, request);
}
Result<v1::WithdrawConfigResponse> FleetClient::withdraw(std::uint64_t offer_id) {
  v1::WithdrawConfigRequest request;
  request.set_offer_id(offer_id);
  return state_->ask(&v1::Fleet::Stub::WithdrawConfig, request);
}
Result<v1::PushKeySetResponse> FleetClient::push_keys(const std::string& chain) {
  v1::PushKeySetRequest request;
  request.set_chain(chain);
  return state_->ask(&v1::Fleet::Stub::PushKeySet, request);
}
Result<v1::ListConfigPushesResponse> FleetClient::pushes(std::uint32_t limit) {
  v1::ListConfigPushesRequest request;
  request.set_limit(limit);
  return state_->ask(&v1::Fleet::Stub::ListConfigPushes, request);
}
Result<v1::ListNodeConfigsResponse> FleetClient::nodes(const std::string& node) {
  v1::ListNodeConfigsRequest request;
  request.set_node(node);
  return state_->ask(&v1::Fleet::Stub::ListNodeConfigs, request);
}
Result<v1::PlanReport> FleetClient::plan(const v1::PlanConfigRequest& request) {
  v1::PlanReport report;
  const grpc::Status status =
      state_->call(&v1::Fleet::Stub::PlanConfig, request, report, kHubPlanTimeoutMs);
  if (status.ok()) return report;
  // It is the hub that cannot be reached, or the hub says so of the node: its own words tell.
  return call_failure(
      status, state_->hub, kHubPlanTimeoutMs,
      "no plan of node " + request.node() + " by " + state_->hub + ": " + status.error_message());
}

}  // namespace sluice::ctl
