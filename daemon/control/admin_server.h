#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>

#include "base/status.h"
#include "control/node_view.h"

namespace grpc {
class Service;
}

namespace sluice {

inline constexpr std::uint32_t kSeriesLimitDefault = 1000;
inline constexpr std::uint32_t kSeriesLimitMax = 100'000;
inline constexpr std::uint32_t kSeriesStateLimitDefault = 20;
inline constexpr std::uint32_t kSeriesStateLimitMax = 1000;
inline constexpr std::uint32_t kSeriesGrowthLimitDefault = 10;
inline constexpr std::uint32_t kSeriesGrowthLimitMax = 100;
inline constexpr std::uint32_t kRecentLimitDefault = 100;
inline constexpr std::uint32_t kRecentLimitMax = 4096;

/// Bounds of the admin socket.
struct AdminLimits {
  std::size_t connections_max = 8;
  /// A connection without a call for this long is closed.
  int idle_max_ms = 5 * 60 * 1000;
};

/// Answers the read-only Admin service (sluice/v1/admin.proto) on a unix socket.
///
/// gRPC 1.51 tells nobody who is at the other end of a unix socket, so we accept the connections
/// ourselves, look at the peer's credentials and hand gRPC only those of root, of our own user and
/// of members of the socket's group. Everyone else is closed and counted.
///
/// Threads: [sl-admin] accepts; gRPC's few call the NodeView. `start` and `stop` on one thread.
class AdminServer {
 public:
  /// Listens at `socket_path`, usually <run_dir>/admin.sock. `view` outlives this object. `config`,
  /// which may be null, answers there as well, see make_config_service().
  AdminServer(std::string socket_path, NodeView& view, AdminLimits limits = {},
              std::shared_ptr<grpc::Service> config = nullptr);
  ~AdminServer();

  /// `already_exists` when a live daemon has the socket, `invalid_argument` when the path does not
  /// fit a socket address, `failed_precondition` when the system refuses. Once per object.
  Status start();
  /// Ends open calls within a second and removes the socket file. Repeats are harmless.
  void stop();

  /// Connections handed to gRPC and turned away since the start. Any thread.
  std::uint64_t connections_served() const;
  std::uint64_t connections_refused() const;

 private:
  struct State;
  std::unique_ptr<State> state_;
};

}  // namespace sluice
