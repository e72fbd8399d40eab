#include "pipeline/keyed_windows.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/hash.h"
#include "pipeline/aligned_windows.h"
#include "pipeline/count_windows.h"
#include "pipeline/session_windows.h"
#include "pipeline/sliding_windows.h"

namespace sluice {
namespace {

std::int64_t add_saturated(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

Status malformed() { return data_loss("malformed windows in a checkpoint"); }

/// An empty snapshot is its options.
std::uint64_t kept_by(const WindowSpec& spec) {
  if (spec.extras.empty() && spec.expected_every_ns == 0) return 0;
  ByteWriter out;
  out.i64(spec.expected_every_ns);
  WindowExtras(spec.extras).snapshot(out);
  return hash64(out.bytes());
}

}  // namespace

std::unique_ptr<KeyedWindows> KeyedWindows::create(const WindowSpec& spec) {
  switch (spec.kind) {
    case WindowKind::tumbling:
    case WindowKind::hopping: return std::make_unique<AlignedWindows>(spec);
    case WindowKind::sliding: return std::make_unique<SlidingWindows>(spec);
    case WindowKind::session: return std::make_unique<SessionWindows>(spec);
    case WindowKind::count: return std::make_unique<CountWindows>(spec);
  }
  SLUICE_ASSERT(false);
  return nullptr;
}

KeyedWindows::KeyedWindows(const WindowSpec& spec) : WindowTable(spec), kept_(kept_by(spec)) {}

/// Nothing more is taken for a window that ends there.
bool KeyedWindows::is_past(std::int64_t end_ns, const Key& key) const {
  if (key.shed_ns != kNoTime && end_ns <= key.shed_ns) return true;
  return key.watermark_ns != kNoTime &&
         add_saturated(end_ns, spec().allowed_lateness_ns) <= key.watermark_ns;
}

// --- panes ---

void KeyedWindows::note_change(SeriesId series, Key& key, Window& window) {
  if (end_of(window) > key.watermark_ns || key.to_correct) return;
  key.to_correct = true;
  to_correct_.push_back(series);
}

Pane KeyedWindows::make_pane(SeriesId series, Window& window, PaneQuality quality) {
  settle_id(series, window);
  window.changed = false;
  Pane pane;
  pane.window = {spec().kind, series & ~kBootSeries, window.start_ns, window.end_ns,
                 take_ordinal(series)};
  if ((series & kBootSeries) != 0) pane.boot = boot_;
  pane.revision = ++window.revision;
  pane.quality = quality;
  if (quality == PaneQuality::complete && window.lacking) {
    pane.quality = PaneQuality::partial_limit;
  }
  pane.content = window.content.content();
  pane.expected_every_ns = spec().expected_every_ns;
  pane.kept = kept_;
  if (window.split) {
    pane.split = std::make_shared<PaneSplit>(
        PaneSplit{window.split->before.content(), window.split->since.content()});
  } else if (window.all_before) {
    pane.split = std::make_shared<PaneSplit>(PaneSplit{pane.content, {}});
  }
  return pane;
}

Pane KeyedWindows::close(SeriesId series, Window& window, PaneQuality quality) {
  Pane pane = make_pane(series, window, quality);
  set_closed(window);
  return pane;
}

// --- as time passes ---

void KeyedWindows::correct(std::vector<Pane>& panes) {
  std::sort(to_correct_.begin(), to_correct_.end());
  for (const SeriesId series : to_correct_) {
    Key& key = keys_.at(series);
    key.to_correct = false;
    for (Window& window : key.windows) {
      if (end_of(window) > key.watermark_ns) break;
      if (window.changed) panes.push_back(close(series, window, PaneQuality::complete));
    }
  }
  to_correct_.clear();
}

std::int64_t KeyedWindows::watermark_of(const Key& key, const Watermarks& watermarks,
                                        std::int64_t boottime_ns) const {
  std::int64_t live = std::numeric_limits<std::int64_t>::max();
  std::int64_t idle = std::numeric_limits<std::int64_t>::max();
  for (const TopicId topic : key.topics) {
    std::int64_t& lowest = watermarks.idle(topic, boottime_ns) ? idle : live;
    lowest = std::min(lowest, watermarks.at(topic, boottime_ns));
  }
  const std::int64_t lowest = live != std::numeric_limits<std::int64_t>::max() ? live : idle;
  return lowest == std::numeric_limits<std::int64_t>::max() ? kNoTime : lowest;
}

/// The watermark passes another `early_every` of the window on its way between the two.
bool KeyedWindows::tells_early(const Window& window, std::int64_t from_ns,
                               std::int64_t to_ns) const {
  if (spec().early_every_ns == 0 || !window.changed) return false;
  const auto steps_until = [&](std::int64_t time_ns) {
    return time_ns <= window.start_ns ? 0 : (time_ns - window.start_ns) / spec().early_every_ns;
  };
  return steps_until(to_ns) > steps_until(from_ns);
}

void KeyedWindows::advance_key(SeriesId series, Key& key, const Watermarks& watermarks,
                               std::int64_t boottime_ns, std::vector<Pane>& panes) {
  const std::int64_t from_ns = key.watermark_ns;
  key.watermark_ns = std::max(from_ns, watermark_of(key, watermarks, boottime_ns));
  add_due(series, key);
  std::size_t past = 0;
  for (Window& window : key.windows) {
    const std::int64_t end_ns = end_of(window);
    if (end_ns > key.watermark_ns) {
      if (spec().early_every_ns == 0) break;
      if (tells_early(window, from_ns, key.watermark_ns)) {
        panes.push_back(make_pane(series, window, PaneQuality::early));
      }
      continue;
    }
    const bool goes = is_past(end_ns, key);
    if (!window.closed || (goes && window.changed)) {
      panes.push_back(close(series, window, PaneQuality::complete));
    }
    past += goes ? 1 : 0;
  }
  remove(key, 0, past);
  if (key.windows.empty()) key.windows = std::vector<Window>();  // most series are idle, and many
}

void KeyedWindows::advance(TopicId topic, const Watermarks& watermarks, std::int64_t boottime_ns,
                           std::vector<Pane>& panes) {
  const auto it = fed_by_.find(topic);
  if (it == fed_by_.end()) return;
  for (const SeriesId series : it->second) {
    advance_key(series, keys_[series], watermarks, boottime_ns, panes);
  }
}

void KeyedWindows::advance_all(const Watermarks& watermarks, std::int64_t boottime_ns,
                               std::vector<Pane>& panes) {
  for (const SeriesId series : ordered_keys()) {
    Key& key = keys_.at(series);
    if (key.windows.empty() &&
        !would_add(series, key, watermark_of(key, watermarks, boottime_ns))) {
      continue;
    }
    advance_key(series, key, watermarks, boottime_ns, panes);
  }
}

bool KeyedWindows::due(const Watermarks& watermarks, std::int64_t boottime_ns) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const auto& entry) {
    const Key& key = entry.second;
    const std::int64_t to_ns = watermark_of(key, watermarks, boottime_ns);
    const auto owes = [&](const Window& window) {
      if (end_of(window) <= to_ns) return !window.closed || window.changed;
      return tells_early(window, key.watermark_ns, to_ns);
    };
    return std::any_of(key.windows.begin(), key.windows.end(), owes) ||
           would_add(entry.first, key, to_ns);
  });
}

// --- when all or the oldest must go ---

void KeyedWindows::close_key(SeriesId series, Key& key, PaneQuality quality,
                             std::vector<Pane>& panes) {
  add_rest(series, key, std::numeric_limits<std::int64_t>::max());
  for (Window& window : key.windows) {
    if (window.changed || !window.closed) panes.push_back(close(series, window, quality));
  }
  remove(key, 0, key.windows.size());
}

void KeyedWindows::close_all(PaneQuality quality, std::vector<Pane>& panes) {
  for (const SeriesId series : ordered_keys()) {
    close_key(series, keys_.at(series), quality, panes);
    keys_.at(series).to_correct = false;
  }
  to_correct_.clear();
}

void KeyedWindows::set_boot(std::shared_ptr<const BootStretch> boot, std::vector<Pane>& panes) {
  const auto is_over = [](SeriesId series) { return (series & kBootSeries) != 0; };
  for (const SeriesId series : ordered_keys()) {
    if (!is_over(series)) continue;
    close_key(series, keys_.at(series), PaneQuality::partial_clock, panes);
    forget(series);
    keys_.erase(series);
  }
  fed_by_.erase_if([](const auto& entry) { return in_boot_time(entry.first); });
  std::erase_if(to_correct_, is_over);
  boot_ = std::move(boot);
}

void KeyedWindows::places(std::vector<Place>& out) const {
  for (const auto& [series, key] : keys_) {
    for (const Window& window : key.windows) out.push_back({window.start_ns, series});
  }
}

void KeyedWindows::shed(const Place& last, std::vector<Pane>& panes) {
  for (const SeriesId series : ordered_keys()) shed_key(series, last, panes);
}

void KeyedWindows::shed_key(SeriesId series, const Place& last, std::vector<Pane>& panes) {
  Key& key = keys_.at(series);
  // Of those that start at once, only the series up to that place go.
  add_rest(series, key, series <= last.series ? last.start_ns : last.start_ns - 1);
  std::size_t gone = 0;
  for (; gone < key.windows.size() && Place{key.windows[gone].start_ns, series} <= last; ++gone) {
    Window& window = key.windows[gone];
    key.shed_ns = std::max(key.shed_ns, end_of(window));
    if (window.changed || !window.closed) {
      panes.push_back(close(series, window, PaneQuality::partial_limit));
    }
  }
  remove(key, 0, gone);
  // What grew with the windows shrinks with them.
  if (key.windows.capacity() > 2 * key.windows.size() + 16) key.windows.shrink_to_fit();
}

bool KeyedWindows::add_state(SeriesId key, WindowState& out) const {
  if (!add_windows_state(key, out)) return false;
  add_more_state(key, out.bytes);
  return true;
}

std::uint64_t KeyedWindows::aggregates_refused() const {
  if (spec().extras.plugins.empty()) return 0;
  WindowState all;
  for (const auto& entry : keys_) add_state(entry.first, all);
  return all.bytes.plugins_refused;
}

// --- the end of an epoch ---

void KeyedWindows::mark_start() {
  marked_ = true;
  for (auto& [series, key] : keys_) {
    for (Window& window : key.windows) {
      window.split.reset();
      window.all_before = true;
    }
  }
  mark_more(true);
}

void KeyedWindows::forget_start() {
  marked_ = false;
  for (auto& [series, key] : keys_) {
    for (Window& window : key.windows) {
      window.split.reset();
      window.all_before = false;
    }
  }
  mark_more(false);
}

void KeyedWindows::end_epoch(std::vector<Pane>& panes) {
  for (const SeriesId series : ordered_keys()) end_epoch_of(series, keys_.at(series), panes);
  forget_start();
}

void KeyedWindows::end_epoch_of(SeriesId series, Key& key, std::vector<Pane>& panes) {
  add_before(series, key);
  for (Window& window : key.windows) {
    if (window.all_before) split(window);
    if (!window.split) continue;
    OpenContent since = std::move(window.split->since);
    if (!window.closed) {
      const std::uint32_t revision = window.revision;
      replace_content(window, std::move(window.split->before));
      window.split.reset();
      panes.push_back(make_pane(series, window, PaneQuality::partial_epoch));
      window.revision = revision;
      window.changed = true;
    }
    replace_content(window, std::move(since));
    window.split.reset();
  }
  for (std::size_t i = key.windows.size(); i-- > 0;) {
    if (key.windows[i].content.count() == 0) remove(key, i, i + 1);
  }
}

void KeyedWindows::forget_closed() {
  for (auto& [series, key] : keys_) {
    for (std::size_t i = key.windows.size(); i-- > 0;) {
      if (key.windows[i].closed) remove(key, i, i + 1);
    }
  }
}

// --- checkpoints ---

void KeyedWindows::snapshot(ByteWriter& out) const {
  const std::vector<SeriesId> order = ordered_keys();
  out.u64(order.size());
  for (const SeriesId series : order) {
    const Key& key = keys_.at(series);
    out.u64(series);
    out.fixed64(static_cast<std::uint64_t>(key.watermark_ns));
    out.u8(key.shed_ns != kNoTime ? 1 : 0);
    if (key.shed_ns != kNoTime) out.i64(key.shed_ns);
    out.u64(key.topics.size());
    for (const TopicId topic : key.topics) out.u64(topic);
    snapshot_key(series, out);
  }
}

Status KeyedWindows::restore(ByteReader& in) {
  clear();
  to_correct_.clear();
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    const auto series = static_cast<SeriesId>(in.u64());
    Key& key = keys_[series];
    key.watermark_ns = static_cast<std::int64_t>(in.fixed64());
    if (in.u8() != 0) key.shed_ns = in.i64();
    for (std::size_t t = in.count(); t > 0 && in.ok(); --t) {
      expect(static_cast<TopicId>(in.u64()), series);
    }
    restore_key(series, in);
  }
  return in.ok() ? Status() : malformed();
}

Status KeyedWindows::restore_windows(const std::string& prefix,
                                     const std::vector<CheckpointPart>& parts) {
  if (Status s = read_windows(prefix, parts); !s.ok()) return s;
  for (const SeriesId series : ordered_keys()) {
    Key& key = keys_.at(series);
    for (Window& window : key.windows) {
      if (window.changed) note_change(series, key, window);
    }
  }
  return {};
}

}  // namespace sluice
