#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "ingest/fd.h"

// MQTT by hand, so that tests see the bytes: packets, a scripted broker, a plain client.
namespace sluice::wire {

inline constexpr std::chrono::milliseconds kPatience{20'000};
inline constexpr std::chrono::milliseconds kQuiet{200};

/// Polls until `done()` or patience ends; the answer is the last `done()`.
bool eventually(const std::function<bool()>& done);

UniqueFd listen_on_loopback(std::uint16_t* port);
UniqueFd connect_to_loopback(std::uint16_t port);
/// A connected pair of TCP sockets.
void make_pair(UniqueFd& a, UniqueFd& b);
void set_non_blocking(int fd);
bool send_all(int fd, std::string_view bytes);
/// Up to `size` bytes; shorter at the end of the stream or of patience.
std::string receive(int fd, std::size_t size, std::chrono::milliseconds patience = kPatience);
/// Nothing to read, not even the end, within `for_ms`.
bool is_quiet(int fd, std::chrono::milliseconds for_ms = kQuiet);
/// True when the peer closes without sending more.
bool is_at_end(int fd);

enum Type : std::uint8_t {
  kConnect = 1,
  kConnack = 2,
  kPublish = 3,
  kPuback = 4,
  kSubscribe = 8,
  kSuback = 9,
  kUnsubscribe = 10,
  kUnsuback = 11,
  kPingreq = 12,
  kPingresp = 13,
  kDisconnect = 14,
};

struct Packet {
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::string body;
};

std::string u16(unsigned value);
std::string text(std::string_view value);
std::string packet(std::uint8_t type, std::uint8_t flags, std::string_view body);
unsigned read_u16(std::string_view body, std::size_t at);

struct Publish {
  std::string topic;
  std::string payload;
  unsigned packet_id = 0;
  int qos = 0;
  bool dup = false;
  bool retain = false;
};
std::string publish(const Publish& p, bool v5);
Publish parse_publish(const Packet& packet, bool v5);

/// What a CONNECT says.
struct Connect {
  int level = 0;
  std::uint8_t flags = 0;
  unsigned keep_alive = 0;
  std::map<int, std::uint32_t> properties;
  std::string client_id, will_topic, will_payload, user, password;
};
Connect parse_connect(const Packet& packet);

/// One end of an MQTT connection; it reads and writes only when told to.
class Link {
 public:
  explicit Link(UniqueFd fd) : fd_(std::move(fd)) {}
  int fd() const { return fd_.get(); }
  void send(std::string_view bytes) { send_all(fd_.get(), bytes); }
  /// Empty at the end of the stream or of patience.
  std::optional<Packet> read(std::chrono::milliseconds patience = kPatience);
  /// The next packet must be of this type; an empty one (type 0) when it is not.
  Packet expect(Type type);
  void close() { fd_.reset(); }

 private:
  UniqueFd fd_;
};

/// A broker that does exactly what the test says, on the test's thread.
class ScriptedBroker {
 public:
  explicit ScriptedBroker(bool v5 = true) : v5_(v5), listener_(listen_on_loopback(&port_)) {}
  std::string url() const { return "mqtt://127.0.0.1:" + std::to_string(port_); }
  /// The next connection; fails the test when none comes.
  Link accept();
  /// Accepts, reads CONNECT, answers success.
  Link welcome(bool session_present = false, std::string_view extra = "");
  std::string connack(bool session_present, int code = 0) const;
  /// Reads one SUBSCRIBE and grants `code`; returns the packet.
  Packet grant(Link& link, int code = 1) const;

 private:
  const bool v5_;
  std::uint16_t port_ = 0;
  UniqueFd listener_;
};

/// A client of a real broker, MQTT 3.1.1.
class PlainClient {
 public:
  PlainClient(std::uint16_t port, const std::string& client_id);
  /// QoS 0, or QoS 1 and waits for the PUBACK.
  void publish(const std::string& topic, const std::string& payload, int qos, bool retain = false);
  /// QoS 1 without waiting in between: all are acknowledged at return.
  void flood(const std::string& topic, int count, int payload_bytes);
  void subscribe(const std::string& filter);
  /// The next message; empty topic when none comes.
  Publish next(std::chrono::milliseconds patience = kPatience);

 private:
  Link link_;
  unsigned packet_id_ = 0;
};

}  // namespace sluice::wire
