#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "ingest/ack_gate.h"
#include "ingest/event_ring.h"
#include "ingest/fd.h"
#include "ingest/mqtt_options.h"
#include "ingest/paho_client.h"
#include "ingest/subscriptions.h"

namespace sluice {

/// How a source is doing, for status and metrics.
struct SourceStats {
  bool connected = false;            ///< CONNACK and SUBACK came, and the link stands
  std::uint64_t connects = 0;        ///< since the process started
  std::uint64_t bytes_received = 0;  ///< on the wire
  std::uint64_t bytes_sent = 0;
  std::uint64_t messages_received = 0;      ///< that entered the queue
  std::uint64_t dropped_qos0 = 0;           ///< queue_full, since the process started
  std::uint64_t overflows = 0;              ///< connections given up because the queue was full
  std::uint64_t unacknowledged = 0;         ///< messages not yet released, of this connection
  std::string last_error;                   ///< why the last attempt or connection ended; kept
  std::int64_t last_error_boottime_ns = 0;  ///< when that was
};

/// The queue that a session of these options needs: what its gate lets through, and room for what
/// is under way when the gate stops reading.
EventRing::Bounds ring_bounds(const SourceOptions& options);

/// Keeps one broker connected, for ever: dial, gate, CONNECT, SUBSCRIBE, wait for the end, back
/// off. Every connection has a gate and a Paho client of its own.
///
/// Threads: its own, [sl-mqtt]; Paho's thread copies messages into the ring. Methods may be called
/// from any thread.
class MqttSession {
 public:
  /// `source` is the index in positions and in the ring. `options` have been checked.
  MqttSession(std::uint32_t source, SourceOptions options, const Clock& clock, EventRing& ring);
  ~MqttSession();

  /// What the broker may have subscribed in our session, as the log has it. Before `start`.
  void set_subscribed(std::vector<TopicFilter> filters);
  void start();
  /// Takes in nothing more, but keeps the connection so that acknowledgements can leave.
  void pause();
  /// Disconnects and joins; the broker keeps the session. What is unreleased is delivered again.
  void stop();

  /// Ignored when `connection` is not the current one.
  void release(std::uint64_t connection, std::uint64_t ticket);
  /// Messages dropped at QoS 0 since the last call, because the queue was full.
  std::uint64_t take_dropped_qos0();
  /// As many messages are unreleased as the broker sends before it waits.
  bool window_full() const;
  SourceStats stats() const;
  const SourceOptions& options() const { return options_; }

 private:
  void run();
  Status run_connection();
  Status talk(PahoClient& client);
  PahoOptions paho_options(const std::string& proxy, const std::string& password) const;
  Status subscribe(PahoClient& client);
  void on_connected(AckGate& gate, std::uint64_t connection, bool session_present);
  void on_message(AckGate& gate, std::uint64_t connection, const ReceivedMessage& message);
  void on_broker_drops(std::uint64_t connection, std::string_view payload);
  IngestEvent event(IngestEvent::Kind kind, std::uint64_t connection) const;
  void set_error(std::string_view why);
  void adopt(std::unique_ptr<AckGate> gate, PahoClient* client);
  void disown();

  const std::uint32_t source_;
  const SourceOptions options_;
  const Clock& clock_;
  EventRing& ring_;
  WakeFd stop_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> paused_{false};
  std::atomic<bool> connected_{false};
  std::atomic<bool> announced_{false};  ///< the ring knows of the connection, not of its end
  std::atomic<std::uint64_t> connects_{0};
  std::atomic<std::uint64_t> messages_{0};
  std::atomic<std::uint64_t> dropped_qos0_{0};
  std::atomic<std::uint64_t> dropped_qos0_taken_{0};
  std::atomic<std::uint64_t> overflows_{0};
  std::uint64_t connection_count_ = 0;  ///< [sl-mqtt]

  mutable Mutex mutex_;
  std::unique_ptr<AckGate> gate_ SLUICE_GUARDED_BY(mutex_);  ///< of the current connection
  PahoClient* client_ SLUICE_GUARDED_BY(mutex_) = nullptr;
  std::uint64_t connection_ SLUICE_GUARDED_BY(mutex_) = 0;
  // Of earlier connections.
  std::uint64_t received_before_ SLUICE_GUARDED_BY(mutex_) = 0;
  std::uint64_t sent_before_ SLUICE_GUARDED_BY(mutex_) = 0;
  std::string last_error_ SLUICE_GUARDED_BY(mutex_);
  std::int64_t last_error_boottime_ns_ SLUICE_GUARDED_BY(mutex_) = 0;
  Subscriptions subscriptions_ SLUICE_GUARDED_BY(mutex_);
  SubscribePlan plan_ SLUICE_GUARDED_BY(mutex_);  ///< of the current connection

  Thread thread_;
};

}  // namespace sluice
