#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/id_map.h"
#include "base/status.h"
#include "model/log.h"
#include "model/window.h"
#include "pipeline/open_content.h"
#include "pipeline/series_state.h"
#include "pipeline/spec.h"
#include "pipeline/watermarks.h"

namespace sluice {

/// Event-time windows whose place does not depend on the readings: tumbling and hopping, of one
/// spec, one set per series. Windows are [start, start + size), start = offset + k * every.
///
/// A window's first pane is made when the watermark of its key, the lowest of the topics that feed
/// it and are not idle, reaches its end. Until the watermark is `allowed_lateness` past the end, a
/// reading that still comes makes another pane, of all readings so far, at the next revision; after
/// that it is late. Thread: [pipeline].
class AlignedWindows {
 public:
  explicit AlignedWindows(const WindowSpec& spec);

  /// False when the reading is late for every window that would hold it; nothing is changed then.
  /// `before`: it came before mark_start().
  bool fold(const Reading& reading, bool before = false);
  /// Appends a pane of each window that took readings after its last one; all that one batch brings
  /// are in one revision.
  void correct(std::vector<Pane>& panes);
  /// The watermark of `topic` rose: appends the panes of all windows that end by now.
  void advance(TopicId topic, const Watermarks& watermarks, std::int64_t boottime_ns,
               std::vector<Pane>& panes);
  /// As `advance` for every topic.
  void advance_all(const Watermarks& watermarks, std::int64_t boottime_ns,
                   std::vector<Pane>& panes);
  /// Whether `advance_all` would make a pane.
  bool due(const Watermarks& watermarks, std::int64_t boottime_ns) const;
  /// Where a window stands in the order in which windows close early.
  struct Place {
    std::int64_t start_ns;
    SeriesId series;
    auto operator<=>(const Place&) const = default;
  };
  /// Appends the places of all windows, in no order.
  void places(std::vector<Place>& out) const;
  /// Ends all windows up to `last`: those that took readings after their last pane get one more, as
  /// `partial_limit`. Readings that still come for them are late, however far back the watermark
  /// is.
  void shed(const Place& last, std::vector<Pane>& panes);

  /// Makes panes of what is open, marked with `quality`, and keeps nothing.
  void close_all(PaneQuality quality, std::vector<Pane>& panes);
  /// Which stretch windows of boot time belong to from here on. Those of the one before are closed
  /// as `partial_clock`, and nothing of it is kept.
  void set_boot(std::shared_ptr<const BootStretch> boot, std::vector<Pane>& panes);

  /// From here on windows remember what they held until now, so that end_epoch() can part it from
  /// what follows. Costs memory and time only for windows that are kept now. Not part of snapshots.
  void mark_start();
  void forget_start();
  /// Makes panes of what open windows held at the mark as `partial_epoch`; what came since stays.
  /// What closed windows held is in panes of the epoch that ends; a correction tells only of what
  /// came since. Ends the mark.
  void end_epoch(std::vector<Pane>& panes);

  /// Forgets the windows that have a pane: their readings have been delivered under an epoch that
  /// is over. Readings that still come for one make a window of their own.
  void forget_closed();

  /// `topic` feeds the windows of `series` from now on, though no reading of it has been folded.
  void expect(TopicId topic, SeriesId series) { link(topic, series, keys_[series]); }

  /// Of the windows that hold a reading of this time, the end of the one that closes first.
  std::int64_t first_end_of(std::int64_t event_time_ns) const;
  /// The largest watermark of series that none but such topics feed; kNoTime: there are none.
  std::int64_t highest(const Watermarks::OfSource& of_source) const;
  /// Windows without a pane yet.
  std::size_t open_count() const { return open_count_; }
  /// Windows that are kept: the open ones, and those that can still be corrected.
  std::size_t count() const { return count_; }
  /// Adds what is kept of `key`, a series as window_key() has it; false when there is nothing.
  bool add_state(SeriesId key, WindowState& out) const;

  /// What is known of series, without their windows.
  void snapshot(ByteWriter& out) const;
  /// Appends the windows, oldest first, as parts named `prefix` and the first window's place. Where
  /// a part begins depends on the windows there alone, so a window that comes, changes or goes
  /// touches one or two of them: a checkpoint writes what changed, not all windows.
  void snapshot_windows(const std::string& prefix, std::vector<CheckpointPart>& parts) const;
  /// At most, of one window in its part without aggregates, in which one reading waits.
  static constexpr std::size_t kSnapshotBytes = 160;
  /// The same for windows of this spec, with its aggregates. Where readings come `disordered` or
  /// windows can be corrected, a quarter of OpenContent::kWaitingMax wait in each.
  static std::size_t snapshot_bytes(const WindowSpec& spec, bool disordered);
  Status restore(ByteReader& in);
  /// After restore(): which stretch windows of boot time belong to.
  void restore_boot(std::shared_ptr<const BootStretch> boot) { boot_ = std::move(boot); }
  /// After restore(): takes what stands in `parts` under `prefix`.
  Status restore_windows(const std::string& prefix, const std::vector<CheckpointPart>& parts);

 private:
  struct Split {
    OpenContent before;
    OpenContent since;
  };
  struct Window {
    std::int64_t start_ns;
    std::uint32_t revision = 0;  ///< of its last pane; 0: none yet, it is open
    bool changed = false;        ///< took readings since its last pane
    OpenContent content;
    std::unique_ptr<Split> split;  ///< null when there is no mark, or nothing before it
  };
  struct Key {
    std::int64_t watermark_ns = kNoTime;  ///< never falls, so that no window opens again
    std::int64_t shed_ns = kNoTime;       ///< nothing is taken for windows that end by then
    IdList topics;
    std::vector<Window> windows;  ///< by start; usually one or two
    bool to_correct = false;      ///< it is in to_correct_
  };
  std::int64_t last_start_of(std::int64_t event_time_ns) const;
  std::int64_t end_of(const Window& window) const { return window.start_ns + spec_.size_ns; }
  bool is_past(std::int64_t end_ns, const Key& key) const;
  Window& window_at(std::int64_t start_ns, Key& key);
  void add(const Reading& reading, bool before, const Key& key, Window& window) const;
  void split_now(Window& window) const;
  std::int64_t watermark_of(const Key& key, const Watermarks& watermarks,
                            std::int64_t boottime_ns) const;
  void link(TopicId topic, SeriesId series, Key& key);
  Pane make_pane(SeriesId series, Window& window);
  void advance_key(SeriesId series, Key& key, const Watermarks& watermarks,
                   std::int64_t boottime_ns, std::vector<Pane>& panes);
  std::vector<SeriesId> ordered_keys() const;
  void shed_key(SeriesId series, const Place& last, std::vector<Pane>& panes);
  Status restore_part(std::string_view bytes);

  WindowSpec spec_;
  std::uint64_t kept_;  ///< see Pane
  IdMap<Key> keys_;
  IdMap<IdList> fed_by_;
  std::vector<SeriesId> to_correct_;  ///< keys with a closed window that took readings
  std::size_t open_count_ = 0;
  std::size_t count_ = 0;
  bool marked_ = false;
  std::shared_ptr<const BootStretch> boot_;
};

}  // namespace sluice
