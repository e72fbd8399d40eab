#include "fault/cloud_sim.h"

#include <algorithm>
#include <utility>

#include "sluice/v1/uplink.pb.h"

namespace sluice::fault {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kBase = 29'000'000 * kMinute;
constexpr SeriesId kSeries = 3;
constexpr int kStepsAfterFaults = 20'000;

Pane random_pane(std::mt19937_64& random) {
  std::uniform_int_distribution<int> few(0, 5);
  std::uniform_real_distribution<double> value(-10, 40);
  Pane pane;
  pane.window.key = 1 + static_cast<SeriesId>(random() % kSeries);
  pane.window.start_ns = kBase + few(random) * kMinute;
  pane.window.end_ns = pane.window.start_ns + kMinute;
  for (int i = few(random); i >= 0; --i) {
    pane.moments.add(pane.window.start_ns + few(random) * kSecond, value(random));
  }
  return pane;
}

template <typename Message>
Message parsed(const std::string& bytes) {
  Message message;
  SLUICE_ASSERT(message.ParseFromString(bytes));
  return message;
}

}  // namespace

CloudSim::CloudSim(hub::HubStore& store, std::string node, std::uint64_t seed)
    : store_(store),
      node_(std::move(node)),
      random_(seed),
      series_(16),
      context_{options_, callbacks_, outbox_, series_, clock_, stats_},
      registry_(std::make_unique<hub::StreamRegistry>(clock_, 64)) {
  for (SeriesId id = 1; id <= kSeries; ++id) {
    series_.restore({"temperature", "Cel", {{"room", std::to_string(id)}}});
  }
  options_.hub = "sim";
  options_.unacked_bytes_max = 200 + pick(2000);
  options_.identity = {node_, "0123456789abcdef0123456789abcdef"};
  options_.instance = "1";
  callbacks_.next_seq = [this] { return outbox_.next_seq(); };
  rows_left_ = 1 + static_cast<int>(pick(12));
}

CloudSim::~CloudSim() { links_.clear(); }

bool CloudSim::run() {
  while (rows_left_ > 0 || chance(0.98)) {
    step();
    if (chance(0.06)) fault();
  }
  faulty_ = false;
  for (int i = 0; i < kStepsAfterFaults; ++i) {
    if (outbox_.wait_all_acked(std::chrono::seconds(0))) return true;
    step();
  }
  return false;
}

CloudSim::Link* CloudSim::live() {
  return links_.empty() || !links_.back()->node_side ? nullptr : links_.back().get();
}

void CloudSim::step() {
  bury_dead_links();
  if (live() == nullptr) return dial();
  switch (pick(6)) {
    case 0: return produce();
    case 1: return node_speaks();
    case 2: return hub_reads(*links_[pick(links_.size())]);
    case 3: return node_reads();
    case 4: return outbox_.commit();
    case 5:
      clock_.advance(static_cast<std::int64_t>(pick(faulty_ ? 20 : 2)) * 1'000'000'000);
      return;
  }
}

void CloudSim::fault() {
  switch (pick(5)) {
    case 0: return hang_up();
    case 1: return node_crashes();
    case 2: return hub_crashes();
    case 3: return repeat_or_swap_acks();
    case 4:
      if (Link* link = live(); link != nullptr && !link->down.empty()) link->down.pop_back();
      return;
  }
}

/// A row of some panes; a window that was there before comes again as the next revision.
void CloudSim::produce() {
  if (rows_left_ == 0) return;
  --rows_left_;
  SummaryBlock block{"room", 7, {}};
  for (std::size_t i = 1 + pick(4); i > 0; --i) {
    Pane pane = random_pane(random_);
    const auto key = std::pair(pane.window.key, pane.window.start_ns);
    const auto twice = [&](const Pane& other) { return other.window == pane.window; };
    if (std::any_of(block.panes.begin(), block.panes.end(), twice)) continue;
    if (const auto known = expected_.find(key); known != expected_.end()) {
      pane.revision = known->second.revision + 1;
    }
    expected_[key] = pane;
    block.panes.push_back(pane);
  }
  outbox_.append(encoder_.encode(block));
  if (Link* link = live()) link->node_side->on_outbox_grew();
}

void CloudSim::dial() {
  auto link = std::make_unique<Link>();
  auto entry = registry_->enter([raw = link.get()] { raw->cancelled = true; });
  if (!entry.ok()) return;
  link->entry = std::move(*entry);
  link->hub_side = std::make_unique<hub::UplinkSession>(hub::UplinkSession::Rooms{
      [this](const hub::Change& change) { return store_.apply({&change}).front(); },
      [raw = link.get()](const hub::NodeKey& who, const std::string& instance) {
        return raw->entry->greet(who, instance);
      },
      clock_});
  link->node_side = std::make_unique<UplinkSession>(context_, acked_seq_);
  link->up.push_back(link->node_side->hello().SerializeAsString());
  link->node_side->written();
  links_.push_back(std::move(link));
  ++connections_;
}

void CloudSim::node_speaks() {
  Link& link = *live();
  link.node_side->on_time();
  if (auto message = link.node_side->next()) {
    link.up.push_back(message->SerializeAsString());
    link.node_side->written();
  }
  if (!link.node_side->failure().ok()) hang_up();
}

void CloudSim::hub_reads(Link& link) {
  if (!link.hub_side || link.up.empty()) return;
  auto request = parsed<v1::UplinkRequest>(link.up.front());
  link.up.pop_front();
  const auto answer = link.hub_side->take(request);
  if (!answer.ok()) {
    link.hub_side.reset();
  } else if (*answer) {
    link.down.push_back((*answer)->SerializeAsString());
  }
}

void CloudSim::node_reads() {
  Link& link = *live();
  if (link.down.empty()) {
    if (!link.hub_side) hang_up();
    return;
  }
  link.node_side->on_response(parsed<v1::UplinkResponse>(link.down.front()));
  link.down.pop_front();
  if (!link.node_side->failure().ok()) hang_up();
}

/// The node's end goes. The hub may still read what was on its way, perhaps after the next
/// connection has said hello.
void CloudSim::hang_up() {
  Link* link = live();
  if (link == nullptr) return;
  link->node_side.reset();
  link->down.clear();
  const std::size_t arrives = link->up.empty() ? 0 : pick(link->up.size() + 1);
  link->up.resize(arrives);
  if (chance(0.5)) link->hub_side.reset();
}

void CloudSim::node_crashes() {
  hang_up();
  outbox_.crash();
  acked_seq_ = 0;
  options_.instance = std::to_string(random_());
}

/// Between the commit of what it read last and the ack of it, or at any other moment.
void CloudSim::hub_crashes() {
  for (const auto& link : links_) {
    if (link->hub_side && chance(0.5)) hub_reads(*link);
    link->hub_side.reset();
    link->down.clear();
    link->up.clear();
    link->entry.reset();
  }
  registry_ = std::make_unique<hub::StreamRegistry>(clock_, 64);
}

void CloudSim::repeat_or_swap_acks() {
  Link* link = live();
  if (link == nullptr || !link->node_side->greeted() || link->down.empty()) return;
  if (chance(0.5)) {
    link->down.push_back(link->down[pick(link->down.size())]);
  } else {
    std::shuffle(link->down.begin(), link->down.end(), random_);
  }
}

void CloudSim::bury_dead_links() {
  for (const auto& link : links_) {
    if (link->cancelled) link->hub_side.reset();
    if (!link->node_side && link->up.empty()) link->hub_side.reset();
    if (!link->hub_side) link->entry.reset();
  }
  std::erase_if(links_, [](const auto& link) { return !link->hub_side && !link->node_side; });
}

}  // namespace sluice::fault
