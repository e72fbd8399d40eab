#pragma once

#include <cstdint>
#include <memory>
#include <unordered_map>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "model/window.h"
#include "pipeline/watermarks.h"

namespace sluice {

/// Event-time tumbling windows [k*size, (k+1)*size) of one pipeline, one set per series.
///
/// A window closes when the watermark of its key, the lowest of the topics that feed it and are not
/// idle, reaches its end; it closes once, and a reading for a closed window is late. Thread:
/// [pipeline].
class TumblingWindows {
 public:
  explicit TumblingWindows(std::int64_t size_ns);

  /// False when the reading is late; nothing is changed then. `before`: it came before
  /// mark_start().
  bool fold(const Reading& reading, bool before = false);
  /// The watermark of `topic` rose: appends the panes of all windows that end by now.
  void advance(TopicId topic, const Watermarks& watermarks, std::int64_t boottime_ns,
               std::vector<Pane>& closed);
  /// As `advance` for every topic.
  void advance_all(const Watermarks& watermarks, std::int64_t boottime_ns,
                   std::vector<Pane>& closed);
  /// Whether `advance_all` would close anything.
  bool due(const Watermarks& watermarks, std::int64_t boottime_ns) const;
  /// Closes everything that is open, marked with `quality`.
  void close_all(PaneQuality quality, std::vector<Pane>& closed);

  /// From here on windows remember what they held until now, so that end_epoch() can part it from
  /// what follows. Costs memory and time only for windows that are open now. Not part of snapshots.
  void mark_start();
  void forget_start();
  /// Closes what the windows held at the mark as `partial_epoch`; what came since stays open. Ends
  /// the mark.
  void end_epoch(std::vector<Pane>& closed);

  std::size_t open_count() const { return open_count_; }

  void snapshot(ByteWriter& out) const;
  Status restore(ByteReader& in);

 private:
  struct Open {
    std::int64_t start_ns;
    Moments moments;
    std::shared_ptr<PaneSplit> split;  ///< null when there is no mark, or nothing before it
  };
  struct Key {
    std::int64_t watermark_ns = kNoTime;  ///< never falls, so that a window closes once
    std::vector<TopicId> topics;          ///< usually one
    std::vector<Open> open;               ///< by start; usually one or two
  };
  std::int64_t start_of(std::int64_t event_time_ns) const;
  std::int64_t watermark_of(const Key& key, const Watermarks& watermarks,
                            std::int64_t boottime_ns) const;
  void link(TopicId topic, SeriesId series, Key& key);
  Pane pane_of(SeriesId series, const Open& window) const;
  void advance_key(SeriesId series, Key& key, const Watermarks& watermarks,
                   std::int64_t boottime_ns, std::vector<Pane>& closed);

  const std::int64_t size_ns_;
  std::unordered_map<SeriesId, Key> keys_;
  std::unordered_map<TopicId, std::vector<SeriesId>> fed_by_;
  std::size_t open_count_ = 0;
  bool marked_ = false;
};

void snapshot_moments(ByteWriter& out, const Moments& moments);
Moments restore_moments(ByteReader& in);

}  // namespace sluice
