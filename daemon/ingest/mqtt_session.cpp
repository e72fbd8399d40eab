#include "ingest/mqtt_session.h"

#include <algorithm>
#include <random>
#include <utility>

#include "base/log.h"
#include "ingest/backoff.h"
#include "ingest/dial.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

/// A connection that lived this long was a success; a shorter one (two gateways that fight for one
/// client id) keeps backing off.
constexpr std::int64_t kStableNs = 10'000'000'000;
constexpr milliseconds kFarewell{1000};
/// What can be under way between broker and ring when the gate stops reading: three socket
/// buffers and a chunk, in messages of the smallest useful size.
constexpr std::size_t kUnderWayEvents = 16'384;
constexpr std::size_t kUnderWayBytes = 512 * 1024;
constexpr std::size_t kTopicBytesMax = 65'535;

AckGate::Limits gate_limits(const SourceOptions& options) {
  // Twice the window: the broker can send the next one while this one is being committed.
  const std::size_t messages = std::max<std::size_t>(2u * options.in_flight_window(), 1024);
  return {messages, options.queue_bytes_max, 0};
}

std::size_t packet_bytes_max(const SourceOptions& options) {
  return options.payload_bytes_max + kTopicBytesMax + 1024;
}

/// What the broker may send (MQTT 5). It drops larger packets without a word to us, so payloads
/// that are merely too large must still arrive, to be counted and named.
constexpr std::size_t kWirePacketBytesMin = 4u << 20;
std::size_t wire_packet_bytes_max(const SourceOptions& options) {
  return std::max(packet_bytes_max(options), kWirePacketBytesMin);
}

}  // namespace

EventRing::Bounds ring_bounds(const SourceOptions& options) {
  const AckGate::Limits gate = gate_limits(options);
  return {gate.messages_max + kUnderWayEvents,
          gate.bytes_max + packet_bytes_max(options) + kUnderWayBytes};
}

MqttSession::MqttSession(std::uint32_t source, SourceOptions options, const Clock& clock,
                         EventRing& ring)
    : source_(source),
      options_(std::move(options)),
      clock_(clock),
      ring_(ring),
      subscriptions_(options_) {}

MqttSession::~MqttSession() { stop(); }

void MqttSession::set_subscribed(std::vector<TopicFilter> filters) {
  MutexLock lock(mutex_);
  subscriptions_.remember(std::move(filters));
}

void MqttSession::start() {
  thread_ = Thread("sl-mqtt", [this] { run(); });
}

void MqttSession::pause() {
  paused_ = true;
  MutexLock lock(mutex_);
  if (gate_) gate_->stop_reading();
}

void MqttSession::stop() {
  stopping_ = true;
  stop_.signal();
  {
    MutexLock lock(mutex_);
    if (client_) client_->interrupt();
  }
  thread_.join();
}

void MqttSession::release(std::uint64_t connection, std::uint64_t ticket) {
  MutexLock lock(mutex_);
  if (gate_ && connection == connection_) gate_->release(ticket);
}

std::uint64_t MqttSession::take_dropped_qos0() {
  const std::uint64_t dropped = dropped_qos0_;
  return dropped - dropped_qos0_taken_.exchange(dropped);
}

bool MqttSession::window_full() const {
  MutexLock lock(mutex_);
  return gate_ && gate_->unreleased() >= options_.in_flight_window();
}

SourceStats MqttSession::stats() const {
  SourceStats stats;
  stats.connected = connected_;
  stats.connects = connects_;
  stats.messages_received = messages_;
  stats.dropped_qos0 = dropped_qos0_;
  stats.overflows = overflows_;
  MutexLock lock(mutex_);
  stats.bytes_received = received_before_ + (gate_ ? gate_->bytes_received() : 0);
  stats.bytes_sent = sent_before_ + (gate_ ? gate_->bytes_sent() : 0);
  stats.unacknowledged = gate_ ? gate_->unreleased() : 0;
  stats.last_error = last_error_;
  stats.last_error_boottime_ns = last_error_boottime_ns_;
  return stats;
}

void MqttSession::set_error(std::string_view why) {
  {
    MutexLock lock(mutex_);
    last_error_ = why;
    last_error_boottime_ns_ = clock_.boottime_ns();
  }
  log::warn("ingest", "broker connection",
            {{"source", options_.name}, {"url", options_.url}, {"error", why}});
}

void MqttSession::run() {
  std::mt19937_64 rng(std::random_device{}());
  Backoff backoff(options_.backoff_min, options_.backoff_max);
  while (!stopping_) {
    const std::int64_t since_ns = clock_.boottime_ns();
    const Status ended = run_connection();
    if (stopping_) break;
    set_error(ended.message());
    if (clock_.boottime_ns() - since_ns >= kStableNs) backoff.reset();
    stop_.wait_for(backoff.next(rng));
    // The pause comes before a stop; a new connection would bring messages nobody wants now.
    while (paused_ && !stopping_) stop_.wait_for(milliseconds(1000));
  }
}

Status MqttSession::run_connection() {
  const auto address = parse_broker_url(options_.url);
  if (!address.ok()) return address.status();
  Status files = address->tls ? check_tls_files(options_.tls) : Status();
  if (!files.ok()) return files;
  const auto password = password_of(options_);
  if (!password.ok()) return password.status();
  auto broker = dial(*address, options_.connect_timeout, stop_);
  if (!broker.ok()) return broker.status();
  AckGate::Limits limits = gate_limits(options_);
  // With MQTT 5 the broker knows what we take, and inside TLS nobody sees where a packet begins.
  if (options_.version == MqttVersion::v3_1_1 && !address->tls) {
    limits.packet_bytes_max = static_cast<std::uint32_t>(packet_bytes_max(options_));
  }
  auto opened = AckGate::open(std::move(*broker), limits);
  if (!opened.ok()) return opened.status();

  AckGate& gate = **opened;
  const std::uint64_t connection = ++connection_count_;
  PahoClient::Hooks hooks;
  hooks.connected = [this, &gate, connection](bool session_present) {
    on_connected(gate, connection, session_present);
  };
  hooks.message = [this, &gate, connection](const ReceivedMessage& message) {
    on_message(gate, connection, message);
  };
  hooks.held_back = [&gate] { return gate.unreleased() > 0; };
  auto client = PahoClient::create(paho_options(gate.address(), *password), std::move(hooks));
  if (!client.ok()) return client.status();

  adopt(std::move(*opened), client->get());
  Status ended = talk(**client);
  const bool was_connected = connected_.exchange(false);
  const std::string gate_reason = gate.close_reason();
  if (stopping_ && was_connected) (*client)->disconnect(kFarewell);
  {
    MutexLock lock(mutex_);
    client_ = nullptr;
  }
  client->reset();  // no hook runs after this, so the gate may go
  if (announced_.exchange(false)) {
    ring_.try_push(event(IngestEvent::Kind::disconnected, connection));
  }
  if (stopping_) gate.finish(kFarewell);
  if (gate.poisoned()) {
    ended = resource_exhausted(gate_reason);
  } else if (!gate_reason.empty()) {
    ended = Status(ended.code(), std::string(ended.message()) + "; " + gate_reason);
  }
  disown();
  return ended;
}

void MqttSession::adopt(std::unique_ptr<AckGate> gate, PahoClient* client) {
  MutexLock lock(mutex_);
  gate_ = std::move(gate);
  client_ = client;
  connection_ = connection_count_;
  if (stopping_) client_->interrupt();
  if (paused_) gate_->stop_reading();
}

void MqttSession::disown() {
  std::unique_ptr<AckGate> gone;  // its destructor joins, which must not happen under the lock
  MutexLock lock(mutex_);
  received_before_ += gate_->bytes_received();
  sent_before_ += gate_->bytes_sent();
  gone = std::move(gate_);
}

/// From CONNECT to the end of the connection, whose cause it returns.
Status MqttSession::talk(PahoClient& client) {
  if (Status status = client.connect(); !status.ok()) return status;
  if (Status status = subscribe(client); !status.ok()) return status;
  connected_ = true;
  log::info("ingest", "connected", {{"source", options_.name}, {"url", options_.url}});
  return client.wait_lost();
}

/// Carries out the plan of on_connected. The gate lets nothing of it leave before the event that
/// names its filters is on flash.
Status MqttSession::subscribe(PahoClient& client) {
  SubscribePlan plan;
  {
    MutexLock lock(mutex_);
    plan = plan_;
  }
  std::vector<RefusedFilter> refused;
  std::vector<TopicFilter> filters = plan.join;
  filters.insert(filters.end(), plan.refresh.begin(), plan.refresh.end());
  Status status = client.unsubscribe(plan.leave);
  if (status.ok()) status = client.subscribe(filters, refused);
  if (!status.ok()) return status;
  std::vector<std::string> without;
  for (const RefusedFilter& filter : refused) {
    without.push_back(filter.filter);
    // Not being allowed to read the counter is what most brokers are set to.
    if (filter.filter != kDropCounterTopic) set_error(filter.why);
  }
  IngestEvent settled = event(IngestEvent::Kind::subscribed, connection_count_);
  {
    MutexLock lock(mutex_);
    subscriptions_.settle(without);
    settled.filters = subscriptions_.known();
  }
  // Without room it stays unsettled in the log: after a restart the same is asked for once more.
  if (plan.changes()) ring_.try_push(std::move(settled));
  return Status();
}

PahoOptions MqttSession::paho_options(const std::string& proxy, const std::string& password) const {
  PahoOptions paho;
  paho.broker = *parse_broker_url(options_.url);
  paho.proxy = proxy;
  paho.version = options_.version;
  paho.client_id = options_.client_id;
  paho.user = options_.user;
  paho.password = password;
  paho.tls = options_.tls;
  paho.session_expiry_s = options_.session_expiry_s;
  paho.receive_maximum = options_.receive_maximum;
  paho.packet_bytes_max = static_cast<std::uint32_t>(wire_packet_bytes_max(options_));
  paho.keep_alive_s = options_.keep_alive_s;
  paho.timeout = options_.connect_timeout;
  return paho;
}

IngestEvent MqttSession::event(IngestEvent::Kind kind, std::uint64_t connection) const {
  IngestEvent event;
  event.kind = kind;
  event.position = {source_, connection, 0};
  event.boottime_ns = clock_.boottime_ns();
  event.wall_ns = clock_.wall_ns();
  return event;
}

void MqttSession::on_connected(AckGate& gate, std::uint64_t connection, bool session_present) {
  ++connects_;
  IngestEvent boundary = event(IngestEvent::Kind::connected, connection);
  boundary.session_present = session_present;
  bool room = ring_.try_push(std::move(boundary));
  announced_ = room;
  IngestEvent intent = event(IngestEvent::Kind::subscribed, connection);
  bool changes = false;
  {
    MutexLock lock(mutex_);
    plan_ = subscriptions_.plan(session_present);
    changes = plan_.changes();
    intent.filters = subscriptions_.known();
  }
  if (room && changes) {
    // On this thread, where messages are counted, so that tickets and events have one order.
    intent.position.ticket = gate.count_message(0);
    room = ring_.try_push(std::move(intent));
  }
  if (room) return;
  ++overflows_;
  gate.poison("the ingest queue is full; waiting for the pipeline");
}

/// Without room it is passed over: the next value tells of it too.
void MqttSession::on_broker_drops(std::uint64_t connection, std::string_view payload) {
  const auto value = parse_drop_counter(payload);
  if (!value) return;
  IngestEvent dropped = event(IngestEvent::Kind::broker_dropped, connection);
  dropped.dropped = *value;
  ring_.try_push(std::move(dropped));
}

/// The ticket is counted before the push, so that no release can come before its count.
void MqttSession::on_message(AckGate& gate, std::uint64_t connection,
                             const ReceivedMessage& message) {
  // What follows an overflow comes again after it; taking it now would break the order.
  if (gate.poisoned()) return;
  if (options_.watch_broker_drops && message.topic == kDropCounterTopic) {
    return on_broker_drops(connection, message.payload);
  }
  IngestEvent arrived = event(IngestEvent::Kind::message, connection);
  arrived.topic = message.topic;
  arrived.payload = message.payload.substr(0, options_.payload_bytes_max + 1);
  arrived.qos = message.qos;
  arrived.dup = message.dup;
  arrived.retain = message.retain;
  if (message.retain) {
    MutexLock lock(mutex_);
    arrived.retained_again = subscriptions_.retained_again(message.topic);
  }
  arrived.packet_id = message.packet_id;
  if (message.qos > 0) {
    arrived.position.ticket = gate.count_message(arrived.topic.size() + arrived.payload.size());
  }
  if (ring_.try_push(std::move(arrived))) {
    ++messages_;
  } else if (message.qos == 0) {
    ++dropped_qos0_;
  } else {
    ++overflows_;
    gate.poison("the ingest queue overflowed; the broker delivers again");
  }
}

}  // namespace sluice
