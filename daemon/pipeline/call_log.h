#pragma once

#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "model/log.h"

namespace sluice {

/// How one pipeline's calls of recorded stages went, in the order in which they were made: written
/// down as they happen, or, after a restart, told in the same order. Thread: [pipeline].
class CallLog {
 public:
  /// Writes down.
  CallLog() = default;
  /// Tells what stands there.
  explicit CallLog(std::vector<StageCall> calls)
      : is_replay_(true), calls_(calls.begin(), calls.end()) {}

  bool is_replay() const { return is_replay_; }
  void add(std::size_t stage, std::string record) {
    calls_.push_back({static_cast<std::uint32_t>(stage), std::move(record)});
  }
  /// The next call's record; empty when the next one is not of this stage, or there is none.
  std::optional<std::string> next(std::size_t stage) {
    if (calls_.empty() || calls_.front().stage != stage) return std::nullopt;
    std::string record = std::move(calls_.front().record);
    calls_.pop_front();
    return record;
  }
  /// All that are there, which it then forgets.
  std::vector<StageCall> take() {
    std::vector<StageCall> calls(std::make_move_iterator(calls_.begin()),
                                 std::make_move_iterator(calls_.end()));
    calls_.clear();
    return calls;
  }
  bool empty() const { return calls_.empty(); }

 private:
  bool is_replay_ = false;
  std::deque<StageCall> calls_;
};

}  // namespace sluice
