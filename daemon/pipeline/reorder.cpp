#include "pipeline/reorder.h"

#include <algorithm>
#include <tuple>

#include "model/boot_time.h"

namespace sluice {

/// std::*_heap keep the largest on top, so "less" is "later".
bool ReorderBuffer::later(const Waiting& a, const Waiting& b) {
  return std::tuple(a.reading.event_time_ns, a.reading.series, a.reading.value.bits) >
         std::tuple(b.reading.event_time_ns, b.reading.series, b.reading.value.bits);
}

ReorderBuffer::ReorderBuffer(std::size_t count_max) : count_max_(count_max) {
  SLUICE_ASSERT(count_max > 0);
}

void ReorderBuffer::pop(Lane& lane, Released& out) {
  std::pop_heap(lane.heap.begin(), lane.heap.end(), later);
  const Waiting& next = lane.heap.back();
  lane.released_ns = std::max(lane.released_ns, next.reading.event_time_ns);
  out.readings.append(next.reading);
  out.before.push_back(next.before);
  lane.heap.pop_back();
  --size_;
}

bool ReorderBuffer::add(const Reading& reading, Released& out, bool before) {
  Lane& lane = lanes_[reading.topic];
  if (lane.released_ns != kNoTime && reading.event_time_ns < lane.released_ns) return false;
  lane.heap.push_back({reading, before});
  std::push_heap(lane.heap.begin(), lane.heap.end(), later);
  ++size_;
  if (size_ > count_max_) pop(lane, out);
  return true;
}

void ReorderBuffer::release(TopicId topic, std::int64_t watermark_ns, Released& out) {
  if (watermark_ns == kNoTime) return;
  const auto it = lanes_.find(topic);
  if (it == lanes_.end()) return;
  Lane& lane = it->second;
  while (!lane.heap.empty() && lane.heap.front().reading.event_time_ns <= watermark_ns)
    pop(lane, out);
  lane.released_ns = std::max(lane.released_ns, watermark_ns);
}

void ReorderBuffer::release_all(const Watermarks& watermarks, std::int64_t boottime_ns,
                                Released& out) {
  for (const auto& [topic, lane] : lanes_) {
    release(topic, watermarks.at(topic, boottime_ns), out);
  }
}

void ReorderBuffer::drain(Released& out) {
  for (auto& [topic, lane] : lanes_) {
    while (!lane.heap.empty()) pop(lane, out);
  }
}

void ReorderBuffer::drain_boot_time(Released& out) {
  for (auto& [topic, lane] : lanes_) {
    while (in_boot_time(topic) && !lane.heap.empty()) pop(lane, out);
  }
  std::erase_if(lanes_, [](const auto& entry) { return in_boot_time(entry.first); });
}

void ReorderBuffer::mark_start() {
  for (auto& [topic, lane] : lanes_) {
    for (Waiting& waiting : lane.heap) waiting.before = true;
  }
}

void ReorderBuffer::forget_start() {
  for (auto& [topic, lane] : lanes_) {
    for (Waiting& waiting : lane.heap) waiting.before = false;
  }
}

bool ReorderBuffer::due(const Watermarks& watermarks, std::int64_t boottime_ns) const {
  return std::any_of(lanes_.begin(), lanes_.end(), [&](const auto& entry) {
    const Lane& lane = entry.second;
    return !lane.heap.empty() &&
           lane.heap.front().reading.event_time_ns <= watermarks.at(entry.first, boottime_ns);
  });
}

void ReorderBuffer::snapshot(ByteWriter& out) const {
  out.u64(count_max_);
  out.u64(lanes_.size());
  for (const auto& [topic, lane] : lanes_) {
    out.u64(topic);
    out.fixed64(static_cast<std::uint64_t>(lane.released_ns));
    out.u64(lane.heap.size());
    for (const auto& [r, before] : lane.heap) {
      out.u64(r.series);
      out.i64(r.event_time_ns);
      out.u8(static_cast<std::uint8_t>(r.value.kind));
      out.fixed64(r.value.bits);
      out.u8(static_cast<std::uint8_t>(r.quality));
    }
  }
}

Status ReorderBuffer::restore(ByteReader& in) {
  count_max_ = in.u64();
  lanes_.clear();
  size_ = 0;
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    const auto topic = static_cast<TopicId>(in.u64());
    Lane& lane = lanes_[topic];
    lane.released_ns = static_cast<std::int64_t>(in.fixed64());
    for (std::size_t r = in.count(); r > 0 && in.ok(); --r) {
      Reading reading;
      reading.topic = topic;
      reading.series = static_cast<SeriesId>(in.u64());
      reading.event_time_ns = in.i64();
      reading.value.kind = static_cast<ValueKind>(in.u8() & 3);
      reading.value.bits = in.fixed64();
      reading.quality = static_cast<Quality>(std::min<std::uint8_t>(in.u8(), 2));
      lane.heap.push_back({reading});
      ++size_;
    }
    std::make_heap(lane.heap.begin(), lane.heap.end(), later);
  }
  return in.ok() ? Status() : data_loss("malformed reorder buffer in a checkpoint");
}

}  // namespace sluice
