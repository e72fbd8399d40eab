#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "ingest/mqtt_options.h"

namespace sluice {

/// What one connection needs from the MQTT library.
struct PahoOptions {
  BrokerAddress broker;
  std::string proxy;  ///< "host:port" that answers HTTP CONNECT: the ack gate
  MqttVersion version = MqttVersion::v5;
  std::string client_id;
  std::string user;
  std::string password;
  TlsFiles tls;
  bool clean_start = false;
  std::uint32_t session_expiry_s = 0;
  std::uint16_t receive_maximum = 1000;
  std::uint32_t packet_bytes_max = 0;
  std::uint16_t keep_alive_s = 60;
  std::chrono::milliseconds timeout{10'000};
  struct Will {
    std::string topic;
    std::string payload;  ///< retained, QoS 1
  };
  std::optional<Will> will;
};

/// A PUBLISH as it came; the views end with the callback.
struct ReceivedMessage {
  std::string_view topic;
  std::string_view payload;
  std::uint8_t qos = 0;
  bool dup = false;
  bool retain = false;
  std::uint16_t packet_id = 0;
};

/// A subscription that was not granted as asked.
struct RefusedFilter {
  std::string filter;
  std::string why;  ///< a sentence
};

/// One connection through Paho. Exceptions, token objects and return codes of the library end here
/// as Status.
///
/// Paho has one receive thread and one lock for every client of the process: hooks must not block
/// and must not call back into this class. A client is used for one connection and then destroyed,
/// after which none of its hooks runs any more.
/// Thread: methods belong to the thread that made it and wait at most `timeout`, or as long as
/// the gate holds requests back; `interrupt` may
/// be called from any.
class PahoClient {
 public:
  struct Hooks {
    std::function<void(bool session_present)> connected;  ///< before the first message
    std::function<void(const ReceivedMessage&)> message;
    /// Our requests may be held back behind acknowledgements: then no answer is not the broker's
    /// fault and the wait goes on. Called on the client's own thread.
    std::function<bool()> held_back;
  };

  static Result<std::unique_ptr<PahoClient>> create(PahoOptions options, Hooks hooks);
  /// Says DISCONNECT when still connected.
  ~PahoClient();

  /// Waits for CONNACK. `unauthenticated`, `permission_denied` or `unavailable` with the cause.
  Status connect();
  /// One SUBSCRIBE per filter, retained messages only for new subscriptions (MQTT 5),
  /// but for the broker's own of $SYS. Ok when the
  /// broker answered; `refused` gets each filter it did not grant as asked.
  Status subscribe(const std::vector<TopicFilter>& filters, std::vector<RefusedFilter>& refused);
  Status unsubscribe(const std::vector<std::string>& filters);
  /// Retained, QoS 1; waits for PUBACK.
  Status publish_retained(const std::string& topic, const std::string& payload);
  /// Returns when the connection is gone: why.
  Status wait_lost();

  /// Ends `connect`, `subscribe`, `unsubscribe`, `publish_retained` and `wait_lost`, now and from
  /// now on, with `cancelled`. Any thread.
  void interrupt();

  /// DISCONNECT, so that no will is sent. Heeds no interrupt.
  void disconnect(std::chrono::milliseconds patience);
  /// The same after a last retained message.
  void farewell(const std::string& topic, const std::string& payload,
                std::chrono::milliseconds patience);

 private:
  struct Paho;
  explicit PahoClient(std::unique_ptr<Paho> paho);
  std::unique_ptr<Paho> paho_;
};

}  // namespace sluice
