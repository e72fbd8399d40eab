#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "model/log.h"
#include "model/window.h"
#include "pipeline/window_table.h"

namespace sluice {

/// Windows of one spec, one set per series. Which windows a reading is in, the kind decides
/// (AlignedWindows, SlidingWindows, SessionWindows, CountWindows); when they close, are corrected,
/// go and are stored is here.
///
/// A window's first pane is made when the watermark of its key, the lowest of the topics that feed
/// it and are not idle, reaches its end. Until the watermark is `allowed_lateness` past the end, a
/// reading that still comes makes another pane, of all readings so far, at the next revision; after
/// that it is late. Thread: [pipeline].
class KeyedWindows : public WindowTable {
 public:
  virtual ~KeyedWindows() = default;
  KeyedWindows(const KeyedWindows&) = delete;
  KeyedWindows& operator=(const KeyedWindows&) = delete;

  static std::unique_ptr<KeyedWindows> create(const WindowSpec& spec);

  /// False when the reading is late for every window that would hold it; nothing is changed then.
  /// `before`: it came before mark_start(). Appends the panes that it brings about at once.
  virtual bool fold(const Reading& reading, bool before, std::vector<Pane>& panes) = 0;
  /// Appends a pane of each closed window that took readings after its last one; all that one batch
  /// brings are in one revision.
  void correct(std::vector<Pane>& panes);
  /// The watermark of `topic` rose: appends the panes of all windows that end by now.
  void advance(TopicId topic, const Watermarks& watermarks, std::int64_t boottime_ns,
               std::vector<Pane>& panes);
  /// As `advance` for every topic.
  void advance_all(const Watermarks& watermarks, std::int64_t boottime_ns,
                   std::vector<Pane>& panes);
  /// Whether `advance_all` would make a pane.
  bool due(const Watermarks& watermarks, std::int64_t boottime_ns) const;

  /// Appends `count()` places, in no order.
  virtual void places(std::vector<Place>& out) const;
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
  /// what follows. Costs memory and time only for windows that are kept now and take readings. Not
  /// part of snapshots.
  void mark_start();
  void forget_start();
  /// Makes panes of what open windows held at the mark as `partial_epoch`; what came since stays.
  /// What closed windows held is in panes of the epoch that ends; a correction tells only of what
  /// came since. Ends the mark.
  void end_epoch(std::vector<Pane>& panes);

  /// Forgets the windows that have closed: their readings have been delivered under an epoch that
  /// is over. Readings that still come for one make a window of their own.
  void forget_closed();

  /// For readings of `series` (as window_key() has it) that have been folded and are not at hand
  /// any more. Where the places of windows depend on readings, those that have not closed are no
  /// longer what they were: they are given up. Answers how many readings they held.
  virtual std::uint64_t give_up_open(SeriesId) { return 0; }

  /// Of the windows that hold a reading of this time, the end of the one that closes first; the
  /// largest time when that depends on other readings.
  virtual std::int64_t first_end_of(std::int64_t event_time_ns) const = 0;
  /// Windows that are kept: the open ones, and those that can still be corrected.
  virtual std::size_t count() const { return kept_count(); }
  /// Adds what is kept of `key`, a series as window_key() has it; false when there is nothing.
  bool add_state(SeriesId key, WindowState& out) const;
  /// What restore() found in the windows that plugins do not take back, and so is lost.
  std::uint64_t aggregates_refused() const;

  /// What is known of series, without their windows.
  void snapshot(ByteWriter& out) const;
  /// Appends the windows, oldest first, as parts named `prefix` and the first window's place. Where
  /// a part begins depends on the windows there alone, so a window that comes, changes or goes
  /// touches one or two of them: a checkpoint writes what changed, not all windows.
  virtual void snapshot_windows(const std::string& prefix,
                                std::vector<CheckpointPart>& parts) const {
    write_windows(prefix, parts);
  }
  Status restore(ByteReader& in);
  /// After restore(): which stretch windows of boot time belong to.
  void restore_boot(std::shared_ptr<const BootStretch> boot) { boot_ = std::move(boot); }
  /// After restore(): takes what stands in `parts` under `prefix`.
  virtual Status restore_windows(const std::string& prefix,
                                 const std::vector<CheckpointPart>& parts);

 protected:
  explicit KeyedWindows(const WindowSpec& spec);

  /// Its window closes when the watermark is so far.
  virtual std::int64_t end_of(const Window& window) const { return window.end_ns; }
  /// The window's id is about to be told.
  virtual void settle_id(SeriesId, Window&) {}
  virtual std::uint64_t take_ordinal(SeriesId) { return 0; }
  /// The watermark of the key has risen: adds the windows that owe their being to that alone.
  virtual void add_due(SeriesId, Key&) {}
  /// Whether add_due() would, at this watermark.
  virtual bool would_add(SeriesId, const Key&, std::int64_t /*watermark_ns*/) const {
    return false;
  }
  /// Its windows go now: adds those that are still to be made of what it keeps beside them; those
  /// that start by `last_start_ns` if not all go.
  virtual void add_rest(SeriesId, Key&, std::int64_t /*last_start_ns*/) {}
  /// The series is no more.
  virtual void forget(SeriesId) {}
  virtual void mark_more(bool /*on*/) {}
  /// Adds windows of what was there before the mark and is in no window yet, `before` alone.
  virtual void add_before(SeriesId, Key&) {}
  /// What it keeps of the series beside the windows.
  virtual void add_more_state(SeriesId, StateBytes&) const {}
  virtual void snapshot_key(SeriesId, ByteWriter&) const {}
  virtual void restore_key(SeriesId, ByteReader&) {}

  bool is_past(std::int64_t end_ns, const Key& key) const;
  /// A reading may come behind the watermark of a window that is kept for corrections: there
  /// nothing is settled before the window goes.
  std::int64_t settled_ns(const Key& key) const {
    return spec().allowed_lateness_ns > 0 ? kNoTime : key.watermark_ns;
  }
  /// After a reading was added to the window: a closed one is to be corrected.
  void note_change(SeriesId series, Key& key, Window& window);
  Pane make_pane(SeriesId series, Window& window, PaneQuality quality);
  /// Its pane, and that it has closed.
  Pane close(SeriesId series, Window& window, PaneQuality quality);

 private:
  std::int64_t watermark_of(const Key& key, const Watermarks& watermarks,
                            std::int64_t boottime_ns) const;
  bool tells_early(const Window& window, std::int64_t from_ns, std::int64_t to_ns) const;
  void advance_key(SeriesId series, Key& key, const Watermarks& watermarks,
                   std::int64_t boottime_ns, std::vector<Pane>& panes);
  void close_key(SeriesId series, Key& key, PaneQuality quality, std::vector<Pane>& panes);
  void shed_key(SeriesId series, const Place& last, std::vector<Pane>& panes);
  void end_epoch_of(SeriesId series, Key& key, std::vector<Pane>& panes);

  std::uint64_t kept_;                ///< see Pane
  std::vector<SeriesId> to_correct_;  ///< keys with a closed window that took readings
  std::shared_ptr<const BootStretch> boot_;
};

}  // namespace sluice
