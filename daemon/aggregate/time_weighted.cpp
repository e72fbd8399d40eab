#include "aggregate/time_weighted.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"

namespace sluice {
namespace {

constexpr std::uint8_t kFormat = 1;

double seconds(std::uint64_t ns) { return static_cast<double>(ns) / 1e9; }

Status malformed() { return data_loss("malformed time-weighted mean"); }

}  // namespace

TimeWeighted::TimeWeighted(const TimeWeightedOptions& options) : options_(options) {
  SLUICE_ASSERT(options.valid());
}

bool TimeWeighted::add(std::int64_t event_time_ns, double value) {
  if (!std::isfinite(value)) return false;
  ++count_;
  parts_.add({event_time_ns, value + 0.0}, [this](const Step& step) { fold(step, sums_); });
  return true;
}

Status TimeWeighted::merge(const TimeWeighted& other) {
  if (!(options_ == other.options_)) {
    return invalid_argument("time-weighted means of different options cannot be merged");
  }
  count_ += other.count_;
  const Sums theirs = other.sums_;  // `other` may be this one
  sums_.integral_s.add(theirs.integral_s);
  sums_.covered_ns += theirs.covered_ns;
  parts_.merge(other.parts_, [this](const Step& step) { fold(step, sums_); });
  return {};
}

void TimeWeighted::close_gaps() {
  parts_.close_gaps([this](const Step& step) { fold(step, sums_); });
}

void TimeWeighted::fold(const Step& step, Sums& sums) const {
  std::uint64_t length = step.length_ns();
  const bool bounded = options_.hold_max_ns != 0 && length > options_.hold_max_ns;
  double value = step.from.value;
  if (options_.between == TimeWeightedOptions::Between::linear) {
    if (bounded) return;
    value = step.from.value / 2 + step.to.value / 2;
  } else if (bounded) {
    length = options_.hold_max_ns;
  }
  sums.integral_s.add(finite_or_max(value * seconds(length)));
  sums.covered_ns += length;
}

TimeWeighted::Sums TimeWeighted::total(std::optional<std::int64_t> until_ns) const {
  Sums sums = sums_;
  parts_.each_open_step([&](const Step& step) { fold(step, sums); });
  const bool held = until_ns && options_.between == TimeWeightedOptions::Between::hold &&
                    !parts_.empty() && *until_ns > parts_.last().time_ns;
  if (held) fold(Step{parts_.last(), {*until_ns, parts_.last().value}}, sums);
  return sums;
}

double TimeWeighted::mean(std::optional<std::int64_t> until_ns) const {
  if (parts_.empty()) return 0;
  const Sums sums = total(until_ns);
  if (sums.covered_ns == 0) return parts_.last().value;
  return finite_or_max(sums.integral_s.total() / seconds(sums.covered_ns));
}

double TimeWeighted::integral_s(std::optional<std::int64_t> until_ns) const {
  return total(until_ns).integral_s.total();
}

std::uint64_t TimeWeighted::covered_ns(std::optional<std::int64_t> until_ns) const {
  return total(until_ns).covered_ns;
}

TimeWeighted TimeWeighted::of(std::uint64_t count, const TimeParts::Part& ends, double integral_s) {
  TimeWeighted mean;
  mean.count_ = count;
  mean.parts_ = TimeParts(ends);
  mean.sums_.covered_ns = mean.parts_.span_ns();
  mean.sums_.integral_s.add(integral_s + 0.0);
  return mean;
}

void TimeWeighted::snapshot(ByteWriter& writer) const {
  writer.u8(kFormat);
  writer.u8(static_cast<std::uint8_t>(options_.between));
  writer.u64(options_.hold_max_ns);
  writer.u64(count_);
  if (count_ == 0) return;
  sums_.integral_s.write(writer);
  writer.u64(sums_.covered_ns);
  parts_.write(writer);
}

Result<TimeWeighted> TimeWeighted::restore(ByteReader& reader) {
  if (reader.u8() != kFormat) return malformed();
  TimeWeightedOptions options;
  options.between = static_cast<TimeWeightedOptions::Between>(reader.u8());
  options.hold_max_ns = reader.u64();
  if (!reader.ok() || !options.valid()) return malformed();
  TimeWeighted mean(options);
  mean.count_ = reader.u64();
  if (!reader.ok() || mean.count_ > kReadingsMax) return malformed();
  if (mean.count_ == 0) return mean;
  mean.sums_.integral_s = CompensatedSum::read(reader);
  mean.sums_.covered_ns = reader.u64();
  auto parts = TimeParts::read(reader);
  if (!parts || parts->empty() || parts->open_steps() >= mean.count_) return malformed();
  if (!mean.sums_.integral_s.finite()) return malformed();
  mean.parts_ = std::move(*parts);
  return mean;
}

}  // namespace sluice
