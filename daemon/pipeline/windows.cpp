#include "pipeline/windows.h"

#include <algorithm>

namespace sluice {

TumblingWindows::TumblingWindows(std::int64_t size_ns) : size_ns_(size_ns) {
  SLUICE_ASSERT(size_ns > 0);
}

std::int64_t TumblingWindows::start_of(std::int64_t event_time_ns) const {
  std::int64_t start = event_time_ns / size_ns_ * size_ns_;
  if (start > event_time_ns) start -= size_ns_;  // before 1970, division rounds towards zero
  return start;
}

void TumblingWindows::link(TopicId topic, SeriesId series, Key& key) {
  if (std::find(key.topics.begin(), key.topics.end(), topic) != key.topics.end()) return;
  key.topics.push_back(topic);
  fed_by_[topic].push_back(series);
}

bool TumblingWindows::fold(const Reading& reading, bool before) {
  Key& key = keys_[reading.series];
  link(reading.topic, reading.series, key);
  const std::int64_t start = start_of(reading.event_time_ns);
  if (key.watermark_ns != kNoTime && start + size_ns_ <= key.watermark_ns) return false;
  auto it = std::lower_bound(key.open.begin(), key.open.end(), start,
                             [](const Open& w, std::int64_t s) { return w.start_ns < s; });
  if (it == key.open.end() || it->start_ns != start) {
    it = key.open.insert(it, Open{start, {}, nullptr});
    ++open_count_;
  }
  const double value = reading.value.as_double();
  if (marked_ && before && !it->split) {
    it->split = std::make_shared<PaneSplit>(PaneSplit{{}, it->moments});
  }
  it->moments.add(reading.event_time_ns, value);
  if (it->split) {
    (before ? it->split->before : it->split->since).add(reading.event_time_ns, value);
  }
  return true;
}

void TumblingWindows::mark_start() {
  marked_ = true;
  for (auto& [series, key] : keys_) {
    for (Open& window : key.open) {
      window.split = std::make_shared<PaneSplit>(PaneSplit{window.moments, {}});
    }
  }
}

void TumblingWindows::forget_start() {
  marked_ = false;
  for (auto& [series, key] : keys_) {
    for (Open& window : key.open) window.split.reset();
  }
}

void TumblingWindows::end_epoch(std::vector<Pane>& closed) {
  for (auto& [series, key] : keys_) {
    for (Open& window : key.open) {
      if (!window.split) continue;
      Pane pane = pane_of(series, window);
      pane.quality = PaneQuality::partial_epoch;
      pane.moments = window.split->before;
      pane.split.reset();
      closed.push_back(pane);
      window.moments = window.split->since;
    }
    open_count_ -= std::erase_if(key.open, [](const Open& w) { return w.moments.count == 0; });
  }
  forget_start();
}

Pane TumblingWindows::pane_of(SeriesId series, const Open& window) const {
  Pane pane;
  pane.window = {WindowKind::tumbling, series, window.start_ns, window.start_ns + size_ns_};
  pane.moments = window.moments;
  pane.split = window.split;
  return pane;
}

std::int64_t TumblingWindows::watermark_of(const Key& key, const Watermarks& watermarks,
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

void TumblingWindows::advance_key(SeriesId series, Key& key, const Watermarks& watermarks,
                                  std::int64_t boottime_ns, std::vector<Pane>& closed) {
  key.watermark_ns = std::max(key.watermark_ns, watermark_of(key, watermarks, boottime_ns));
  auto it = key.open.begin();
  for (; it != key.open.end() && it->start_ns + size_ns_ <= key.watermark_ns; ++it) {
    closed.push_back(pane_of(series, *it));
    --open_count_;
  }
  key.open.erase(key.open.begin(), it);
}

void TumblingWindows::advance(TopicId topic, const Watermarks& watermarks, std::int64_t boottime_ns,
                              std::vector<Pane>& closed) {
  const auto it = fed_by_.find(topic);
  if (it == fed_by_.end()) return;
  for (const SeriesId series : it->second) {
    advance_key(series, keys_[series], watermarks, boottime_ns, closed);
  }
}

void TumblingWindows::advance_all(const Watermarks& watermarks, std::int64_t boottime_ns,
                                  std::vector<Pane>& closed) {
  std::vector<SeriesId> order;
  for (const auto& [series, key] : keys_) {
    if (!key.open.empty()) order.push_back(series);
  }
  std::sort(order.begin(), order.end());
  for (const SeriesId series : order) {
    advance_key(series, keys_[series], watermarks, boottime_ns, closed);
  }
}

bool TumblingWindows::due(const Watermarks& watermarks, std::int64_t boottime_ns) const {
  return std::any_of(keys_.begin(), keys_.end(), [&](const auto& entry) {
    const Key& key = entry.second;
    return !key.open.empty() &&
           key.open.front().start_ns + size_ns_ <= watermark_of(key, watermarks, boottime_ns);
  });
}

void TumblingWindows::close_all(PaneQuality quality, std::vector<Pane>& closed) {
  for (auto& [series, key] : keys_) {
    for (const Open& window : key.open) {
      closed.push_back(pane_of(series, window));
      closed.back().quality = quality;
    }
    key.open.clear();
  }
  open_count_ = 0;
}

void snapshot_moments(ByteWriter& out, const Moments& m) {
  out.u64(m.count);
  for (const double v : {m.sum, m.sum_error, m.mean, m.m2, m.min, m.max, m.first, m.last}) {
    out.f64(v);
  }
  out.i64(m.first_time_ns);
  out.i64(m.last_time_ns);
}

Moments restore_moments(ByteReader& in) {
  Moments m;
  m.count = in.u64();
  for (double* v : {&m.sum, &m.sum_error, &m.mean, &m.m2, &m.min, &m.max, &m.first, &m.last}) {
    *v = in.f64();
  }
  m.first_time_ns = in.i64();
  m.last_time_ns = in.i64();
  return m;
}

void TumblingWindows::snapshot(ByteWriter& out) const {
  std::vector<SeriesId> order;
  for (const auto& [series, key] : keys_) order.push_back(series);
  std::sort(order.begin(), order.end());
  out.u64(order.size());
  for (const SeriesId series : order) {
    const Key& key = keys_.at(series);
    out.u64(series);
    out.fixed64(static_cast<std::uint64_t>(key.watermark_ns));
    out.u64(key.topics.size());
    for (const TopicId topic : key.topics) out.u64(topic);
    out.u64(key.open.size());
    for (const Open& window : key.open) {
      out.i64(window.start_ns);
      snapshot_moments(out, window.moments);
    }
  }
}

Status TumblingWindows::restore(ByteReader& in) {
  keys_.clear();
  fed_by_.clear();
  open_count_ = 0;
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    const auto series = static_cast<SeriesId>(in.u64());
    Key& key = keys_[series];
    key.watermark_ns = static_cast<std::int64_t>(in.fixed64());
    for (std::size_t t = in.count(); t > 0 && in.ok(); --t) {
      link(static_cast<TopicId>(in.u64()), series, key);
    }
    for (std::size_t w = in.count(); w > 0 && in.ok(); --w) {
      const std::int64_t start = in.i64();
      key.open.push_back({start, restore_moments(in), nullptr});
      ++open_count_;
    }
  }
  return in.ok() ? Status() : data_loss("malformed windows in a checkpoint");
}

}  // namespace sluice
