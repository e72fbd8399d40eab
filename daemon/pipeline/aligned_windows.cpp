#include "pipeline/aligned_windows.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"
#include "base/hash.h"

namespace sluice {
namespace {

std::int64_t add_saturated(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  return __builtin_add_overflow(a, b, &sum) ? std::numeric_limits<std::int64_t>::max() : sum;
}

Status malformed() { return data_loss("malformed windows in a checkpoint"); }

/// One of 256 windows or so: some ten KiB between two of them.
bool begins_part(const AlignedWindows::Place& place) {
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

}  // namespace

AlignedWindows::AlignedWindows(const WindowSpec& spec) : spec_(spec), kept_(kept_by(spec)) {
  SLUICE_ASSERT(spec.size_ns > 0 && spec.every_ns > 0 && spec.every_ns <= spec.size_ns);
  SLUICE_ASSERT(spec.offset_ns >= 0 && spec.offset_ns < spec.every_ns);
}

std::int64_t AlignedWindows::last_start_of(std::int64_t event_time_ns) const {
  const std::int64_t since_offset = event_time_ns - spec_.offset_ns;
  std::int64_t start = since_offset / spec_.every_ns * spec_.every_ns;
  if (start > since_offset) start -= spec_.every_ns;  // before 1970, division rounds towards zero
  return start + spec_.offset_ns;
}

std::int64_t AlignedWindows::first_end_of(std::int64_t event_time_ns) const {
  const std::int64_t before = last_start_of(event_time_ns - spec_.size_ns);
  return before + spec_.every_ns + spec_.size_ns;
}

std::int64_t AlignedWindows::highest(const Watermarks::OfSource& of_source) const {
  std::int64_t highest_ns = kNoTime;
  for (const auto& [series, key] : keys_) {
    if (key.topics.empty() || !std::all_of(key.topics.begin(), key.topics.end(), of_source))
      continue;
    highest_ns = std::max(highest_ns, key.watermark_ns);
  }
  return highest_ns;
}

void AlignedWindows::link(TopicId topic, SeriesId series, Key& key) {
  if (std::find(key.topics.begin(), key.topics.end(), topic) != key.topics.end()) return;
  key.topics.push_back(topic);
  fed_by_[topic].push_back(series);
}

/// Nothing more is taken for a window that ends there.
bool AlignedWindows::is_past(std::int64_t end_ns, const Key& key) const {
  if (key.shed_ns != kNoTime && end_ns <= key.shed_ns) return true;
  return key.watermark_ns != kNoTime &&
         add_saturated(end_ns, spec_.allowed_lateness_ns) <= key.watermark_ns;
}

AlignedWindows::Window& AlignedWindows::window_at(std::int64_t start_ns, Key& key) {
  const auto it = std::lower_bound(key.windows.begin(), key.windows.end(), start_ns,
                                   [](const Window& w, std::int64_t s) { return w.start_ns < s; });
  if (it != key.windows.end() && it->start_ns == start_ns) return *it;
  ++open_count_;
  ++count_;
  Window window;
  window.start_ns = start_ns;
  window.content = OpenContent(spec_.extras);
  return *key.windows.insert(it, std::move(window));
}

void AlignedWindows::split_now(Window& window) const {
  window.split = std::make_unique<Split>(Split{window.content, OpenContent(spec_.extras)});
}

/// A reading may come behind the watermark of a window that is kept for corrections: there nothing
/// is settled before the window goes.
void AlignedWindows::add(const Reading& reading, bool before, const Key& key,
                         Window& window) const {
  const double value = reading.value.as_double();
  const std::int64_t settled_ns = spec_.allowed_lateness_ns > 0 ? kNoTime : key.watermark_ns;
  if (marked_ && before && !window.split) {
    window.split = std::make_unique<Split>(Split{OpenContent(spec_.extras), window.content});
  }
  window.content.add(reading.event_time_ns, value, settled_ns);
  window.changed = true;
  if (window.split) {
    OpenContent& part = before ? window.split->before : window.split->since;
    part.add(reading.event_time_ns, value, settled_ns);
  }
}

bool AlignedWindows::fold(const Reading& reading, bool before) {
  const SeriesId series = window_key(reading);
  Key& key = keys_[series];
  link(reading.topic, series, key);
  bool taken = false;
  for (std::int64_t start = last_start_of(reading.event_time_ns);
       start > reading.event_time_ns - spec_.size_ns; start -= spec_.every_ns) {
    if (is_past(start + spec_.size_ns, key)) break;  // and so are those that began earlier
    add(reading, before, key, window_at(start, key));
    taken = true;
    if (start + spec_.size_ns > key.watermark_ns || key.to_correct) continue;
    key.to_correct = true;
    to_correct_.push_back(series);
  }
  return taken;
}

void AlignedWindows::correct(std::vector<Pane>& panes) {
  std::sort(to_correct_.begin(), to_correct_.end());
  for (const SeriesId series : to_correct_) {
    Key& key = keys_.at(series);
    key.to_correct = false;
    for (Window& window : key.windows) {
      if (end_of(window) > key.watermark_ns) break;
      if (window.changed) panes.push_back(make_pane(series, window));
    }
  }
  to_correct_.clear();
}

void AlignedWindows::mark_start() {
  marked_ = true;
  for (auto& [series, key] : keys_) {
    for (Window& window : key.windows) split_now(window);
  }
}

void AlignedWindows::forget_start() {
  marked_ = false;
  for (auto& [series, key] : keys_) {
    for (Window& window : key.windows) window.split.reset();
  }
}

void AlignedWindows::end_epoch(std::vector<Pane>& panes) {
  for (const SeriesId series : ordered_keys()) {
    Key& key = keys_.at(series);
    for (Window& window : key.windows) {
      if (!window.split) continue;
      if (window.revision == 0) {
        OpenContent since = std::move(window.split->since);
        window.content = std::move(window.split->before);
        window.split.reset();
        panes.push_back(make_pane(series, window));
        panes.back().quality = PaneQuality::partial_epoch;
        window.content = std::move(since);
        window.revision = 0;
        window.changed = true;
        ++open_count_;
      } else {
        window.content = std::move(window.split->since);
      }
    }
    std::erase_if(key.windows, [this](const Window& w) {
      if (w.content.count() > 0) return false;
      open_count_ -= w.revision == 0 ? 1 : 0;
      --count_;
      return true;
    });
  }
  forget_start();
}

void AlignedWindows::forget_closed() {
  for (auto& [series, key] : keys_) {
    count_ -= std::erase_if(key.windows, [](const Window& w) { return w.revision > 0; });
  }
}

Pane AlignedWindows::make_pane(SeriesId series, Window& window) {
  open_count_ -= window.revision == 0 ? 1 : 0;
  window.changed = false;
  Pane pane;
  pane.window = {spec_.kind, series & ~kBootSeries, window.start_ns, end_of(window)};
  if ((series & kBootSeries) != 0) pane.boot = boot_;
  pane.revision = ++window.revision;
  pane.content = window.content.content();
  pane.expected_every_ns = spec_.expected_every_ns;
  pane.kept = kept_;
  if (window.split) {
    pane.split = std::make_shared<PaneSplit>(
        PaneSplit{window.split->before.content(), window.split->since.content()});
  }
  return pane;
}

std::int64_t AlignedWindows::watermark_of(const Key& key, const Watermarks& watermarks,
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

void AlignedWindows::advance_key(SeriesId series, Key& key, const Watermarks& watermarks,
                                 std::int64_t boottime_ns, std::vector<Pane>& panes) {
  key.watermark_ns = std::max(key.watermark_ns, watermark_of(key, watermarks, boottime_ns));
  for (Window& window : key.windows) {
    if (end_of(window) > key.watermark_ns) break;
    const bool due = window.revision == 0 || is_past(end_of(window), key);
    if (due && window.changed) panes.push_back(make_pane(series, window));
  }
  const auto kept = std::find_if(key.windows.begin(), key.windows.end(),
                                 [&](const Window& w) { return !is_past(end_of(w), key); });
  count_ -= static_cast<std::size_t>(kept - key.windows.begin());
  key.windows.erase(key.windows.begin(), kept);
  if (key.windows.empty()) key.windows = std::vector<Window>();  // most series are idle, and many
}

void AlignedWindows::advance(TopicId topic, const Watermarks& watermarks, std::int64_t boottime_ns,
                             std::vector<Pane>& panes) {
  const auto it = fed_by_.find(topic);
  if (it == fed_by_.end()) return;
  for (const SeriesId series : it->second) {
    advance_key(series, keys_[series], watermarks, boottime_ns, panes);
  }
}

std::vector<SeriesId> AlignedWindows::ordered_keys() const {
  std::vector<SeriesId> order;
  for (const auto& [series, key] : keys_) order.push_back(series);
  std::sort(order.begin(), order.end());
  return order;
}

void AlignedWindows::advance_all(const Watermarks& watermarks, std::int64_t boottime_ns,
                                 std::vector<Pane>& panes) {
  for (const SeriesId series : ordered_keys()) {
    Key& key = keys_.at(series);
    if (!key.windows.empty()) advance_key(series, key, watermarks, boottime_ns, panes);
  }
}

bool AlignedWindows::due(const Watermarks& watermarks, std::int64_t boottime_ns) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const auto& entry) {
    const Key& key = entry.second;
    const auto open = std::find_if(key.windows.begin(), key.windows.end(),
                                   [](const Window& w) { return w.changed; });
    return open != key.windows.end() && end_of(*open) <= watermark_of(key, watermarks, boottime_ns);
  });
}

void AlignedWindows::close_all(PaneQuality quality, std::vector<Pane>& panes) {
  for (const SeriesId series : ordered_keys()) {
    Key& key = keys_.at(series);
    for (Window& window : key.windows) {
      if (!window.changed) continue;
      panes.push_back(make_pane(series, window));
      panes.back().quality = quality;
    }
    key.windows.clear();
  }
  to_correct_.clear();
  open_count_ = count_ = 0;
}

void AlignedWindows::set_boot(std::shared_ptr<const BootStretch> boot, std::vector<Pane>& panes) {
  const auto is_over = [](SeriesId series) { return (series & kBootSeries) != 0; };
  for (const SeriesId series : ordered_keys()) {
    if (!is_over(series)) continue;
    for (Window& window : keys_.at(series).windows) {
      if (window.changed) {
        panes.push_back(make_pane(series, window));
        panes.back().quality = PaneQuality::partial_clock;
      }
      --count_;
    }
    keys_.erase(series);
  }
  fed_by_.erase_if([](const auto& entry) { return in_boot_time(entry.first); });
  std::erase_if(to_correct_, is_over);
  boot_ = std::move(boot);
}

void AlignedWindows::places(std::vector<Place>& out) const {
  for (const auto& [series, key] : keys_) {
    for (const Window& window : key.windows) out.push_back({window.start_ns, series});
  }
}

void AlignedWindows::shed(const Place& last, std::vector<Pane>& panes) {
  for (const SeriesId series : ordered_keys()) shed_key(series, last, panes);
}

void AlignedWindows::shed_key(SeriesId series, const Place& last, std::vector<Pane>& panes) {
  Key& key = keys_.at(series);
  auto kept = key.windows.begin();
  for (; kept != key.windows.end() && Place{kept->start_ns, series} <= last; ++kept) {
    key.shed_ns = std::max(key.shed_ns, end_of(*kept));
    if (!kept->changed) continue;
    panes.push_back(make_pane(series, *kept));
    panes.back().quality = PaneQuality::partial_limit;
  }
  count_ -= static_cast<std::size_t>(kept - key.windows.begin());
  key.windows.erase(key.windows.begin(), kept);
  // What grew with the windows shrinks with them.
  if (key.windows.capacity() > 2 * key.windows.size() + 16) key.windows.shrink_to_fit();
}

bool AlignedWindows::add_state(SeriesId series, WindowState& out) const {
  const auto found = keys_.find(series);
  if (found == keys_.end()) return false;
  const Key& key = found->second;
  out.bytes.series += sizeof(IdMap<Key>::Entry) + key.topics.size() * sizeof(IdMap<IdList>::Entry);
  out.bytes.moments += (key.windows.capacity() - key.windows.size()) * sizeof(Window);
  for (const Window& window : key.windows) {
    out.windows_open += window.revision == 0 ? 1 : 0;
    ++out.windows_kept;
    out.bytes.moments += sizeof(Window) - sizeof(OpenContent);
    window.content.add_bytes(out.bytes);
    if (!window.split) continue;
    window.split->before.add_bytes(out.bytes);
    window.split->since.add_bytes(out.bytes);
  }
  return true;
}

std::size_t AlignedWindows::snapshot_bytes(const WindowSpec& spec, bool disordered) {
  constexpr std::size_t kWaitingBytes = 14;
  const bool many_wait = disordered || spec.allowed_lateness_ns > 0;
  return kSnapshotBytes + (many_wait ? OpenContent::kWaitingMax / 4 * kWaitingBytes : 0) +
         spec.extras.snapshot_bytes_max();
}

void AlignedWindows::snapshot(ByteWriter& out) const {
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
  }
}

void AlignedWindows::snapshot_windows(const std::string& prefix,
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
    out.i64(place.start_ns);
    out.u64(place.series);
    out.u64(window->revision);
    out.u8(window->changed ? 1 : 0);
    window->content.snapshot(out);
  }
  flush();
}

Status AlignedWindows::restore(ByteReader& in) {
  keys_.clear();
  fed_by_.clear();
  to_correct_.clear();
  open_count_ = count_ = 0;
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    const auto series = static_cast<SeriesId>(in.u64());
    Key& key = keys_[series];
    key.watermark_ns = static_cast<std::int64_t>(in.fixed64());
    if (in.u8() != 0) key.shed_ns = in.i64();
    for (std::size_t t = in.count(); t > 0 && in.ok(); --t) {
      link(static_cast<TopicId>(in.u64()), series, key);
    }
  }
  return in.ok() ? Status() : malformed();
}

Status AlignedWindows::restore_windows(const std::string& prefix,
                                       const std::vector<CheckpointPart>& parts) {
  for (const CheckpointPart& part : parts) {
    if (!part.name.starts_with(prefix)) continue;
    if (Status s = restore_part(part.bytes); !s.ok()) return s;
  }
  for (const SeriesId series : ordered_keys()) {
    Key& key = keys_.at(series);
    std::sort(key.windows.begin(), key.windows.end(),
              [](const Window& a, const Window& b) { return a.start_ns < b.start_ns; });
    if (key.to_correct) to_correct_.push_back(series);
  }
  return {};
}

Status AlignedWindows::restore_part(std::string_view bytes) {
  ByteReader in(bytes);
  while (in.ok() && !in.at_end()) {
    Window window;
    window.start_ns = in.i64();
    const auto key = keys_.find(static_cast<SeriesId>(in.u64()));
    window.revision = static_cast<std::uint32_t>(in.u64());
    window.changed = in.u8() != 0;
    auto content = OpenContent::restore(in, spec_.extras);
    if (!content.ok() || key == keys_.end()) return malformed();
    window.content = *std::move(content);
    const bool closed = end_of(window) <= key->second.watermark_ns;
    key->second.to_correct = key->second.to_correct || (window.changed && closed);
    open_count_ += window.revision == 0 ? 1 : 0;
    ++count_;
    key->second.windows.push_back(std::move(window));
  }
  return in.ok() ? Status() : malformed();
}

}  // namespace sluice
