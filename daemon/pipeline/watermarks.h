#pragma once

#include <cstdint>
#include <functional>
#include <limits>
#include <vector>

#include "base/bytes.h"
#include "base/id_map.h"
#include "base/status.h"
#include "model/reading.h"

namespace sluice {

inline constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

/// How far event time has come, per topic: newest event time minus `max_out_of_order`.
///
/// A topic that has been silent for `idle_timeout` no longer holds anything open: its watermark
/// then moves on with the clock (CLOCK_BOOTTIME, so a wall-clock step changes nothing). The
/// clock's part becomes state only through `settle()`, which the engine logs, so that a replay
/// sees the same watermarks.
///
/// Silence is what we could have heard: while a topic's source is disconnected the topic is not
/// idle, and its silence counts from the next connection on. But no source holds the windows of
/// others for ever: after kDisconnectedMaxNs its topics are idle all the same.
/// Thread: [pipeline].
class Watermarks {
 public:
  static constexpr std::int64_t kDisconnectedMaxNs = 86'400'000'000'000;  // a day
  using OfSource = std::function<bool(TopicId)>;

  Watermarks(std::int64_t max_out_of_order_ns, std::int64_t idle_timeout_ns);

  /// Takes note of a reading. True when the topic's watermark rose.
  bool observe(TopicId topic, std::int64_t event_time_ns, std::int64_t boottime_ns);
  /// kNoTime for an unknown topic.
  std::int64_t of(TopicId topic) const;
  /// As `of`, moved on with the clock when the topic is idle.
  std::int64_t at(TopicId topic, std::int64_t boottime_ns) const;
  bool idle(TopicId topic, std::int64_t boottime_ns) const;
  /// The smallest watermark of the topics that are not idle and whose time is event time; kNoTime
  /// when there are none.
  std::int64_t lowest(std::int64_t boottime_ns) const;
  /// When the last of these topics was heard, if all of them are idle; kNoTime when one is not, or
  /// there are none.
  std::int64_t all_idle_since(std::int64_t boottime_ns) const;
  /// The largest watermark, without the clock's part, of such topics; kNoTime when there are none.
  std::int64_t highest(const OfSource& of_source) const;
  /// Makes the clock's part of every idle topic state.
  void settle(std::int64_t boottime_ns);
  /// The process started: silence is counted from here.
  void restart(std::int64_t boottime_ns);
  /// The source of these topics has no connection.
  void disconnected(const OfSource& of_source, std::int64_t boottime_ns);
  /// It has one again, or is no more: from here on silence counts.
  void connected(const OfSource& of_source, std::int64_t boottime_ns);

  /// The stretch of boot time is over.
  void forget_boot_time();

  std::int64_t idle_timeout_ns() const { return idle_timeout_ns_; }
  /// Part of what is restored; that of the spec counts again from a call of this.
  void set_idle_timeout(std::int64_t idle_timeout_ns) { idle_timeout_ns_ = idle_timeout_ns; }

  void snapshot(ByteWriter& out) const;
  Status restore(ByteReader& in);
  /// Which topics cannot be heard, and since when; to be restored after the rest.
  void snapshot_disconnected(ByteWriter& out) const;
  Status restore_disconnected(ByteReader& in);

 private:
  struct State {
    std::int64_t watermark_ns = kNoTime;
    std::int64_t newest_ns = kNoTime;
    std::int64_t arrived_boottime_ns = 0;
    std::int64_t disconnected_boottime_ns = kNoTime;  ///< kNoTime: its source is connected
  };
  std::vector<TopicId> ordered_topics() const;
  std::int64_t silent_ns(const State& state, std::int64_t boottime_ns) const;
  std::int64_t with_clock(const State& state, std::int64_t boottime_ns) const;

  const std::int64_t max_out_of_order_ns_;
  std::int64_t idle_timeout_ns_;
  IdMap<State> topics_;
};

}  // namespace sluice
