#include "pipeline/watermarks.h"

#include <algorithm>

#include "model/boot_time.h"

namespace sluice {

Watermarks::Watermarks(std::int64_t max_out_of_order_ns, std::int64_t idle_timeout_ns)
    : max_out_of_order_ns_(max_out_of_order_ns), idle_timeout_ns_(idle_timeout_ns) {}

bool Watermarks::observe(TopicId topic, std::int64_t event_time_ns, std::int64_t boottime_ns) {
  State& state = topics_[topic];
  state.arrived_boottime_ns = boottime_ns;
  state.disconnected_boottime_ns = kNoTime;
  if (state.newest_ns != kNoTime && event_time_ns <= state.newest_ns) return false;
  state.newest_ns = event_time_ns;
  const std::int64_t watermark = event_time_ns - max_out_of_order_ns_;
  if (state.watermark_ns != kNoTime && watermark <= state.watermark_ns) return false;
  state.watermark_ns = watermark;
  return true;
}

std::int64_t Watermarks::of(TopicId topic) const {
  const auto it = topics_.find(topic);
  return it == topics_.end() ? kNoTime : it->second.watermark_ns;
}

std::int64_t Watermarks::silent_ns(const State& state, std::int64_t boottime_ns) const {
  const bool away = state.disconnected_boottime_ns != kNoTime &&
                    boottime_ns - state.disconnected_boottime_ns < kDisconnectedMaxNs;
  return away ? 0 : boottime_ns - state.arrived_boottime_ns;
}

std::int64_t Watermarks::with_clock(const State& state, std::int64_t boottime_ns) const {
  const std::int64_t silent = silent_ns(state, boottime_ns);
  if (state.newest_ns == kNoTime || silent < idle_timeout_ns_) return state.watermark_ns;
  return std::max(state.watermark_ns, state.newest_ns - max_out_of_order_ns_ + silent);
}

std::int64_t Watermarks::at(TopicId topic, std::int64_t boottime_ns) const {
  const auto it = topics_.find(topic);
  return it == topics_.end() ? kNoTime : with_clock(it->second, boottime_ns);
}

bool Watermarks::idle(TopicId topic, std::int64_t boottime_ns) const {
  const auto it = topics_.find(topic);
  return it == topics_.end() || silent_ns(it->second, boottime_ns) >= idle_timeout_ns_;
}

std::int64_t Watermarks::lowest(std::int64_t boottime_ns) const {
  std::int64_t lowest = std::numeric_limits<std::int64_t>::max();
  for (const auto& [topic, state] : topics_) {
    if (!in_boot_time(topic) && silent_ns(state, boottime_ns) < idle_timeout_ns_) {
      lowest = std::min(lowest, state.watermark_ns);
    }
  }
  return lowest == std::numeric_limits<std::int64_t>::max() ? kNoTime : lowest;
}

std::int64_t Watermarks::all_idle_since(std::int64_t boottime_ns) const {
  std::int64_t heard_ns = kNoTime;
  for (const auto& [topic, state] : topics_) {
    if (in_boot_time(topic)) continue;
    if (silent_ns(state, boottime_ns) < idle_timeout_ns_) return kNoTime;
    heard_ns = std::max(heard_ns, state.arrived_boottime_ns);
  }
  return heard_ns;
}

std::int64_t Watermarks::highest(const OfSource& of_source) const {
  std::int64_t highest_ns = kNoTime;
  for (const auto& [topic, state] : topics_) {
    if (of_source(topic)) highest_ns = std::max(highest_ns, state.watermark_ns);
  }
  return highest_ns;
}

void Watermarks::settle(std::int64_t boottime_ns) {
  for (auto& [topic, state] : topics_) state.watermark_ns = with_clock(state, boottime_ns);
}

void Watermarks::restart(std::int64_t boottime_ns) {
  for (auto& [topic, state] : topics_) state.arrived_boottime_ns = boottime_ns;
}

/// Boot time may have begun anew since the source was first seen gone; then what it went by before
/// does not count.
void Watermarks::disconnected(const OfSource& of_source, std::int64_t boottime_ns) {
  for (auto& [topic, state] : topics_) {
    std::int64_t& since_ns = state.disconnected_boottime_ns;
    if (since_ns != kNoTime && since_ns <= boottime_ns) continue;
    if (of_source(topic)) since_ns = boottime_ns;
  }
}

void Watermarks::connected(const OfSource& of_source, std::int64_t boottime_ns) {
  for (auto& [topic, state] : topics_) {
    if (state.disconnected_boottime_ns == kNoTime || !of_source(topic)) continue;
    state.disconnected_boottime_ns = kNoTime;
    state.arrived_boottime_ns = boottime_ns;
  }
}

void Watermarks::forget_boot_time() {
  topics_.erase_if([](const auto& entry) { return in_boot_time(entry.first); });
}

std::vector<TopicId> Watermarks::ordered_topics() const {
  std::vector<TopicId> order;
  for (const auto& [topic, state] : topics_) order.push_back(topic);
  std::sort(order.begin(), order.end());
  return order;
}

void Watermarks::snapshot_disconnected(ByteWriter& out) const {
  for (const TopicId topic : ordered_topics()) {
    const State& state = topics_.at(topic);
    if (state.disconnected_boottime_ns == kNoTime) continue;
    out.u64(topic);
    out.i64(state.disconnected_boottime_ns);
  }
}

Status Watermarks::restore_disconnected(ByteReader& in) {
  while (in.ok() && !in.at_end()) {
    const auto it = topics_.find(static_cast<TopicId>(in.u64()));
    const std::int64_t since_ns = in.i64();
    if (!in.ok() || it == topics_.end()) return data_loss("malformed connections in a checkpoint");
    it->second.disconnected_boottime_ns = since_ns;
  }
  return in.ok() ? Status() : data_loss("malformed connections in a checkpoint");
}

void Watermarks::snapshot(ByteWriter& out) const {
  out.i64(idle_timeout_ns_);
  const std::vector<TopicId> order = ordered_topics();
  out.u64(order.size());
  for (const TopicId topic : order) {
    const State& state = topics_.at(topic);
    out.u64(topic);
    out.fixed64(static_cast<std::uint64_t>(state.watermark_ns));
    out.fixed64(static_cast<std::uint64_t>(state.newest_ns));
    out.i64(state.arrived_boottime_ns);
  }
}

Status Watermarks::restore(ByteReader& in) {
  idle_timeout_ns_ = in.i64();
  topics_.clear();
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    State& state = topics_[static_cast<TopicId>(in.u64())];
    state.watermark_ns = static_cast<std::int64_t>(in.fixed64());
    state.newest_ns = static_cast<std::int64_t>(in.fixed64());
    state.arrived_boottime_ns = in.i64();
  }
  return in.ok() ? Status() : data_loss("malformed watermarks in a checkpoint");
}

}  // namespace sluice
