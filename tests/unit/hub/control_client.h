#pragma once

#include <functional>

#include "control/ed25519.h"
#include "control/key_set.h"
#include "control/sha256.h"
#include "control/signed_config.h"
#include "sluice/v1/control.grpc.pb.h"
#include "sluice/v1/fleet.grpc.pb.h"
#include "unit/hub/hub_server.h"

// A node's control stream and a person's calls, driven by hand against a real hub.

namespace sluice::hub {

inline v1::ControlHello sample_hello(const std::string& node = "gw-1",
                                     const std::string& instance = "i1") {
  v1::ControlHello hello;
  hello.set_node(node);
  hello.set_instance(instance);
  hello.set_version("0.1.0");
  return hello;
}

class TestAttendant {
 public:
  explicit TestAttendant(std::uint16_t port) : TestAttendant(connect(port)) {}
  explicit TestAttendant(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::Control::NewStub(channel)) {
    // Ends a test that waits for what never comes.
    context_.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    stream_ = stub_->Attend(&context_);
  }
  TestAttendant(std::uint16_t port, const v1::ControlHello& hello) : TestAttendant(port) {
    send_hello(hello);
  }

  bool send(const v1::ControlRequest& request) { return stream_->Write(request); }
  bool send_hello(const v1::ControlHello& hello) {
    v1::ControlRequest request;
    *request.mutable_hello() = hello;
    return send(request);
  }
  /// What became of an offer; `runs` is the config in effect.
  bool report(std::uint64_t offer_id, v1::OfferState state, const std::string& runs,
              const std::string& message = "") {
    v1::ControlRequest request;
    request.mutable_report()->set_sha256(sha256(runs));
    if (offer_id > 0) {
      request.mutable_report()->mutable_last_offer()->set_offer_id(offer_id);
      request.mutable_report()->mutable_last_offer()->set_state(state);
      request.mutable_report()->mutable_last_offer()->set_message(message);
    }
    return send(request);
  }
  /// The next one after the welcome.
  bool read(v1::ControlResponse& response) {
    while (stream_->Read(&response)) {
      if (!response.has_welcome()) return true;
    }
    return false;
  }
  /// The next message's offer; empty when it is something else, or the stream ended.
  v1::ConfigOffer read_offer() {
    v1::ControlResponse response;
    return read(response) ? response.config() : v1::ConfigOffer();
  }
  void cancel() { context_.TryCancel(); }
  void end() { stream_->WritesDone(); }
  /// Reads to the end the hub makes; what came until then is in rest().
  grpc::Status status() {
    v1::ControlResponse response;
    while (read(response)) rest_.push_back(response);
    return stream_->Finish();
  }
  const std::vector<v1::ControlResponse>& rest() const { return rest_; }

 private:
  std::unique_ptr<v1::Control::Stub> stub_;
  grpc::ClientContext context_;
  std::unique_ptr<grpc::ClientReaderWriter<v1::ControlRequest, v1::ControlResponse>> stream_;
  std::vector<v1::ControlResponse> rest_;
};

class TestOperator {
 public:
  explicit TestOperator(std::uint16_t port) : TestOperator(connect(port)) {}
  explicit TestOperator(const std::shared_ptr<grpc::Channel>& channel)
      : stub_(v1::Fleet::NewStub(channel)) {}

  template <typename Request, typename Response>
  grpc::Status call(grpc::Status (v1::Fleet::Stub::*method)(grpc::ClientContext*, const Request&,
                                                            Response*),
                    const Request& request, Response& response) {
    grpc::ClientContext context;
    context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
    return (stub_.get()->*method)(&context, request, &response);
  }
  grpc::Status push(const v1::PushConfigRequest& request, v1::PushConfigResponse& response) {
    return call(&v1::Fleet::Stub::PushConfig, request, response);
  }
  /// The answer to a push that must be taken.
  v1::PushConfigResponse pushed(const v1::PushConfigRequest& request) {
    v1::PushConfigResponse response;
    const grpc::Status status = push(request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  grpc::Status withdraw(std::uint64_t offer_id) {
    v1::WithdrawConfigRequest request;
    v1::WithdrawConfigResponse response;
    request.set_offer_id(offer_id);
    return call(&v1::Fleet::Stub::WithdrawConfig, request, response);
  }
  grpc::Status push_keys(const std::string& chain, v1::PushKeySetResponse& response) {
    v1::PushKeySetRequest request;
    request.set_chain(chain);
    return call(&v1::Fleet::Stub::PushKeySet, request, response);
  }
  v1::ListConfigPushesResponse pushes(std::uint32_t limit = 0) {
    v1::ListConfigPushesRequest request;
    v1::ListConfigPushesResponse response;
    request.set_limit(limit);
    const grpc::Status status = call(&v1::Fleet::Stub::ListConfigPushes, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  v1::ListNodeConfigsResponse nodes(const std::string& node = "", std::uint32_t limit = 0) {
    v1::ListNodeConfigsRequest request;
    v1::ListNodeConfigsResponse response;
    request.set_node(node);
    request.set_limit(limit);
    const grpc::Status status = call(&v1::Fleet::Stub::ListNodeConfigs, request, response);
    EXPECT_TRUE(status.ok()) << status.error_message();
    return response;
  }
  /// Asks again until the hub has taken what the node sent; a test's time-out bounds it.
  v1::NodeConfigStatus node_when(const std::string& node,
                                 const std::function<bool(const v1::NodeConfigStatus&)>& is_so) {
    while (true) {
      const v1::ListNodeConfigsResponse all = nodes(node);
      if (all.nodes_size() == 1 && is_so(all.nodes(0))) return all.nodes(0);
    }
  }
  v1::NodeConfigStatus node_when(const std::string& node, v1::NodeConfigAgreement agreement) {
    return node_when(node, [agreement](const auto& n) { return n.agreement() == agreement; });
  }
  v1::NodeConfigStatus connected(const std::string& node) {
    return node_when(node, [](const auto& n) { return n.connected(); });
  }
  v1::NodeConfigStatus away(const std::string& node) {
    return node_when(node, [](const auto& n) { return !n.connected(); });
  }
  grpc::Status plan(const std::string& node, v1::PlanReport& report) {
    v1::PlanConfigRequest request;
    request.set_node(node);
    request.mutable_request()->set_config_yaml("pipelines: []\n");
    return call(&v1::Fleet::Stub::PlanConfig, request, report);
  }
  v1::Fleet::Stub& stub() { return *stub_; }

 private:
  std::unique_ptr<v1::Fleet::Stub> stub_;
};

inline v1::PushConfigRequest push_of(const std::string& document) {
  v1::PushConfigRequest request;
  request.set_document(document);
  return request;
}
inline v1::PushConfigRequest push_to_node(const std::string& node, const std::string& document) {
  v1::PushConfigRequest request = push_of(document);
  request.mutable_target()->set_node(node);
  return request;
}
inline v1::PushConfigRequest push_to_group(const std::string& group, const std::string& document) {
  v1::PushConfigRequest request = push_of(document);
  request.mutable_target()->set_group(group);
  return request;
}
inline v1::PushConfigRequest push_to_everyone(const std::string& document) {
  v1::PushConfigRequest request = push_of(document);
  request.mutable_target()->mutable_everyone();
  return request;
}

/// Signed by a key that nobody knows, which is nothing to the hub.
inline std::string signed_for(const std::string& node, std::uint64_t version,
                              const std::string& payload) {
  v1::ConfigStatement statement;
  statement.set_version(version);
  statement.mutable_target()->set_node(node);
  statement.set_payload(payload);
  return *sign_config(statement, *PrivateKey::generate());
}

inline std::string sample_keys(std::uint64_t version) {
  v1::KeySetStatement statement;
  statement.set_version(version);
  statement.add_keys()->set_public_key(PrivateKey::generate()->public_key().raw());
  v1::KeySetChain chain;
  *chain.add_sets() = sign_key_set(statement, *PrivateKey::generate());
  return chain.SerializeAsString();
}

}  // namespace sluice::hub
