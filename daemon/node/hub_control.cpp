#include "node/hub_control.h"

#include <utility>

#include "node/compose.h"

namespace sluice {
namespace {

Recipient recipient_of(const v1::NodeConfig& node) {
  return {node.name(),
          {node.groups().begin(), node.groups().end()},
          {node.labels().begin(), node.labels().end()}};
}

/// While nobody tells the time, it is at least that of this program's build.
KnownTime known_time(const Clock& clock, ClockTrust& trust) {
  const TrustedTime time = trust.now();
  if (!time.trusted()) return {trust.floor_ns(), false};
  return {time.wall_at(clock.boottime_ns()), true};
}

}  // namespace

HubControl::HubControl(const v1::Config& local, RevisionStore& revisions, ConfigKeeper& keeper,
                       const Clock& clock, ClockTrust& time, ControlWorker::Plan plan)
    : trust_(local.control().trust_dir(), local.storage().dir()),
      intake_({recipient_of(local.node()), local.control().unsigned_push()}, trust_, revisions,
              keeper, [&clock, &time] { return known_time(clock, time); }) {
  if (local.uplink().hub().empty()) return;
  link_ = std::make_unique<ControlLink>(compose_control_link(local), intake_, std::move(plan));
}

void HubControl::start() {
  if (link_) link_->start();
}

void HubControl::stop() {
  if (link_) link_->stop();
}

void HubControl::poke() {
  if (link_) link_->poke();
}

v1::ConfigStatus HubControl::status() const {
  v1::ConfigStatus out;
  *out.mutable_report() = intake_.report();
  out.set_has_hub(link_ != nullptr);
  if (!link_) return out;
  const ControlLink::Stats stats = link_->stats();
  out.set_connected(stats.connected);
  out.set_link_error(stats.last_error);
  return out;
}

}  // namespace sluice
