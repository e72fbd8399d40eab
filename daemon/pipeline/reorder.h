#pragma once

#include <cstdint>
#include <limits>
#include <map>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "model/reading.h"
#include "pipeline/watermarks.h"

namespace sluice {

/// Puts the readings of each topic into event-time order before a stage that needs it.
///
/// A reading waits until its topic's watermark reaches it. One that is behind what was already let
/// go is late. Bounded: past `count_max` the oldest of the topic goes early. Equal stamps leave in
/// the order of series and value, so that arrival order does not matter. Thread: [pipeline].
class ReorderBuffer {
 public:
  /// What was let go, in order; for each whether it came before mark_start().
  struct Released {
    ReadingBatch readings;
    std::vector<bool> before;
  };

  explicit ReorderBuffer(std::size_t count_max);

  /// False when the reading is late. `out` takes what had to leave early. `before`: it came before
  /// mark_start().
  bool add(const Reading& reading, Released& out, bool before = false);
  /// Appends the topic's readings up to and including `watermark_ns`, in order.
  void release(TopicId topic, std::int64_t watermark_ns, Released& out);
  /// Releases every topic up to its watermark, as moved on by the clock.
  void release_all(const Watermarks& watermarks, std::int64_t boottime_ns, Released& out);
  /// Releases everything, whatever the watermarks say.
  void drain(Released& out);
  /// The stretch of boot time is over: releases what waits of it.
  void drain_boot_time(Released& out);
  /// Everything that waits now counts as from before. Not part of snapshots.
  void mark_start();
  void forget_start();
  /// Whether `release_all` would let anything go.
  bool due(const Watermarks& watermarks, std::int64_t boottime_ns) const;
  std::size_t size() const { return size_; }

  /// Part of what is restored; that of the spec counts again from a call of this.
  void set_max(std::size_t count_max) { count_max_ = count_max; }

  void snapshot(ByteWriter& out) const;
  Status restore(ByteReader& in);

 private:
  struct Waiting {
    Reading reading;
    bool before = false;
  };
  struct Lane {
    std::int64_t released_ns = kNoTime;  ///< everything before this has left
    std::vector<Waiting> heap;           ///< smallest on top
  };
  static bool later(const Waiting& a, const Waiting& b);
  void pop(Lane& lane, Released& out);

  std::size_t count_max_;
  std::map<TopicId, Lane> lanes_;
  std::size_t size_ = 0;
};

}  // namespace sluice
