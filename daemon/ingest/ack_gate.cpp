#include "ingest/ack_gate.h"

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <sys/socket.h>

#include <algorithm>
#include <cerrno>
#include <system_error>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "ingest/own_socket.h"

namespace sluice {
namespace {

constexpr std::size_t kChunkBytes = 16 * 1024;
/// What Paho may send ahead of the commits: acknowledgements are some 30 bytes inside TLS.
constexpr std::size_t kHeldBytesMax = 1 << 20;
constexpr std::size_t kRequestBytesMax = 4096;
/// Of the loopback sockets: what the broker has sent and Paho has not read lies in them, beyond
/// the limits, and left alone they would grow to megabytes.
constexpr int kLoopbackBytes = 64 * 1024;

std::string errno_text() { return std::generic_category().message(errno); }
bool would_block() { return errno == EAGAIN || errno == EWOULDBLOCK || errno == EINTR; }

/// Bounds Paho's end of the connection and keeps it from leaking into programs we start.
void tame_peer(int accepted, int own_end) {
  ::setsockopt(accepted, SOL_SOCKET, SO_SNDBUF, &kLoopbackBytes, sizeof kLoopbackBytes);
  ::setsockopt(own_end, SOL_SOCKET, SO_RCVBUF, &kLoopbackBytes, sizeof kLoopbackBytes);
  ::fcntl(own_end, F_SETFD, FD_CLOEXEC);
  const int one = 1;
  ::setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
}

/// Moves a cursor and drops the consumed head once it outweighs the rest.
void consume(std::string& bytes, std::size_t& start, std::size_t count) {
  start += count;
  if (start == bytes.size()) {
    bytes.clear();
    start = 0;
  } else if (start > kChunkBytes && start > bytes.size() / 2) {
    bytes.erase(0, start);
    start = 0;
  }
}

}  // namespace

Result<std::unique_ptr<AckGate>> AckGate::open(UniqueFd broker, Limits limits) {
  UniqueFd listener(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0));
  sockaddr_in address{};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  auto* generic = reinterpret_cast<sockaddr*>(&address);
  socklen_t size = sizeof address;
  if (!listener.valid() || ::bind(listener.get(), generic, size) != 0 ||
      ::listen(listener.get(), 4) != 0 || ::getsockname(listener.get(), generic, &size) != 0) {
    return internal_error("cannot listen on loopback for Paho: " + errno_text());
  }
  std::unique_ptr<AckGate> gate(new AckGate(std::move(broker), std::move(listener),
                                            "127.0.0.1:" + std::to_string(ntohs(address.sin_port)),
                                            limits));
  gate->thread_ = Thread("sl-gate", [raw = gate.get()] { raw->run(); });
  return gate;
}

AckGate::AckGate(UniqueFd broker, UniqueFd listener, std::string address, Limits limits)
    : address_(std::move(address)),
      limits_(limits),
      broker_(std::move(broker)),
      listener_(std::move(listener)) {
  if (limits_.packet_bytes_max > 0) cutter_.emplace(limits_.packet_bytes_max);
}

AckGate::~AckGate() {
  {
    MutexLock lock(mutex_);
    closing_ = true;
  }
  wake_.signal();
  thread_.join();
}

std::uint64_t AckGate::count_message(std::size_t bytes) {
  MutexLock lock(mutex_);
  sizes_.push_back(static_cast<std::uint32_t>(bytes));
  unreleased_bytes_ += bytes;
  return ++counted_;
}

void AckGate::release(std::uint64_t ticket) {
  {
    MutexLock lock(mutex_);
    SLUICE_ASSERT(ticket <= counted_);
    if (ticket <= released_) return;
    for (; released_ < ticket; ++released_) {
      unreleased_bytes_ -= sizes_.front();
      sizes_.pop_front();
    }
  }
  wake_.signal();
}

void AckGate::poison(std::string_view why) {
  set_close_reason(why);
  {
    MutexLock lock(mutex_);
    poisoned_ = true;
    closing_ = true;
  }
  wake_.signal();
}

void AckGate::stop_reading() {
  {
    MutexLock lock(mutex_);
    reading_stopped_ = true;
  }
  wake_.signal();
}

void AckGate::finish(std::chrono::milliseconds patience) {
  const auto until = std::chrono::steady_clock::now() + patience;
  MutexLock lock(mutex_);
  while (!ended_) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) break;
    changed_.wait_for(mutex_, left);
  }
}

bool AckGate::poisoned() const {
  MutexLock lock(mutex_);
  return poisoned_;
}

std::string AckGate::close_reason() const {
  MutexLock lock(mutex_);
  return close_reason_;
}

std::uint64_t AckGate::unreleased() const {
  MutexLock lock(mutex_);
  return counted_ - released_;
}

std::uint64_t AckGate::bytes_received() const { return bytes_received_; }
std::uint64_t AckGate::bytes_sent() const { return sent_; }

AckGate::Gauge AckGate::gauge() const {
  MutexLock lock(mutex_);
  const bool room = sizes_.size() < limits_.messages_max && unreleased_bytes_ < limits_.bytes_max;
  return {closing_, room && !reading_stopped_, counted_ == released_, released_};
}

void AckGate::set_close_reason(std::string_view why) {
  MutexLock lock(mutex_);
  if (close_reason_.empty()) close_reason_ = why;
}

void AckGate::run() {
  if (accept_peer() && read_request()) relay();
  listener_.reset();
  peer_.reset();
  broker_.reset();
  MutexLock lock(mutex_);
  ended_ = true;
  changed_.notify_all();
}

/// Turns strangers away until our own Paho has come, then closes the door.
bool AckGate::accept_peer() {
  while (!gauge().closing) {
    pollfd fds[2] = {{wake_.get(), POLLIN, 0}, {listener_.get(), POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[0].revents != 0) wake_.clear();
    if (fds[1].revents == 0) continue;
    UniqueFd peer(::accept4(listener_.get(), nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK));
    if (!peer.valid()) continue;
    const auto own_end = find_own_peer(peer.get());
    if (!own_end.ok()) {
      log::warn("ingest", "refused a connection to the ack gate",
                {{"why", own_end.status().message()}});
      continue;
    }
    tame_peer(peer.get(), *own_end);
    peer_ = std::move(peer);
    listener_.reset();
    return true;
  }
  return false;
}

/// Answers before reading: Paho looks for the answer once and then sleeps with its lock held.
bool AckGate::read_request() {
  constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\n\r\n";
  if (::send(peer_.get(), kAnswer.data(), kAnswer.size(), MSG_NOSIGNAL) !=
      static_cast<ssize_t>(kAnswer.size())) {
    return false;
  }
  std::string request;
  while (!gauge().closing) {
    const std::size_t end = request.find("\r\n\r\n");
    if (end != std::string::npos) {
      hold(std::string_view(request).substr(end + 4));
      return request.starts_with("CONNECT ");
    }
    if (request.size() > kRequestBytesMax) return false;
    pollfd fds[2] = {{wake_.get(), POLLIN, 0}, {peer_.get(), POLLIN, 0}};
    ::poll(fds, 2, -1);
    if (fds[0].revents != 0) wake_.clear();
    if (fds[1].revents == 0) continue;
    char chunk[1024];
    const ssize_t got = ::recv(peer_.get(), chunk, sizeof chunk, 0);
    if (got == 0 || (got < 0 && !would_block())) return false;
    if (got > 0) request.append(chunk, static_cast<std::size_t>(got));
  }
  return false;
}

void AckGate::relay() {
  while (true) {
    const Gauge now = gauge();
    if (now.closing) return;
    const bool read_peer_next = held_bytes() < kHeldBytesMax;
    const bool read_broker_next = now.may_read && to_peer_.empty();
    const auto in = [](bool wanted) { return static_cast<short>(wanted ? POLLIN : 0); };
    const auto out = [](bool wanted) { return static_cast<short>(wanted ? POLLOUT : 0); };
    // What Paho says while messages wait for the flash may not leave yet, so its acknowledgements
    // are taken on the way: being woken for each costs CPU (tests/bench).
    const short peer_says = now.all_released ? POLLIN : POLLRDHUP;
    pollfd fds[3] = {
        {wake_.get(), POLLIN, 0},
        {peer_.get(), static_cast<short>((read_peer_next ? peer_says : 0) | out(!to_peer_.empty())),
         0},
        {broker_.get(),
         static_cast<short>(in(read_broker_next) | out(releasable_bytes(now.released) > 0)), 0}};
    if (::poll(fds, 3, -1) < 0 && errno != EINTR) return;
    if (fds[0].revents != 0) wake_.clear();
    constexpr short kHungUp = POLLHUP | POLLERR;
    const bool peer_in = (fds[1].revents & (POLLIN | POLLRDHUP | kHungUp)) != 0;
    const bool broker_in = (fds[2].revents & (POLLIN | kHungUp)) != 0;
    // Before more messages reach Paho, so that the stamp is no higher than it must be.
    const bool on_the_way = read_peer_next && (broker_in || fds[0].revents != 0);
    if ((peer_in && !read_peer_next) || ((peer_in || on_the_way) && !read_peer())) {
      // Paho may have said DISCONNECT before it hung up.
      write_broker();
      return;
    }
    // A broker that hung up while we do not read is not waited for: it delivers again.
    if (broker_in && !read_broker_next) return set_close_reason("the broker hung up");
    if (broker_in && !read_broker()) return;
    if (!write_peer() || !write_broker()) return;
  }
}

bool AckGate::read_peer() {
  char chunk[kChunkBytes];
  const ssize_t got = ::recv(peer_.get(), chunk, sizeof chunk, 0);
  if (got < 0 && would_block()) return true;
  if (got <= 0) return false;
  hold(std::string_view(chunk, static_cast<std::size_t>(got)));
  return true;
}

/// The stamp must be taken after the bytes were read: only then has every message that they may
/// acknowledge been counted.
void AckGate::hold(std::string_view bytes) {
  if (bytes.empty()) return;
  held_.append(bytes);
  const std::uint64_t end = sent_ + held_bytes();
  MutexLock lock(mutex_);
  if (!marks_.empty() && marks_.back().ticket == counted_) {
    marks_.back().end = end;
  } else {
    marks_.push_back({end, counted_});
  }
}

bool AckGate::read_broker() {
  to_peer_.resize(kChunkBytes);
  const ssize_t got = ::recv(broker_.get(), to_peer_.data(), to_peer_.size(), 0);
  to_peer_.resize(got > 0 ? static_cast<std::size_t>(got) : 0);
  if (got < 0 && would_block()) return true;
  if (got <= 0) {
    set_close_reason(got == 0 ? "the broker closed the connection"
                              : "the connection to the broker broke: " + errno_text());
    return false;
  }
  bytes_received_ += static_cast<std::uint64_t>(got);
  if (cutter_) {
    std::string passed;
    cutter_->feed(to_peer_, passed);
    to_peer_ = std::move(passed);
  }
  return true;
}

bool AckGate::write_peer() {
  if (to_peer_.empty()) return true;
  const ssize_t put = ::send(peer_.get(), to_peer_.data() + to_peer_start_,
                             to_peer_.size() - to_peer_start_, MSG_NOSIGNAL);
  if (put > 0) consume(to_peer_, to_peer_start_, static_cast<std::size_t>(put));
  return put >= 0 || would_block();
}

std::size_t AckGate::releasable_bytes(std::uint64_t released) const {
  std::uint64_t end = sent_;
  for (const Mark& mark : marks_) {
    if (mark.ticket > released) break;
    end = mark.end;
  }
  return static_cast<std::size_t>(end - sent_);
}

bool AckGate::write_broker() {
  const Gauge now = gauge();
  if (now.closing) return false;
  const std::size_t count = releasable_bytes(now.released);
  if (count == 0) return true;
  const ssize_t put = ::send(broker_.get(), held_.data() + held_start_, count, MSG_NOSIGNAL);
  if (put > 0) {
    sent_ += static_cast<std::uint64_t>(put);
    consume(held_, held_start_, static_cast<std::size_t>(put));
    while (!marks_.empty() && marks_.front().end <= sent_) marks_.pop_front();
  }
  if (put >= 0 || would_block()) return true;
  set_close_reason("the connection to the broker broke: " + errno_text());
  return false;
}

}  // namespace sluice
