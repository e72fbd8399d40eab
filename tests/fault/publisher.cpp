#include "fault/publisher.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <ctime>

#include "e2e/process.h"

namespace sluice::fault {
namespace {

constexpr int kTick_ms = 5;
constexpr std::int64_t kHour_ms = 3'600'000;

std::int64_t now_ns() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec * 1'000'000'000 + now.tv_nsec;
}

void nap() {
  timespec pause{0, kTick_ms * 1'000'000};
  nanosleep(&pause, nullptr);
}

/// splitmix64: spreads a number over all bits.
std::uint64_t spread(std::uint64_t x) {
  x += 0x9E3779B97F4A7C15;
  x = (x ^ (x >> 30)) * 0xBF58476D1CE4E5B9;
  x = (x ^ (x >> 27)) * 0x94D049BB133111EB;
  return x ^ (x >> 31);
}

void append_u16(std::string& out, std::size_t value) {
  out.push_back(static_cast<char>(value >> 8));
  out.push_back(static_cast<char>(value & 255));
}

/// A packet of at most 16,383 bytes after its header.
std::string packet(unsigned char type, const std::string& body) {
  std::string bytes(1, static_cast<char>(type));
  if (body.size() > 127) bytes.push_back(static_cast<char>(body.size() % 128 + 128));
  bytes.push_back(static_cast<char>(body.size() > 127 ? body.size() / 128 : body.size()));
  return bytes + body;
}

std::string connect_packet() {
  std::string body;
  append_u16(body, 4);
  body += "MQTT";
  body.push_back(4);    // 3.1.1
  body.push_back(2);    // clean session
  append_u16(body, 0);  // no keep-alive
  const std::string id = "publisher-" + std::to_string(getpid());
  append_u16(body, id.size());
  return packet(0x10, body + id);
}

}  // namespace

Publisher::Publisher(Options options) : options_(std::move(options)) {
  index_of_id_.fill(-1);
  thread_ = std::thread([this] { run(); });
}

Publisher::~Publisher() {
  stopping_ = true;
  thread_.join();
}

void Publisher::resume() { running_ = true; }

void Publisher::pause() {
  running_ = false;
  // The thread may be between its look at running_ and the send: two ticks are past that.
  nap();
  nap();
  while (in_flight_ > 0) nap();
}

bool Publisher::send(std::uint64_t count) {
  to_send_ = count;
  const bool done = e2e::until(60, [this] { return to_send_ == 0 && in_flight_ == 0; });
  to_send_ = 0;
  return done;
}

std::int64_t Publisher::flush_ms() {
  {
    std::lock_guard lock(mutex_);
    next_ms_ += kHour_ms;
    next_topic_ = 0;
  }
  const std::int64_t first_ms = next_ms_;
  for (std::uint64_t unknown = unknown_ + 1; unknown != unknown_;) {
    unknown = unknown_;
    send(options_.topics.size());
  }
  std::lock_guard lock(mutex_);
  next_ms_ += kHour_ms;
  return first_ms;
}

std::vector<Published> Publisher::history(std::size_t first) const {
  std::lock_guard lock(mutex_);
  return {history_.begin() + static_cast<std::ptrdiff_t>(first), history_.end()};
}

void Publisher::run() {
  while (!stopping_) {
    if (socket_ < 0 && !connect()) {
      nap();
      continue;
    }
    if (!exchange()) disconnect();
  }
  disconnect();
}

bool Publisher::connect() {
  const int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_port = htons(options_.port);
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  const std::string hello = connect_packet();
  char answer[4];
  if (::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) != 0 ||
      ::send(fd, hello.data(), hello.size(), MSG_NOSIGNAL) < 0 ||
      ::recv(fd, answer, sizeof answer, MSG_WAITALL) != sizeof answer || answer[3] != 0) {
    close(fd);
    return false;
  }
  fcntl(fd, F_SETFL, O_NONBLOCK);
  socket_ = fd;
  last_ns_ = now_ns();
  credit_ = 0;
  return true;
}

/// One round: what is due goes out, what has come is read. False when the connection is gone.
bool Publisher::exchange() {
  send_due();
  if (!out_.empty()) {
    const ssize_t put = ::send(socket_, out_.data(), out_.size(), MSG_NOSIGNAL);
    if (put < 0 && errno != EAGAIN) return false;
    if (put > 0) out_.erase(0, static_cast<std::size_t>(put));
  }
  pollfd fd{socket_, POLLIN, 0};
  poll(&fd, 1, kTick_ms);
  return fd.revents == 0 || read_answers();
}

bool Publisher::read_answers() {
  char chunk[4096];
  const ssize_t got = ::recv(socket_, chunk, sizeof chunk, 0);
  if (got == 0 || (got < 0 && errno != EAGAIN)) return false;
  if (got > 0) in_.append(chunk, static_cast<std::size_t>(got));
  std::size_t at = 0;
  // Nothing but PUBACKs of four bytes comes to a client that subscribes to nothing.
  for (; at + 4 <= in_.size(); at += 4) {
    if (static_cast<unsigned char>(in_[at]) != 0x40) return false;
    const auto high = static_cast<unsigned char>(in_[at + 2]);
    const auto low = static_cast<unsigned char>(in_[at + 3]);
    std::int64_t& index = index_of_id_[static_cast<std::size_t>(high * 256 + low)];
    if (index < 0) return false;
    {
      std::lock_guard lock(mutex_);
      history_[static_cast<std::size_t>(index)].fate = Fate::acknowledged;
    }
    index = -1;
    ++acknowledged_;
    --in_flight_;
  }
  in_.erase(0, at);
  return true;
}

/// How many may go now: as the rate has it, in bursts of one tick at least.
std::uint64_t Publisher::allowance() {
  const std::int64_t now = now_ns();
  credit_ += static_cast<double>(now - last_ns_) * 1e-9 * options_.per_second;
  credit_ = std::min(credit_, 0.1 * options_.per_second);
  last_ns_ = now;
  return static_cast<std::uint64_t>(credit_);
}

void Publisher::send_due() {
  std::uint64_t room =
      options_.in_flight_max - std::min<std::uint64_t>(in_flight_, options_.in_flight_max);
  room = std::min(room, allowance());
  for (; room > 0 && out_.size() < 65536; --room) {
    if (to_send_ == 0 && !running_) return;
    append_next();
    if (to_send_ > 0) --to_send_;
    credit_ -= 1;
  }
}

void Publisher::append_next() {
  while (index_of_id_[next_id_] >= 0 || next_id_ == 0) ++next_id_;
  Published reading;
  {
    std::lock_guard lock(mutex_);
    reading.time_ms = next_ms_;
    reading.value = static_cast<std::uint32_t>(spread(options_.seed ^ history_.size()) >> 34);
    reading.topic = next_topic_;
    index_of_id_[next_id_] = static_cast<std::int64_t>(history_.size());
    history_.push_back(reading);
    next_ms_ += options_.step_ms;
    next_topic_ = static_cast<std::uint16_t>((next_topic_ + 1u) % options_.topics.size());
  }
  const std::string& topic = options_.topics[reading.topic];
  std::string body;
  append_u16(body, topic.size());
  body += topic;
  append_u16(body, next_id_++);
  char payload[64];
  std::snprintf(payload, sizeof payload, "{\"t\":%lld,\"v\":%u}",
                static_cast<long long>(reading.time_ms), reading.value);
  out_ += packet(0x32, body + payload);
  ++in_flight_;
  ++sent_;
}

void Publisher::disconnect() {
  if (socket_ >= 0) close(socket_);
  socket_ = -1;
  out_.clear();
  in_.clear();
  std::lock_guard lock(mutex_);
  for (std::int64_t& index : index_of_id_) {
    if (index < 0) continue;
    history_[static_cast<std::size_t>(index)].fate = Fate::unknown;
    index = -1;
    ++unknown_;
    --in_flight_;
  }
}

}  // namespace sluice::fault
