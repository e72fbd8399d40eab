#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace sluice {

/// A value at an event time (ns since 1970 UTC).
struct Stamped {
  std::int64_t time_ns = 0;
  double value = 0;
  friend bool operator==(const Stamped&, const Stamped&) = default;
};

/// From one reading to the next in event time; `to` is never before `from`.
struct Step {
  Stamped from;
  Stamped to;
  /// Never overflows.
  std::uint64_t length_ns() const {
    return static_cast<std::uint64_t>(to.time_ns) - static_cast<std::uint64_t>(from.time_ns);
  }
};

/// The stretches of time that an order-sensitive aggregate has seen: what Counter, StateDuration,
/// TimeWeighted and Coverage share.
///
/// Such an aggregate is a sum over the steps from each reading to the next. Its owner keeps the sum
/// of the steps that are final; this class knows which those are. Inside a part they are. Between
/// two parts of time they are not, because a third may arrive later and belong there: so the ends
/// of every part are kept, and the steps across the gaps are worked out when a result is read. For
/// that reason parts may be merged in any order of arrival and any grouping (edge, site, cloud),
/// and give the same result, as long as they do not overlap in time.
///
/// Rules:
/// - Readings are to come in order of event time (the pipeline's reorder buffer sees to that).
///   A reading before the last one is a part of its own.
/// - Of readings with equal stamps in one part the largest counts, whatever their order.
///   Parts that meet at one stamp are taken in order of time, then of value.
/// - Parts that overlap become one: each keeps the steps it has seen itself, nothing is added
///   between them, and `overlaps()` counts it. So parts of *different* series add up, and a reading
///   inside a part adds nothing.
/// - More than kPartsMax parts: the shortest gap is taken as final. `close_gaps` does so with all
/// of
///   them, when the owner knows that nothing is to come between (neighbouring windows).
///
/// The first part needs no allocation.
class TimeParts {
 public:
  static constexpr std::size_t kPartsMax = 64;
  using OnStep = std::function<void(const Step&)>;

  struct Part {
    Stamped first;
    Stamped last;
    friend bool operator==(const Part&, const Part&) = default;
  };

  TimeParts() = default;
  /// One stretch whose steps are all final.
  explicit TimeParts(const Part& part) : any_(true), last_(part) {}

  bool empty() const { return !any_; }
  std::size_t size() const { return any_ ? earlier_.size() + 1 : 0; }
  /// Ends of the whole, when not empty.
  const Stamped& first() const { return earlier_.empty() ? last_.first : earlier_.front().first; }
  const Stamped& last() const { return last_.last; }
  std::uint64_t span_ns() const { return any_ ? Step{first(), last()}.length_ns() : 0; }
  std::uint64_t overlaps() const { return overlaps_; }

  /// Takes a reading. The step that became final by it, if any, goes to `on_step`.
  template <typename F>
  void add(const Stamped& reading, F&& on_step) {
    if (any_ && reading.time_ns > last_.last.time_ns) {  // the usual case
      if (before_last_) on_step(Step{*before_last_, last_.last});
      before_last_ = last_.last;
      last_.last = reading;
      return;
    }
    add_rarely(reading, std::forward<F>(on_step));
  }
  /// Takes the parts of another, whose owner adds the sums of its own final steps.
  void merge(const TimeParts& other, const OnStep& on_step);
  /// Promises that no part will come between these.
  void close_gaps(const OnStep& on_step);
  /// The steps that are not final, in order of time: those across gaps, and the last one.
  template <typename F>
  void each_open_step(F&& on_step) const {
    if (!any_) return;
    for (std::size_t i = 0; i < earlier_.size(); ++i) {
      on_step(Step{earlier_[i].last, at(i + 1).first});
    }
    if (before_last_) on_step(Step{*before_last_, last_.last});
  }

  /// Counts time from another moment: adds `ns` to every stamp. No stamp may overflow.
  void move_by(std::int64_t ns);

  std::size_t open_steps() const { return any_ ? earlier_.size() + (before_last_ ? 1 : 0) : 0; }

  void write(ByteWriter& writer) const;
  /// Empty for bytes that `write` cannot have written.
  static std::optional<TimeParts> read(ByteReader& reader);
  std::size_t heap_bytes() const { return earlier_.capacity() * sizeof(Part); }
  friend bool operator==(const TimeParts&, const TimeParts&) = default;

 private:
  const Part& at(std::size_t i) const { return i < earlier_.size() ? earlier_[i] : last_; }
  void add_rarely(const Stamped& reading, const OnStep& on_step);
  void assign(std::vector<Part> parts, const OnStep& on_step);

  bool any_ = false;
  Part last_;
  /// The reading before last_.last, while their step may still change by a reading of the same
  /// stamp as the last one.
  std::optional<Stamped> before_last_;
  std::vector<Part> earlier_;  ///< ascending, apart from each other
  std::uint64_t overlaps_ = 0;
};

}  // namespace sluice
