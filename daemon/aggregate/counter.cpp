#include "aggregate/counter.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"

namespace sluice {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr double kNsPerSecond = 1e9;

Status malformed() { return data_loss("malformed counter"); }

}  // namespace

bool CounterOptions::valid() const {
  return (wrap_bits == 0 || wrap_bits == 16 || wrap_bits == 32 || wrap_bits == 64) &&
         std::isfinite(wrap_rate_max) && wrap_rate_max >= 0;
}

Counter::Counter(const CounterOptions& options) : options_(options) {
  SLUICE_ASSERT(options.valid());
  options_.wrap_rate_max += 0.0;  // never -0.0: equal options are equal bytes
}

bool Counter::add(std::int64_t event_time_ns, double value) {
  if (!std::isfinite(value)) return false;
  ++count_;
  parts_.add({event_time_ns, value + 0.0}, [this](const Step& step) { fold(step, sums_); });
  return true;
}

Status Counter::merge(const Counter& other) {
  if (!(options_ == other.options_)) {
    return invalid_argument("counters of different wrap options cannot be merged");
  }
  count_ += other.count_;
  const Sums theirs = other.sums_;  // `other` may be this one
  sums_.increase.add(theirs.increase);
  sums_.resets += theirs.resets;
  sums_.wraps += theirs.wraps;
  parts_.merge(other.parts_, [this](const Step& step) { fold(step, sums_); });
  return {};
}

void Counter::close_gaps() {
  parts_.close_gaps([this](const Step& step) { fold(step, sums_); });
}

void Counter::fold(const Step& step, Sums& sums) const {
  const double before = step.from.value;
  const double after = step.to.value;
  if (after >= before) {
    sums.increase.add(finite_or_max(after - before));
    return;
  }
  const double wrapped = std::ldexp(1.0, options_.wrap_bits) - before + after;
  if (is_wrap(step, wrapped)) {
    sums.increase.add(wrapped);
    ++sums.wraps;
  } else {
    sums.increase.add(std::max(after, 0.0));
    ++sums.resets;
  }
}

bool Counter::is_wrap(const Step& step, double increase) const {
  if (options_.wrap_bits == 0 || step.to.value < 0) return false;
  if (step.from.value > std::ldexp(1.0, options_.wrap_bits)) return false;  // not of that width
  const double seconds = static_cast<double>(step.length_ns()) / kNsPerSecond;
  return options_.wrap_rate_max == 0 || increase <= options_.wrap_rate_max * seconds;
}

Counter::Sums Counter::total() const {
  Sums sums = sums_;
  parts_.each_open_step([&](const Step& step) { fold(step, sums); });
  return sums;
}

double Counter::delta() const {
  return parts_.empty() ? 0 : finite_or_max(parts_.last().value - parts_.first().value);
}

double Counter::rate_per_s() const {
  const std::uint64_t covered = covered_ns();
  if (covered == 0) return 0;
  return finite_or_max(increase() / (static_cast<double>(covered) / kNsPerSecond));
}

double Counter::extrapolated_increase(std::int64_t start_ns, std::int64_t end_ns) const {
  const auto covered = static_cast<double>(covered_ns());
  if (count_ < 2 || covered == 0) return 0;
  const double grown = increase();
  const double interval = covered / static_cast<double>(count_ - 1);
  const auto reach = [&](std::int64_t from, std::int64_t to) {
    const double distance = to > from ? static_cast<double>(to) - static_cast<double>(from) : 0;
    return distance >= interval * 1.1 ? interval / 2 : distance;
  };
  double before = reach(start_ns, parts_.first().time_ns);
  if (grown > 0 && parts_.first().value >= 0) {
    before = std::min(before, covered * (parts_.first().value / grown));
  }
  const double after = reach(parts_.last().time_ns, end_ns);
  return finite_or_max(grown * ((covered + before + after) / covered));
}

Result<Counter> Counter::of(const CounterOptions& options, const Point& point) {
  const bool finite = std::isfinite(point.first.value) && std::isfinite(point.last.value) &&
                      std::isfinite(point.increase);
  const bool in_order = point.first.time_ns <= point.last.time_ns;
  const bool one_stamp = point.first.time_ns == point.last.time_ns;
  const bool steps_fit = point.resets <= kReadingsMax && point.wraps <= kReadingsMax &&
                         point.resets + point.wraps < point.count;
  if (!options.valid() || point.count == 0 || point.count > kReadingsMax || !finite || !in_order ||
      !steps_fit || (one_stamp && !(point.first == point.last)) ||
      (point.count == 1 && !one_stamp)) {
    return malformed();
  }
  Counter counter(options);
  counter.count_ = point.count;
  counter.sums_.increase.add(point.increase + 0.0);
  counter.sums_.resets = point.resets;
  counter.sums_.wraps = point.wraps;
  counter.parts_ = TimeParts(TimeParts::Part{point.first, point.last});
  return counter;
}

void Counter::snapshot(ByteWriter& writer) const {
  writer.u8(kFormat);
  writer.u8(options_.wrap_bits);
  writer.f64(options_.wrap_rate_max);
  writer.u64(count_);
  if (count_ == 0) return;
  sums_.increase.write(writer);
  writer.u64(sums_.resets);
  writer.u64(sums_.wraps);
  parts_.write(writer);
}

Result<Counter> Counter::restore(ByteReader& reader) {
  if (reader.u8() != kFormat) return malformed();
  CounterOptions options;
  options.wrap_bits = reader.u8();
  options.wrap_rate_max = reader.f64();
  if (!reader.ok() || !options.valid()) return malformed();
  Counter counter(options);
  counter.count_ = reader.u64();
  if (!reader.ok() || counter.count_ > kReadingsMax) return malformed();
  if (counter.count_ == 0) return counter;
  counter.sums_.increase = CompensatedSum::read(reader);
  counter.sums_.resets = reader.u64();
  counter.sums_.wraps = reader.u64();
  auto parts = TimeParts::read(reader);
  if (!parts || parts->empty()) return malformed();
  const Sums& sums = counter.sums_;
  if (!sums.increase.finite() || sums.resets > kReadingsMax || sums.wraps > kReadingsMax) {
    return malformed();
  }
  // Every reading but the first makes one step at most.
  if (sums.resets + sums.wraps + parts->open_steps() >= counter.count_) return malformed();
  counter.parts_ = std::move(*parts);
  return counter;
}

}  // namespace sluice
