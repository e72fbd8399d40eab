#include "hub/fleet_service.h"

#include <grpc/grpc_security_constants.h>
#include <grpcpp/grpcpp.h>

#include <utility>

#include "base/log.h"
#include "control/signed_config.h"
#include "hub/control_messages.h"
#include "hub/grpc_status.h"
#include "sluice/v1/fleet.grpc.pb.h"

namespace sluice::hub {
namespace {

constexpr std::uint32_t kPushesDefault = 20;
constexpr std::uint32_t kPushesMost = 100;
constexpr std::uint32_t kNodesMost = 1000;

// DNS names, URIs and the common name of the caller's certificate.
std::vector<std::string> names_of(const grpc::ServerContext& context) {
  std::vector<std::string> names;
  const auto peer = context.auth_context();
  if (!peer || !peer->IsPeerAuthenticated()) return names;
  for (const char* property : {GRPC_X509_SAN_PROPERTY_NAME, GRPC_X509_CN_PROPERTY_NAME}) {
    for (const grpc::string_ref& name : peer->FindPropertyValues(property)) {
      names.emplace_back(name.data(), name.size());
    }
  }
  return names;
}

Result<std::size_t> limit_of(std::uint32_t asked, std::uint32_t otherwise, std::uint32_t most) {
  if (asked > most) {
    return invalid_argument("limit is " + std::to_string(asked) + "; at most " +
                            std::to_string(most));
  }
  return std::size_t{asked == 0 ? otherwise : asked};
}

class FleetService final : public v1::Fleet::Service {
 public:
  FleetService(ControlRegistry& registry, FleetAccess access)
      : registry_(registry), access_(std::move(access)) {}

  grpc::Status PushConfig(grpc::ServerContext* context, const v1::PushConfigRequest* request,
                          v1::PushConfigResponse* response) override {
    return answer(*context, "config pushed", [this, request, response](std::string& said) {
      v1::PushConfigRequest taken = *request;
      auto read = take_push(taken);
      if (!read.ok()) return read.status();
      said = "for " + target_text(read->push.target());
      auto pushed = registry_.push(*std::move(read));
      if (!pushed.ok()) return pushed.status();
      said = "offer " + std::to_string(pushed->offer_id()) + " " + said;
      *response = *std::move(pushed);
      return Status();
    });
  }

  grpc::Status WithdrawConfig(grpc::ServerContext* context,
                              const v1::WithdrawConfigRequest* request,
                              v1::WithdrawConfigResponse*) override {
    return answer(*context, "config withdrawn", [this, request](std::string& said) {
      said = "offer " + std::to_string(request->offer_id());
      return registry_.withdraw(request->offer_id());
    });
  }

  grpc::Status PushKeySet(grpc::ServerContext* context, const v1::PushKeySetRequest* request,
                          v1::PushKeySetResponse* response) override {
    return answer(*context, "key set pushed", [this, request, response](std::string& said) {
      const auto version = key_set_version(request->chain());
      if (!version.ok()) return version.status();
      said = "version " + std::to_string(*version);
      auto pushed = registry_.push_keys({*version, request->chain()});
      if (!pushed.ok()) return pushed.status();
      *response = *std::move(pushed);
      return Status();
    });
  }

  grpc::Status ListConfigPushes(grpc::ServerContext* context,
                                const v1::ListConfigPushesRequest* request,
                                v1::ListConfigPushesResponse* response) override {
    return answer(*context, "", [this, request, response](std::string&) {
      const auto limit = limit_of(request->limit(), kPushesDefault, kPushesMost);
      if (!limit.ok()) return limit.status();
      *response = registry_.list_pushes(*limit);
      return Status();
    });
  }

  grpc::Status ListNodeConfigs(grpc::ServerContext* context,
                               const v1::ListNodeConfigsRequest* request,
                               v1::ListNodeConfigsResponse* response) override {
    return answer(*context, "", [this, request, response](std::string&) {
      const auto limit = limit_of(request->limit(), kNodesMost, kNodesMost);
      if (!limit.ok()) return limit.status();
      *response = registry_.list_nodes(request->node(), *limit);
      return Status();
    });
  }

  grpc::Status PlanConfig(grpc::ServerContext* context, const v1::PlanConfigRequest* request,
                          v1::PlanReport* response) override {
    return answer(*context, "plan made", [this, context, request, response](std::string& said) {
      if (Status s = check_plan(*request); !s.ok()) return s;
      said = "by node " + request->node();
      auto report = registry_.plan(*request, [context] { return context->IsCancelled(); });
      if (!report.ok()) return report.status();
      *response = *std::move(report);
      return Status();
    });
  }

 private:
  // Who changed what is in the log; `done` is empty for questions. `act` tells what it was.
  template <typename Act>
  grpc::Status answer(const grpc::ServerContext& context, const char* done, Act act) {
    const std::vector<std::string> names = names_of(context);
    std::string said;
    Status status = check_access(access_, names);
    if (status.ok()) status = act(said);
    if (!status.ok()) {
      log::warn("hub", "a fleet request was refused",
                {{"peer", context.peer()}, {"why", status.to_string()}});
    } else if (*done != '\0') {
      log::info("hub", done,
                {{"what", said},
                 {"peer", context.peer()},
                 {"by", names.empty() ? std::string() : names.front()}});
    }
    return to_grpc(status);
  }

  ControlRegistry& registry_;
  const FleetAccess access_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_fleet_service(ControlRegistry& registry, FleetAccess access) {
  return std::make_unique<FleetService>(registry, std::move(access));
}

}  // namespace sluice::hub
