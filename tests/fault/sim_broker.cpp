#include "fault/sim_broker.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace sluice::fault {

SimBroker::SimBroker(std::size_t sources, Options options, const Clock& clock)
    : options_(options), clock_(clock), sessions_(sources) {}

void SimBroker::publish(std::uint32_t source, std::string topic, std::string payload) {
  sessions_[source].waiting.push_back({std::move(topic), std::move(payload)});
}

IngestEvent SimBroker::event(IngestEvent::Kind kind, std::uint32_t source) const {
  IngestEvent event;
  event.kind = kind;
  event.position = {source, sessions_[source].connection, 0};
  event.boottime_ns = clock_.boottime_ns();
  event.wall_ns = clock_.wall_ns();
  return event;
}

void SimBroker::connect(std::uint32_t source) {
  Session& session = sessions_[source];
  SLUICE_ASSERT(!session.connected);
  session.connected = true;
  ++session.connection;
  session.tickets = session.released = session.acked = 0;
  session.delivered = 0;
  IngestEvent boundary = event(IngestEvent::Kind::connected, source);
  boundary.session_present = std::exchange(session.known, true);
  ring_.push_back(std::move(boundary));
  if (session.subscribed) return;
  IngestEvent request = event(IngestEvent::Kind::subscribed, source);
  request.position.ticket = ++session.tickets;
  ring_.push_back(std::move(request));
}

std::uint16_t SimBroker::next_id(Session& session) const {
  const auto used = [&](std::uint16_t id) {
    return std::any_of(session.unacked.begin(), session.unacked.end(),
                       [id](const Message& m) { return m.packet_id == id; });
  };
  std::uint16_t id = options_.ids == Ids::rising ? session.last_id : 0;
  do {
    id = id == 65535 ? 1 : static_cast<std::uint16_t>(id + 1);
  } while (used(id));
  session.last_id = id;
  return id;
}

bool SimBroker::deliver(std::uint32_t source) {
  Session& session = sessions_[source];
  if (!session.connected || !session.subscribed) return false;
  const bool again = session.delivered < session.unacked.size();
  if (!again) {
    if (session.waiting.empty() || session.unacked.size() >= options_.window) return false;
    Message message = std::move(session.waiting.front());
    session.waiting.pop_front();
    message.packet_id = next_id(session);
    session.unacked.push_back(std::move(message));
  }
  const Message& message = session.unacked[session.delivered++];
  IngestEvent arrived = event(IngestEvent::Kind::message, source);
  arrived.topic = message.topic;
  arrived.payload = message.payload;
  arrived.qos = 1;
  arrived.packet_id = message.packet_id;
  arrived.dup = again;
  arrived.position.ticket = ++session.tickets;
  redelivered_ += again ? 1 : 0;
  if (on_delivery) on_delivery(source, message.payload);
  ring_.push_back(std::move(arrived));
  return true;
}

/// Acks leave in the order of the messages, so the oldest unacknowledged one is meant.
void SimBroker::take_ack(std::uint32_t source) {
  Session& session = sessions_[source];
  if (session.acks.empty()) return;
  session.acks.pop_front();
  ++session.acked;
  SLUICE_ASSERT(session.delivered > 0);
  session.unacked.pop_front();
  --session.delivered;
}

void SimBroker::cut(std::uint32_t source, std::size_t arrive) {
  Session& session = sessions_[source];
  for (; arrive > 0; --arrive) take_ack(source);
  session.acks.clear();
  if (std::exchange(session.connected, false)) {
    ring_.push_back(event(IngestEvent::Kind::disconnected, source));
  }
}

std::vector<std::pair<std::string, std::string>> SimBroker::lose_session(std::uint32_t source) {
  cut(source, 0);
  Session& session = sessions_[source];
  std::vector<std::pair<std::string, std::string>> lost;
  for (auto* messages : {&session.unacked, &session.waiting}) {
    for (Message& message : *messages) {
      lost.emplace_back(std::move(message.topic), std::move(message.payload));
    }
    messages->clear();
  }
  session.delivered = 0;
  session.last_id = 0;
  session.known = session.subscribed = false;
  return lost;
}

void SimBroker::node_died() {
  ring_.clear();
  for (Session& session : sessions_) {
    session.acks.clear();
    session.connected = false;
    session.connection = 0;
  }
}

bool SimBroker::idle() const {
  return ring_.empty() && std::all_of(sessions_.begin(), sessions_.end(), [](const Session& s) {
           return s.waiting.empty() && s.unacked.empty();
         });
}

std::size_t SimBroker::take(std::vector<IngestEvent>& out, std::size_t count_max,
                            std::chrono::milliseconds) {
  std::size_t count = 0;
  for (; count < count_max && !ring_.empty(); ++count) {
    out.push_back(std::move(ring_.front()));
    ring_.pop_front();
  }
  return count;
}

void SimBroker::release(const AckPosition& position) {
  Session& session = sessions_[position.source];
  if (!session.connected || position.connection != session.connection) return;
  SLUICE_ASSERT(position.ticket <= session.tickets);
  for (; session.released < position.ticket; ++session.released) {
    // Without a subscription the first ticket is that of the request.
    if (session.subscribed) session.acks.push_back(session.released + 1);
    session.subscribed = true;
  }
}

}  // namespace sluice::fault
