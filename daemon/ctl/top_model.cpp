#include "ctl/top_model.h"

#include <algorithm>
#include <utility>

namespace sluice::ctl {
namespace {
constexpr std::uint32_t kWindowsWantedMin = 50;
constexpr std::uint32_t kWindowsWantedMax = 4096;  // what the daemon remembers
}  // namespace

void Rate::sample(std::int64_t boottime_ns, std::uint64_t count) {
  const bool comparable = at_ns_ && boottime_ns > *at_ns_ && count >= count_;
  per_second_.reset();
  if (comparable) {
    per_second_ =
        static_cast<double>(count - count_) * 1e9 / static_cast<double>(boottime_ns - *at_ns_);
  }
  at_ns_ = boottime_ns;
  count_ = count;
}

void Rate::reset() { *this = Rate(); }

void WindowHistory::add(const std::string& name, const WindowResult& window) {
  if (series_.size() >= kSeriesMax && !series_.contains(name)) make_room();
  auto& windows = series_[name];
  const auto at = std::lower_bound(
      windows.begin(), windows.end(), window,
      [](const WindowResult& a, const WindowResult& b) { return a.end_ns < b.end_ns; });
  if (at != windows.end() && at->end_ns == window.end_ns) {
    if (window.revision >= at->revision) *at = window;
    return;
  }
  if (windows.size() >= kWindowsMax && at == windows.begin()) return;
  windows.insert(at, window);
  if (windows.size() > kWindowsMax) windows.erase(windows.begin());
}

void WindowHistory::make_room() {
  series_.erase(std::min_element(series_.begin(), series_.end(), [](const auto& a, const auto& b) {
    return a.second.back().end_ns < b.second.back().end_ns;
  }));
}

std::vector<WindowHistory::SeriesWindows> WindowHistory::newest(std::size_t count_max) const {
  std::vector<const std::pair<const std::string, std::vector<WindowResult>>*> order;
  for (const auto& entry : series_) order.push_back(&entry);
  // The map is by name, so a stable sort leaves equal ends in that order.
  std::stable_sort(order.begin(), order.end(), [](const auto* a, const auto* b) {
    return a->second.back().end_ns > b->second.back().end_ns;
  });
  if (order.size() > count_max) order.resize(count_max);
  std::vector<SeriesWindows> out;
  for (const auto* entry : order) out.push_back({entry->first, entry->second});
  return out;
}

void NodeTop::answer(std::int64_t boottime_ns, const v1::Status& status) {
  const bool restarted =
      status_ && (status.pid() != status_->pid() || status.uptime_s() < status_->uptime_s());
  if (restarted) {
    for (Rate* rate : {&messages_, &readings_, &bytes_in_rate_, &bytes_up_rate_}) rate->reset();
    history_.clear();
  }
  const std::uint64_t closed_before = status_ && !restarted ? status_->panes_closed() : 0;
  const std::uint64_t closed =
      status.panes_closed() - std::min(closed_before, status.panes_closed());
  windows_wanted_ = static_cast<std::uint32_t>(
      std::clamp<std::uint64_t>(closed, kWindowsWantedMin, kWindowsWantedMax));
  status_ = status;
  trouble_.clear();
  messages_.sample(boottime_ns, status.messages_received());
  readings_.sample(boottime_ns, status.readings_in());
  bytes_in_rate_.sample(boottime_ns, bytes_in());
  bytes_up_rate_.sample(boottime_ns, bytes_up());
}

void NodeTop::windows(const v1::ListRecentSummariesResponse& response) {
  for (const auto& row : response.summaries()) history_.add(row.pipeline(), row);
}

void NodeTop::silence(std::string why) { trouble_ = std::move(why); }

std::uint64_t NodeTop::bytes_in() const {
  std::uint64_t bytes = 0;
  if (status_) {
    for (const auto& source : status_->sources()) bytes += source.bytes_received();
  }
  return bytes;
}

std::uint64_t NodeTop::bytes_up() const { return status_ ? status_->uplink().bytes_sent() : 0; }

void HubTop::answer(std::int64_t boottime_ns, const v1::ListNodesResponse& response) {
  answered_ = true;
  trouble_.clear();
  std::map<std::pair<std::string, std::string>, Node> nodes;
  for (const auto& row : response.nodes()) {
    const std::pair key(row.node(), row.epoch());
    const auto known = nodes_.find(key);
    Node node = known == nodes_.end() ? Node() : known->second;
    node.row = row;
    node.rows.sample(boottime_ns, row.rows_received());
    node.bytes.sample(boottime_ns, row.bytes_received());
    nodes.insert_or_assign(key, std::move(node));
  }
  nodes_ = std::move(nodes);
}

void HubTop::windows(const v1::ListSummariesResponse& response) {
  for (const auto& row : response.summaries()) history_.add(row.node(), row);
}

void HubTop::silence(std::string why) { trouble_ = std::move(why); }

}  // namespace sluice::ctl
