#include "hub/control_registry.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "hub/desired_config.h"

namespace sluice::hub {

ControlRegistry::ControlRegistry(FleetStore& store, const Clock& clock,
                                 std::chrono::milliseconds plan_timeout,
                                 std::vector<NodeReport> nodes, std::vector<v1::ConfigPush> pushes,
                                 bool has_keys)
    : store_(store),
      clock_(clock),
      plans_(clock, plan_timeout),
      roster_(std::move(nodes)),
      pushes_(std::move(pushes)),
      has_keys_(has_keys) {}

Result<std::unique_ptr<ControlRegistry>> ControlRegistry::load(
    FleetStore& store, const Clock& clock, std::chrono::milliseconds plan_timeout) {
  auto nodes = store.nodes();
  if (!nodes.ok()) return nodes.status();
  auto pushes = store.pushes();
  if (!pushes.ok()) return pushes.status();
  const auto keys = store.keys();
  if (!keys.ok()) return keys.status();
  return std::unique_ptr<ControlRegistry>(new ControlRegistry(
      store, clock, plan_timeout, *std::move(nodes), *std::move(pushes), keys->version > 0));
}

ControlRegistry::Live* ControlRegistry::find_live(const std::string& node,
                                                  const ControlMailbox& mailbox) {
  const auto it = live_.find(node);
  return it != live_.end() && it->second.mailbox == &mailbox ? &it->second : nullptr;
}

bool ControlRegistry::offer(const std::string& node, Live& live) {
  const NodeReport* known = roster_.find(node);
  if (known == nullptr) return false;
  const v1::ConfigPush* desired = desired_push(pushes_, *known);
  if (desired == nullptr || desired->is_withdrawn()) return false;
  if (desired->offer_id() == live.offered_id) return false;
  live.offered_id = desired->offer_id();
  live.mailbox->put_offer(live.offered_id);
  return true;
}

std::uint64_t ControlRegistry::offer_to_all(std::uint64_t offer_id) {
  std::uint64_t nodes = 0;
  for (auto& live : live_) {
    if (offer(live.first, live.second) && live.second.offered_id == offer_id) ++nodes;
  }
  return nodes;
}

void ControlRegistry::attend(const v1::ControlHello& hello, ControlMailbox& mailbox) {
  MutexLock lock(mutex_);
  // An order that went down the stream before this one has no answer any more.
  if (live_.contains(hello.node())) plans_.fail(hello.node());
  roster_.greet(hello, clock_.wall_ns());
  Live& live = live_[hello.node()];
  live = {&mailbox, 0};
  if (has_keys_) mailbox.put_keys();
  offer(hello.node(), live);
}

void ControlRegistry::take_report(const std::string& node, const ControlMailbox& mailbox,
                                  const v1::ConfigReport& report) {
  MutexLock lock(mutex_);
  Live* live = find_live(node, mailbox);
  if (live == nullptr) return;
  roster_.report(node, report, clock_.wall_ns());
  // What is withdrawn and was rolled back here is not the desired one any more.
  offer(node, *live);
}

void ControlRegistry::take_answer(const std::string& node, const ControlMailbox& mailbox,
                                  v1::PlanAnswer&& answer) {
  MutexLock lock(mutex_);
  if (find_live(node, mailbox) == nullptr) return;
  roster_.see(node, clock_.wall_ns());
  plans_.take_answer(node, std::move(answer));
}

void ControlRegistry::leave(const std::string& node, const ControlMailbox& mailbox) {
  MutexLock lock(mutex_);
  if (find_live(node, mailbox) == nullptr) return;
  live_.erase(node);
  roster_.leave(node);
  plans_.fail(node);
}

Result<v1::PushConfigResponse> ControlRegistry::push(ReadPush read) {
  MutexLock one_at_a_time(push_mutex_);
  read.push.set_pushed_ns(clock_.wall_ns());
  const auto gone = store_.add_push(read.push, read.config);
  if (!gone.ok()) return gone.status();
  MutexLock lock(mutex_);
  pushes_.insert(pushes_.begin(), read.push);
  std::erase_if(pushes_, [&gone](const v1::ConfigPush& push) {
    return std::find(gone->begin(), gone->end(), push.offer_id()) != gone->end();
  });
  v1::PushConfigResponse response;
  response.set_offer_id(read.push.offer_id());
  response.set_nodes(offer_to_all(read.push.offer_id()));
  return response;
}

Status ControlRegistry::withdraw(std::uint64_t offer_id) {
  MutexLock one_at_a_time(push_mutex_);
  if (Status s = store_.withdraw(offer_id); !s.ok()) return s;
  MutexLock lock(mutex_);
  for (v1::ConfigPush& push : pushes_) {
    if (push.offer_id() == offer_id) push.set_is_withdrawn(true);
  }
  offer_to_all(0);
  return {};
}

Result<v1::PushKeySetResponse> ControlRegistry::push_keys(PushedKeys keys) {
  MutexLock one_at_a_time(push_mutex_);
  if (Status s = store_.put_keys(keys); !s.ok()) return s;
  MutexLock lock(mutex_);
  has_keys_ = true;
  for (auto& live : live_) live.second.mailbox->put_keys();
  v1::PushKeySetResponse response;
  response.set_version(keys.version);
  response.set_nodes(live_.size());
  return response;
}

v1::ListConfigPushesResponse ControlRegistry::list_pushes(std::size_t limit) const {
  MutexLock lock(mutex_);
  v1::ListConfigPushesResponse response;
  for (std::size_t i = 0; i < std::min(limit, pushes_.size()); ++i) {
    *response.add_pushes() = pushes_[i];
  }
  return response;
}

v1::ListNodeConfigsResponse ControlRegistry::list_nodes(const std::string& node,
                                                        std::size_t limit) const {
  MutexLock lock(mutex_);
  v1::ListNodeConfigsResponse response;
  const NodeReport* known = node.empty() ? roster_.next("") : roster_.find(node);
  while (known != nullptr && static_cast<std::size_t>(response.nodes_size()) < limit) {
    const v1::ConfigPush* desired = desired_push(pushes_, *known);
    v1::NodeConfigStatus& status = *response.add_nodes();
    status.set_node(known->hello.node());
    status.set_connected(roster_.is_connected(known->hello.node()));
    status.set_last_seen_ns(known->last_seen_ns);
    status.set_version(known->hello.version());
    *status.mutable_groups() = known->hello.groups();
    *status.mutable_labels() = known->hello.labels();
    if (desired != nullptr) *status.mutable_desired() = *desired;
    if (known->has_report()) *status.mutable_reported() = known->report;
    status.set_agreement(agreement_of(desired, *known));
    // The next name is the first that is longer than this one.
    known = node.empty() ? roster_.next(known->hello.node() + '\0') : nullptr;
  }
  return response;
}

Result<v1::PlanReport> ControlRegistry::plan(const v1::PlanConfigRequest& request,
                                             const std::function<bool()>& cancelled) {
  auto order = std::make_shared<v1::PlanOrder>();
  *order->mutable_request() = request.request();
  order->set_signed_config(request.signed_config());
  {
    MutexLock lock(mutex_);
    const auto live = live_.find(request.node());
    if (live == live_.end()) {
      return unavailable("node " + request.node() +
                         " is not connected to the hub; ask again when "
                         "`sluicectl hub configs` shows that it is");
    }
    const auto order_id = plans_.open(request.node());
    if (!order_id.ok()) return order_id.status();
    order->set_order_id(*order_id);
    live->second.mailbox->put_plan(order);
  }
  return plans_.wait(order->order_id(), cancelled);
}

void ControlRegistry::save() {
  MutexLock one_at_a_time(save_mutex_);
  NodeRoster::Changes changes;
  {
    MutexLock lock(mutex_);
    changes = roster_.take_changes();
  }
  const Status saved = store_.save_nodes(changes.changed, changes.gone);
  if (saved.ok()) return;
  log::warn("hub", "cannot keep what nodes report, tried again", {{"why", saved.to_string()}});
  MutexLock lock(mutex_);
  roster_.put_back(changes);
}

}  // namespace sluice::hub
