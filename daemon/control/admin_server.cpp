#include "control/admin_server.h"

#include <grpcpp/grpcpp.h>
#include <grpcpp/server_posix.h>
#include <poll.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include <atomic>
#include <cerrno>
#include <cstring>
#include <optional>
#include <vector>

#include "base/log.h"
#include "base/thread.h"
#include "control/admin_socket.h"
#include "sluice/v1/admin.grpc.pb.h"

namespace sluice {
namespace {

// A config has at most 1 MiB.
constexpr int kRequestBytesMax = (1024 + 64) * 1024;
constexpr int kMetadataBytesMax = 8 * 1024;
// A handler holds a thread: with 8 connections there are at most 16 of them.
constexpr int kCallsPerConnectionMax = 2;
constexpr int kStopWaitMs = 1000;
// gRPC needs a moment to close what the peer has closed; a full house is looked at again.
constexpr int kFullWaitMs = 50;
constexpr int kFullWaits = 20;
constexpr int kAcceptFailedWaitMs = 200;

std::uint32_t resolve(std::uint32_t limit, std::uint32_t limit_default, std::uint32_t limit_max) {
  return limit == 0 ? limit_default : std::min(limit, limit_max);
}

class AdminService final : public v1::Admin::Service {
 public:
  explicit AdminService(NodeView& view) : view_(view) {}

  grpc::Status GetStatus(grpc::ServerContext*, const v1::GetStatusRequest*,
                         v1::Status* response) override {
    *response = view_.status();
    return grpc::Status::OK;
  }
  grpc::Status GetLedger(grpc::ServerContext*, const v1::GetLedgerRequest*,
                         v1::LedgerReport* response) override {
    *response = view_.ledger();
    return grpc::Status::OK;
  }
  grpc::Status ListSeries(grpc::ServerContext*, const v1::ListSeriesRequest* request,
                          v1::ListSeriesResponse* response) override {
    v1::ListSeriesRequest resolved = *request;
    resolved.set_limit(resolve(request->limit(), kSeriesLimitDefault, kSeriesLimitMax));
    *response = view_.series(resolved);
    return grpc::Status::OK;
  }
  grpc::Status ListRecentSummaries(grpc::ServerContext*,
                                   const v1::ListRecentSummariesRequest* request,
                                   v1::ListRecentSummariesResponse* response) override {
    v1::ListRecentSummariesRequest resolved = *request;
    resolved.set_limit(resolve(request->limit(), kRecentLimitDefault, kRecentLimitMax));
    *response = view_.recent(resolved);
    return grpc::Status::OK;
  }
  grpc::Status ListLateReadings(grpc::ServerContext*, const v1::ListLateReadingsRequest* request,
                                v1::ListLateReadingsResponse* response) override {
    v1::ListLateReadingsRequest resolved = *request;
    resolved.set_limit(resolve(request->limit(), kRecentLimitDefault, kRecentLimitMax));
    *response = view_.late(resolved);
    return grpc::Status::OK;
  }
  grpc::Status ListRecentEvents(grpc::ServerContext*, const v1::ListRecentEventsRequest* request,
                                v1::ListRecentEventsResponse* response) override {
    v1::ListRecentEventsRequest resolved = *request;
    resolved.set_limit(resolve(request->limit(), kRecentLimitDefault, kRecentLimitMax));
    *response = view_.events(resolved);
    return grpc::Status::OK;
  }
  grpc::Status GetSeriesState(grpc::ServerContext*, const v1::GetSeriesStateRequest* request,
                              v1::SeriesStateReport* response) override {
    v1::GetSeriesStateRequest resolved = *request;
    resolved.set_limit(resolve(request->limit(), kSeriesStateLimitDefault, kSeriesStateLimitMax));
    const Status status = view_.series_state(resolved, *response);
    return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                        std::string(status.message()));
  }
  grpc::Status GetSeriesGrowth(grpc::ServerContext*, const v1::GetSeriesGrowthRequest* request,
                               v1::SeriesGrowth* response) override {
    v1::GetSeriesGrowthRequest resolved = *request;
    resolved.set_limit(resolve(request->limit(), kSeriesGrowthLimitDefault, kSeriesGrowthLimitMax));
    *response = view_.series_growth(resolved);
    return grpc::Status::OK;
  }
  grpc::Status ListPlugins(grpc::ServerContext*, const v1::ListPluginsRequest*,
                           v1::ListPluginsResponse* response) override {
    *response = view_.plugins();
    return grpc::Status::OK;
  }
  grpc::Status ReloadPlugins(grpc::ServerContext*, const v1::ReloadPluginsRequest* request,
                             v1::ReloadPluginsResponse* response) override {
    const Status status = view_.reload_plugins(*request, *response);
    return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                        std::string(status.message()));
  }
  grpc::Status PlanConfig(grpc::ServerContext*, const v1::PlanRequest* request,
                          v1::PlanReport* response) override {
    const Status status = view_.plan_config(*request, *response);
    return grpc::Status(static_cast<grpc::StatusCode>(status.code()),
                        std::string(status.message()));
  }

 private:
  NodeView& view_;
};

/// A connection that gRPC owns: it is open while the descriptor still names the same socket.
struct Connection {
  int fd;
  ino_t inode;

  bool open() const {
    struct stat entry {};
    return ::fstat(fd, &entry) == 0 && S_ISSOCK(entry.st_mode) && entry.st_ino == inode;
  }
};

}  // namespace

struct AdminServer::State {
  State(std::string path, NodeView& view, AdminLimits bounds,
        std::shared_ptr<grpc::Service> of_config)
      : socket_path(std::move(path)), limits(bounds), service(view), config(std::move(of_config)) {}

  void build_server();
  void accept_loop();
  void accept_one();
  void admit(int fd);
  bool find_place();
  bool stopping_within(int timeout_ms) const;
  void refuse(int fd, const char* reason, const Peer& peer);

  const std::string socket_path;
  const AdminLimits limits;
  AdminService service;
  const std::shared_ptr<grpc::Service> config;
  std::optional<AdminSocket> socket;
  std::unique_ptr<grpc::Server> server;
  int stop_fd = -1;
  Thread thread;
  std::vector<Connection> connections;  // [sl-admin]
  std::atomic<std::uint64_t> served{0};
  std::atomic<std::uint64_t> refused{0};
};

void AdminServer::State::build_server() {
  grpc::ServerBuilder builder;
  builder.RegisterService(&service);
  if (config) builder.RegisterService(config.get());
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MIN_POLLERS, 1);
  builder.SetSyncServerOption(grpc::ServerBuilder::MAX_POLLERS, 2);
  builder.SetMaxReceiveMessageSize(kRequestBytesMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONCURRENT_STREAMS, kCallsPerConnectionMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_METADATA_SIZE, kMetadataBytesMax);
  builder.AddChannelArgument(GRPC_ARG_MAX_CONNECTION_IDLE_MS, limits.idle_max_ms);
  server = builder.BuildAndStart();
}

bool AdminServer::State::stopping_within(int timeout_ms) const {
  pollfd stop{stop_fd, POLLIN, 0};
  return ::poll(&stop, 1, timeout_ms) > 0;
}

void AdminServer::State::accept_loop() {
  for (;;) {
    pollfd fds[] = {{stop_fd, POLLIN, 0}, {socket->fd(), POLLIN, 0}};
    if (::poll(fds, 2, -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) return;
    if (fds[1].revents != 0) accept_one();
  }
}

void AdminServer::State::accept_one() {
  const int fd = ::accept4(socket->fd(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK);
  if (fd >= 0) {
    admit(fd);
    return;
  }
  const int error = errno;
  if (error == EAGAIN || error == EINTR || error == ECONNABORTED) return;
  // Out of descriptors or memory: the caller stays in the backlog, so do not spin on it.
  log::warn("control", "cannot accept on the admin socket", {{"error", std::strerror(error)}});
  (void)stopping_within(kAcceptFailedWaitMs);
}

void AdminServer::State::admit(int fd) {
  const auto peer = peer_of(fd);
  if (!peer.ok()) {
    refuse(fd, "no_credentials", Peer{});
    return;
  }
  if (!may_use_admin(*peer, ::geteuid(), socket->group())) {
    refuse(fd, "not_permitted", *peer);
    return;
  }
  struct stat entry {};
  if (!find_place() || ::fstat(fd, &entry) != 0) {
    refuse(fd, "too_many_connections", *peer);
    return;
  }
  connections.push_back({fd, entry.st_ino});
  served.fetch_add(1, std::memory_order_relaxed);
  grpc::AddInsecureChannelFromFd(server.get(), fd);
}

bool AdminServer::State::find_place() {
  for (int i = 0; i <= kFullWaits; ++i) {
    std::erase_if(connections, [](const Connection& c) { return !c.open(); });
    if (connections.size() < limits.connections_max) return true;
    if (stopping_within(kFullWaitMs)) return false;
  }
  return false;
}

void AdminServer::State::refuse(int fd, const char* reason, const Peer& peer) {
  refused.fetch_add(1, std::memory_order_relaxed);
  ::close(fd);
  log::warn("control", "refused a connection to the admin socket",
            {{"reason", reason}, {"uid", peer.uid}, {"gid", peer.gid}, {"pid", peer.pid}});
}

AdminServer::AdminServer(std::string socket_path, NodeView& view, AdminLimits limits,
                         std::shared_ptr<grpc::Service> config)
    : state_(std::make_unique<State>(std::move(socket_path), view, limits, std::move(config))) {}

AdminServer::~AdminServer() { stop(); }

Status AdminServer::start() {
  SLUICE_ASSERT(!state_->socket);
  auto socket = AdminSocket::open(state_->socket_path);
  if (!socket.ok()) return socket.status();
  state_->stop_fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (state_->stop_fd < 0) {
    return failed_precondition(std::string("cannot create an eventfd: ") + std::strerror(errno));
  }
  state_->build_server();
  if (!state_->server) return internal_error("gRPC did not start a server for the admin socket");
  state_->socket.emplace(std::move(*socket));
  state_->thread = Thread("sl-admin", [state = state_.get()] { state->accept_loop(); });
  return Status();
}

void AdminServer::stop() {
  if (state_->thread.joinable()) {
    ::eventfd_write(state_->stop_fd, 1);
    state_->thread.join();
  }
  if (state_->server) {
    state_->server->Shutdown(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                          gpr_time_from_millis(kStopWaitMs, GPR_TIMESPAN)));
    state_->server->Wait();
    state_->server.reset();
  }
  state_->socket.reset();
  if (state_->stop_fd >= 0) ::close(std::exchange(state_->stop_fd, -1));
}

std::uint64_t AdminServer::connections_served() const {
  return state_->served.load(std::memory_order_relaxed);
}
std::uint64_t AdminServer::connections_refused() const {
  return state_->refused.load(std::memory_order_relaxed);
}

}  // namespace sluice
