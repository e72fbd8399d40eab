#include "aggregate/coverage.h"

#include <algorithm>
#include <cmath>

namespace sluice {
namespace {

constexpr std::uint8_t kFormat = 1;

std::uint64_t length_ns(std::int64_t from, std::int64_t to) {
  return to > from ? static_cast<std::uint64_t>(to) - static_cast<std::uint64_t>(from) : 0;
}

Status malformed() { return data_loss("malformed coverage"); }

}  // namespace

bool Coverage::add(std::int64_t event_time_ns, double value) {
  if (!std::isfinite(value)) return false;
  ++count_;
  parts_.add({event_time_ns, 0}, [this](const Step& step) {
    largest_gap_ns_ = std::max(largest_gap_ns_, step.length_ns());
  });
  return true;
}

Status Coverage::merge(const Coverage& other) {
  count_ += other.count_;
  largest_gap_ns_ = std::max(largest_gap_ns_, other.largest_gap_ns_);
  parts_.merge(other.parts_, [this](const Step& step) {
    largest_gap_ns_ = std::max(largest_gap_ns_, step.length_ns());
  });
  return {};
}

void Coverage::close_gaps() {
  parts_.close_gaps(
      [this](const Step& step) { largest_gap_ns_ = std::max(largest_gap_ns_, step.length_ns()); });
}

std::uint64_t Coverage::largest_gap_ns() const {
  std::uint64_t largest = largest_gap_ns_;
  parts_.each_open_step([&](const Step& step) { largest = std::max(largest, step.length_ns()); });
  return largest;
}

std::uint64_t Coverage::largest_gap_ns(std::int64_t start_ns, std::int64_t end_ns) const {
  if (parts_.empty()) return length_ns(start_ns, end_ns);
  const std::uint64_t edges =
      std::max(length_ns(start_ns, first_time_ns()), length_ns(last_time_ns(), end_ns));
  return std::max(edges, largest_gap_ns());
}

std::uint64_t Coverage::expected_count(std::int64_t start_ns, std::int64_t end_ns,
                                       std::uint64_t interval_ns) {
  return interval_ns == 0 ? 0 : length_ns(start_ns, end_ns) / interval_ns;
}

double Coverage::share(std::int64_t start_ns, std::int64_t end_ns,
                       std::uint64_t interval_ns) const {
  const std::uint64_t expected = expected_count(start_ns, end_ns, interval_ns);
  if (count_ >= expected) return 1;
  return static_cast<double>(count_) / static_cast<double>(expected);
}

Coverage Coverage::of(std::uint64_t count, std::int64_t first_time_ns, std::int64_t last_time_ns,
                      std::uint64_t largest_gap_ns) {
  Coverage coverage;
  coverage.count_ = count;
  coverage.largest_gap_ns_ = largest_gap_ns;
  coverage.parts_ = TimeParts(TimeParts::Part{{first_time_ns, 0}, {last_time_ns, 0}});
  return coverage;
}

void Coverage::snapshot(ByteWriter& writer) const {
  writer.u8(kFormat);
  writer.u64(count_);
  if (count_ == 0) return;
  writer.u64(largest_gap_ns_);
  parts_.write(writer);
}

Result<Coverage> Coverage::restore(ByteReader& reader) {
  if (reader.u8() != kFormat) return malformed();
  Coverage coverage;
  coverage.count_ = reader.u64();
  if (!reader.ok() || coverage.count_ > kReadingsMax) return malformed();
  if (coverage.count_ == 0) return coverage;
  coverage.largest_gap_ns_ = reader.u64();
  auto parts = TimeParts::read(reader);
  if (!parts || parts->empty() || parts->open_steps() >= coverage.count_) return malformed();
  if (coverage.largest_gap_ns_ > parts->span_ns()) return malformed();
  coverage.parts_ = std::move(*parts);
  return coverage;
}

}  // namespace sluice
