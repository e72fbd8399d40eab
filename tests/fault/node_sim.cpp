#include "fault/node_sim.h"

#include <algorithm>
#include <utility>

#include "node/compose.h"
#include "schema/config_reader.h"

namespace sluice::fault {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::int64_t kFirst_ms = 1'700'000'000'000;
constexpr std::int64_t kPlain_ms = 5'000;
constexpr std::int64_t kBand_ms = 10'000;
constexpr std::int64_t kHops_ms = 6'000;
constexpr std::int64_t kHop_ms = 2'000;
constexpr double kBand = 2;
constexpr std::int64_t kShortSilence_ns = 60'000'000'000;
constexpr int kStepsAfterFaults = 200'000;
constexpr int kStepsToCommit = 500;
constexpr std::size_t kCheckpointReadings = 40;
constexpr std::size_t kOutOfOrderMax = 3;  // readings a device holds back; see max_out_of_order
constexpr std::string_view kChanging = "changing";
constexpr std::uint32_t kSources = 3;
constexpr std::uint32_t kArrivals = 2;  // the source without times
const char* const kDevices[] = {"d0", "d1", "d2"};

const char* const kConfig = R"(
node: {name: sim, run_dir: /sim}
storage: {dir: /sim, quota: 8MiB, commit_interval: 250ms}
uplink: {hub: "sim:1"}
sources:
  - name: a
    mqtt: {url: "tcp://127.0.0.1:1883", topics: [{pattern: "a/{device}"}]}
    decode: {time: /t, time_format: ms, fields: [{pointer: /v}], max_future: 3650d}
  - name: b
    mqtt: {url: "tcp://127.0.0.1:1883", client_id: b, topics: [{pattern: "b/{device}"}]}
    decode: {time: /t, time_format: ms, fields: [{pointer: /v}], max_future: 3650d}
  - name: c
    mqtt: {url: "tcp://127.0.0.1:1883", client_id: c, topics: [{pattern: "c/{device}"}]}
    decode: {fields: [{pointer: /v}]}
pipelines:
  - name: arrivals
    match: {sources: [c]}
    windows: [{tumbling: 5s}]
    idle_timeout: 1h
  - name: plain
    match: {sources: [a, b]}
    windows:
      - tumbling: 5s
        expected_every: 500ms
        aggregates: {histogram: {max_size: 20}, distinct: {precision: 8}, counter: {}, states: {}}
    max_out_of_order: 3s
    idle_timeout: 1h
  - name: band
    match: {sources: [a, b]}
    stages:
      - {plugin: range, config: {min: -1000, max: 1000}}
      - {plugin: deadband, config: {absolute: 2}}
    windows: [{tumbling: 10s}]
    max_out_of_order: 3s
    idle_timeout: 1h
  - name: hops
    match: {sources: [a, b]}
    windows:
      - hopping: {size: 6s, every: 2s}
        allowed_lateness: 2h
        aggregates: {histogram: {max_size: 8}, distinct: {precision: 8}, top: {}, counter: {}}
    idle_timeout: 1h
  - name: visits
    match: {sources: [a, b]}
    windows:
      - session: {gap: 2s}
        early_every: 1s
    max_out_of_order: 3s
    idle_timeout: 1h
  - name: lots
    match: {sources: [a, b]}
    windows: [{count: 7}]
    idle_timeout: 1h
  - name: told
    match: {sources: [a, b]}
    stages: [{plugin: teller, isolation: none}]
    idle_timeout: 1h
  - name: changing
    match: {sources: [a, b]}
    windows: [{tumbling: 4s}]
    max_out_of_order: 3s
    idle_timeout: 1h
)";

std::uint32_t source_of(std::size_t device) { return device == 2 ? 1 : 0; }

TruthKey plain_window(const std::string& device, std::int64_t time_ms) {
  return {"plain", device, time_ms / kPlain_ms * kPlain_ms * kMillisecond};
}

void fold(Truth& truth, const TruthKey& key, std::int64_t time_ms, double value) {
  const auto [at, fresh] = truth.try_emplace(key, WindowTruth{0, 0, value, value, {}});
  WindowTruth& window = at->second;
  ++window.count;
  window.sum += value;
  window.min = std::min(window.min, value);
  window.max = std::max(window.max, value);
  window.readings.emplace_back(time_ms * kMillisecond, value);
}

}  // namespace

v1::Config node_sim_config(const std::string& plugin_dir) {
  LoadResult loaded = load_config_text(kConfig, "node_sim.yaml", {});
  for (const ConfigError& error : loaded.errors)
    std::fprintf(stderr, "%s\n", error.to_string().c_str());
  SLUICE_ASSERT(loaded.ok());
  loaded.config.mutable_plugins()->set_dir(plugin_dir);
  return loaded.config;
}

NodeSim::NodeSim(const v1::Config& config, hub::HubStore& store, std::string node,
                 std::uint64_t seed)
    : config_(config),
      plugin_dir_(config.plugins().dir()),
      random_(seed),
      disk_(random_(), {}),
      broker_(kSources,
              {.window = 1 + pick(40),
               .ids = chance(0.3) ? SimBroker::Ids::lowest_free : SimBroker::Ids::rising},
              clock_),
      network_(store, true_clock_, random_),
      closes_by_silence_(chance(0.25)),
      hub_tells_time_(chance(0.4)) {
  SimDisk::seed_sqlite(static_cast<std::uint32_t>(random_()));
  config_.mutable_node()->set_name(std::move(node));
  for (v1::PipelineConfig& pipeline : *config_.mutable_pipelines()) {
    if (closes_by_silence_) pipeline.set_idle_timeout_ns(kShortSilence_ns);
  }
  changing_ = *config_.pipelines().rbegin();
  device_time_ms_.fill(kFirst_ms);
  broker_.on_delivery = [this](std::uint32_t source, const std::string& payload) {
    if (source != kArrivals) return;
    arrivals_.at(std::stoul(payload.substr(payload.find(':') + 1)))
        .push_back(true_clock_.wall_ns());
  };
  boot();
  messages_left_ = 20 + static_cast<int>(pick(150));
}

NodeSim::~NodeSim() {
  if (process_) end_process();
}

std::string NodeSim::run() {
  while (messages_left_ > 0 || chance(0.99)) {
    step();
    if (chance(0.01)) fault();
  }
  end_of_faults();
  publish_end();
  settle();
  config_.mutable_pipelines()->DeleteSubrange(0, 1);  // so that no window of "arrivals" stays open
  change_config(false);                               // nor of "changing"
  settle();
  return look_at_the_end();
}

void NodeSim::step() {
  if (!process_) {
    advance(milliseconds(1000));
    return start();
  }
  switch (pick(10)) {
    case 0: advance(milliseconds(200)); break;
    case 1: chance(0.3) ? publish_arrival() : publish(); break;
    case 2:
    case 3:
    case 4: step_broker(); break;
    case 5: process_->plane->engine().step(); break;
    case 6: process_->plane->store().step(); break;
    default: step_network();
  }
  if (disk_.down()) end_process();
}

void NodeSim::advance(std::int64_t ns) {
  clock_.advance(ns);
  true_clock_.advance(ns);
}

/// As the kernel does: a clock that is set is not synced any more.
void NodeSim::time_server() {
  kernel_ = {};
  if (chance(0.3)) return clock_.jump_wall(milliseconds(100'000) - 50'000 * kMillisecond);
  if (chance(0.2)) return clock_.jump_wall(-clock_.wall_ns() + milliseconds(5'000));
  if (chance(0.1))
    return clock_.jump_wall(static_cast<std::int64_t>(pick(50)) * 31'536'000'000 * kMillisecond);
  const std::int64_t wrong_ns = milliseconds(400) - 200 * kMillisecond;
  clock_.jump_wall(true_clock_.wall_ns() + wrong_ns - clock_.wall_ns());
  kernel_ = {true, std::abs(wrong_ns)};
}

/// Without a battery it is 1970 again, or any other time.
void NodeSim::boot() {
  kernel_ = {};
  ++boots_;
  clock_.reboot();
  if (chance(0.3)) time_server();
  if (!kernel_.synced) clock_.jump_wall(-clock_.wall_ns() + milliseconds(9'000));
}

void NodeSim::step_broker() {
  const auto source = static_cast<std::uint32_t>(pick(kSources));
  if (!broker_.connected(source)) {
    if (chance(0.2)) broker_.connect(source);
  } else if (chance(0.5)) {
    broker_.deliver(source);
  } else {
    broker_.take_ack(source);
  }
}

void NodeSim::step_network() {
  Process& process = *process_;
  if (!network_.dialled()) {
    if (!chance(0.2)) return;
    const auto turn = process.turns->next();
    if (!turn.ok()) return;
    network_.dial(
        std::make_unique<UplinkSession>(*process.context, *turn, process.turns->acked_seq()));
    return;
  }
  const auto ended = network_.step();
  if (!ended) return;
  if (ended->rewound()) {
    process.callbacks.end_epoch(ended->turn().identity.epoch, ended->cloud_highest_seq());
  }
  process.turns->ended(ended->turn(), ended->failure());
}

// --- faults ---

void NodeSim::fault() {
  const auto strike = [&](const char* name) { ++strikes_[name]; };
  switch (pick(13)) {
    case 12:
      if (!chance(0.5)) return;
      plugins_come_or_go();
      return strike("plugins gone or back");
    case 11:
      if (!chance(0.4)) return;
      if (chance(0.5)) {
        let_time_pass(2 * kShortSilence_ns);
        return strike("every device silent for long");
      }
      broker_out_of_reach(static_cast<std::uint32_t>(pick(kSources)));
      return strike("broker out of reach for long");
    case 0: {
      const auto source = static_cast<std::uint32_t>(pick(kSources));
      if (!broker_.connected(source)) return;
      broker_.cut(source, pick(broker_.acks_on_their_way(source) + 1));
      return strike("broker connection cut");
    }
    case 1: network_.hang_up(); return strike("uplink cut");
    case 2: network_.hub_dies(); return strike("hub killed");
    case 3: network_.repeat_or_swap_answers(); return strike("acks repeated or swapped");
    case 4: network_.lose_newest_answer(); return strike("ack lost");
    case 5: time_server(); return strike("wall clock set");
    case 6: return disk_fault();
    case 9:
      if (!chance(0.1)) return;
      lose_session(static_cast<std::uint32_t>(pick(2)));
      return strike("broker forgets a session");
    case 10:
      if (!process_ || !chance(0.3)) return;
      change_config(chance(0.8));
      return strike("config changed");
    case 7: disk_.kill_process_after(pick(60)); return strike("kill -9");
    default: disk_.cut_power_after(pick(60)); return strike("power cut");
  }
}

void NodeSim::disk_fault() {
  const auto kind = chance(0.5) ? SimDisk::Fault::io_error : SimDisk::Fault::full;
  ++strikes_[kind == SimDisk::Fault::full ? "disk full" : "I/O error"];
  if (chance(0.5)) return disk_.fail(kind, 1 + pick(50), 1 + pick(20));
  disk_.fail_by_chance(kind, chance(0.5) ? 0 : 0.2);
}

/// What its devices publish meanwhile waits there; those of the other broker go on.
void NodeSim::broker_out_of_reach(std::uint32_t source) {
  if (broker_.connected(source)) broker_.cut(source, 0);
  for (std::size_t i = pick(20); i > 0; --i) {
    publish();
    let_time_pass(milliseconds(12'000));
  }
}

/// For the devices too. Connected brokers deliver without delay: nobody is silent who is not.
void NodeSim::let_time_pass(std::int64_t ns) {
  constexpr std::int64_t kTurn_ns = 250 * kMillisecond;
  for (; ns > 0; ns -= kTurn_ns) {
    advance(kTurn_ns);
    for (std::int64_t& time_ms : device_time_ms_) time_ms += kTurn_ns / kMillisecond;
    if (!process_) start();
    if (!process_) continue;
    for (std::uint32_t source = 0; source < kSources; ++source) {
      while (broker_.deliver(source)) {
      }
      while (broker_.acks_on_their_way(source) > 0) broker_.take_ack(source);
    }
    process_->plane->engine().step();
    process_->plane->store().step();
    if (disk_.down()) end_process();
  }
}

/// The next process has another window for pipeline "changing", or one of before, or no such
/// pipeline.
void NodeSim::change_config(bool keeps_changing) {
  auto& pipelines = *config_.mutable_pipelines();
  if (pipelines.rbegin()->name() == kChanging) pipelines.RemoveLast();
  if (keeps_changing) {
    *pipelines.Add() = changing_;
    constexpr std::int64_t kWindows_ms[] = {4'000, 6'000};
    pipelines.rbegin()->mutable_windows(0)->set_tumbling_ns(kWindows_ms[pick(2)] * kMillisecond);
  }
  if (process_) end_process();
}

/// The next process finds no plugins, so pipelines with stages wait, or it finds them again.
void NodeSim::plugins_come_or_go() {
  const bool gone = config_.plugins().dir() != plugin_dir_;
  config_.mutable_plugins()->set_dir(gone ? plugin_dir_ : "/nowhere");
  if (process_) end_process();
}

void NodeSim::end_of_faults() {
  config_.mutable_plugins()->set_dir(plugin_dir_);
  disk_.fail_by_chance(SimDisk::Fault::io_error, 0);
  disk_.fail(SimDisk::Fault::io_error, 1, 0);
  // What may still be asked of the disk strikes now.
  if (process_) {
    disk_.kill_process_after(0);
    end_process();
  }
}

void NodeSim::lose_session(std::uint32_t source) {
  for (const auto& message : broker_.lose_session(source)) {
    ++forgotten_messages_;
    forgotten_.insert(window_of_.at(message));
  }
  session_lost_[source] = known_[source];
}

/// The first commit with a message of a new session holds the connection's boundary too.
void NodeSim::note_boundary(const AckPosition& position) {
  known_[position.source] = true;
  const bool current = broker_.connected(position.source) &&
                       broker_.connection(position.source) == position.connection;
  if (!current) return;
  if (std::exchange(session_lost_[position.source], false)) must_report_broker_ = true;
}

// --- the process ---

void NodeSim::start() {
  StoreOptions store = compose_store(config_);
  store.files = &disk_;
  store.random = [this] { return random_(); };
  store.machine_id = "0123456789abcdef0123456789abcdef";
  EngineOptions engine = compose_engine(config_);
  engine.checkpoint_readings = kCheckpointReadings;
  auto process = std::make_unique<Process>();
  process->trust = std::make_unique<ClockTrust>(
      clock_, [this] { return kernel_; }, 1'600'000'000'000 * kMillisecond,
      node() + "-" + std::to_string(boots_));
  auto plane = DataPlane::open(config_, clock_, store, engine, process->trust.get());
  Status status = plane.status();
  if (plane.ok()) {
    process->plane = *std::move(plane);
    status = process->plane->recover(broker_);
  }
  process_ = std::move(process);
  if (!status.ok()) {
    if (!disk_.down()) disk_.kill_process_after(0);
    return end_process();
  }
  Process& p = *process_;
  p.options = compose_uplink(config_);
  p.options.instance = std::to_string(random_());
  Store& open = p.plane->store();
  Engine& engine_now = p.plane->engine();
  p.callbacks.next_seq = [&open] { return open.next_seq(); };
  p.callbacks.end_epoch = [&engine_now](const std::string& epoch, std::int64_t highest_seq) {
    engine_now.end_epoch(epoch, highest_seq);
  };
  p.callbacks.confirm_epoch = [&engine_now] { engine_now.confirm_epoch(); };
  p.callbacks.heard_time = [trust = p.trust.get()](std::int64_t wall_ns, std::int64_t sent_ns,
                                                   std::int64_t received_ns) {
    trust->heard(wall_ns, sent_ns, received_ns);
  };
  if (!hub_tells_time_) p.callbacks.heard_time = {};
  p.callbacks.gaps = &open;
  p.callbacks.events = &open;
  p.context.emplace(SessionContext{p.options, p.callbacks, open, p.plane->series(),
                                   p.plane->topics(), clock_, p.stats});
  p.turns.emplace(*p.context);
  open.set_on_durable([this](const CommitGroup& group) { on_durable(group); });
  open.start_stepped();
  p.plane->engine().begin();
}

void NodeSim::on_durable(const CommitGroup& group) {
  for (const AckPosition& position : group.acks) {
    broker_.release(position);
    note_boundary(position);
  }
  const bool has_news = !group.outbox.empty() || !group.events.empty();
  if (UplinkSession* session = network_.session(); session && has_news) session->on_outbox_grew();
}

void NodeSim::end_process() {
  if (!disk_.down()) disk_.kill_process_after(0);
  network_.hang_up();
  for (std::uint32_t source = 0; source < kSources; ++source) {
    if (broker_.connected(source)) broker_.cut(source, pick(broker_.acks_on_their_way(source) + 1));
  }
  for (std::uint32_t source = 0; source < kSources; ++source) {
    // Connected to the new session, and gone before that was on flash: nobody will ever know.
    if (!broker_.knows(source)) continue;
    session_lost_[source] = false;
    // And if it was the first one, the next start finds a session that it knows nothing of.
    if (!known_[source]) may_doubt_ = true;
  }
  broker_.node_died();
  process_.reset();
  disk_.bring_up();
  if (chance(0.3)) boot();
}

// --- the devices and the truth ---

void NodeSim::add_truth(const std::string& device, std::int64_t time_ms, double value) {
  fold(truth_, plain_window(device, time_ms), time_ms, value);
  const std::int64_t last_ms = time_ms / kHop_ms * kHop_ms;
  for (std::int64_t start_ms = last_ms; start_ms > time_ms - kHops_ms; start_ms -= kHop_ms) {
    fold(truth_, {"hops", device, start_ms * kMillisecond}, time_ms, value);
  }
  const std::size_t index = static_cast<std::size_t>(device[1] - '0');
  std::optional<double>& kept = deadband_kept_[index];
  if (kept && std::abs(value - *kept) <= kBand) return;
  kept = value;
  fold(truth_, {"band", device, time_ms / kBand_ms * kBand_ms * kMillisecond}, time_ms, value);
}

/// A device reads in order of time and sends its few newest in any order.
void NodeSim::publish() {
  if (messages_left_ <= 0) return;
  const std::size_t device = pick(3);
  struct Sample {
    std::int64_t time_ms;
    int value;
  };
  std::vector<Sample> samples;
  for (std::size_t i = 1 + pick(kOutOfOrderMax); i > 0; --i) {
    device_time_ms_[device] += 1 + static_cast<std::int64_t>(pick(900));
    samples.push_back({device_time_ms_[device], static_cast<int>(pick(20)) - 10});
    add_truth(kDevices[device], samples.back().time_ms, samples.back().value);
  }
  std::shuffle(samples.begin(), samples.end(), random_);
  for (const Sample& sample : samples) {
    const std::uint32_t source = source_of(device);
    const std::string topic = std::string(source == 0 ? "a/" : "b/") + kDevices[device];
    const std::string payload =
        "{\"t\":" + std::to_string(sample.time_ms) + ",\"v\":" + std::to_string(sample.value) + "}";
    window_of_[{topic, payload}] = plain_window(kDevices[device], sample.time_ms);
    broker_.publish(source, topic, payload);
    --messages_left_;
    ++published_;
  }
}

/// One without a time, whose value tells which it is.
void NodeSim::publish_arrival() {
  if (messages_left_ <= 0) return;
  broker_.publish(kArrivals, "c/d" + std::to_string(pick(2)),
                  "{\"v\":" + std::to_string(arrivals_.size()) + "}");
  arrivals_.emplace_back();
  --messages_left_;
  ++published_;
}

/// A last reading of each device, so late that every window before it closes.
void NodeSim::publish_end() {
  for (std::size_t device = 0; device < 3; ++device) {
    const std::uint32_t source = source_of(device);
    broker_.publish(source, std::string(source == 0 ? "a/" : "b/") + kDevices[device],
                    "{\"t\":" + std::to_string(device_time_ms_[device] + 3'600'000) + ",\"v\":0}");
    ++published_;
  }
}

void NodeSim::settle() {
  // What the engine has still in hand, settled() does not see.
  for (int i = 0; i < kStepsToCommit; ++i) step();
  for (int i = 0; i < kStepsAfterFaults && !settled(); ++i) step();
}

bool NodeSim::settled() {
  if (!process_ || !broker_.idle()) return false;
  Store& store = process_->plane->store();
  const auto gaps = store.read_gaps(0, 1);
  const auto events = store.read_events(0, 1);
  const auto rows = store.read_outbox(0, 1);
  return gaps.ok() && gaps->empty() && events.ok() && events->empty() && rows.ok() && rows->empty();
}

std::string NodeSim::look_at_the_end() {
  if (!settled()) return "it does not settle";
  const Ledger ledger = process_->plane->store().durable_ledger();
  const auto messages = [&](Term term) { return ledger.sum(LedgerKind::messages, term); };
  if (ledger.difference() != 0) return "a ledger does not balance";
  if (messages(Term::rejected) != 0) return "a message was rejected";
  // Without a time of its own a reading that may be a copy counts, where ids are given out again.
  arrivals_in_doubt_ = static_cast<std::uint64_t>(
      ledger.get(LedgerKind::messages, "c/qos1", Term::redelivery_doubt));
  if (!may_doubt_ &&
      messages(Term::redelivery_doubt) != static_cast<std::int64_t>(arrivals_in_doubt_)) {
    return "a redelivery was in doubt";
  }
  if (ledger.sum(LedgerKind::readings, Term::late) != 0) return "a reading was late";
  in_changing_ = static_cast<std::uint64_t>(
      ledger.get(LedgerKind::readings, std::string(kChanging), Term::aggregated));
  const std::int64_t taken = messages(Term::received) - messages(Term::duplicate);
  const auto published = static_cast<std::int64_t>(published_);
  const auto forgotten = static_cast<std::int64_t>(forgotten_messages_);
  if (taken > published + static_cast<std::int64_t>(arrivals_in_doubt_) ||
      taken < published - forgotten) {
    return std::to_string(taken) + " messages were taken, " + std::to_string(published) +
           " published, " + std::to_string(forgotten) + " forgotten by the broker";
  }
  return {};
}

}  // namespace sluice::fault
