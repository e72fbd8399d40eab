#pragma once

#include <cstdint>
#include <string>
#include <unordered_map>
#include <vector>

#include "pipeline/keyed_windows.h"

namespace sluice {

/// What came up to a reading and within `size` before it: windows (end - size, end], end being the
/// time of the reading. Of each stretch of time `every`, aligned to 1970, the last reading has a
/// window, so that there are no more of them than that; every reading is in that of its stretch.
///
/// A window is made when the watermark reaches the end of the stretch, of the readings that are
/// kept until then. A late reading corrects the windows that hold it. Thread: [pipeline].
class SlidingWindows : public KeyedWindows {
 public:
  /// `spec.readings` are kept of a series; of more the oldest are given up, and the windows that
  /// lack them are `partial_limit`.
  explicit SlidingWindows(const WindowSpec& spec);

  bool fold(const Reading& reading, bool before, std::vector<Pane>& panes) override;
  std::uint64_t give_up_open(SeriesId series) override;
  std::int64_t first_end_of(std::int64_t event_time_ns) const override;
  void places(std::vector<Place>& out) const override;
  /// Eight readings weigh as much as a window.
  std::size_t count() const override { return KeyedWindows::count() + readings_ / kPerPlace; }
  void snapshot_windows(const std::string& prefix,
                        std::vector<CheckpointPart>& parts) const override;
  Status restore_windows(const std::string& prefix,
                         const std::vector<CheckpointPart>& parts) override;

 private:
  static constexpr std::size_t kPerPlace = 8;

  struct Kept {
    std::int64_t time_ns;
    double value;
    bool before = false;  ///< came before the mark
    bool ended = false;   ///< told in an epoch that is over, in windows up to Line::ended_ns
  };
  struct Line {
    std::vector<Kept> readings;       ///< by time, then by value
    std::int64_t done_ns = kNoTime;   ///< stretches that end by then have their window
    std::int64_t short_ns = kNoTime;  ///< windows that end before lack readings
    std::int64_t ended_ns = kNoTime;
  };

  std::int64_t end_of(const Window& window) const override { return stretch_end(window.end_ns); }
  void add_due(SeriesId series, Key& key) override;
  bool would_add(SeriesId series, const Key& key, std::int64_t watermark_ns) const override;
  void add_rest(SeriesId series, Key& key, std::int64_t last_start_ns) override;
  void forget(SeriesId series) override;
  void mark_more(bool on) override;
  void add_before(SeriesId series, Key& key) override;
  void add_more_state(SeriesId series, StateBytes& out) const override;
  void snapshot_key(SeriesId series, ByteWriter& out) const override;
  void restore_key(SeriesId series, ByteReader& in) override;

  std::int64_t stretch_end(std::int64_t time_ns) const;
  bool is_done(std::int64_t time_ns, const Line& line) const;
  bool correct_kept(const Reading& reading, bool before, Key& key);
  void remove_untold(std::int64_t stretch_end_ns, Key& key, const Line& line);
  bool is_in_window_to_come(std::int64_t time_ns, const Line& line) const;
  void insert(const Reading& reading, bool before, Key& key, Line& line);
  std::vector<Kept>::const_iterator first_to_come(const Line& line) const;
  Window* add_window(std::int64_t end_ns, Key& key, const Line& line, bool of_before);
  void add_windows_until(std::int64_t done_ns, Key& key, Line& line);
  void drop_before(std::size_t kept_from, Line& line);

  std::unordered_map<SeriesId, Line> lines_;
  std::size_t readings_ = 0;
};

}  // namespace sluice
