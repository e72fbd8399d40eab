#include "hub/hub_service.h"

#include <grpcpp/ext/proto_server_reflection_plugin.h>
#include <grpcpp/grpcpp.h>
#include <grpcpp/health_check_service_interface.h>
#include <grpcpp/impl/service_type.h>
#include <grpcpp/resource_quota.h>

#include "base/thread.h"
#include "hub/control_registry.h"
#include "hub/control_service.h"
#include "hub/fleet_service.h"
#include "hub/fleet_store.h"
#include "hub/group_commit.h"
#include "hub/query_service.h"
#include "hub/server_credentials.h"
#include "hub/stream_registry.h"
#include "hub/tls_reload.h"
#include "hub/uplink_service.h"

namespace sluice::hub {
namespace {

constexpr int kMessageBytesMax = 16 << 20;
// Threads beside one per stream: queries, plans, health, reflection and the pollers.
constexpr std::size_t kOtherThreadsMax = 24;
// A node asks after its hub too; oftener than this is taken for a flood.
constexpr int kNodePingIntervalMinMs = 5'000;
constexpr auto kSweepInterval = std::chrono::seconds(1);

void set_limits(grpc::ServerBuilder& builder, const HubServiceOptions& options) {
  grpc::ResourceQuota quota("hub");
  quota.SetMaxThreads(static_cast<int>(2 * options.streams_max + kOtherThreadsMax));
  builder.SetResourceQuota(quota);
  builder.SetSyncServerOption(grpc::ServerBuilder::NUM_CQS, 1);
  builder.SetMaxReceiveMessageSize(kMessageBytesMax);
  // Two hubs must not share a port, as SO_REUSEPORT would let them.
  builder.AddChannelArgument(GRPC_ARG_ALLOW_REUSEPORT, 0);
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIME_MS,
                             static_cast<int>(options.keepalive_time.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_TIMEOUT_MS,
                             static_cast<int>(options.keepalive_timeout.count()));
  builder.AddChannelArgument(GRPC_ARG_KEEPALIVE_PERMIT_WITHOUT_CALLS, 1);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MAX_PINGS_WITHOUT_DATA, 0);
  builder.AddChannelArgument(GRPC_ARG_HTTP2_MIN_RECV_PING_INTERVAL_WITHOUT_DATA_MS,
                             kNodePingIntervalMinMs);
}

// Process-wide and once: both take effect for servers built later.
void enable_plugins() {
  [[maybe_unused]] static const bool once = [] {
    grpc::EnableDefaultHealthCheckService(true);
    // Explicit, as the linker drops a library that is only there for its initialiser.
    grpc::reflection::InitProtoReflectionServerBuilderPlugin();
    return true;
  }();
}

// Whom a certificate does not name is let in where only this machine, or those with the hub's own
// TLS, can ask.
Result<FleetAccess> fleet_access(const HubServiceOptions& options) {
  FleetAccess access{FleetAccess::Rule::anyone, options.operators};
  if (options.tls) {
    if (!options.tls->client_ca.empty()) access.rule = FleetAccess::Rule::operators;
    return access;
  }
  const auto loopback = is_loopback(options.listen);
  if (!loopback.ok()) return loopback.status();
  if (!*loopback) access.rule = FleetAccess::Rule::nobody;
  return access;
}

}  // namespace

class HubService::Running {
 public:
  Running(const HubServiceOptions& options, HubStore& store, const Clock& clock)
      : clock_(clock),
        streams_(clock, options.streams_max),
        control_streams_(clock, options.streams_max),
        commits_(store, options.streams_max),
        uplink_(make_uplink_service(commits_, streams_, clock)),
        query_(make_query_service(store, streams_, options.find_aggregate)) {}

  ~Running() {
    if (registry_) registry_->stop();
    // A deadline of now: streams have no end of their own to wait for.
    if (server_) server_->Shutdown(std::chrono::system_clock::time_point());
    if (server_) server_->Wait();
    {
      MutexLock lock(mutex_);
      is_stopping_ = true;
    }
    stopping_.notify_all();
    if (sweeper_.joinable()) sweeper_.join();
    if (registry_) registry_->save();
  }

  /// `path` is that of the store.
  Status load_fleet(const HubServiceOptions& options, const std::string& path) {
    auto access = fleet_access(options);
    if (!access.ok()) return access.status();
    auto store = FleetStore::open(path);
    if (!store.ok()) return store.status();
    fleet_store_ = *std::move(store);
    auto registry = ControlRegistry::load(*fleet_store_, clock_, options.plan_timeout);
    if (!registry.ok()) return registry.status();
    registry_ = *std::move(registry);
    control_ = make_control_service(*fleet_store_, *registry_, control_streams_);
    fleet_ = make_fleet_service(*registry_, *std::move(access));
    return {};
  }

  Status start(const HubServiceOptions& options) {
    if (Status s = check_bindable(options.listen); !s.ok()) return s;
    enable_plugins();
    grpc::ServerBuilder builder;
    set_limits(builder, options);
    if (options.tls) {
      tls_ = std::make_unique<TlsReload>(options.tls_files, *options.tls, clock_);
    }
    builder.AddListeningPort(
        to_string(options.listen),
        tls_ ? reloading_credentials(*tls_) : grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(uplink_.get());
    builder.RegisterService(query_.get());
    builder.RegisterService(control_.get());
    builder.RegisterService(fleet_.get());
    server_ = builder.BuildAndStart();
    if (!server_ || port_ == 0) {
      return unavailable("cannot listen on " + to_string(options.listen) +
                         ": gRPC could not start there");
    }
    server_->GetHealthCheckService()->SetServingStatus(true);
    for (const char* name :
         {"sluice.v1.Uplink", "sluice.v1.HubQuery", "sluice.v1.Control", "sluice.v1.Fleet"}) {
      server_->GetHealthCheckService()->SetServingStatus(name, true);
    }
    sweeper_ = Thread("hub-sweep", [this, age = options.hello_timeout] { sweep(age); });
    return {};
  }

  int port() const { return port_; }

 private:
  void sweep(std::chrono::milliseconds age) {
    MutexLock lock(mutex_);
    while (!is_stopping_) {
      stopping_.wait_for(mutex_, kSweepInterval);
      streams_.cancel_silent(age);
      control_streams_.cancel_silent(age);
      registry_->save();
    }
  }

  // Declared in the order of use: what is below may still call what is above.
  const Clock& clock_;
  StreamRegistry streams_;
  StreamRegistry control_streams_;
  GroupCommit commits_;
  std::unique_ptr<FleetStore> fleet_store_;
  std::unique_ptr<ControlRegistry> registry_;
  std::unique_ptr<grpc::Service> uplink_;
  std::unique_ptr<grpc::Service> query_;
  std::unique_ptr<grpc::Service> control_;
  std::unique_ptr<grpc::Service> fleet_;
  std::unique_ptr<TlsReload> tls_;  // none: plaintext
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  Mutex mutex_;
  CondVar stopping_;
  bool is_stopping_ SLUICE_GUARDED_BY(mutex_) = false;
  Thread sweeper_;
};

HubService::HubService(std::unique_ptr<Running> running) : running_(std::move(running)) {}
HubService::~HubService() = default;

Result<std::unique_ptr<HubService>> HubService::start(const HubServiceOptions& options,
                                                      HubStore& store, const Clock& clock) {
  auto running = std::make_unique<Running>(options, store, clock);
  if (Status s = running->load_fleet(options, store.path()); !s.ok()) return s;
  if (Status s = running->start(options); !s.ok()) return s;
  return std::unique_ptr<HubService>(new HubService(std::move(running)));
}

std::uint16_t HubService::port() const { return static_cast<std::uint16_t>(running_->port()); }

}  // namespace sluice::hub
