#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "aggregate/time_parts.h"
#include "aggregate/window_extras.h"
#include "base/bytes.h"
#include "model/window.h"
#include "pipeline/series_state.h"

namespace sluice {

/// The content of a window that still takes readings.
///
/// Count, sum, minimum, histogram and their like take a reading as it arrives. What goes by the
/// time between readings (HeldTime, counter, states) needs them in order of event time. So a
/// reading waits in a short sorted list until it is settled: until the window's watermark has
/// passed it, or, where readings may come after the watermark, for ever. What is made of a window
/// therefore does not depend on the order in which readings came.
///
/// Bounded: of more than `waiting_max` readings that wait the oldest are folded. A reading that
/// comes behind what is folded changes no step between readings; before the first one it adds one.
class OpenContent {
 public:
  /// What each window may have at the least: 16 bytes each, and no more of them than came since the
  /// watermark. At one reading a second that is a minute out of order.
  static constexpr std::size_t kWaitingLeast = 64;

  OpenContent() = default;
  explicit OpenContent(const ExtrasSpec& spec) : extras_(spec) {}

  /// A finite reading. Those that came up to now with an event time up to `settled_ns` are in
  /// order.
  void add(std::int64_t event_time_ns, double value, std::int64_t settled_ns,
           std::size_t waiting_max = kWaitingLeast);
  /// Takes what another holds, all of whose readings are later than any of these.
  void append(const OpenContent& later, std::size_t waiting_max = kWaitingLeast);
  /// What it comes to with all readings so far. Aggregates of plugins are sealed: they are saved
  /// here and not again.
  WindowContent content() const;

  std::uint64_t count() const { return moments_.count; }
  /// Event times of its first and its last reading; 0 when there is none.
  std::int64_t first_time_ns() const { return moments_.first_time_ns; }
  std::int64_t last_time_ns() const { return moments_.last_time_ns; }
  std::size_t waiting() const { return waiting_.size(); }
  std::size_t heap_bytes() const;
  /// Adds all that it takes, itself included.
  void add_bytes(StateBytes& out) const;

  void snapshot(ByteWriter& out) const;
  /// `data_loss` for bytes that snapshot() has not written for these extras.
  static Result<OpenContent> restore(ByteReader& in, const ExtrasSpec& spec);

 private:
  bool any_folded() const { return moments_.count > waiting_.size(); }
  void fold_first(std::size_t count);
  void fold(const Stamped& reading);
  void fold_late(const Stamped& reading);
  void make_room(std::size_t waiting_max);
  bool restore_waiting(ByteReader& in);

  Moments moments_;  ///< of all readings; the following of those that do not wait
  HeldTime held_;
  Stamped last_;
  std::vector<Stamped> waiting_;  ///< by time, then by value
  WindowExtras extras_;           ///< its ordered half of those that do not wait
};

}  // namespace sluice
