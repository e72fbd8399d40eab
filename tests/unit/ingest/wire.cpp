#include "unit/ingest/wire.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <utility>

namespace sluice::wire {
namespace {

using Clock = std::chrono::steady_clock;

int left_ms(Clock::time_point until) {
  const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(until - Clock::now());
  return left.count() > 0 ? static_cast<int>(left.count()) : 0;
}

bool readable(int fd, int timeout_ms) {
  pollfd p{fd, POLLIN, 0};
  return ::poll(&p, 1, timeout_ms) > 0;
}

/// A varint at `at`, which moves behind it.
std::uint32_t varint(std::string_view body, std::size_t& at) {
  std::uint32_t value = 0;
  for (int shift = 0; at < body.size(); shift += 7) {
    const auto byte = static_cast<unsigned char>(body[at++]);
    value |= static_cast<std::uint32_t>(byte & 0x7F) << shift;
    if ((byte & 0x80) == 0) break;
  }
  return value;
}

std::string read_text(std::string_view body, std::size_t& at) {
  const std::size_t size = read_u16(body, at);
  std::string value(body.substr(at + 2, size));
  at += 2 + size;
  return value;
}

}  // namespace

bool eventually(const std::function<bool()>& done) {
  const auto until = Clock::now() + kPatience;
  while (!done()) {
    if (left_ms(until) == 0) return done();
    ::poll(nullptr, 0, 5);
  }
  return true;
}

UniqueFd listen_on_loopback(std::uint16_t* port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t size = sizeof address;
  EXPECT_EQ(::bind(fd.get(), reinterpret_cast<sockaddr*>(&address), size), 0);
  EXPECT_EQ(::listen(fd.get(), 8), 0);
  ::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&address), &size);
  *port = ntohs(address.sin_port);
  return fd;
}

UniqueFd connect_to_loopback(std::uint16_t port) {
  UniqueFd fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  address.sin_port = htons(port);
  if (::connect(fd.get(), reinterpret_cast<sockaddr*>(&address), sizeof address) != 0) fd.reset();
  const int one = 1;
  ::setsockopt(fd.get(), IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  return fd;
}

void make_pair(UniqueFd& a, UniqueFd& b) {
  std::uint16_t port = 0;
  const UniqueFd listener = listen_on_loopback(&port);
  a = connect_to_loopback(port);
  b = UniqueFd(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
}

void set_non_blocking(int fd) { ::fcntl(fd, F_SETFL, ::fcntl(fd, F_GETFL) | O_NONBLOCK); }

bool send_all(int fd, std::string_view bytes) {
  while (!bytes.empty()) {
    const ssize_t put = ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    if (put <= 0) return false;
    bytes.remove_prefix(static_cast<std::size_t>(put));
  }
  return true;
}

std::string receive(int fd, std::size_t size, std::chrono::milliseconds patience) {
  const auto until = Clock::now() + patience;
  std::string bytes;
  while (bytes.size() < size && readable(fd, left_ms(until))) {
    char chunk[4096];
    const std::size_t want = std::min(sizeof chunk, size - bytes.size());
    const ssize_t got = ::recv(fd, chunk, want, 0);
    if (got <= 0) break;
    bytes.append(chunk, static_cast<std::size_t>(got));
  }
  return bytes;
}

bool is_quiet(int fd, std::chrono::milliseconds for_ms) {
  return !readable(fd, static_cast<int>(for_ms.count()));
}

bool is_at_end(int fd) {
  char byte = 0;
  return readable(fd, static_cast<int>(kPatience.count())) && ::recv(fd, &byte, 1, 0) <= 0;
}

std::string u16(unsigned value) {
  return {static_cast<char>(value >> 8), static_cast<char>(value & 0xFF)};
}

std::string text(std::string_view value) {
  return u16(static_cast<unsigned>(value.size())) + std::string(value);
}

std::string packet(std::uint8_t type, std::uint8_t flags, std::string_view body) {
  std::string bytes(1, static_cast<char>(type << 4 | flags));
  std::size_t left = body.size();
  do {
    const auto more = left > 0x7F ? 0x80 : 0;
    bytes.push_back(static_cast<char>((left & 0x7F) | static_cast<std::size_t>(more)));
    left >>= 7;
  } while (left > 0);
  return bytes.append(body);
}

unsigned read_u16(std::string_view body, std::size_t at) {
  if (at + 2 > body.size()) return 0;
  return static_cast<unsigned>(static_cast<unsigned char>(body[at]) << 8 |
                               static_cast<unsigned char>(body[at + 1]));
}

std::string publish(const Publish& p, bool v5) {
  std::string body = text(p.topic);
  if (p.qos > 0) body += u16(p.packet_id);
  if (v5) body.push_back('\0');
  const int flags = (p.dup ? 8 : 0) | p.qos << 1 | (p.retain ? 1 : 0);
  return packet(kPublish, static_cast<std::uint8_t>(flags), body + p.payload);
}

Publish parse_publish(const Packet& packet, bool v5) {
  Publish p;
  p.qos = packet.flags >> 1 & 3;
  p.dup = (packet.flags & 8) != 0;
  p.retain = (packet.flags & 1) != 0;
  std::size_t at = 0;
  p.topic = read_text(packet.body, at);
  if (p.qos > 0) {
    p.packet_id = read_u16(packet.body, at);
    at += 2;
  }
  if (v5) {
    const std::size_t size = varint(packet.body, at);
    at += size;
  }
  p.payload = packet.body.substr(at);
  return p;
}

Connect parse_connect(const Packet& packet) {
  Connect c;
  const std::string_view body = packet.body;
  std::size_t at = 6;
  c.level = body[at++];
  c.flags = static_cast<std::uint8_t>(body[at++]);
  c.keep_alive = read_u16(body, at);
  at += 2;
  if (c.level == 5) {
    const std::size_t size = varint(body, at);
    const std::size_t end = at + size;
    while (at < end) {
      const int id = body[at++];
      if (id == 33 || id == 34) {
        c.properties[id] = read_u16(body, at);
        at += 2;
      } else if (id == 17 || id == 39) {
        c.properties[id] = read_u16(body, at) << 16 | read_u16(body, at + 2);
        at += 4;
      } else {
        ADD_FAILURE() << "unexpected CONNECT property " << id;
        return c;
      }
    }
  }
  c.client_id = read_text(body, at);
  if (c.flags & 4) {
    if (c.level == 5) {
      const std::size_t size = varint(body, at);
      at += size;
    }
    c.will_topic = read_text(body, at);
    c.will_payload = read_text(body, at);
  }
  if (c.flags & 0x80) c.user = read_text(body, at);
  if (c.flags & 0x40) c.password = read_text(body, at);
  return c;
}

std::optional<Packet> Link::read(std::chrono::milliseconds patience) {
  const auto until = Clock::now() + patience;
  const auto left = [&] { return std::chrono::milliseconds(left_ms(until)); };
  const std::string head = receive(fd_.get(), 1, left());
  if (head.empty()) return std::nullopt;
  std::size_t size = 0;
  for (int shift = 0; shift < 28; shift += 7) {
    const std::string byte = receive(fd_.get(), 1, left());
    if (byte.empty()) return std::nullopt;
    size |= static_cast<std::size_t>(byte[0] & 0x7F) << shift;
    if ((byte[0] & 0x80) == 0) break;
  }
  Packet packet;
  packet.type = static_cast<unsigned char>(head[0]) >> 4;
  packet.flags = head[0] & 0x0F;
  packet.body = receive(fd_.get(), size, left());
  if (packet.body.size() < size) return std::nullopt;
  return packet;
}

Packet Link::expect(Type type) {
  auto packet = read();
  EXPECT_TRUE(packet.has_value()) << "waiting for packet type " << int{type};
  if (!packet) return {};
  EXPECT_EQ(int{packet->type}, int{type});
  return packet->type == type ? *packet : Packet{};
}

Link ScriptedBroker::accept() {
  if (!readable(listener_.get(), static_cast<int>(kPatience.count()))) {
    ADD_FAILURE() << "nobody connected";
    return Link(UniqueFd());
  }
  return Link(UniqueFd(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC)));
}

std::string ScriptedBroker::connack(bool session_present, int code) const {
  std::string body = {static_cast<char>(session_present), static_cast<char>(code)};
  if (v5_) body.push_back('\0');
  return packet(kConnack, 0, body);
}

Link ScriptedBroker::welcome(bool session_present, std::string_view extra) {
  Link link = accept();
  link.expect(kConnect);
  link.send(connack(session_present) + std::string(extra));
  return link;
}

Packet ScriptedBroker::grant(Link& link, int code) const {
  Packet asked = link.expect(kSubscribe);
  std::string body = u16(read_u16(asked.body, 0));
  if (v5_) body.push_back('\0');
  body.push_back(static_cast<char>(code));
  link.send(packet(kSuback, 0, body));
  return asked;
}

PlainClient::PlainClient(std::uint16_t port, const std::string& client_id)
    : link_(connect_to_loopback(port)) {
  link_.send(packet(kConnect, 0, text("MQTT") + "\x04\x02" + u16(0) + text(client_id)));
  EXPECT_EQ(link_.expect(kConnack).body, std::string("\0\0", 2));
}

void PlainClient::publish(const std::string& topic, const std::string& payload, int qos,
                          bool retain) {
  Publish p{topic, payload, ++packet_id_, qos, false, retain};
  link_.send(wire::publish(p, false));
  if (qos == 0) return;
  EXPECT_EQ(read_u16(link_.expect(kPuback).body, 0), packet_id_);
}

void PlainClient::flood(const std::string& topic, int count, int payload_bytes) {
  int acked = 0;
  for (int i = 0; i < count; ++i) {
    std::string payload = std::to_string(i);
    payload.resize(static_cast<std::size_t>(payload_bytes), ' ');
    packet_id_ = packet_id_ % 65'535 + 1;
    link_.send(wire::publish({topic, payload, packet_id_, 1, false, false}, false));
    // Keep below what the broker takes unacknowledged from one client.
    for (; i - acked >= 10; ++acked) link_.expect(kPuback);
  }
  for (; acked < count; ++acked) link_.expect(kPuback);
}

void PlainClient::subscribe(const std::string& filter) {
  link_.send(packet(kSubscribe, 2, u16(++packet_id_) + text(filter) + '\x01'));
  link_.expect(kSuback);
}

Publish PlainClient::next(std::chrono::milliseconds patience) {
  while (auto packet_in = link_.read(patience)) {
    if (packet_in->type != kPublish) continue;
    Publish p = parse_publish(*packet_in, false);
    if (p.qos > 0) link_.send(packet(kPuback, 0, u16(p.packet_id)));
    return p;
  }
  return {};
}

}  // namespace sluice::wire
