#include "pipeline/session_windows.h"

#include <algorithm>
#include <limits>

#include "base/assert.h"

namespace sluice {

SessionWindows::SessionWindows(const WindowSpec& spec) : KeyedWindows(spec) {
  SLUICE_ASSERT(spec.size_ns > 0);
}

std::int64_t SessionWindows::end_of(const Window& window) const {
  return window.content.last_time_ns() + spec().size_ns;
}

/// It ends when no reading has come for long enough, which others decide.
std::int64_t SessionWindows::first_end_of(std::int64_t) const {
  return std::numeric_limits<std::int64_t>::max();
}

void SessionWindows::settle_id(SeriesId, Window& window) {
  if (window.revision > 0) return;
  window.start_ns = window.content.first_time_ns();
  window.end_ns = end_of(window);
}

bool SessionWindows::joins(const Window& window, std::int64_t event_time_ns) const {
  const std::int64_t first_ns = std::min(window.start_ns, window.content.first_time_ns());
  return event_time_ns > first_ns - spec().size_ns && event_time_ns < end_of(window);
}

bool SessionWindows::fold(const Reading& reading, bool before, std::vector<Pane>& panes) {
  const SeriesId series = window_key(reading);
  const std::int64_t time_ns = reading.event_time_ns;
  Key& key = key_of(reading);
  const auto joined =
      std::partition_point(key.windows.begin(), key.windows.end(),
                           [&](const Window& window) { return end_of(window) <= time_ns; });
  std::size_t at = static_cast<std::size_t>(joined - key.windows.begin());
  if (joined == key.windows.end() || !joins(*joined, time_ns)) {
    const std::int64_t end_ns = time_ns + spec().size_ns;
    if (is_past(end_ns, key)) return false;
    at = static_cast<std::size_t>(&window_at(time_ns, end_ns, key) - key.windows.data());
  }
  add(reading, before, settled_ns(key), key.windows[at]);
  if (at + 1 < key.windows.size() && joins(key.windows[at + 1], time_ns)) {
    join_next(series, key, at, panes);
  }
  Window& session = key.windows[at];
  if (session.revision == 0) settle_id(series, session);
  if (end_of(session) > key.watermark_ns) reopen(session);
  note_change(series, key, session);
  return true;
}

/// The next one becomes a part of this one.
void SessionWindows::join_next(SeriesId series, Key& key, std::size_t at,
                               std::vector<Pane>& panes) {
  Window& session = key.windows[at];
  Window& next = key.windows[at + 1];
  if (session.revision == 0) {
    session.revision = next.revision;
    session.start_ns = next.start_ns;
    session.end_ns = next.end_ns;
  } else if (next.revision > 0) {
    panes.push_back(make_pane(series, next, PaneQuality::retracted));
  }
  append(next, session);
  session.lacking = session.lacking || next.lacking;
  remove(key, at + 1, at + 2);
}

}  // namespace sluice
