#include "fault/history.h"

#include <algorithm>
#include <map>
#include <tuple>

namespace sluice::fault {
namespace {

struct Window {
  std::uint64_t acknowledged = 0;
  double sum = 0;  ///< of the acknowledged; integers far below 2^53, so exact
  std::vector<std::uint32_t> unknown;
  std::uint64_t count_in_hub = 0;
  double sum_in_hub = 0;
  unsigned rows_in_hub = 0;
};
using Key = std::pair<std::string, std::int64_t>;  ///< label value, window start ms

/// Is `sum` the sum of `count` of the values from `at` on?
bool explains(const std::vector<std::uint32_t>& values, std::size_t at, std::uint64_t count,
              double sum) {
  if (count == 0) return sum == 0;
  if (at == values.size() || sum < 0) return false;
  return explains(values, at + 1, count - 1, sum - values[at]) ||
         explains(values, at + 1, count, sum);
}

void judge(const Key& key, const Window& window, Comparison& result) {
  ++result.windows;
  result.readings += window.acknowledged;
  const std::uint64_t most = window.acknowledged + window.unknown.size();
  const std::uint64_t count = window.count_in_hub;
  const std::uint64_t unknown_in = count - std::min(count, window.acknowledged);
  bool wrong_sum = false;
  if (count < window.acknowledged) {
    result.lost += window.acknowledged - count;
  } else if (count > most) {
    result.doubled += count - most;
  } else {
    result.unknown_in += unknown_in;
    wrong_sum = !explains(window.unknown, 0, unknown_in, window.sum_in_hub - window.sum);
    result.wrong_sums += wrong_sum ? 1 : 0;
  }
  const bool right = count >= window.acknowledged && count <= most && !wrong_sum;
  if (right || !result.first.empty()) return;
  result.first = "window " + key.first + " " + std::to_string(key.second) +
                 " ms: " + std::to_string(window.acknowledged) + " acknowledged and " +
                 std::to_string(window.unknown.size()) + " unknown, the hub has " +
                 std::to_string(count) + " in " + std::to_string(window.rows_in_hub) +
                 " rows; its sum is off by " + std::to_string(window.sum_in_hub - window.sum);
}

std::string last_level(const std::string& topic) { return topic.substr(topic.rfind('/') + 1); }

}  // namespace

Comparison compare(const std::vector<Published>& history, const std::vector<std::string>& topics,
                   const std::vector<v1::SummaryRecord>& summaries, std::int64_t window_ms,
                   std::int64_t from_ms, std::int64_t to_ms) {
  std::vector<std::string> labels;
  for (const std::string& topic : topics) labels.push_back(last_level(topic));
  std::map<Key, Window> windows;
  const auto counts = [&](std::int64_t start_ms) {
    return start_ms >= from_ms && start_ms + window_ms <= to_ms;
  };
  for (const Published& reading : history) {
    const std::int64_t start_ms = reading.time_ms - reading.time_ms % window_ms;
    if (!counts(start_ms)) continue;
    Window& window = windows[{labels[reading.topic], start_ms}];
    if (reading.fate == Fate::acknowledged) {
      ++window.acknowledged;
      window.sum += reading.value;
    } else {
      window.unknown.push_back(reading.value);
    }
  }
  for (const v1::SummaryRecord& summary : summaries) {
    const std::int64_t start_ms = summary.start_ns() / 1'000'000;
    if (!counts(start_ms)) continue;
    // Rows of several epochs are contributions to one window.
    const std::string label = summary.labels().empty() ? "" : summary.labels().begin()->second;
    Window& window = windows[{label, start_ms}];
    window.count_in_hub += summary.count();
    window.sum_in_hub += summary.sum();
    ++window.rows_in_hub;
  }
  Comparison result;
  for (const auto& [key, window] : windows) judge(key, window, result);
  return result;
}

}  // namespace sluice::fault
