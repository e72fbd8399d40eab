#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "aggregate/plugin_aggregate.h"
#include "base/clock.h"
#include "base/status.h"
#include "hub/hub_store.h"
#include "hub/listen_address.h"
#include "hub/tls_files.h"

namespace sluice::hub {

struct HubServiceOptions {
  ListenAddress listen;
  std::optional<TlsPem> tls;  ///< none: plaintext
  TlsPaths tls_files;         ///< where `tls` is from, to read it again; empty: it stays
  /// Nodes connected at once; each costs a thread, and two more for its control stream. Past it a
  /// node is told `resource_exhausted`.
  std::size_t streams_max = 64;
  /// A connection without traffic is asked after `keepalive_time` and dropped when it has not
  /// answered within `keepalive_timeout`: that frees the place of a node behind a dead link.
  std::chrono::milliseconds keepalive_time{20'000};
  std::chrono::milliseconds keepalive_timeout{10'000};
  FindAggregateType find_aggregate;  ///< see HubReader
  /// A stream that has not said Hello by then is cancelled.
  std::chrono::milliseconds hello_timeout{10'000};
  /// Names in client certificates that may change configs; see FleetAccess.
  std::vector<std::string> operators;
  /// The node rehearses for two minutes at most, and then waits for reports.
  std::chrono::milliseconds plan_timeout{220'000};
};

/// The hub on the network: Uplink, HubQuery, Control, Fleet, grpc.health.v1 and server reflection
/// on one port.
///
/// Threads: [hub-store] writes rows; [hub-sweep] cancels silent streams and keeps, once a second,
/// what nodes report; [hub-control], one per control stream, writes to it; gRPC's own serve, at
/// most 2 * `streams_max` + 24 of these.
///
/// Messages are at most 16 MiB, packed and unpacked. gRPC 1.51 unpacks a gzip message whole before
/// it measures it: against a hostile sender, client certificates and a memory limit on the process.
class HubService {
 public:
  /// Listens on return. `unavailable` with the reason when it cannot. `store` and `clock` are
  /// borrowed for the service's life.
  static Result<std::unique_ptr<HubService>> start(const HubServiceOptions& options,
                                                   HubStore& store, const Clock& clock);
  /// Ends every stream; a batch being committed is finished first, its ack may not arrive.
  ~HubService();

  std::uint16_t port() const;

 private:
  class Running;
  explicit HubService(std::unique_ptr<Running> running);
  std::unique_ptr<Running> running_;
};

}  // namespace sluice::hub
