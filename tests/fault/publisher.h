#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <deque>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

namespace sluice::fault {

/// What the publisher knows of one of its messages.
enum class Fate : std::uint8_t {
  sent,          ///< no answer yet
  acknowledged,  ///< the broker has it: it must be counted, once
  unknown,       ///< the connection broke before the answer: the broker has it or not, once at most
};

/// One numbered reading.
struct Published {
  std::int64_t time_ms = 0;  ///< event time, different for every reading
  std::uint32_t value = 0;   ///< below 2^30 and as good as unique, so that sums of them are exact
  std::uint16_t topic = 0;
  Fate fate = Fate::sent;
};

/// Publishes numbered readings at QoS 1 and remembers what the broker acknowledged.
///
/// MQTT 3.1.1 over a plain socket of its own, because no library may resend behind our back: each
/// message goes out once, and after a broken connection the unanswered ones are `unknown`.
/// Reconnects for ever. Methods are for one thread; the sending runs on another.
class Publisher {
 public:
  struct Options {
    std::uint16_t port = 0;
    std::vector<std::string> topics;  ///< readings go round them
    std::uint64_t seed = 0;
    unsigned per_second = 1000;
    unsigned in_flight_max = 200;
    std::int64_t step_ms = 1;  ///< event time from one reading to the next
  };
  explicit Publisher(Options options);
  ~Publisher();
  Publisher(const Publisher&) = delete;
  Publisher& operator=(const Publisher&) = delete;

  void resume();
  /// Stops sending and waits until every message is acknowledged or unknown.
  void pause();
  /// Sends `count` more messages and waits as pause() does; false when that takes over a minute.
  bool send(std::uint64_t count);
  /// Jumps an hour ahead in event time and gets one reading of every topic acknowledged, so that
  /// every window before closes. Returns that reading's event time. Paused before and after.
  std::int64_t flush_ms();

  /// From `first` on; while paused.
  std::vector<Published> history(std::size_t first = 0) const;
  std::uint64_t acknowledged() const { return acknowledged_; }
  std::uint64_t unknown() const { return unknown_; }
  std::uint64_t sent() const { return sent_; }

 private:
  void run();
  bool connect();
  bool exchange();
  bool read_answers();
  void send_due();
  void append_next();
  void disconnect();
  std::uint64_t allowance();

  const Options options_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> running_{false};
  std::atomic<std::uint64_t> to_send_{0};  ///< of send(); counts down
  std::atomic<std::uint64_t> in_flight_{0};
  std::atomic<std::uint64_t> acknowledged_{0};
  std::atomic<std::uint64_t> unknown_{0};
  std::atomic<std::uint64_t> sent_{0};

  mutable std::mutex mutex_;  ///< of the three below
  std::vector<Published> history_;
  std::int64_t next_ms_ = 1'700'000'000'000;
  std::uint16_t next_topic_ = 0;

  // Of the sending thread.
  int socket_ = -1;
  std::uint16_t next_id_ = 1;
  std::array<std::int64_t, 65536> index_of_id_{};  ///< into history_; -1 when free
  std::string out_;
  std::string in_;
  std::int64_t last_ns_ = 0;
  double credit_ = 0;
  std::thread thread_;
};

}  // namespace sluice::fault
