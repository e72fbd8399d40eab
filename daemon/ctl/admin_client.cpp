#include "ctl/admin_client.h"

#include <grpcpp/create_channel_posix.h>
#include <grpcpp/grpcpp.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <utility>

#include "ctl/rpc.h"
#include "sluice/v1/admin.grpc.pb.h"
#include "sluice/v1/config_admin.grpc.pb.h"

namespace sluice::ctl {
namespace {

Status connect_failure(const std::string& path, int error) {
  const std::string daemon = "the daemon at " + path;
  if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR) {
    return unavailable("cannot reach " + daemon +
                       ": is sluiced running? (--socket to use another)");
  }
  if (error == EACCES || error == EPERM) {
    return unavailable("no access to " + daemon +
                       ": run as root (sudo), or as the daemon's own user or group");
  }
  if (error == EAGAIN) {
    return unavailable("cannot reach " + daemon + ": too many callers wait, try again");
  }
  return unavailable("cannot reach " + daemon + ": " + std::strerror(error) +
                     " (--socket to use another)");
}

/// We connect ourselves, not gRPC: errno says exactly what is wrong, and nothing retries behind us.
Result<int> connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (path.empty() || path.size() >= sizeof address.sun_path) {
    return invalid_argument("--socket has " + std::to_string(path.size()) +
                            " bytes, a unix socket takes 1 to " +
                            std::to_string(sizeof address.sun_path - 1) + ": " + path);
  }
  std::memcpy(address.sun_path, path.data(), path.size());
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (fd < 0) return connect_failure(path, errno);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  const int error = errno;
  ::close(fd);
  return connect_failure(path, error);
}

}  // namespace

struct AdminClient::State {
  std::string daemon;
  int timeout_ms;
  std::unique_ptr<v1::Admin::Stub> stub;
  std::unique_ptr<v1::ConfigAdmin::Stub> config_stub;

  template <typename Request, typename Response>
  Result<Response> call(grpc::Status (v1::Admin::Stub::*method)(grpc::ClientContext*,
                                                                const Request&, Response*),
                        const Request& request) {
    return call(*stub, method, request, timeout_ms);
  }
  template <typename Request, typename Response>
  Result<Response> call(grpc::Status (v1::ConfigAdmin::Stub::*method)(grpc::ClientContext*,
                                                                      const Request&, Response*),
                        const Request& request) {
    return call(*config_stub, method, request, std::max(timeout_ms, kCheckTimeoutMs));
  }
  template <typename Stub, typename Request, typename Response>
  Result<Response> call(Stub& of,
                        grpc::Status (Stub::*method)(grpc::ClientContext*, const Request&,
                                                     Response*),
                        const Request& request, int within_ms) {
    grpc::ClientContext context;
    set_timeout(context, within_ms);
    Response response;
    const grpc::Status status = (of.*method)(&context, request, &response);
    if (status.ok()) return response;
    return call_failure(status, daemon, within_ms,
                        daemon +
                            " closed the connection: it stopped, it has too many callers, or "
                            "it does not serve this user");
  }
};

Result<AdminClient> AdminClient::connect(const std::string& socket_path, int timeout_ms) {
  const auto fd = connect_to(socket_path);
  if (!fd.ok()) return fd.status();
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(kAnswerBytesMax);
  auto channel = grpc::CreateCustomInsecureChannelFromFd("sluiced", *fd, arguments);
  return AdminClient(std::make_unique<State>(State{"the daemon at " + socket_path, timeout_ms,
                                                   v1::Admin::NewStub(channel),
                                                   v1::ConfigAdmin::NewStub(channel)}));
}

AdminClient::AdminClient(std::unique_ptr<State> state) : state_(std::move(state)) {}
AdminClient::AdminClient(AdminClient&&) noexcept = default;
AdminClient& AdminClient::operator=(AdminClient&&) noexcept = default;
AdminClient::~AdminClient() = default;

Result<v1::Status> AdminClient::status() {
  return state_->call(&v1::Admin::Stub::GetStatus, v1::GetStatusRequest());
}
Result<v1::LedgerReport> AdminClient::ledger() {
  return state_->call(&v1::Admin::Stub::GetLedger, v1::GetLedgerRequest());
}
Result<v1::ListSeriesResponse> AdminClient::series(const v1::ListSeriesRequest& request) {
  return state_->call(&v1::Admin::Stub::ListSeries, request);
}
Result<v1::SeriesStateReport> AdminClient::series_state(const v1::GetSeriesStateRequest& request) {
  return state_->call(&v1::Admin::Stub::GetSeriesState, request);
}
Result<v1::SeriesGrowth> AdminClient::series_growth(const v1::GetSeriesGrowthRequest& request) {
  return state_->call(&v1::Admin::Stub::GetSeriesGrowth, request);
}
Result<v1::ListRecentSummariesResponse> AdminClient::recent(
    const v1::ListRecentSummariesRequest& request) {
  return state_->call(&v1::Admin::Stub::ListRecentSummaries, request);
}
Result<v1::ListLateReadingsResponse> AdminClient::late(const v1::ListLateReadingsRequest& request) {
  return state_->call(&v1::Admin::Stub::ListLateReadings, request);
}
Result<v1::ListRecentEventsResponse> AdminClient::events(
    const v1::ListRecentEventsRequest& request) {
  return state_->call(&v1::Admin::Stub::ListRecentEvents, request);
}
Result<v1::ListPluginsResponse> AdminClient::plugins() {
  return state_->call(&v1::Admin::Stub::ListPlugins, v1::ListPluginsRequest());
}
Result<v1::ReloadPluginsResponse> AdminClient::reload_plugins(bool begins_anew) {
  v1::ReloadPluginsRequest request;
  request.set_begin_anew(begins_anew);
  return state_->call(&v1::Admin::Stub::ReloadPlugins, request);
}
Result<v1::PlanReport> AdminClient::plan(const v1::PlanRequest& request) {
  return state_->call(&v1::Admin::Stub::PlanConfig, request);
}

Result<v1::ApplyConfigResponse> AdminClient::apply_config(const std::string& document) {
  v1::ApplyConfigRequest request;
  request.set_document(document);
  return state_->call(&v1::ConfigAdmin::Stub::ApplyConfig, request);
}
Result<v1::ApplyConfigResponse> AdminClient::roll_back_config(std::int64_t number) {
  v1::RollBackConfigRequest request;
  request.set_number(number);
  return state_->call(&v1::ConfigAdmin::Stub::RollBackConfig, request);
}
Result<v1::ConfigRevision> AdminClient::config(std::int64_t number) {
  v1::GetConfigRequest request;
  request.set_number(number);
  return state_->call(&v1::ConfigAdmin::Stub::GetConfig, request);
}
Result<v1::ListConfigsResponse> AdminClient::configs(std::uint32_t limit) {
  v1::ListConfigsRequest request;
  request.set_limit(limit);
  return state_->call(&v1::ConfigAdmin::Stub::ListConfigs, request);
}

}  // namespace sluice::ctl
