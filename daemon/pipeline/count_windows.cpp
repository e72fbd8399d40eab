#include "pipeline/count_windows.h"

#include <limits>

#include "base/assert.h"

namespace sluice {

CountWindows::CountWindows(const WindowSpec& spec) : KeyedWindows(spec) {
  SLUICE_ASSERT(spec.readings > 0);
}

std::int64_t CountWindows::end_of(const Window&) const {
  return std::numeric_limits<std::int64_t>::max();
}

std::int64_t CountWindows::first_end_of(std::int64_t) const {
  return std::numeric_limits<std::int64_t>::max();
}

bool CountWindows::fold(const Reading& reading, bool before, std::vector<Pane>& panes) {
  const SeriesId series = window_key(reading);
  Key& key = key_of(reading);
  const std::int64_t time_ns = reading.event_time_ns;
  Window& window = key.windows.empty() ? window_at(time_ns, time_ns, key) : key.windows.front();
  add(reading, before, kNoTime, window);
  if (window.content.count() < spec().readings) return true;
  panes.push_back(close(series, window, PaneQuality::complete));
  remove(key, 0, 1);
  return true;
}

void CountWindows::snapshot_key(SeriesId series, ByteWriter& out) const {
  const auto at = told_.find(series);
  out.u64(at == told_.end() ? 0 : at->second);
}

void CountWindows::restore_key(SeriesId series, ByteReader& in) {
  if (const std::uint64_t told = in.u64(); told > 0) told_[series] = told;
}

}  // namespace sluice
