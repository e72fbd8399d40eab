#include "pipeline/window_table.h"

#include <algorithm>
#include <limits>

#include "base/hash.h"

namespace sluice {
namespace {

Status malformed() { return data_loss("malformed windows in a checkpoint"); }

/// One of 256 windows or so: some ten KiB between two of them.
bool begins_part(const WindowTable::Place& place) {
  ByteWriter id;
  id.i64(place.start_ns);
  id.u64(place.series);
  return hash64(id.bytes()) % 256 == 0;
}

enum Flag : std::uint8_t { kChanged = 1, kClosed = 2, kLacking = 4, kOddEnd = 8, kEmpty = 16 };

}  // namespace

WindowTable::WindowTable(const WindowSpec& spec) : spec_(spec) {}

// --- which windows there are ---

void WindowTable::link(TopicId topic, SeriesId series, Key& key) {
  if (std::find(key.topics.begin(), key.topics.end(), topic) != key.topics.end()) return;
  key.topics.push_back(topic);
  fed_by_[topic].push_back(series);
}

WindowTable::Key& WindowTable::key_of(const Reading& reading) {
  const SeriesId series = window_key(reading);
  Key& key = keys_[series];
  link(reading.topic, series, key);
  return key;
}

WindowTable::Window& WindowTable::window_at(std::int64_t start_ns, std::int64_t end_ns, Key& key) {
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

void WindowTable::set_closed(Window& window) {
  if (!window.closed) --open_count_;
  window.closed = true;
}

void WindowTable::reopen(Window& window) {
  if (window.closed) ++open_count_;
  window.closed = false;
}

void WindowTable::remove(Key& key, std::size_t from, std::size_t to) {
  const auto begin = key.windows.begin() + static_cast<std::ptrdiff_t>(from);
  const auto end = key.windows.begin() + static_cast<std::ptrdiff_t>(to);
  open_count_ -= static_cast<std::size_t>(
      std::count_if(begin, end, [](const Window& window) { return !window.closed; }));
  count_ -= to - from;
  for (auto window = begin; window != end; ++window) waiting_ -= window->content.waiting();
  key.windows.erase(begin, end);
}

std::uint64_t WindowTable::remove_open(SeriesId series) {
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

std::vector<SeriesId> WindowTable::ordered_keys() const {
  std::vector<SeriesId> order;
  order.reserve(keys_.size());
  for (const auto& [series, key] : keys_) order.push_back(series);
  std::sort(order.begin(), order.end());
  return order;
}

std::int64_t WindowTable::highest(const Watermarks::OfSource& of_source) const {
  std::int64_t highest_ns = kNoTime;
  for (const auto& [series, key] : keys_) {
    if (key.topics.empty() || !std::all_of(key.topics.begin(), key.topics.end(), of_source))
      continue;
    highest_ns = std::max(highest_ns, key.watermark_ns);
  }
  return highest_ns;
}

void WindowTable::clear() {
  keys_.clear();
  fed_by_.clear();
  open_count_ = count_ = waiting_ = 0;
}

// --- what they hold ---

void WindowTable::split(Window& window) const {
  if (window.split) return;
  window.split = std::make_unique<Split>(Split{OpenContent(spec_.extras), window.content});
  if (window.all_before) std::swap(window.split->before, window.split->since);
  window.all_before = false;
}

/// As long as there is room any number; then no more than there are.
std::size_t WindowTable::waiting_max_of(const Window& window) const {
  if (waiting_ < spec_.waiting_max) return std::numeric_limits<std::size_t>::max();
  return std::max(OpenContent::kWaitingLeast, window.content.waiting());
}

void WindowTable::replace_content(Window& window, OpenContent content) {
  waiting_ -= window.content.waiting();
  window.content = std::move(content);
  waiting_ += window.content.waiting();
}

void WindowTable::add(const Reading& reading, bool before, std::int64_t settled_ns,
                      Window& window) {
  const double value = reading.value.as_double();
  const std::int64_t time_ns = reading.event_time_ns;
  if (marked_ && before != window.all_before) split(window);
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

void WindowTable::append(Window& later, Window& window) {
  if (window.split || later.split || window.all_before != later.all_before) {
    split(window);
    split(later);
  }
  const std::size_t waiting_max = waiting_max_of(window);
  if (window.split) {
    window.split->before.append(later.split->before, waiting_max);
    window.split->since.append(later.split->since, waiting_max);
  }
  waiting_ -= window.content.waiting();
  window.content.append(later.content, waiting_max);
  waiting_ += window.content.waiting();
}

bool WindowTable::add_windows_state(SeriesId series, WindowState& out) const {
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
  return true;
}

// --- checkpoints ---

std::size_t WindowTable::snapshot_bytes(const WindowSpec& spec, bool disordered) {
  constexpr std::size_t kWaitingBytes = 14;
  constexpr std::size_t kEndBytes = 10;
  const bool has_own_end = spec.kind != WindowKind::tumbling && spec.kind != WindowKind::hopping;
  const bool many_wait = disordered || spec.allowed_lateness_ns > 0;
  return kSnapshotBytes + (has_own_end || spec.civil ? kEndBytes : 0) +
         (many_wait ? OpenContent::kWaitingLeast / 4 * kWaitingBytes : 0) +
         spec.extras.snapshot_bytes_max();
}

void WindowTable::write_window(SeriesId series, const Window& window, ByteWriter& out) const {
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

void WindowTable::write_windows(const std::string& prefix,
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

Status WindowTable::read_windows(const std::string& prefix,
                                 const std::vector<CheckpointPart>& parts) {
  for (const CheckpointPart& part : parts) {
    if (!part.name.starts_with(prefix)) continue;
    ByteReader in(part.bytes);
    while (in.ok() && !in.at_end()) {
      if (Status s = read_window(in); !s.ok()) return s;
    }
    if (!in.ok()) return malformed();
  }
  for (auto& [series, key] : keys_) {
    std::sort(key.windows.begin(), key.windows.end(),
              [](const Window& a, const Window& b) { return a.start_ns < b.start_ns; });
  }
  return {};
}

Status WindowTable::read_window(ByteReader& in) {
  Window window;
  window.start_ns = in.i64();
  const auto key = keys_.find(static_cast<SeriesId>(in.u64()));
  window.revision = static_cast<std::uint32_t>(in.u64());
  const std::uint8_t flags = in.u8();
  if (!in.ok() || key == keys_.end()) return malformed();
  window.changed = (flags & kChanged) != 0;
  window.closed = (flags & kClosed) != 0;
  window.lacking = (flags & kLacking) != 0;
  window.end_ns = (flags & kOddEnd) != 0 ? in.i64() : window.start_ns + spec_.size_ns;
  window.content = OpenContent(spec_.extras);
  if ((flags & kEmpty) == 0) {
    auto content = OpenContent::restore(in, spec_.extras);
    if (!content.ok()) return malformed();
    replace_content(window, *std::move(content));
  }
  open_count_ += window.closed ? 0 : 1;
  ++count_;
  key->second.windows.push_back(std::move(window));
  return {};
}

}  // namespace sluice
