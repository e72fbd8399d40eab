#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "model/ports.h"

namespace sluice::fault {

/// A broker with one persistent session for each source of a node, and the ring between Paho and
/// the pipeline, behind the port where the gate ends: what an ack gate lets out arrives here.
///
/// A new session has no subscription: nothing comes before the node has its request on flash.
///
/// As brokers do: at most a window of messages is unacknowledged; they come again with DUP=1, in
/// order and with their packet ids, on the next connection; an ack on its way when the connection
/// goes is lost. One thread.
class SimBroker final : public MessageSource {
 public:
  enum class Ids : std::uint8_t {
    rising,      ///< mosquitto, EMQX
    lowest_free  ///< HiveMQ
  };
  struct Options {
    std::size_t window = 20;
    Ids ids = Ids::rising;
  };
  SimBroker(std::size_t sources, Options options, const Clock& clock);

  void publish(std::uint32_t source, std::string topic, std::string payload);

  // --- the network ---
  bool connected(std::uint32_t source) const { return sessions_[source].connected; }
  std::uint64_t connection(std::uint32_t source) const { return sessions_[source].connection; }
  /// There was a connection since the session was lost, or ever.
  bool knows(std::uint32_t source) const { return sessions_[source].known; }
  /// A connection comes up: its boundary and what was unacknowledged enter the ring.
  void connect(std::uint32_t source);
  /// The connection goes, and with it the first-to-last acks on their way but the first `arrive`.
  void cut(std::uint32_t source, std::size_t arrive);
  /// The next message enters the ring; false when there is none or the window is full.
  bool deliver(std::uint32_t source);
  /// Called with every message that is delivered, each time that it is.
  std::function<void(std::uint32_t source, const std::string& payload)> on_delivery;
  /// The broker forgets the session, and the connection goes with it. What nobody acknowledged is
  /// lost there, as (topic, payload); what was delivered may be with the node. Packet ids start
  /// anew.
  std::vector<std::pair<std::string, std::string>> lose_session(std::uint32_t source);
  /// One ack reaches the broker.
  void take_ack(std::uint32_t source);
  std::size_t acks_on_their_way(std::uint32_t source) const {
    return sessions_[source].acks.size();
  }

  /// The node's process ends: ring and connections are gone, numbers of connections start anew.
  void node_died();
  /// Nothing waits at the broker, nothing in the ring, every ack has arrived.
  bool idle() const;

  // --- MessageSource, as the node sees it ---
  std::size_t take(std::vector<IngestEvent>& out, std::size_t count_max,
                   std::chrono::milliseconds timeout) override;
  void release(const AckPosition& position) override;
  std::uint64_t take_dropped_qos0(std::uint32_t) override { return 0; }

  std::uint64_t redelivered() const { return redelivered_; }

 private:
  struct Message {
    std::string topic;
    std::string payload;
    std::uint16_t packet_id = 0;
  };
  struct Session {
    std::deque<Message> waiting;
    std::deque<Message> unacked;  ///< in the order they were sent
    std::size_t delivered = 0;    ///< of unacked, on this connection
    std::uint16_t last_id = 0;
    bool known = false;  ///< the session exists: there was a connection before
    bool subscribed = false;
    bool connected = false;
    std::uint64_t connection = 0;
    std::uint64_t tickets = 0;   ///< given out on this connection
    std::uint64_t released = 0;  ///< by the node
    std::uint64_t acked = 0;     ///< at the broker
    std::deque<std::uint64_t> acks;
  };
  std::uint16_t next_id(Session& session) const;
  IngestEvent event(IngestEvent::Kind kind, std::uint32_t source) const;

  const Options options_;
  const Clock& clock_;
  std::vector<Session> sessions_;
  std::deque<IngestEvent> ring_;
  std::uint64_t redelivered_ = 0;
};

}  // namespace sluice::fault
