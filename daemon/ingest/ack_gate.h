#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <deque>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/status.h"
#include "base/thread.h"
#include "ingest/fd.h"
#include "ingest/publish_cutter.h"

namespace sluice {

/// Holds back what Paho sends to the broker until the messages before it are on flash.
///
/// Paho writes PUBACK as soon as its callback returns and has no manual acknowledgement
/// (decisions/0001), so every byte of one connection runs through this relay. Broker to Paho
/// passes at once. Paho to broker is stamped, when read, with the number of messages counted by
/// then, and leaves in order once that many are released: an acknowledgement in those bytes can
/// only be for a message already counted. For that no packet is parsed, so TLS stays end to end;
/// only where `packet_bytes_max` asks for it, lengths are read in what the broker sends in the
/// clear.
///
/// One gate serves one connection and dies with it: nothing of it can leak into the next.
/// Thread: its own, [sl-gate]; every method may be called from any thread and never blocks, but
/// `finish` and the destructor.
class AckGate {
 public:
  /// Past either bound of counted but unreleased messages the relay stops reading the broker.
  struct Limits {
    std::size_t messages_max;
    std::size_t bytes_max;
    /// Longer PUBLISH packets reach Paho cut (PublishCutter); 0: none does, bytes are only bytes.
    std::uint32_t packet_bytes_max = 0;
  };

  /// Takes over `broker`, a connected non-blocking socket, and listens for Paho on loopback until
  /// it has come. Whoever else connects is turned away. `internal` when the system has no socket
  /// or port left.
  static Result<std::unique_ptr<AckGate>> open(UniqueFd broker, Limits limits);
  ~AckGate();

  /// "127.0.0.1:port", where Paho finds the gate as its HTTP proxy.
  const std::string& address() const { return address_; }

  /// One more message to be acknowledged has arrived; returns its ticket, 1 for the first. To be
  /// called before Paho's callback returns. [Paho's thread]
  std::uint64_t count_message(std::size_t bytes);

  /// Messages up to this ticket are on flash. Lower tickets than before change nothing; a ticket
  /// that was never given out is our bug.
  void release(std::uint64_t ticket);

  /// Closes the connection; nothing more is released, the broker delivers again.
  void poison(std::string_view why);

  /// Reads no more from the broker, while acknowledgements still leave.
  void stop_reading();

  /// Waits for Paho to hang up and forwards what may leave; then closes. At most `patience`.
  void finish(std::chrono::milliseconds patience);

  bool poisoned() const;
  /// What ended the relay; empty while it runs and when Paho hung up.
  std::string close_reason() const;
  std::uint64_t unreleased() const;
  std::uint64_t bytes_received() const;  ///< from the broker
  std::uint64_t bytes_sent() const;      ///< to the broker

 private:
  /// Bytes of `held_` up to position `end` (counted from the connection's start) may leave when
  /// `ticket` is released.
  struct Mark {
    std::uint64_t end;
    std::uint64_t ticket;
  };
  struct Gauge {
    bool closing;
    bool may_read;
    bool all_released;
    std::uint64_t released;
  };

  AckGate(UniqueFd broker, UniqueFd listener, std::string address, Limits limits);
  void run();
  bool accept_peer();
  bool read_request();
  void relay();
  bool read_peer();
  bool read_broker();
  bool write_peer();
  bool write_broker();
  void hold(std::string_view bytes);
  std::size_t held_bytes() const { return held_.size() - held_start_; }
  std::size_t releasable_bytes(std::uint64_t released) const;
  Gauge gauge() const;
  void set_close_reason(std::string_view why);

  const std::string address_;
  const Limits limits_;
  WakeFd wake_;

  // Of the relay thread.
  UniqueFd broker_;
  UniqueFd listener_;
  UniqueFd peer_;
  std::optional<PublishCutter> cutter_;
  std::string to_peer_;
  std::size_t to_peer_start_ = 0;
  std::string held_;
  std::size_t held_start_ = 0;
  std::deque<Mark> marks_;

  mutable Mutex mutex_;
  CondVar changed_;
  std::deque<std::uint32_t> sizes_ SLUICE_GUARDED_BY(mutex_);  ///< of unreleased messages
  std::uint64_t unreleased_bytes_ SLUICE_GUARDED_BY(mutex_) = 0;
  std::uint64_t counted_ SLUICE_GUARDED_BY(mutex_) = 0;
  std::uint64_t released_ SLUICE_GUARDED_BY(mutex_) = 0;
  std::atomic<std::uint64_t> bytes_received_{0};
  std::atomic<std::uint64_t> sent_{0};  ///< bytes that left for the broker
  std::string close_reason_ SLUICE_GUARDED_BY(mutex_);
  bool poisoned_ SLUICE_GUARDED_BY(mutex_) = false;
  bool closing_ SLUICE_GUARDED_BY(mutex_) = false;
  bool reading_stopped_ SLUICE_GUARDED_BY(mutex_) = false;
  bool ended_ SLUICE_GUARDED_BY(mutex_) = false;

  Thread thread_;
};

}  // namespace sluice
