#include "fault/sim_network.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "hub/uplink_messages.h"
#include "sluice/v1/uplink.pb.h"

namespace sluice::fault {
namespace {

constexpr std::size_t kStreamsMax = 64;

template <typename Message>
Message parsed(const std::string& bytes) {
  Message message;
  SLUICE_ASSERT(message.ParseFromString(bytes));
  return message;
}

bool over(const UplinkSession& session) { return !session.failure().ok() || session.done(); }

}  // namespace

SimNetwork::SimNetwork(hub::HubStore& store, const Clock& clock, std::mt19937_64& random)
    : store_(store),
      clock_(clock),
      random_(random),
      registry_(std::make_unique<hub::StreamRegistry>(clock, kStreamsMax)) {}

void SimNetwork::dial(std::unique_ptr<UplinkSession> session) {
  SLUICE_ASSERT(!dialled());
  bury_dead_links();
  auto link = std::make_unique<Link>();
  auto entry = registry_->enter([raw = link.get()] { raw->cancelled = true; });
  SLUICE_ASSERT(entry.ok());
  link->entry = std::move(*entry);
  link->hub_side = std::make_unique<hub::UplinkSession>(hub::UplinkSession::Rooms{
      [this](const hub::Change& change) { return store_.apply({&change}).front(); },
      [raw = link.get()](const hub::NodeKey& who, const std::string& instance) {
        return raw->entry->greet(who, instance);
      },
      clock_});
  link->node_side = std::move(session);
  link->up.push_back(link->node_side->hello().SerializeAsString());
  link->node_side->written();
  links_.push_back(std::move(link));
  ++connections_;
}

std::unique_ptr<UplinkSession> SimNetwork::step() {
  bury_dead_links();
  if (links_.empty()) return nullptr;
  const std::size_t what = pick(3);
  if (what == 0) hub_reads(*links_[pick(links_.size())]);
  if (what == 0 || !dialled()) return nullptr;
  return what == 1 ? node_speaks() : node_reads();
}

std::unique_ptr<UplinkSession> SimNetwork::node_speaks() {
  Link& link = *links_.back();
  link.node_side->on_time();
  if (auto message = link.node_side->next()) {
    link.up.push_back(message->SerializeAsString());
    link.node_side->written();
  }
  return over(*link.node_side) ? hang_up() : nullptr;
}

std::unique_ptr<UplinkSession> SimNetwork::node_reads() {
  Link& link = *links_.back();
  if (link.down.empty()) return link.hub_side ? nullptr : hang_up();
  link.node_side->on_response(parsed<v1::UplinkResponse>(link.down.front()));
  link.down.pop_front();
  return over(*link.node_side) ? hang_up() : nullptr;
}

void SimNetwork::hub_reads(Link& link) {
  if (!link.hub_side || link.up.empty()) return;
  auto request = parsed<v1::UplinkRequest>(link.up.front());
  link.up.pop_front();
  const auto answer = link.hub_side->take(request);
  if (!answer.ok()) {
    if (const auto last = hub::refusal(answer.status())) {
      link.down.push_back(last->SerializeAsString());
    }
    link.hub_side.reset();
  } else if (*answer) {
    link.down.push_back((*answer)->SerializeAsString());
  }
}

std::unique_ptr<UplinkSession> SimNetwork::hang_up() {
  if (!dialled()) return nullptr;
  Link& link = *links_.back();
  link.down.clear();
  link.up.resize(pick(link.up.size() + 1));
  if (chance(0.5)) link.hub_side.reset();
  return std::move(link.node_side);
}

void SimNetwork::hub_dies() {
  for (const auto& link : links_) {
    if (chance(0.5)) hub_reads(*link);
    link->hub_side.reset();
    link->down.clear();
    link->up.clear();
    link->entry.reset();
  }
  registry_ = std::make_unique<hub::StreamRegistry>(clock_, kStreamsMax);
}

void SimNetwork::lose_newest_answer() {
  if (dialled() && !links_.back()->down.empty()) links_.back()->down.pop_back();
}

void SimNetwork::repeat_or_swap_answers() {
  if (!dialled() || !links_.back()->node_side->greeted()) return;
  std::deque<std::string>& down = links_.back()->down;
  if (down.empty()) return;
  if (chance(0.5)) {
    down.push_back(down[pick(down.size())]);
  } else {
    std::shuffle(down.begin(), down.end(), random_);
  }
}

void SimNetwork::bury_dead_links() {
  for (const auto& link : links_) {
    if (link->cancelled || (!link->node_side && link->up.empty())) link->hub_side.reset();
    if (!link->hub_side) link->entry.reset();
  }
  std::erase_if(links_, [](const auto& link) { return !link->hub_side && !link->node_side; });
}

}  // namespace sluice::fault
