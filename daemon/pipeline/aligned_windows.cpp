#include "pipeline/aligned_windows.h"

#include <algorithm>

#include "base/assert.h"
#include "pipeline/civil_grid.h"

namespace sluice {

AlignedWindows::AlignedWindows(const WindowSpec& spec) : KeyedWindows(spec) {
  SLUICE_ASSERT(spec.size_ns > 0 && spec.every_ns > 0 && spec.every_ns <= spec.size_ns);
  SLUICE_ASSERT(spec.offset_ns >= 0 && spec.offset_ns < spec.every_ns);
  SLUICE_ASSERT(!spec.civil || spec.every_ns == spec.size_ns);
}

std::int64_t AlignedWindows::last_start_of(std::int64_t event_time_ns) const {
  const std::int64_t since_offset = event_time_ns - spec().offset_ns;
  std::int64_t start = since_offset / spec().every_ns * spec().every_ns;
  if (start > since_offset) start -= spec().every_ns;  // before 1970, division rounds towards zero
  return start + spec().offset_ns;
}

/// Boot time has no days.
bool AlignedWindows::is_civil(SeriesId series) const {
  return spec().civil && (series & kBootSeries) == 0;
}

AlignedWindows::Span AlignedWindows::span_at(SeriesId series, std::int64_t event_time_ns) const {
  if (is_civil(series)) {
    const CivilGrid::Span span = spec().civil->span_at(event_time_ns);
    return {span.start_ns, span.end_ns};
  }
  const std::int64_t start_ns = last_start_of(event_time_ns);
  return {start_ns, start_ns + spec().size_ns};
}

AlignedWindows::Span AlignedWindows::span_after(SeriesId series, const Span& span) const {
  if (is_civil(series)) return span_at(series, span.end_ns);
  return {span.start_ns + spec().every_ns, span.end_ns + spec().every_ns};
}

/// The first window that ends after this time.
AlignedWindows::Span AlignedWindows::first_after(SeriesId series, std::int64_t time_ns) const {
  if (is_civil(series)) return span_at(series, time_ns);
  const std::int64_t start_ns = last_start_of(time_ns - spec().size_ns) + spec().every_ns;
  return {start_ns, start_ns + spec().size_ns};
}

std::int64_t AlignedWindows::first_end_of(std::int64_t event_time_ns) const {
  return first_after(0, event_time_ns).end_ns;
}

bool AlignedWindows::fold(const Reading& reading, bool before, std::vector<Pane>&) {
  const SeriesId series = window_key(reading);
  const std::int64_t time_ns = reading.event_time_ns;
  Key& key = key_of(reading);
  bool taken = false;
  for (Span span = span_at(series, time_ns); span.end_ns > time_ns;
       span = {span.start_ns - spec().every_ns, span.end_ns - spec().every_ns}) {
    if (is_past(span.end_ns, key)) break;  // and so are those that began earlier
    Window& window = window_at(span.start_ns, span.end_ns, key);
    add(reading, before, settled_ns(key), window);
    note_change(series, key, window);
    if (spec().tells_empty && !taken) take_note(series, span.start_ns);
    taken = true;
    if (is_civil(series)) break;
  }
  return taken;
}

// --- windows that nothing came for ---

void AlignedWindows::take_note(SeriesId series, std::int64_t start_ns) {
  const auto [at, fresh] = filled_.try_emplace(series, Filled{start_ns, 0});
  Filled& filled = at->second;
  if (!fresh && filled.run >= kEmptyRunMax) {
    filled.next_start_ns = std::max(filled.next_start_ns, start_ns);
  }
  filled.run = 0;
}

bool AlignedWindows::would_add(SeriesId series, const Key&, std::int64_t watermark_ns) const {
  const auto at = filled_.find(series);
  if (at == filled_.end() || at->second.run >= kEmptyRunMax) return false;
  return span_at(series, at->second.next_start_ns).end_ns <= watermark_ns;
}

/// Where telling goes on when enough in a row have been told: at the next window that a reading
/// came for.
const AlignedWindows::Window* AlignedWindows::next_taken(std::int64_t from_ns, const Key& key) {
  const auto next = std::find_if(key.windows.begin(), key.windows.end(), [&](const Window& window) {
    return window.start_ns >= from_ns && window.content.count() > 0;
  });
  const bool is_reached = next != key.windows.end() && next->start_ns <= key.watermark_ns;
  return is_reached ? &*next : nullptr;
}

void AlignedWindows::add_due(SeriesId series, Key& key) {
  const auto at = filled_.find(series);
  if (at == filled_.end()) return;
  Filled& filled = at->second;
  Span span = span_at(series, filled.next_start_ns);
  while (span.end_ns <= key.watermark_ns) {
    if (key.shed_ns != kNoTime && span.end_ns <= key.shed_ns) {
      span = first_after(series, key.shed_ns);
      continue;
    }
    if (filled.run >= kEmptyRunMax) {
      const Window* next = next_taken(span.start_ns, key);
      if (next == nullptr) break;
      span = {next->start_ns, next->end_ns};
      filled.run = 0;
      continue;
    }
    Window& window = window_at(span.start_ns, span.end_ns, key);
    filled.run = window.content.count() == 0 ? filled.run + 1 : 0;
    span = span_after(series, span);
  }
  filled.next_start_ns = span.start_ns;
}

void AlignedWindows::snapshot_key(SeriesId series, ByteWriter& out) const {
  if (!spec().tells_empty) return;
  const auto at = filled_.find(series);
  out.u8(at == filled_.end() ? 0 : 1);
  if (at == filled_.end()) return;
  out.i64(at->second.next_start_ns);
  out.i64(at->second.run);
}

void AlignedWindows::restore_key(SeriesId series, ByteReader& in) {
  if (!spec().tells_empty || in.u8() == 0) return;
  Filled& filled = filled_[series];
  filled.next_start_ns = in.i64();
  filled.run = in.i64();
}

}  // namespace sluice
