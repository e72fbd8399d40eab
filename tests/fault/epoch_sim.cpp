#include "fault/epoch_sim.h"

#include <algorithm>
#include <cmath>
#include <cstdio>

#include "hub/uplink_messages.h"
#include "node/compose.h"
#include "schema/config_reader.h"
#include "sluice/v1/uplink.pb.h"

namespace sluice::fault {
namespace {

constexpr int kRooms = 2;
constexpr std::int64_t kDisorder_s = 15;
constexpr std::size_t kNodesMax = 3;

constexpr char kConfig[] = R"(
node: {name: "@NAME@"}
storage: {quota: 16MiB, commit_interval: 5ms}
uplink: {hub: "sim:1"}
sources:
  - name: plant
    mqtt:
      url: tcp://127.0.0.1:1883
      topics:
        - pattern: "site/{room}/t"
    decode: {time: /t, time_format: s}
pipelines:
  - name: p
    windows:
      - tumbling: 10s
    max_out_of_order: 20s
    idle_timeout: 1d
)";

}  // namespace

void PatientBroker::publish(const SimReading& reading, std::string topic, std::string payload) {
  packet_ids_ = packet_ids_ == 65535 ? 1 : static_cast<std::uint16_t>(packet_ids_ + 1);
  queue_.push_back({reading, std::move(topic), std::move(payload), packet_ids_});
}

void PatientBroker::connect() {
  ++connection_;
  announced_ = false;
  given_ = 0;
  released_ = 0;
}

std::size_t PatientBroker::take(std::vector<IngestEvent>& out, std::size_t count_max,
                                std::chrono::milliseconds) {
  const std::size_t before = out.size();
  if (!announced_) {
    announced_ = true;
    IngestEvent event;
    event.kind = IngestEvent::Kind::connected;
    event.session_present = connection_ > 1;
    event.position = {0, connection_, 0};
    out.push_back(event);
  }
  for (; given_ < queue_.size() && out.size() - before < count_max; ++given_) {
    Message& message = queue_[given_];
    IngestEvent event;
    event.topic = message.topic;
    event.payload = message.payload;
    event.qos = 1;
    event.dup = std::exchange(message.given_before, true);
    event.packet_id = message.packet_id;
    event.position = {0, connection_, released_ + given_ + 1};
    out.push_back(std::move(event));
  }
  return out.size() - before;
}

void PatientBroker::release(const AckPosition& position) {
  if (position.connection != connection_) return;
  for (; released_ < position.ticket; ++released_) {
    acknowledged_.push_back(queue_.front().reading);
    queue_.pop_front();
    --given_;
  }
}

EpochSim::EpochSim(hub::HubStore& store, std::string name, std::uint64_t seed)
    : store_(store), name_(std::move(name)), random_(seed), registry_(clock_, 64) {
  nodes_.push_back(make_node(name_ + "-a", "machine-a"));
  open(*nodes_.front());
}

EpochSim::~EpochSim() {
  for (const auto& node : nodes_) close(*node, false);
}

std::unique_ptr<EpochSim::Node> EpochSim::make_node(const std::string& name,
                                                    const std::string& machine) {
  auto node = std::make_unique<Node>();
  node->name = name;
  node->machine = machine;
  std::string text = kConfig;
  text.replace(text.find("@NAME@"), 6, name);
  const LoadResult loaded = load_config_text(text, "sim.yaml", {});
  SLUICE_ASSERT(loaded.ok());
  node->config = loaded.config;
  node->disk = std::make_unique<SimDisk>(random_(), SimDisk::Options());
  return node;
}

void EpochSim::open(Node& node) {
  StoreOptions options;
  options.dir = "/state";
  options.quota_bytes = 16 << 20;
  options.node = node.name;
  options.machine_id = node.machine;
  options.files = node.disk.get();
  options.random = [this] { return random_(); };
  auto plane = DataPlane::open(node.config, clock_, options, compose_engine(node.config));
  SLUICE_ASSERT(plane.ok() && !(*plane)->store().rebuilt());
  node.plane = std::move(*plane);
  SLUICE_ASSERT(node.plane->recover(node.broker).ok());
  Store& store = node.plane->store();
  Engine& engine = node.plane->engine();
  store.set_on_durable([this, &node](const CommitGroup& group) {
    for (const AckPosition& position : group.acks) node.broker.release(position);
    epochs_ended_ += group.epoch_end ? 1 : 0;
  });
  store.start_stepped();
  node.broker.connect();
  engine.begin();
  node.options.hub = "sim";
  node.options.unacked_bytes_max = 300 + pick(2000);
  node.options.instance = std::to_string(++instances_);
  node.callbacks.next_seq = [&store] { return store.next_seq(); };
  node.callbacks.end_epoch = [&engine](const std::string& epoch, std::int64_t highest_seq) {
    engine.end_epoch(epoch, highest_seq);
  };
  node.callbacks.confirm_epoch = [&engine] { engine.confirm_epoch(); };
  node.context = std::make_unique<SessionContext>(
      SessionContext{node.options, node.callbacks, store, node.plane->series(),
                     node.plane->topics(), clock_, node.stats});
  node.turns = std::make_unique<UplinkTurns>(*node.context);
}

void EpochSim::close(Node& node, bool clean) {
  if (!node.plane) return;
  if (clean) {
    node.plane->engine().stop();
    node.plane->store().stop();
  } else {
    node.disk->kill_process_after(0);
  }
  node.turns.reset();
  node.context.reset();
  node.plane.reset();
  collect(node);
  if (!clean) node.disk->bring_up();
}

void EpochSim::collect(Node& node) {
  for (const SimReading& reading : node.broker.take_acknowledged()) {
    node.held.insert(reading);
    if (!node.shared_epoch.empty()) doubt({reading});
  }
  if (!node.plane) return;
  const auto identity = node.plane->store().identity();
  if (identity.ok() && identity->epoch != node.shared_epoch) node.shared_epoch.clear();
}

void EpochSim::step(Node& node) {
  clock_.advance(6'000'000);
  node.plane->engine().step();
  if (chance(0.7)) {
    while (node.plane->store().step()) {
    }
  }
  collect(node);
}

void EpochSim::publish_at(Node& node, int room, std::int64_t time_s) {
  SimReading reading{room, time_s / kWindow_s * kWindow_s, 0};
  int& used = digits_[{room, reading.window}];
  if (used == kDigits) return;
  reading.digit = used++;
  char payload[96];
  std::snprintf(payload, sizeof payload, "{\"t\":%lld,\"value\":%.0f}",
                static_cast<long long>(time_s), std::pow(4.0, reading.digit));
  node.broker.publish(reading, "site/" + room_name(room) + "/t", payload);
}

void EpochSim::publish(Node& node) {
  now_s_ += static_cast<std::int64_t>(pick(4));
  publish_at(node, static_cast<int>(pick(kRooms)),
             now_s_ - static_cast<std::int64_t>(pick(kDisorder_s)));
}

/// False when the connection is gone.
bool EpochSim::converse(Node& node, const UplinkTurn& turn, std::size_t& messages_left) {
  bool cancelled = false;
  auto entry = registry_.enter([&cancelled] { cancelled = true; });
  SLUICE_ASSERT(entry.ok());
  hub::UplinkSession hub_side(
      {[this](const hub::Change& change) { return store_.apply({&change}).front(); },
       [&entry](const hub::NodeKey& who, const std::string& instance) {
         return (*entry)->greet(who, instance);
       },
       clock_});
  UplinkSession node_side(*node.context, turn, node.turns->acked_seq());
  std::optional<v1::UplinkRequest> up = node_side.hello();
  Status why;
  while (up) {
    node_side.written();
    const auto answer = hub_side.take(*up);
    if (!answer.ok()) {
      const auto last = hub::refusal(answer.status());
      if (!last) why = answer.status();
      if (last) node_side.on_response(*last);
      break;
    }
    // The hub has it, the node may never learn.
    if (messages_left == 0 || --messages_left == 0) {
      why = unavailable("cut");
      break;
    }
    if (*answer) node_side.on_response(**answer);
    step(node);
    node_side.on_outbox_grew();
    up = node_side.next();
  }
  if (why.ok()) why = node_side.failure();
  if (!node.stats.get().missing_at_hub.empty()) ++missing_told_;
  if (node_side.greeted()) settle(node, turn);
  if (node_side.rewound()) {
    node.noticed = true;
    node.callbacks.end_epoch(turn.identity.epoch, node_side.cloud_highest_seq());
  }
  node.turns->ended(turn, why);
  return why.ok() && node_side.done();
}

void EpochSim::exchange(Node& node, std::size_t messages_max) {
  for (std::size_t left = messages_max; left > 0;) {
    const auto turn = node.turns->next();
    if (!turn.ok() || !converse(node, *turn, left)) return;
  }
}

void EpochSim::doubt(const std::set<SimReading>& held) {
  for (const SimReading& reading : held) doubtful_.insert({reading.room, reading.window});
}

/// Between a set-back and the hub's first answer a second start cannot tell what is new.
void EpochSim::doubt_if_unsettled(const Node& node) {
  if (!node.settled) doubt(node.held);
}

/// The hub has answered. When it has seen nothing that the restored database does not hold, both
/// lives go on under one epoch.
void EpochSim::settle(Node& node, const UplinkTurn& turn) {
  if (node.settled) return;
  node.settled = true;
  if (node.noticed) return;
  node.shared_epoch = turn.identity.epoch;
  doubt(node.held);
  for (const Copy& copy : copies_) doubt(copy.held);
}

void EpochSim::restart(Node& node) {
  close(node, chance(0.5));
  doubt_if_unsettled(node);
  open(node);
}

void EpochSim::copy(Node& node) {
  close(node, chance(0.5));
  doubt_if_unsettled(node);
  copies_.push_back({node.disk->image(), node.held});
  open(node);
}

void EpochSim::set_back(Node& node) {
  if (copies_.empty()) return;
  close(node, false);
  const Copy& copy = copies_[pick(copies_.size())];
  node.disk->load_image(copy.image);
  node.held = copy.held;
  node.settled = false;
  node.noticed = false;
  node.shared_epoch.clear();
  ++copies_used_;
  open(node);
}

/// Goes on beside its original. Older copies than this one are not used any more: a node that is
/// set back to before it was cloned, with no one noticing, is a twin of its clone.
void EpochSim::clone(Node& node) {
  if (nodes_.size() == kNodesMax || !node.settled) return;
  close(node, chance(0.5));
  copies_.clear();
  const std::string number = std::to_string(nodes_.size());
  auto twin = make_node(name_ + "-clone" + number, "machine-clone" + number);
  twin->disk->load_image(node.disk->image());
  twin->held = node.held;
  twin->shared_epoch = node.shared_epoch;
  open(node);
  open(*twin);
  nodes_.push_back(std::move(twin));
  ++copies_used_;
}

void EpochSim::run() {
  for (int i = 0; i < 150; ++i) {
    Node& node = any_node();
    Node& first = *nodes_.front();
    switch (pick(24)) {
      case 0: restart(node); break;
      case 1: copy(first); break;
      case 2: set_back(first); break;
      case 3:
        if (chance(0.3)) clone(node);
        break;
      case 4:
      case 5: exchange(node, 1 + pick(12)); break;
      default:
        publish(node);
        if (chance(0.6)) step(node);
    }
  }
  for (const auto& node : nodes_) finish(*node);
}

/// Everything that waits is taken in, every window closes, everything is delivered.
void EpochSim::finish(Node& node) {
  exchange(node, 1000);
  for (int room = 0; room < kRooms; ++room) publish_at(node, room, now_s_ + 1000);
  for (int i = 0; i < 1000; ++i) {
    step(node);
    exchange(node, 1000);
    if (node.broker.empty() && node.plane->store().stats().outbox_rows == 0 && i > 20) break;
  }
}

std::vector<std::string> EpochSim::nodes() const {
  std::vector<std::string> names;
  for (const auto& node : nodes_) names.push_back(node->name);
  return names;
}

double EpochSim::judged_strictly() const {
  if (digits_.empty()) return 1;
  return 1 - static_cast<double>(doubtful_.size()) / static_cast<double>(digits_.size());
}

std::string EpochSim::verdict(const std::map<std::pair<int, std::int64_t>, double>& sums) const {
  std::set<SimReading> held;
  for (const auto& node : nodes_) {
    held.insert(node->held.begin(), node->held.end());
    if (!node->broker.empty()) return node->name + ": messages are left at the broker";
    if (node->plane->store().durable_ledger().difference() != 0) return node->name + ": the ledger";
    if (node->plane->store().stats().outbox_rows != 0) return node->name + ": rows are left";
  }
  for (const auto& [window, used] : digits_) {
    if (window.second > now_s_ + kWindow_s) continue;  // what finish() published
    const auto found = sums.find(window);
    double rest = found == sums.end() ? 0 : found->second;
    for (int digit = 0; digit < used; ++digit) {
      const int times = static_cast<int>(std::fmod(rest, 4));
      rest = (rest - times) / 4;
      const SimReading reading{window.first, window.second, digit};
      const bool must = held.contains(reading) && !doubtful_.contains(window);
      if (times <= 1 && (times == 1 || !must)) continue;
      return "room " + std::to_string(window.first) + ", window " + std::to_string(window.second) +
             ", reading " + std::to_string(digit) + " of " + std::to_string(used) + ": counted " +
             std::to_string(times) + " times";
    }
  }
  return {};
}

}  // namespace sluice::fault
