#include "node/node.h"

#include <utility>

#include "base/log.h"
#include "health/process.h"
#include "node/compose.h"

namespace sluice {

Node::Node(const v1::Config& config, ClockTrust& trust, ConfigDesk desk)
    : config_(config), desk_(std::move(desk)), trust_(trust) {}

Result<std::unique_ptr<Node>> Node::start(const v1::Config& config, ClockTrust& trust,
                                          ConfigDesk desk) {
  std::unique_ptr<Node> node(new Node(config, trust, std::move(desk)));
  if (Status s = node->recover(); !s.ok()) return s;
  node->start_rooms();
  return node;
}

Status Node::recover() {
  Result<std::unique_ptr<DataPlane>> plane =
      DataPlane::open(config_, clock_, compose_store(config_), compose_engine(config_), &trust_);
  if (!plane.ok()) return plane.status();
  plane_ = *std::move(plane);
  Result<std::vector<SourceOptions>> sources = compose_sources(config_);
  if (!sources.ok()) return sources.status();
  sources_ = std::make_unique<MqttSources>(*std::move(sources), clock_);
  if (Status s = plane_->recover(*sources_); !s.ok()) return s;
  for (std::uint32_t i = 0; i < sources_->size(); ++i) {
    sources_->set_subscribed(i, plane_->engine().subscribed(i));
  }
  return {};
}

void Node::start_rooms() {
  Store& store = plane_->store();
  store.set_on_durable([this](const CommitGroup& group) { on_durable(group); });
  if (!config_.uplink().hub().empty()) {
    Engine& engine = plane_->engine();
    uplink_ = std::make_unique<Uplink>(
        compose_uplink(config_), store, plane_->series(), plane_->topics(), clock_,
        UplinkCallbacks{
            .next_seq = [&store] { return store.next_seq(); },
            .end_epoch = [&engine](
                             const std::string& epoch,
                             std::int64_t highest_seq) { engine.end_epoch(epoch, highest_seq); },
            .confirm_epoch = [&engine] { engine.confirm_epoch(); },
            .heard_time =
                [this](std::int64_t wall_ns, std::int64_t sent_ns, std::int64_t received_ns) {
                  trust_.heard(wall_ns, sent_ns, received_ns);
                },
            .gaps = &store,
            .events = &store});
  }
  planner_ =
      std::make_unique<Planner>([this] { return plane_->running(); },
                                Planner::Rooms{store, plane_->series(), plane_->topics(), clock_},
                                Planner::Options{program_beside("sluice-rehearse"), {}});
  report_ = std::make_unique<NodeReport>(
      config_, NodeReport::Rooms{store, *sources_, plane_->engine(), uplink_.get(),
                                 plane_->series(), plane_->topics(), clock_, trust_,
                                 [this](bool anew) { return plane_->reload_plugins(anew); },
                                 [this] { return plane_->running(); },
                                 [this](const v1::PlanRequest& request, v1::PlanReport& out) {
                                   return planner_->plan(request, out);
                                 },
                                 desk_.status});
  store.start();
  plane_->engine().start();
  if (Status s = sources_->start(); !s.ok()) {
    log::error("node", "sources cannot start", {{"error", s.to_string()}});
  }
  if (uplink_) uplink_->start();
  admin_ = std::make_unique<AdminServer>(config_.node().run_dir() + "/admin.sock", *report_,
                                         AdminLimits(), desk_.service);
  if (Status s = admin_->start(); !s.ok()) {
    log::error("node", "no admin socket; sluicectl cannot reach this daemon",
               {{"error", s.to_string()}});
  }
}

HealthSample Node::health() const {
  HealthSample sample;
  sample.boottime_ns = clock_.boottime_ns();
  sample.rss_bytes = resident_bytes();
  const Ledger ledger = plane_->store().durable_ledger();
  sample.messages = ledger.sum(LedgerKind::messages, Term::received);
  sample.messages_rejected = ledger.sum(LedgerKind::messages, Term::rejected);
  for (const PipelineView& view : plane_->engine().view().pipelines) {
    const auto of = [&](Term term) { return ledger.get(LedgerKind::readings, view.name, term); };
    sample.pipelines[view.name] = {
        .readings = of(Term::in) + of(Term::derived),
        .rejected = of(Term::rejected),
        .filtered = of(Term::filtered),
        .late = of(Term::late),
        .plugin_failures = static_cast<std::int64_t>(view.plugin_failures),
        .busy_ns = view.busy_ns,
        .parked = !view.parked.empty()};
  }
  return sample;
}

void Node::on_durable(const CommitGroup& group) {
  for (const AckPosition& position : group.acks) sources_->release(position);
  const bool has_news = !group.outbox.empty() || !group.events.empty() || !group.gaps.empty();
  if (uplink_ && (has_news || group.epoch_end)) uplink_->poke();
  plane_->engine().poke();
}

Node::~Node() {
  if (!report_) return;  // it never started
  planner_->stop();      // or the admin server would wait for it
  if (admin_) admin_->stop();
  if (uplink_) uplink_->stop();
  sources_->pause();
  plane_->engine().stop();
  plane_->store().stop();
  sources_->stop();
}

}  // namespace sluice
