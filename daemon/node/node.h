#pragma once

#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/clock_trust.h"
#include "base/status.h"
#include "control/admin_server.h"
#include "control/probation.h"
#include "ingest/mqtt_source.h"
#include "node/data_plane.h"
#include "node/node_report.h"
#include "node/planner.h"
#include "sync/uplink.h"

namespace sluice {

/// Who knows of configs: answers on the admin socket, and is part of the status. [any]
struct ConfigDesk {
  std::shared_ptr<grpc::Service> service;
  std::function<v1::ConfigStatus()> status;
};

/// The whole daemon: makes every room, joins them at the ports, starts and stops them in order.
///
/// Thread: the caller's; each room brings its own (daemon/README.md lists them).
class Node {
 public:
  /// Opens the store, brings the state back and starts everything. `invalid_argument` and
  /// `failed_precondition` mean that starting again with this config will not help.
  /// `trust` is borrowed.
  static Result<std::unique_ptr<Node>> start(const v1::Config& config, ClockTrust& trust,
                                             ConfigDesk desk);
  ~Node();

  /// As DataPlane.
  Status change_config(const v1::Config& next) { return plane_->change_config(next); }
  HealthSample health() const;
  Planner& planner() { return *planner_; }

 private:
  Node(const v1::Config& config, ClockTrust& trust, ConfigDesk desk);
  Status recover();
  void start_rooms();
  void on_durable(const CommitGroup& group);

  const v1::Config config_;
  const ConfigDesk desk_;
  SystemClock clock_;
  ClockTrust& trust_;
  std::unique_ptr<DataPlane> plane_;
  std::unique_ptr<MqttSources> sources_;
  std::unique_ptr<Uplink> uplink_;
  std::unique_ptr<Planner> planner_;
  std::unique_ptr<NodeReport> report_;
  std::unique_ptr<AdminServer> admin_;
};

}  // namespace sluice
