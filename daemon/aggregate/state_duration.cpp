#include "aggregate/state_duration.h"

#include <algorithm>
#include <cmath>
#include <limits>

#include "base/assert.h"

namespace sluice {
namespace {

constexpr std::uint8_t kFormat = 1;

/// Overlapping parts may add up to more than 584 years.
std::uint64_t saturating_add(std::uint64_t a, std::uint64_t b) {
  return a > std::numeric_limits<std::uint64_t>::max() - b
             ? std::numeric_limits<std::uint64_t>::max()
             : a + b;
}

Status malformed() { return data_loss("malformed state durations"); }

}  // namespace

std::uint64_t StateDuration::Times::covered_ns() const {
  std::uint64_t sum = other_ns;
  for (const State& state : states) sum = saturating_add(sum, state.time_ns);
  return sum;
}

StateDuration::StateDuration(const StateOptions& options) : options_(options) {
  SLUICE_ASSERT(options.valid());
}

bool StateDuration::add(std::int64_t event_time_ns, double value) {
  if (!std::isfinite(value)) return false;
  ++count_;
  parts_.add({event_time_ns, value + 0.0}, [this](const Step& step) { fold(step, times_); });
  return true;
}

Status StateDuration::merge(const StateDuration& other) {
  if (!(options_ == other.options_)) {
    return invalid_argument("state durations of different options cannot be merged");
  }
  count_ += other.count_;
  const Times theirs = other.times_;  // `other` may be this one
  for (const State& state : theirs.states) credit(state.value, state.time_ns, times_);
  times_.other_ns = saturating_add(times_.other_ns, theirs.other_ns);
  times_.changes += theirs.changes;
  parts_.merge(other.parts_, [this](const Step& step) { fold(step, times_); });
  return {};
}

void StateDuration::close_gaps() {
  parts_.close_gaps([this](const Step& step) { fold(step, times_); });
}

void StateDuration::fold(const Step& step, Times& times) const {
  const std::uint64_t length = step.length_ns();
  const std::uint64_t held =
      options_.hold_max_ns == 0 ? length : std::min(length, options_.hold_max_ns);
  credit(step.from.value, held, times);
  if (step.to.value != step.from.value) ++times.changes;
}

void StateDuration::credit(double state, std::uint64_t time_ns, Times& times) const {
  if (time_ns == 0) return;  // equal stamps must not decide which states are told apart
  std::vector<State>& states = times.states;
  const auto at = std::lower_bound(states.begin(), states.end(), state,
                                   [](const State& s, double v) { return s.value < v; });
  if (at != states.end() && at->value == state) {
    at->time_ns = saturating_add(at->time_ns, time_ns);
    return;
  }
  states.insert(at, {state, time_ns});
  if (states.size() <= options_.states_max) return;
  times.other_ns = saturating_add(times.other_ns, states.back().time_ns);
  states.pop_back();
}

StateDuration::Times StateDuration::times(std::optional<std::int64_t> until_ns) const {
  Times times = times_;
  parts_.each_open_step([&](const Step& step) { fold(step, times); });
  if (until_ns && !parts_.empty() && *until_ns > parts_.last().time_ns) {
    fold(Step{parts_.last(), {*until_ns, parts_.last().value}}, times);
  }
  return times;
}

void StateDuration::snapshot(ByteWriter& writer) const {
  writer.u8(kFormat);
  writer.u64(options_.states_max);
  writer.u64(options_.hold_max_ns);
  writer.u64(count_);
  if (count_ == 0) return;
  writer.u64(times_.states.size());
  for (const State& state : times_.states) {
    writer.f64(state.value);
    writer.u64(state.time_ns);
  }
  writer.u64(times_.other_ns);
  writer.u64(times_.changes);
  parts_.write(writer);
}

Result<StateDuration> StateDuration::restore(ByteReader& reader) {
  if (reader.u8() != kFormat) return malformed();
  const std::uint64_t states_max = reader.u64();
  if (states_max > std::numeric_limits<std::uint16_t>::max()) return malformed();
  const StateOptions options{static_cast<std::uint16_t>(states_max), reader.u64()};
  if (!reader.ok() || !options.valid()) return malformed();
  StateDuration durations(options);
  durations.count_ = reader.u64();
  if (!reader.ok() || durations.count_ > kReadingsMax) return malformed();
  if (durations.count_ == 0) return durations;
  const std::size_t size = reader.count();
  if (!reader.ok() || size > options.states_max) return malformed();
  std::vector<State>& states = durations.times_.states;
  for (std::size_t i = 0; i < size; ++i) {
    State state;
    state.value = reader.f64() + 0.0;  // -0.0 is 0.0
    state.time_ns = reader.u64();
    const bool ascending = states.empty() || state.value > states.back().value;
    if (!reader.ok() || !std::isfinite(state.value) || !ascending || state.time_ns == 0) {
      return malformed();
    }
    states.push_back(state);
  }
  durations.times_.other_ns = reader.u64();
  durations.times_.changes = reader.u64();
  auto parts = TimeParts::read(reader);
  if (!parts || parts->empty() || durations.times_.changes > kReadingsMax) return malformed();
  // Every reading but the first makes one step at most.
  if (durations.times_.changes + parts->open_steps() >= durations.count_) return malformed();
  durations.parts_ = std::move(*parts);
  return durations;
}

std::size_t StateDuration::state_bytes() const {
  return sizeof *this + times_.states.capacity() * sizeof(State) + parts_.heap_bytes();
}

}  // namespace sluice
