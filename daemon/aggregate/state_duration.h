#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "aggregate/aggregate.h"
#include "aggregate/time_parts.h"

namespace sluice {

struct StateOptions {
  /// States told apart, 1..256.
  std::uint16_t states_max = 16;
  /// ns; a state is not assumed to last longer than this after a reading. 0: until the next one.
  std::uint64_t hold_max_ns = 0;

  bool valid() const { return states_max >= 1 && states_max <= 256; }
  friend bool operator==(const StateOptions&, const StateOptions&) = default;
};

/// Time spent in each state, a state being a value (a mode, a fault code, on/off): each reading's
/// state lasts until the next reading, at most `hold_max_ns`.
///
/// With more than `states_max` states the smallest values are told apart and the others are
/// `other_ns`. Which ones those are depends on the set of states alone: what has given way to
/// `states_max` smaller ones stays behind them. Sums are integers. So merging parts that do not
/// overlap, in any order of arrival and grouping, gives equal results.
///
/// Order: needs readings in event time; equal stamps (the largest value is the state), gaps and
/// parts as TimeParts says. Units: ns. Error: none. -0.0 is 0. Empty: no states, all 0.
class StateDuration {
 public:
  struct State {
    double value = 0;
    std::uint64_t time_ns = 0;
    friend bool operator==(const State&, const State&) = default;
  };
  struct Times {
    std::vector<State> states;   ///< by value; only those that lasted some time
    std::uint64_t other_ns = 0;  ///< in states beyond `states_max`
    std::uint64_t changes = 0;   ///< from a reading to one of another state
    std::uint64_t covered_ns() const;
    friend bool operator==(const Times&, const Times&) = default;
  };

  explicit StateDuration(const StateOptions& options = {});

  bool add(std::int64_t event_time_ns, double value);
  Status merge(const StateDuration& other);
  /// See TimeParts.
  void close_gaps();

  const StateOptions& options() const { return options_; }
  std::uint64_t count() const { return count_; }
  /// The last state lasts until its own stamp, or until `until_ns` (the end of the window) if that
  /// is later.
  Times times(std::optional<std::int64_t> until_ns = std::nullopt) const;
  const TimeParts& parts() const { return parts_; }

  void snapshot(ByteWriter& writer) const;
  static Result<StateDuration> restore(ByteReader& reader);
  std::size_t state_bytes() const;

  /// As TimeParts.
  void move_by(std::int64_t ns) { parts_.move_by(ns); }

 private:
  void fold(const Step& step, Times& times) const;
  void credit(double state, std::uint64_t time_ns, Times& times) const;

  StateOptions options_;
  std::uint64_t count_ = 0;
  Times times_;  ///< of the steps that are final
  TimeParts parts_;
};

}  // namespace sluice
