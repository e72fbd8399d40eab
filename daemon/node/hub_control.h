#pragma once

#include <memory>

#include "base/clock_trust.h"
#include "control/config_intake.h"
#include "control/config_keeper.h"
#include "control/control_link.h"
#include "control/trust_keeper.h"
#include "sluice/v1/config.pb.h"
#include "sluice/v1/admin.pb.h"

namespace sluice {

/// What joins the keeper of configs to the hub: whom this gateway trusts, what becomes of offers,
/// and the stream on which they come. It outlives the nodes of one process. Any thread.
class HubControl {
 public:
  /// The rest is borrowed. `plan` as Plans::plan().
  HubControl(const v1::Config& local, RevisionStore& revisions, ConfigKeeper& keeper,
             const Clock& clock, ClockTrust& time, ControlWorker::Plan plan);

  /// Nothing where the config names no hub.
  void start();
  void stop();
  /// A revision came or became something.
  void poke();
  /// Reads the trust folder again.
  void reload_trust() { trust_.reload(); }
  /// All but what it does not know of: the config file and the revisions' own.
  v1::ConfigStatus status() const;

 private:
  TrustKeeper trust_;
  ConfigIntake intake_;
  std::unique_ptr<ControlLink> link_;
};

}  // namespace sluice
