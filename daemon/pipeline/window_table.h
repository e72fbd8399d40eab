#pragma once

#include <compare>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/id_map.h"
#include "base/status.h"
#include "model/boot_time.h"
#include "model/log.h"
#include "model/window.h"
#include "pipeline/open_content.h"
#include "pipeline/series_state.h"
#include "pipeline/spec.h"
#include "pipeline/watermarks.h"

namespace sluice {

/// The windows of one spec by series, what they hold, and their bytes in a checkpoint. When they
/// close, KeyedWindows says. Thread: [pipeline].
class WindowTable {
 public:
  /// Where a window stands in the order in which windows close early.
  struct Place {
    std::int64_t start_ns;
    SeriesId series;
    auto operator<=>(const Place&) const = default;
  };

  /// `topic` feeds the windows of `series` from now on, though no reading of it has been folded.
  void expect(TopicId topic, SeriesId series) { link(topic, series, keys_[series]); }
  /// The largest watermark of series that none but such topics feed; kNoTime: there are none.
  std::int64_t highest(const Watermarks::OfSource& of_source) const;
  /// Windows that have not closed.
  std::size_t open_count() const { return open_count_; }

  /// At most, of one window in its part without aggregates, in which one reading waits.
  static constexpr std::size_t kSnapshotBytes = 160;
  /// The same for windows of this spec, with its aggregates. Where readings come `disordered` or
  /// windows can be corrected, a quarter of OpenContent::kWaitingLeast wait in each.
  static std::size_t snapshot_bytes(const WindowSpec& spec, bool disordered);

 protected:
  struct Split {
    OpenContent before;
    OpenContent since;
  };
  struct Window {
    std::int64_t start_ns = 0;
    std::int64_t end_ns = 0;
    std::uint32_t revision = 0;  ///< of its last pane; 0: none yet
    bool closed = false;         ///< its last pane was not an early one
    bool changed = false;        ///< took readings since its last pane
    bool lacking = false;        ///< readings that belong in it had been given up
    /// All that it holds came before the mark; there is no split then, which would be a copy.
    bool all_before = false;
    OpenContent content;
    std::unique_ptr<Split> split;  ///< set when there is a mark, and readings before and after it
  };
  struct Key {
    std::int64_t watermark_ns = kNoTime;  ///< never falls, so that no window opens again
    std::int64_t shed_ns = kNoTime;       ///< nothing is taken for windows that end by then
    IdList topics;
    std::vector<Window> windows;  ///< by start; usually one or two
    bool to_correct = false;      ///< it is in to_correct_
  };

  explicit WindowTable(const WindowSpec& spec);

  const WindowSpec& spec() const { return spec_; }
  bool marked() const { return marked_; }

  /// The key of a reading, which its topic feeds from now on.
  Key& key_of(const Reading& reading);
  std::vector<SeriesId> ordered_keys() const;
  /// The window that starts there, a new one if there is none.
  Window& window_at(std::int64_t start_ns, std::int64_t end_ns, Key& key);
  void set_closed(Window& window);
  /// A closed window goes on.
  void reopen(Window& window);
  void remove(Key& key, std::size_t from, std::size_t to);
  /// Removes the windows of a series that have not closed; how many readings they held.
  std::uint64_t remove_open(SeriesId series);
  void clear();
  std::size_t kept_count() const { return count_; }

  /// `before`: it came before the mark. Readings up to `settled_ns` are in order.
  void add(const Reading& reading, bool before, std::int64_t settled_ns, Window& window);
  /// Takes all of a window that follows.
  void append(Window& later, Window& window);
  void replace_content(Window& window, OpenContent content);
  /// There is a mark: makes two parts of what the window holds, one of which has it all.
  void split(Window& window) const;
  bool add_windows_state(SeriesId key, WindowState& out) const;

  /// As KeyedWindows::snapshot_windows().
  void write_windows(const std::string& prefix, std::vector<CheckpointPart>& parts) const;
  /// Their keys must be there.
  Status read_windows(const std::string& prefix, const std::vector<CheckpointPart>& parts);

  IdMap<Key> keys_;
  IdMap<IdList> fed_by_;
  bool marked_ = false;

 private:
  void link(TopicId topic, SeriesId series, Key& key);
  std::size_t waiting_max_of(const Window& window) const;
  void write_window(SeriesId series, const Window& window, ByteWriter& out) const;
  Status read_window(ByteReader& in);

  const WindowSpec spec_;
  std::size_t open_count_ = 0;
  std::size_t count_ = 0;
  std::size_t waiting_ = 0;  ///< readings that wait in windows
};

}  // namespace sluice
