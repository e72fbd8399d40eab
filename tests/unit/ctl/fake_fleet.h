#pragma once

#include <grpcpp/grpcpp.h>

#include <memory>
#include <mutex>
#include <string>
#include <vector>

#include "sluice/v1/fleet.grpc.pb.h"

namespace sluice::ctl {

/// The fleet's side of a hub on a loopback port, with answers that a test puts there.
class FakeFleet final : public v1::Fleet::Service {
 public:
  FakeFleet() {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:0", grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(this);
    server_ = builder.BuildAndStart();
  }
  ~FakeFleet() override { server_->Shutdown(); }
  std::string address() const { return "127.0.0.1:" + std::to_string(port_); }

  /// What the nodes say, one answer after the other; the last one stays.
  void will_say(std::vector<v1::ListNodeConfigsResponse> answers) {
    const std::lock_guard lock(mutex_);
    answers_ = std::move(answers);
  }
  void will_plan(const grpc::Status& status, const v1::PlanReport& report = {}) {
    const std::lock_guard lock(mutex_);
    plan_status_ = status;
    plan_ = report;
  }
  v1::PushConfigRequest pushed() {
    const std::lock_guard lock(mutex_);
    return pushed_;
  }
  v1::PlanConfigRequest planned() {
    const std::lock_guard lock(mutex_);
    return planned_;
  }
  std::string chain() {
    const std::lock_guard lock(mutex_);
    return chain_;
  }

  grpc::Status PushConfig(grpc::ServerContext*, const v1::PushConfigRequest* request,
                          v1::PushConfigResponse* response) override {
    const std::lock_guard lock(mutex_);
    pushed_ = *request;
    response->set_offer_id(12);
    response->set_nodes(1);
    return grpc::Status::OK;
  }
  grpc::Status WithdrawConfig(grpc::ServerContext*, const v1::WithdrawConfigRequest* request,
                              v1::WithdrawConfigResponse*) override {
    if (request->offer_id() == 12) return grpc::Status::OK;
    return {grpc::StatusCode::NOT_FOUND, "there is no push " + std::to_string(request->offer_id())};
  }
  grpc::Status PushKeySet(grpc::ServerContext*, const v1::PushKeySetRequest* request,
                          v1::PushKeySetResponse* response) override {
    const std::lock_guard lock(mutex_);
    chain_ = request->chain();
    response->set_version(4);
    response->set_nodes(2);
    return grpc::Status::OK;
  }
  grpc::Status ListConfigPushes(grpc::ServerContext*, const v1::ListConfigPushesRequest* request,
                                v1::ListConfigPushesResponse* response) override {
    if (request->limit() == 1) return grpc::Status::OK;
    v1::ConfigPush& push = *response->add_pushes();
    push.set_offer_id(12);
    push.mutable_target()->set_group("north\x1b");
    push.set_is_signed(true);
    push.set_version(7);
    push.set_sha256("\x01\x23\x45\x67\x89");
    push.set_pushed_ns(1'714'564'800'000'000'000);
    push.set_is_withdrawn(true);
    return grpc::Status::OK;
  }
  grpc::Status ListNodeConfigs(grpc::ServerContext*, const v1::ListNodeConfigsRequest* request,
                               v1::ListNodeConfigsResponse* response) override {
    const std::lock_guard lock(mutex_);
    if (request->node() == "forbidden") {
      return {grpc::StatusCode::PERMISSION_DENIED, "no operator"};
    }
    if (answers_.empty()) return grpc::Status::OK;
    *response = answers_.front();
    if (answers_.size() > 1) answers_.erase(answers_.begin());
    return grpc::Status::OK;
  }
  grpc::Status PlanConfig(grpc::ServerContext*, const v1::PlanConfigRequest* request,
                          v1::PlanReport* response) override {
    const std::lock_guard lock(mutex_);
    planned_ = *request;
    *response = plan_;
    return plan_status_;
  }

 private:
  int port_ = 0;
  std::mutex mutex_;
  std::vector<v1::ListNodeConfigsResponse> answers_;
  v1::PushConfigRequest pushed_;
  v1::PlanConfigRequest planned_;
  std::string chain_;
  grpc::Status plan_status_;
  v1::PlanReport plan_;
  std::unique_ptr<grpc::Server> server_;
};

}  // namespace sluice::ctl
