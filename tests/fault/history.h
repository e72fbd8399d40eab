#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "fault/publisher.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::fault {

/// The hub's windows against the publisher's history.
struct Comparison {
  std::uint64_t windows = 0;     ///< that should be there
  std::uint64_t readings = 0;    ///< acknowledged ones in them
  std::uint64_t unknown_in = 0;  ///< unanswered ones that the broker had after all
  std::uint64_t lost = 0;        ///< acknowledged to the publisher and not in the hub
  std::uint64_t doubled = 0;     ///< in the hub more often than published
  std::uint64_t wrong_sums = 0;  ///< windows of the right count and a sum that nothing explains
  std::string first;             ///< the first window that differs, in a sentence
  bool equal() const { return lost == 0 && doubled == 0 && wrong_sums == 0; }
};

/// Compares count and sum of each window of `window_ms` that starts at or after `from_ms` and ends
/// at or before `to_ms`. An `unknown` message may be in its window or not; some choice of them must
/// give exactly the window's count and sum. Series carry the topic's last level as their one label.
Comparison compare(const std::vector<Published>& history, const std::vector<std::string>& topics,
                   const std::vector<v1::SummaryRecord>& summaries, std::int64_t window_ms,
                   std::int64_t from_ms, std::int64_t to_ms);

}  // namespace sluice::fault
