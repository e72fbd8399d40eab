#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "model/boot_time.h"
#include "model/reading.h"

namespace sluice {

enum class WindowKind : std::uint8_t {
  tumbling = 1,  ///< one after the other
  hopping = 2,   ///< overlapping: a reading is in several
  sliding = 3,   ///< one for a reading: what came up to it, and so long before
  session = 4,   ///< readings between which every pause is shorter than its gap
  count = 5      ///< so many readings, in order of arrival
};

/// What a window covers, event time in ns since 1970 UTC. With the series that keys it (measurement
/// + key labels) this is the window id of DESIGN: stable under revisions.
///
/// - tumbling, hopping: start <= time < end.
/// - sliding: start < time <= end; end is the time of the reading that it is for.
/// - session: start is its first reading, end its gap after its last one, both as they stood when
///   its first pane was made. Late readings may make it longer on either side; the id stays within
///   first_time and last_time + gap.
/// - count: start and end are both the time of the reading that it began with, so that two lives of
///   one database give it the same id; `ordinal` tells it from others that began then.
struct WindowId {
  WindowKind kind = WindowKind::tumbling;
  SeriesId key = 0;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::uint64_t ordinal = 0;  ///< count windows: which one of its key, from 1 on; else 0
  friend bool operator==(const WindowId&, const WindowId&) = default;
};

/// Mergeable statistics of the readings of one window. An empty one is all zero.
struct Moments {
  std::uint64_t count = 0;
  double sum = 0;  ///< sum + sum_error is the compensated (Neumaier) sum
  double sum_error = 0;
  double mean = 0;  ///< running mean (Welford), the base of m2
  double m2 = 0;    ///< sum of squared deviations from the mean
  double min = 0;
  double max = 0;
  double first = 0;
  double last = 0;
  std::int64_t first_time_ns = 0;
  std::int64_t last_time_ns = 0;

  /// Folds one reading. Ties of `first` go to the smaller value and of `last` to the larger, so
  /// that arrival order does not matter; -0.0 is 0.
  void add(std::int64_t event_time_ns, double value);
  /// Folds another window part (Chan et al. 1979).
  void merge(const Moments& other);
  double total() const { return sum + sum_error; }
  double average() const { return count == 0 ? 0 : total() / static_cast<double>(count); }
  /// Sample standard deviation (n - 1); 0 below two readings.
  double stddev() const;
};

enum class PaneQuality : std::uint8_t {
  complete = 0,
  partial_config = 1,  ///< the window straddled a change of its pipeline's config
  partial_epoch = 2,   ///< its epoch ended while it was open; later readings are in another epoch
  partial_limit = 3,   ///< closed early, its pipeline had too many windows; later readings are late
  partial_clock = 4,   ///< of boot time, which ended: the time became known, or the boot is over
  early = 5,           ///< the window is still open
  retracted = 6        ///< its readings are in another window's pane now; counts for nothing
};

/// How the readings of one window stand in time, each value held until the next reading: a sum over
/// the steps from the first reading to the last, in order of event time. Of readings with equal
/// stamps the largest counts. Zero below two stamps.
struct HeldTime {
  double integral_s = 0;  ///< + error: of the value over time, in the series' unit times seconds
  double integral_error_s = 0;
  std::uint64_t largest_gap_ns = 0;  ///< longest time from one reading to the next

  /// One step: `value` stood for so long.
  void hold(double value, std::uint64_t length_ns);
  /// The steps of another stretch; the one from here to there is told by hold().
  void append(const HeldTime& later);
  /// Finite.
  double integral() const;

 private:
  void add_area(double area_s);
};

class WindowExtras;  // aggregate/window_extras.h

/// All that is known of a window's readings.
struct WindowContent {
  Moments moments;
  HeldTime held;
  /// What its config asks for beyond that; null when it asks for nothing. Shared, never changed.
  std::shared_ptr<const WindowExtras> extras;

  std::uint64_t span_ns() const {
    return static_cast<std::uint64_t>(moments.last_time_ns) -
           static_cast<std::uint64_t>(moments.first_time_ns);
  }
  /// Mean over time, from the first reading to the last; of readings at one moment the last value.
  double time_weighted_mean() const;
};

/// A window's readings, parted at the start of the process: what an epoch change needs to know as
/// long as nobody can say whether the database was set back (decisions/0004-epochs.md).
struct PaneSplit {
  WindowContent before;  ///< what the window held when the process started
  WindowContent since;
};

/// The result of one window at one revision: what goes upstream. Without readings (count 0, all
/// zero) where its config asks for windows that nothing came for.
struct Pane {
  WindowId window;
  std::uint32_t revision = 1;  ///< 1 for the on-time pane; the highest wins
  PaneQuality quality = PaneQuality::complete;
  WindowContent content;
  /// One reading of the series is expected every so often; 0: not known.
  std::int64_t expected_every_ns = 0;
  /// Stands for `expected_every_ns` and the options of `extras`, which all panes of a block share.
  std::uint64_t kept = 0;
  std::shared_ptr<const PaneSplit> split;  ///< null unless the window was open at the start
  std::shared_ptr<const BootStretch> boot = nullptr;  ///< set: its times are CLOCK_BOOTTIME
};

/// Panes of one block; what closes beyond that in one commit goes into further blocks. The hub
/// refuses larger ones.
inline constexpr std::size_t kBlockPanesMax = 65536;

/// Panes of one pipeline and window kind that closed in one commit: one outbox row, one sequence
/// number.
struct SummaryBlock {
  std::string pipeline;
  std::uint64_t spec_hash = 0;  ///< Pipeline::pane_hash()
  std::vector<Pane> panes;
  std::string boot_id = {};  ///< not empty: all times are CLOCK_BOOTTIME of that boot
};

}  // namespace sluice
