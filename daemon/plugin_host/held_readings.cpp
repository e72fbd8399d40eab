#include "plugin_host/held_readings.h"

#include <algorithm>
#include <string>

namespace sluice {

void HeldReadings::begin() {
  first_new_ = next_;
  settled_.clear();
}

std::uint64_t HeldReadings::hold(Held held) {
  if (held_.size() >= capacity_) return 0;
  held_.emplace(next_, held);
  return next_++;
}

std::optional<HeldReadings::Held> HeldReadings::settle(std::uint64_t token) {
  const auto it = held_.find(token);
  if (it == held_.end()) return std::nullopt;
  const Held held = it->second;
  settled_.emplace_back(token, held);
  held_.erase(it);
  return held;
}

void HeldReadings::undo() {
  for (const auto& [token, held] : settled_) held_.emplace(token, held);
  for (; next_ > first_new_; --next_) held_.erase(next_ - 1);
  settled_.clear();
}

void HeldReadings::encode(ByteWriter& out) const {
  std::vector<std::pair<std::uint64_t, TopicId>> sorted;
  for (const auto& [token, held] : held_) sorted.emplace_back(token, held.topic);
  std::sort(sorted.begin(), sorted.end());
  out.u64(next_);
  out.u64(sorted.size());
  std::uint64_t before = 0;
  for (const auto& [token, topic] : sorted) {
    out.u64(token - before);
    out.u64(topic);
    before = token;
  }
}

Status HeldReadings::decode(ByteReader& in) {
  const std::uint64_t next = in.u64();
  const std::size_t count = in.count();
  std::unordered_map<std::uint64_t, Held> held;
  std::uint64_t token = 0;
  for (std::size_t i = 0; in.ok() && i < count; ++i) {
    const std::uint64_t step = in.u64();
    const std::uint64_t topic = in.u64();
    if (step == 0 || step >= next - token || topic == 0 || topic > UINT32_MAX) {
      return data_loss("a held reading has an impossible token or topic");
    }
    token += step;
    held.emplace(token, Held{static_cast<TopicId>(topic), 0});
  }
  if (!in.ok() || next == 0) return data_loss("held readings are malformed");
  if (count > capacity_) {
    return failed_precondition("it holds " + std::to_string(count) +
                               " readings, and this one can " + "hold " +
                               std::to_string(capacity_));
  }
  held_ = std::move(held);
  next_ = first_new_ = next;
  return {};
}

}  // namespace sluice
