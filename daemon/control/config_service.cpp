#include "control/config_service.h"

#include <grpcpp/grpcpp.h>

#include <algorithm>
#include <string>
#include <utility>

#include "control/revision_message.h"
#include "sluice/v1/config_admin.grpc.pb.h"

namespace sluice {
namespace {

grpc::Status to_grpc(const Status& status) {
  return grpc::Status(static_cast<grpc::StatusCode>(status.code()), std::string(status.message()));
}

class ConfigService final : public v1::ConfigAdmin::Service {
 public:
  ConfigService(ConfigKeeper& keeper, RevisionStore& revisions)
      : keeper_(keeper), revisions_(revisions) {}

  grpc::Status ApplyConfig(grpc::ServerContext*, const v1::ApplyConfigRequest* request,
                           v1::ApplyConfigResponse* response) override {
    return answer(keeper_.submit(request->document(), {RevisionOrigin::local}), *response);
  }
  grpc::Status RollBackConfig(grpc::ServerContext*, const v1::RollBackConfigRequest* request,
                              v1::ApplyConfigResponse* response) override {
    return answer(keeper_.roll_back(request->number()), *response);
  }
  grpc::Status GetConfig(grpc::ServerContext*, const v1::GetConfigRequest* request,
                         v1::ConfigRevision* response) override {
    if (request->number() != 0) {
      const auto revision = revisions_.get(request->number());
      if (!revision.ok()) return to_grpc(revision.status());
      put_revision(*revision, *response);
      return grpc::Status::OK;
    }
    const auto current = revisions_.current();
    if (!current.ok()) return to_grpc(current.status());
    if (!*current) return to_grpc(not_found("there is no revision yet"));
    put_revision(**current, *response);
    return grpc::Status::OK;
  }
  grpc::Status ListConfigs(grpc::ServerContext*, const v1::ListConfigsRequest* request,
                           v1::ListConfigsResponse* response) override {
    const std::uint32_t limit = request->limit() == 0 ? kConfigsLimitDefault : request->limit();
    const auto all = revisions_.list(std::min(limit, kConfigsLimitMax));
    if (!all.ok()) return to_grpc(all.status());
    for (const ConfigRevision& revision : *all) put_revision(revision, *response->add_revisions());
    return grpc::Status::OK;
  }

 private:
  static grpc::Status answer(const Result<std::int64_t>& number, v1::ApplyConfigResponse& out) {
    if (!number.ok()) return to_grpc(number.status());
    out.set_number(*number);
    return grpc::Status::OK;
  }

  ConfigKeeper& keeper_;
  RevisionStore& revisions_;
};

}  // namespace

std::shared_ptr<grpc::Service> make_config_service(ConfigKeeper& keeper, RevisionStore& revisions) {
  return std::make_shared<ConfigService>(keeper, revisions);
}

}  // namespace sluice
