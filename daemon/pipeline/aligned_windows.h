#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "model/window.h"
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
  /// Makes panes of what is open, marked with `quality`, and keeps nothing.
  void close_all(PaneQuality quality, std::vector<Pane>& panes);

  /// From here on windows remember what they held until now, so that end_epoch() can part it from
  /// what follows. Costs memory and time only for windows that are kept now. Not part of snapshots.
  void mark_start();
  void forget_start();
  /// Makes panes of what open windows held at the mark as `partial_epoch`; what came since stays.
  /// What closed windows held is in panes of the epoch that ends; a correction tells only of what
  /// came since. Ends the mark.
  void end_epoch(std::vector<Pane>& panes);

  /// Of the windows that hold a reading of this time, the end of the one that closes first.
  std::int64_t first_end_of(std::int64_t event_time_ns) const;
  /// Windows without a pane yet.
  std::size_t open_count() const { return open_count_; }

  void snapshot(ByteWriter& out) const;
  Status restore(ByteReader& in);

 private:
  struct Window {
    std::int64_t start_ns;
    std::uint32_t revision = 0;  ///< of its last pane; 0: none yet, it is open
    bool changed = false;        ///< took readings since its last pane
    Moments moments;
    std::shared_ptr<PaneSplit> split;  ///< null when there is no mark, or nothing before it
  };
  struct Key {
    std::int64_t watermark_ns = kNoTime;  ///< never falls, so that no window opens again
    std::vector<TopicId> topics;          ///< usually one
    std::vector<Window> windows;          ///< by start; usually one or two
    bool to_correct = false;              ///< it is in to_correct_
  };
  std::int64_t last_start_of(std::int64_t event_time_ns) const;
  std::int64_t end_of(const Window& window) const { return window.start_ns + spec_.size_ns; }
  bool is_past(std::int64_t end_ns, const Key& key) const;
  Window& window_at(std::int64_t start_ns, Key& key);
  void add(const Reading& reading, bool before, Window& window) const;
  std::int64_t watermark_of(const Key& key, const Watermarks& watermarks,
                            std::int64_t boottime_ns) const;
  void link(TopicId topic, SeriesId series, Key& key);
  Pane make_pane(SeriesId series, Window& window);
  void advance_key(SeriesId series, Key& key, const Watermarks& watermarks,
                   std::int64_t boottime_ns, std::vector<Pane>& panes);
  std::vector<SeriesId> ordered_keys() const;

  WindowSpec spec_;
  std::unordered_map<SeriesId, Key> keys_;
  std::unordered_map<TopicId, std::vector<SeriesId>> fed_by_;
  std::vector<SeriesId> to_correct_;  ///< keys with a closed window that took readings
  std::size_t open_count_ = 0;
  bool marked_ = false;
};

void snapshot_moments(ByteWriter& out, const Moments& moments);
Moments restore_moments(ByteReader& in);

}  // namespace sluice
