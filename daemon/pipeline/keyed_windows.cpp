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

/// One of 256 windows or so: some ten KiB between two of them.
bool begins_part(const KeyedWindows::Place& place) {
  ByteWriter id;
  id.i64(place.start_ns);
  id.u64(place.series);
  return hash64(id.bytes()) % 256 == 0;
}

/// An empty snapshot is its options.
std::uint64_t kept_by(const WindowSpec& spec) {
  if (spec.extras.empty() && spec.expected_every_ns == 0) return 0;
  ByteWriter out;
  out.i64(spec.expected_every_ns);
  WindowExtras(spec.extras).snapshot(out);
  return hash64(out.bytes());
}

enum Flag : std::uint8_t { kChanged = 1, kClosed = 2, kLacking = 4, kOddEnd = 8, kEmpty = 16 };

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

KeyedWindows::KeyedWindows(const WindowSpec& spec) : spec_(spec), kept_(kept_by(spec)) {}

// --- which windows there are ---

void KeyedWindows::link(TopicId topic, SeriesId series, Key& key) {
  if (std::find(key.topics.begin(), key.topics.end(), topic) != key.topics.end()) return;
  key.topics.push_back(topic);
  fed_by_[topic].push_back(series);
}

KeyedWindows::Key& KeyedWindows::key_of(const Reading& reading) {
  const SeriesId series = window_key(reading);
  Key& key = keys_[series];
  link(reading.topic, series, key);
  return key;
}

/// Nothing more is taken for a window that ends there.
bool KeyedWindows::is_past(std::int64_t end_ns, const Key& key) const {
  if (key.shed_ns != kNoTime && end_ns <= key.shed_ns) return true;
  return key.watermark_ns != kNoTime &&
         add_saturated(end_ns, spec_.allowed_lateness_ns) <= key.watermark_ns;
}

KeyedWindows::Window& KeyedWindows::window_at(std::int64_t start_ns, std::int64_t end_ns,
                                              Key& key) {
  const auto it = std::lower_bound(key.windows.begin(), key.windows.end(), start_ns,
                                   [](const Window& w, std::int64_t s) { return w.start_ns < s; });
  if (it != key.windows.end() && it->start_ns == start_ns) return *it;
  ++open_count_;
  ++count_;
  Window window;
  window.start_ns = start_ns;
  window.end_ns = end_ns;
  window.content = OpenContent(spec_.extras);
  return *key.windows.insert(it, std::move(window));
}

void KeyedWindows::remove(Key& key, std::size_t from, std::size_t to) {
  const auto begin = key.windows.begin() + static_cast<std::ptrdiff_t>(from);
  const auto end = key.windows.begin() + static_cast<std::ptrdiff_t>(to);
  open_count_ -= static_cast<std::size_t>(
      std::count_if(begin, end, [](const Window& window) { return !window.closed; }));
  count_ -= to - from;
  for (auto window = begin; window != end; ++window) waiting_ -= window->content.waiting();
  key.windows.erase(begin, end);
}

std::uint64_t KeyedWindows::remove_open(SeriesId series) {
  const auto found = keys_.find(series);
  if (found == keys_.end()) return 0;
  Key& key = found->second;
  std::uint64_t readings = 0;
  for (std::size_t i = key.windows.size(); i-- > 0;) {
    if (key.windows[i].closed) continue;
    readings += key.windows[i].content.count();
    remove(key, i, i + 1);
  }
  return readings;
}

std::vector<SeriesId> KeyedWindows::ordered_keys() const {
  std::vector<SeriesId> order;
  order.reserve(keys_.size());
  for (const auto& [series, key] : keys_) order.push_back(series);
  std::sort(order.begin(), order.end());
  return order;
}

// --- what they hold ---

void KeyedWindows::split_as_since(Window& window) const {
  window.split = std::make_unique<Split>(Split{OpenContent(spec_.extras), window.content});
}

/// As long as there is room any number; then no more than there are.
std::size_t KeyedWindows::waiting_max_of(const Window& window) const {
  if (waiting_ < spec_.waiting_max) return std::numeric_limits<std::size_t>::max();
  return std::max(OpenContent::kWaitingLeast, window.content.waiting());
}

void KeyedWindows::replace_content(Window& window, OpenContent content) {
  waiting_ -= window.content.waiting();
  window.content = std::move(content);
  waiting_ += window.content.waiting();
}

void KeyedWindows::add(const Reading& reading, bool before, std::int64_t settled_ns,
                       Window& window) {
  const double value = reading.value.as_double();
  const std::int64_t time_ns = reading.event_time_ns;
  if (marked_ && before && !window.split) split_as_since(window);
  const std::size_t waiting_max = waiting_max_of(window);
  waiting_ -= window.content.waiting();
  window.content.add(time_ns, value, settled_ns, waiting_max);
  waiting_ += window.content.waiting();
  window.changed = true;
  if (window.split) {
    OpenContent& part = before ? window.split->before : window.split->since;
    part.add(time_ns, value, settled_ns, waiting_max);
  }
}

void KeyedWindows::append(Window& later, Window& window) {
  if (later.split && !window.split) split_as_since(window);
  if (window.split && !later.split) split_as_since(later);
  const std::size_t waiting_max = waiting_max_of(window);
  if (window.split) {
    window.split->before.append(later.split->before, waiting_max);
    window.split->since.append(later.split->since, waiting_max);
  }
  waiting_ -= window.content.waiting();
  window.content.append(later.content, waiting_max);
  waiting_ += window.content.waiting();
}

void KeyedWindows::note_change(SeriesId series, Key& key, Window& window) {
  if (end_of(window) > key.watermark_ns || key.to_correct) return;
  key.to_correct = true;
  to_correct_.push_back(series);
}

Pane KeyedWindows::make_pane(SeriesId series, Window& window, PaneQuality quality) {
  settle_id(series, window);
  window.changed = false;
  Pane pane;
  pane.window = {spec_.kind, series & ~kBootSeries, window.start_ns, window.end_ns,
                 take_ordinal(series)};
  if ((series & kBootSeries) != 0) pane.boot = boot_;
  pane.revision = ++window.revision;
  pane.quality = quality;
  if (quality == PaneQuality::complete && window.lacking) {
    pane.quality = PaneQuality::partial_limit;
  }
  pane.content = window.content.content();
  pane.expected_every_ns = spec_.expected_every_ns;
  pane.kept = kept_;
  if (window.split) {
    pane.split = std::make_shared<PaneSplit>(
        PaneSplit{window.split->before.content(), window.split->since.content()});
  }
  return pane;
}

Pane KeyedWindows::close(SeriesId series, Window& window, PaneQuality quality) {
  Pane pane = make_pane(series, window, quality);
  if (!window.closed) --open_count_;
  window.closed = true;
  return pane;
}

void KeyedWindows::reopen(Window& window) {
  if (window.closed) ++open_count_;
  window.closed = false;
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

std::int64_t KeyedWindows::highest(const Watermarks::OfSource& of_source) const {
  std::int64_t highest_ns = kNoTime;
  for (const auto& [series, key] : keys_) {
    if (key.topics.empty() || !std::all_of(key.topics.begin(), key.topics.end(), of_source))
      continue;
    highest_ns = std::max(highest_ns, key.watermark_ns);
  }
  return highest_ns;
}

/// The watermark passes another `early_every` of the window on its way between the two.
bool KeyedWindows::tells_early(const Window& window, std::int64_t from_ns,
                               std::int64_t to_ns) const {
  if (spec_.early_every_ns == 0 || !window.changed) return false;
  const auto steps_until = [&](std::int64_t time_ns) {
    return time_ns <= window.start_ns ? 0 : (time_ns - window.start_ns) / spec_.early_every_ns;
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
      if (spec_.early_every_ns == 0) break;
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
    const auto& [series, key] = entry;
    const std::int64_t to_ns = watermark_of(key, watermarks, boottime_ns);
    const auto owes = [&](const Window& window) {
      if (end_of(window) <= to_ns) return !window.closed || window.changed;
      return tells_early(window, key.watermark_ns, to_ns);
    };
    return std::any_of(key.windows.begin(), key.windows.end(), owes) ||
           would_add(series, key, to_ns);
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

bool KeyedWindows::add_state(SeriesId series, WindowState& out) const {
  const auto found = keys_.find(series);
  if (found == keys_.end()) return false;
  const Key& key = found->second;
  out.bytes.series += sizeof(IdMap<Key>::Entry) + key.topics.size() * sizeof(IdMap<IdList>::Entry);
  out.bytes.moments += (key.windows.capacity() - key.windows.size()) * sizeof(Window);
  for (const Window& window : key.windows) {
    out.windows_open += window.closed ? 0 : 1;
    ++out.windows_kept;
    out.bytes.moments += sizeof(Window) - sizeof(OpenContent);
    window.content.add_bytes(out.bytes);
    if (!window.split) continue;
    window.split->before.add_bytes(out.bytes);
    window.split->since.add_bytes(out.bytes);
  }
  add_more_state(series, out.bytes);
  return true;
}

// --- the end of an epoch ---

void KeyedWindows::mark_start() {
  marked_ = true;
  for (auto& [series, key] : keys_) {
    for (Window& window : key.windows) {
      window.split = std::make_unique<Split>(Split{window.content, OpenContent(spec_.extras)});
    }
  }
  mark_more(true);
}

void KeyedWindows::forget_start() {
  marked_ = false;
  for (auto& [series, key] : keys_) {
    for (Window& window : key.windows) window.split.reset();
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

std::size_t KeyedWindows::snapshot_bytes(const WindowSpec& spec, bool disordered) {
  constexpr std::size_t kWaitingBytes = 14;
  constexpr std::size_t kEndBytes = 10;
  const bool has_own_end = spec.kind != WindowKind::tumbling && spec.kind != WindowKind::hopping;
  const bool many_wait = disordered || spec.allowed_lateness_ns > 0;
  return kSnapshotBytes + (has_own_end || spec.civil ? kEndBytes : 0) +
         (many_wait ? OpenContent::kWaitingLeast / 4 * kWaitingBytes : 0) +
         spec.extras.snapshot_bytes_max();
}

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

void KeyedWindows::write_window(SeriesId series, const Window& window, ByteWriter& out) const {
  const bool odd_end = window.end_ns - window.start_ns != spec_.size_ns;
  const bool empty = window.content.count() == 0;
  out.i64(window.start_ns);
  out.u64(series);
  out.u64(window.revision);
  out.u8(static_cast<std::uint8_t>((window.changed ? kChanged : 0) | (window.closed ? kClosed : 0) |
                                   (window.lacking ? kLacking : 0) | (odd_end ? kOddEnd : 0) |
                                   (empty ? kEmpty : 0)));
  if (odd_end) out.i64(window.end_ns);
  if (!empty) window.content.snapshot(out);
}

void KeyedWindows::snapshot_windows(const std::string& prefix,
                                    std::vector<CheckpointPart>& parts) const {
  std::vector<std::pair<Place, const Window*>> order;
  order.reserve(count_);
  for (const auto& [series, key] : keys_) {
    for (const Window& window : key.windows) order.push_back({{window.start_ns, series}, &window});
  }
  std::sort(order.begin(), order.end(),
            [](const auto& a, const auto& b) { return a.first < b.first; });
  ByteWriter out;
  std::string name;
  const auto flush = [&] {
    if (!name.empty()) parts.push_back({name, out.take()});
  };
  for (const auto& [place, window] : order) {
    if (name.empty() || begins_part(place)) {
      flush();
      name = prefix + std::to_string(place.start_ns) + "/" + std::to_string(place.series);
    }
    write_window(place.series, *window, out);
  }
  flush();
}

Status KeyedWindows::restore(ByteReader& in) {
  keys_.clear();
  fed_by_.clear();
  to_correct_.clear();
  open_count_ = count_ = waiting_ = 0;
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    const auto series = static_cast<SeriesId>(in.u64());
    Key& key = keys_[series];
    key.watermark_ns = static_cast<std::int64_t>(in.fixed64());
    if (in.u8() != 0) key.shed_ns = in.i64();
    for (std::size_t t = in.count(); t > 0 && in.ok(); --t) {
      link(static_cast<TopicId>(in.u64()), series, key);
    }
    restore_key(series, in);
  }
  return in.ok() ? Status() : malformed();
}

Status KeyedWindows::restore_windows(const std::string& prefix,
                                     const std::vector<CheckpointPart>& parts) {
  for (const CheckpointPart& part : parts) {
    if (!part.name.starts_with(prefix)) continue;
    ByteReader in(part.bytes);
    while (in.ok() && !in.at_end()) {
      if (Status s = restore_window(in); !s.ok()) return s;
    }
    if (!in.ok()) return malformed();
  }
  for (const SeriesId series : ordered_keys()) {
    Key& key = keys_.at(series);
    std::sort(key.windows.begin(), key.windows.end(),
              [](const Window& a, const Window& b) { return a.start_ns < b.start_ns; });
    if (key.to_correct) to_correct_.push_back(series);
  }
  return {};
}

Status KeyedWindows::restore_window(ByteReader& in) {
  Window window;
  window.start_ns = in.i64();
  const auto key = keys_.find(static_cast<SeriesId>(in.u64()));
  window.revision = static_cast<std::uint32_t>(in.u64());
  const std::uint8_t flags = in.u8();
  if (!in.ok() || key == keys_.end()) return malformed();
  window.changed = (flags & kChanged) != 0;
  window.closed = (flags & kClosed) != 0;
  window.lacking = (flags & kLacking) != 0;
  window.end_ns = (flags & kOddEnd) != 0 ? in.i64() : add_saturated(window.start_ns, spec_.size_ns);
  window.content = OpenContent(spec_.extras);
  if ((flags & kEmpty) == 0) {
    auto content = OpenContent::restore(in, spec_.extras);
    if (!content.ok()) return malformed();
    replace_content(window, *std::move(content));
  }
  const bool closes = end_of(window) <= key->second.watermark_ns;
  key->second.to_correct = key->second.to_correct || (window.changed && closes);
  open_count_ += window.closed ? 0 : 1;
  ++count_;
  key->second.windows.push_back(std::move(window));
  return {};
}

}  // namespace sluice
