#pragma once

#include <cstdint>
#include <limits>
#include <unordered_map>

#include "base/bytes.h"
#include "base/status.h"
#include "model/reading.h"

namespace sluice {

inline constexpr std::int64_t kNoTime = std::numeric_limits<std::int64_t>::min();

/// How far event time has come, per topic: newest event time minus `max_out_of_order`.
///
/// A topic that has been silent for `idle_timeout` no longer holds anything open: its watermark
/// then moves on with the clock (CLOCK_BOOTTIME, so a wall-clock step changes nothing). The
/// clock's part becomes state only through `settle()`, which the engine logs, so that a replay
/// sees the same watermarks. Thread: [pipeline].
class Watermarks {
 public:
  Watermarks(std::int64_t max_out_of_order_ns, std::int64_t idle_timeout_ns);

  /// Takes note of a reading. True when the topic's watermark rose.
  bool observe(TopicId topic, std::int64_t event_time_ns, std::int64_t boottime_ns);
  /// kNoTime for an unknown topic.
  std::int64_t of(TopicId topic) const;
  /// As `of`, moved on with the clock when the topic is idle.
  std::int64_t at(TopicId topic, std::int64_t boottime_ns) const;
  bool idle(TopicId topic, std::int64_t boottime_ns) const;
  /// The smallest watermark of the topics that are not idle; kNoTime when all are.
  std::int64_t lowest(std::int64_t boottime_ns) const;
  /// Makes the clock's part of every idle topic state.
  void settle(std::int64_t boottime_ns);
  /// The process started: silence is counted from here.
  void restart(std::int64_t boottime_ns);

  void snapshot(ByteWriter& out) const;
  Status restore(ByteReader& in);

 private:
  struct State {
    std::int64_t watermark_ns = kNoTime;
    std::int64_t newest_ns = kNoTime;
    std::int64_t arrived_boottime_ns = 0;
  };
  std::int64_t with_clock(const State& state, std::int64_t boottime_ns) const;

  const std::int64_t max_out_of_order_ns_;
  const std::int64_t idle_timeout_ns_;
  std::unordered_map<TopicId, State> topics_;
};

}  // namespace sluice
