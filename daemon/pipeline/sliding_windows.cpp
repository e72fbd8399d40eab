#include "pipeline/sliding_windows.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "base/assert.h"
#include "pipeline/stage_chain.h"

namespace sluice {
namespace {

std::string line_prefix(const std::string& prefix) { return prefix + "readings/"; }

}  // namespace

SlidingWindows::SlidingWindows(const WindowSpec& spec) : KeyedWindows(spec) {
  SLUICE_ASSERT(spec.size_ns > 0 && spec.every_ns > 0 && spec.every_ns <= spec.size_ns);
  SLUICE_ASSERT(spec.readings > 0);
}

/// The first moment after the stretch.
std::int64_t SlidingWindows::stretch_end(std::int64_t time_ns) const {
  std::int64_t into = time_ns % spec().every_ns;
  if (into < 0) into += spec().every_ns;
  return time_ns - into + spec().every_ns;
}

bool SlidingWindows::is_done(std::int64_t time_ns, const Line& line) const {
  return line.done_ns != kNoTime && stretch_end(time_ns) <= line.done_ns;
}

/// Its own stretch is over when the watermark is there.
std::int64_t SlidingWindows::first_end_of(std::int64_t event_time_ns) const {
  return stretch_end(event_time_ns);
}

// --- a reading ---

bool SlidingWindows::fold(const Reading& reading, bool before, std::vector<Pane>&) {
  const SeriesId series = window_key(reading);
  const std::int64_t time_ns = reading.event_time_ns;
  Key& key = key_of(reading);
  Line& line = lines_[series];
  if (key.shed_ns != kNoTime && stretch_end(time_ns) <= key.shed_ns) return false;
  if (!is_done(time_ns, line)) {
    insert(reading, before, key, line);
    return true;
  }
  const bool corrects = correct_kept(reading, before, key);
  const bool is_to_come = is_in_window_to_come(time_ns, line);
  const bool makes_one = !corrects && !is_to_come && !is_past(stretch_end(time_ns), key);
  if (!corrects && !is_to_come && !makes_one) return false;
  insert(reading, before, key, line);
  if (makes_one) {
    remove_untold(stretch_end(time_ns), key, line);
    if (Window* window = add_window(time_ns, key, line, false)) note_change(series, key, *window);
  }
  return true;
}

bool SlidingWindows::correct_kept(const Reading& reading, bool before, Key& key) {
  bool corrects = false;
  for (Window& window : key.windows) {
    if (reading.event_time_ns <= window.start_ns || reading.event_time_ns > window.end_ns) continue;
    add(reading, before, settled_ns(key), window);
    note_change(window_key(reading), key, window);
    corrects = true;
  }
  return corrects;
}

/// A window of the stretch that one of a later reading replaces before anybody knows of it. Where
/// its readings are no longer all kept it stays.
void SlidingWindows::remove_untold(std::int64_t stretch_end_ns, Key& key, const Line& line) {
  for (std::size_t i = key.windows.size(); i-- > 0;) {
    const Window& window = key.windows[i];
    const bool is_untold = window.revision == 0 && window.end_ns >= line.short_ns;
    if (is_untold && stretch_end(window.end_ns) == stretch_end_ns) remove(key, i, i + 1);
  }
}

bool SlidingWindows::is_in_window_to_come(std::int64_t time_ns, const Line& line) const {
  const auto next = first_to_come(line);
  // Even if the last moment of that stretch is to have the window.
  return next != line.readings.end() && stretch_end(next->time_ns) - spec().size_ns <= time_ns;
}

std::vector<SlidingWindows::Kept>::const_iterator SlidingWindows::first_to_come(
    const Line& line) const {
  return std::partition_point(line.readings.begin(), line.readings.end(),
                              [&](const Kept& kept) { return is_done(kept.time_ns, line); });
}

void SlidingWindows::insert(const Reading& reading, bool before, Key& key, Line& line) {
  const Kept kept{reading.event_time_ns, reading.value.as_double() + 0.0, before};
  const auto at = std::upper_bound(
      line.readings.begin(), line.readings.end(), kept, [](const Kept& a, const Kept& b) {
        return std::tie(a.time_ns, a.value) < std::tie(b.time_ns, b.value);
      });
  line.readings.insert(at, kept);
  ++readings_;
  if (line.readings.size() <= spec().readings) return;
  const std::int64_t oldest_ns = line.readings.front().time_ns;
  if (!is_done(oldest_ns, line)) add_windows_until(stretch_end(oldest_ns), key, line);
  line.short_ns = std::max(line.short_ns, oldest_ns + spec().size_ns);
  drop_before(1, line);
}

void SlidingWindows::drop_before(std::size_t kept_from, Line& line) {
  readings_ -= kept_from;
  line.readings.erase(line.readings.begin(),
                      line.readings.begin() + static_cast<std::ptrdiff_t>(kept_from));
  if (line.readings.capacity() > 2 * line.readings.size() + 16) line.readings.shrink_to_fit();
}

// --- windows ---

/// Of the readings that are kept; `of_before`: of those alone that came before the mark. Null when
/// there are none.
SlidingWindows::Window* SlidingWindows::add_window(std::int64_t end_ns, Key& key, const Line& line,
                                                   bool of_before) {
  const std::int64_t start_ns = end_ns - spec().size_ns;
  const auto first = std::upper_bound(
      line.readings.begin(), line.readings.end(), start_ns,
      [](std::int64_t time_ns, const Kept& kept) { return time_ns < kept.time_ns; });
  Window* window = nullptr;
  bool lacking = end_ns < line.short_ns;
  for (auto kept = first; kept != line.readings.end() && kept->time_ns <= end_ns; ++kept) {
    if (of_before && !kept->before) continue;
    const bool is_elsewhere = kept->ended && end_ns <= line.ended_ns;
    lacking = lacking || is_elsewhere;
    if (is_elsewhere) continue;
    if (window == nullptr) window = &window_at(start_ns, end_ns, key);
    add({0, 0, kept->time_ns, Value::of(kept->value), Quality::good}, kept->before, settled_ns(key),
        *window);
  }
  if (window != nullptr) window->lacking = lacking;
  return window;
}

/// Of each stretch the last reading has one.
void SlidingWindows::add_windows_until(std::int64_t done_ns, Key& key, Line& line) {
  for (std::size_t i = 0; i < line.readings.size(); ++i) {
    const std::int64_t time_ns = line.readings[i].time_ns;
    if (is_done(time_ns, line)) continue;
    if (stretch_end(time_ns) > done_ns) break;
    const bool is_last = i + 1 == line.readings.size() ||
                         stretch_end(line.readings[i + 1].time_ns) != stretch_end(time_ns);
    if (is_last) add_window(time_ns, key, line, false);
  }
  line.done_ns = std::max(line.done_ns, done_ns);
}

void SlidingWindows::add_due(SeriesId series, Key& key) {
  const auto at = lines_.find(series);
  if (at == lines_.end() || key.watermark_ns == kNoTime) return;
  Line& line = at->second;
  add_windows_until(key.watermark_ns, key, line);
  const std::int64_t to_come_ns = stretch_end(key.watermark_ns) - spec().every_ns;
  const std::int64_t needed_ns = to_come_ns - spec().size_ns - spec().allowed_lateness_ns;
  const auto needed = std::find_if(
      line.readings.begin(), line.readings.end(),
      [&](const Kept& kept) { return kept.time_ns > needed_ns || !is_done(kept.time_ns, line); });
  drop_before(static_cast<std::size_t>(needed - line.readings.begin()), line);
}

bool SlidingWindows::would_add(SeriesId series, const Key&, std::int64_t watermark_ns) const {
  const auto at = lines_.find(series);
  if (at == lines_.end()) return false;
  const auto next = first_to_come(at->second);
  return next != at->second.readings.end() && stretch_end(next->time_ns) <= watermark_ns;
}

void SlidingWindows::add_rest(SeriesId series, Key& key, std::int64_t last_start_ns) {
  const auto at = lines_.find(series);
  if (at == lines_.end()) return;
  Line& line = at->second;
  const auto gone = std::find_if(line.readings.begin(), line.readings.end(), [&](const Kept& kept) {
    return kept.time_ns - spec().size_ns > last_start_ns;
  });
  const auto count = static_cast<std::size_t>(gone - line.readings.begin());
  if (count == 0) return;
  const std::int64_t last_ns = line.readings[count - 1].time_ns;
  add_windows_until(stretch_end(last_ns), key, line);
  key.shed_ns = std::max(key.shed_ns, stretch_end(last_ns));
  line.short_ns = std::max(line.short_ns, last_ns + spec().size_ns);
  drop_before(count, line);
}

void SlidingWindows::places(std::vector<Place>& out) const {
  KeyedWindows::places(out);
  std::size_t seen = 0;
  for (const auto& [series, line] : lines_) {
    for (const Kept& kept : line.readings) {
      if (++seen % kPerPlace == 0) out.push_back({kept.time_ns - spec().size_ns, series});
    }
  }
}

/// Readings that had their turn are in windows that have been told; of the others nobody knows.
std::uint64_t SlidingWindows::give_up_open(SeriesId series) {
  const std::uint64_t in_windows = remove_open(series);
  const auto at = lines_.find(series);
  if (at == lines_.end()) return in_windows;
  const auto to_come =
      static_cast<std::uint64_t>(at->second.readings.end() - first_to_come(at->second));
  drop_before(at->second.readings.size(), at->second);
  return in_windows > 0 ? std::max(in_windows, to_come) : to_come;
}

void SlidingWindows::forget(SeriesId series) {
  const auto at = lines_.find(series);
  if (at == lines_.end()) return;
  readings_ -= at->second.readings.size();
  lines_.erase(at);
}

// --- the end of an epoch ---

void SlidingWindows::mark_more(bool on) {
  for (auto& [series, line] : lines_) {
    for (Kept& kept : line.readings) kept.before = on;
  }
}

void SlidingWindows::add_before(SeriesId series, Key& key) {
  const auto at = lines_.find(series);
  if (at == lines_.end()) return;
  Line& line = at->second;
  std::int64_t ended_ns = kNoTime;
  for (std::size_t i = 0; i < line.readings.size(); ++i) {
    const Kept& kept = line.readings[i];
    if (!kept.before || is_done(kept.time_ns, line)) continue;
    const auto next = std::find_if(line.readings.begin() + static_cast<std::ptrdiff_t>(i) + 1,
                                   line.readings.end(), [](const Kept& k) { return k.before; });
    const bool is_last =
        next == line.readings.end() || stretch_end(next->time_ns) != stretch_end(kept.time_ns);
    if (!is_last) continue;
    add_window(kept.time_ns, key, line, true);
    ended_ns = kept.time_ns;
  }
  if (ended_ns == kNoTime) return;
  line.ended_ns = ended_ns;
  for (Kept& kept : line.readings) kept.ended = kept.before;
}

void SlidingWindows::add_more_state(SeriesId series, StateBytes& out) const {
  const auto at = lines_.find(series);
  if (at == lines_.end()) return;
  out.series += sizeof(Line);
  out.waiting += at->second.readings.capacity() * sizeof(Kept);
}

// --- checkpoints ---

void SlidingWindows::snapshot_key(SeriesId series, ByteWriter& out) const {
  const auto at = lines_.find(series);
  const Line line = at == lines_.end()
                        ? Line()
                        : Line{{}, at->second.done_ns, at->second.short_ns, at->second.ended_ns};
  for (const std::int64_t time_ns : {line.done_ns, line.short_ns, line.ended_ns}) {
    out.u8(time_ns == kNoTime ? 0 : 1);
    if (time_ns != kNoTime) out.i64(time_ns);
  }
}

void SlidingWindows::restore_key(SeriesId series, ByteReader& in) {
  forget(series);
  Line& line = lines_[series];
  for (std::int64_t* time_ns : {&line.done_ns, &line.short_ns, &line.ended_ns}) {
    if (in.u8() != 0) *time_ns = in.i64();
  }
}

void SlidingWindows::snapshot_windows(const std::string& prefix,
                                      std::vector<CheckpointPart>& parts) const {
  KeyedWindows::snapshot_windows(prefix + "made/", parts);
  for (const SeriesId series : ordered_keys()) {
    const auto at = lines_.find(series);
    if (at == lines_.end() || at->second.readings.empty()) continue;
    ByteWriter out;
    std::int64_t before_ns = 0;
    for (const Kept& kept : at->second.readings) {
      out.i64(kept.time_ns - before_ns);
      out.f64(kept.value);
      out.u8(kept.ended ? 1 : 0);
      before_ns = kept.time_ns;
    }
    parts.push_back({line_prefix(prefix) + std::to_string(series), out.take()});
  }
}

Status SlidingWindows::restore_windows(const std::string& prefix,
                                       const std::vector<CheckpointPart>& parts) {
  if (Status s = KeyedWindows::restore_windows(prefix + "made/", parts); !s.ok()) return s;
  for (auto& [series, line] : lines_) {
    const CheckpointPart* part = find_part(parts, line_prefix(prefix) + std::to_string(series));
    if (part == nullptr) continue;
    ByteReader in(part->bytes);
    std::int64_t time_ns = 0;
    while (in.ok() && !in.at_end()) {
      time_ns += in.i64();
      const double value = in.f64();
      line.readings.push_back({time_ns, value, false, in.u8() != 0});
      ++readings_;
    }
    if (!in.ok()) return data_loss("malformed windows in a checkpoint");
  }
  return {};
}

}  // namespace sluice
