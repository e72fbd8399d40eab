#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "model/log.h"
#include "model/window.h"
#include "pipeline/keyed_windows.h"
#include "pipeline/spec.h"
#include "pipeline/watermarks.h"

namespace sluice {

/// All windows of a pipeline: one set per entry of its spec, under one bound of how many may be
/// kept. Without any set it takes no reading. Thread: [pipeline].
class WindowSets {
 public:
  WindowSets(const std::vector<WindowSpec>& specs, std::size_t windows_max);

  bool empty() const { return sets_.empty(); }
  std::size_t open_count() const;
  /// As KeyedWindows has it, for the series in event time and in boot time.
  bool add_state(SeriesId series, WindowState& out) const;
  std::uint64_t aggregates_refused() const;
  /// Bound of the windows that are kept, open or still correctable.
  void set_max(std::size_t windows_max) { windows_max_ = windows_max; }

  /// False when the reading is late for every window of every set. One window more than the bound,
  /// and the oldest 16th closes: judged reading by reading, so that neither a replay nor other
  /// batches change what closes. `before`: it came before mark_start().
  bool fold(const Reading& reading, bool before, std::vector<Pane>& panes);
  /// As KeyedWindows has them, for every set.
  void correct(std::vector<Pane>& panes);
  void advance(TopicId topic, const Watermarks& watermarks, std::int64_t boottime_ns,
               std::vector<Pane>& panes);
  void advance_all(const Watermarks& watermarks, std::int64_t boottime_ns,
                   std::vector<Pane>& panes);
  bool due(const Watermarks& watermarks, std::int64_t boottime_ns) const;
  void close_all(PaneQuality quality, std::vector<Pane>& panes);
  void set_boot(const std::shared_ptr<const BootStretch>& boot, std::vector<Pane>& panes);
  void restore_boot(const std::shared_ptr<const BootStretch>& boot);
  std::int64_t highest(const Watermarks::OfSource& of_source) const;
  void mark_start();
  void forget_start();
  void end_epoch(std::vector<Pane>& panes);

  void forget_closed();
  void expect(TopicId topic, SeriesId series);
  /// As KeyedWindows has it; a reading that several sets held counts for the one that held most.
  std::uint64_t give_up_open(SeriesId key);

  /// Some window of the reading has closed, as far as its topic goes: those that share its series
  /// are not known.
  bool closed_one_of(const Reading& reading, const Watermarks& watermarks) const;

  void snapshot(ByteWriter& out) const;
  /// The windows themselves are parts of their own, under `prefix`: they are many, and few of them
  /// change between two checkpoints.
  void snapshot_windows(const std::string& prefix, std::vector<CheckpointPart>& parts) const;
  Status restore(ByteReader& in);
  Status restore_windows(const std::string& prefix, const std::vector<CheckpointPart>& parts);

 private:
  void shed_if_full(std::vector<Pane>& panes);

  std::vector<std::unique_ptr<KeyedWindows>> sets_;
  std::size_t windows_max_;
};

}  // namespace sluice
