#include "aggregate/exponential_histogram.h"

#include <algorithm>
#include <cmath>

#include "base/assert.h"

namespace sluice {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::uint16_t kSizeMin = 2;
constexpr std::uint16_t kSizeMax = 1024;

Status malformed() { return data_loss("malformed exponential histogram"); }

/// The largest double of the bucket that holds `magnitude`.
double top_of_bucket(double magnitude, int scale) {
  const std::int32_t index = bucket_index(magnitude, scale);
  double top = finite_or_max(bucket_lower_bound(index + 1, scale));  // as exact as exp2 is
  while (bucket_index(top, scale) > index) top = std::nextafter(top, 0);
  for (double next = top; std::isfinite(next) && bucket_index(next, scale) == index;) {
    top = next;
    next = std::nextafter(next, HUGE_VAL);
  }
  return top;
}

}  // namespace

bool HistogramOptions::valid() const {
  return max_size >= kSizeMin && max_size <= kSizeMax && max_scale >= kBucketScaleMin &&
         max_scale <= kBucketScaleMax && std::isfinite(zero_threshold) && zero_threshold >= 0;
}

ExponentialHistogram::ExponentialHistogram(const HistogramOptions& options)
    : options_(options), scale_(options.max_scale) {
  SLUICE_ASSERT(options.valid());
  options_.zero_threshold += 0.0;  // never -0.0: equal options are equal bytes
}

bool ExponentialHistogram::add(std::int64_t, double value) {
  if (!std::isfinite(value)) return false;
  value += 0.0;  // -0.0 becomes 0.0, else min and max would depend on the order
  min_ = count_ == 0 ? value : std::min(min_, value);
  max_ = count_ == 0 ? value : std::max(max_, value);
  ++count_;
  sum_.add(value);
  const double magnitude = std::abs(value);
  if (magnitude <= options_.zero_threshold) {
    ++zero_count_;
    return true;
  }
  BucketCounts& side = value < 0 ? negative_ : positive_;
  std::int32_t index = bucket_index(magnitude, scale_);
  if (!side.empty()) {
    const int shift = shift_to_fit(std::min(index, side.first()), std::max(index, side.last()));
    coarsen(shift);
    index >>= shift;
  }
  side.add(index);
  return true;
}

int ExponentialHistogram::shift_to_fit(std::int64_t first, std::int64_t last) const {
  int shift = 0;
  while ((last >> shift) - (first >> shift) >= options_.max_size) ++shift;
  return shift;
}

void ExponentialHistogram::coarsen(int shift) {
  if (shift == 0) return;
  positive_.coarsen(shift);
  negative_.coarsen(shift);
  scale_ = static_cast<std::int8_t>(scale_ - shift);
}

void ExponentialHistogram::raise_zero_threshold(double threshold) {
  // A populated bucket that the threshold parts raises it to that bucket's top.
  const std::int32_t parted = bucket_index(threshold, scale_);
  for (BucketCounts* side : {&positive_, &negative_}) {
    while (!side->empty() && side->first() <= parted) {
      if (side->first() == parted) threshold = top_of_bucket(threshold, scale_);
      zero_count_ += side->take_first();
    }
  }
  options_.zero_threshold = threshold;
}

void ExponentialHistogram::adopt(const HistogramOptions& other) {
  options_.max_size = std::min(options_.max_size, other.max_size);
  options_.max_scale = std::min(options_.max_scale, other.max_scale);
  coarsen(std::max(0, scale_ - options_.max_scale));
  int shift = 0;
  for (const BucketCounts* side : {&positive_, &negative_}) {
    if (!side->empty()) shift = std::max(shift, shift_to_fit(side->first(), side->last()));
  }
  coarsen(shift);
  if (other.zero_threshold > options_.zero_threshold) raise_zero_threshold(other.zero_threshold);
}

Status ExponentialHistogram::merge(const ExponentialHistogram& other) {
  if (!(options_ == other.options_)) {
    ExponentialHistogram alike = other;
    do {  // each turn empties a bucket that the other's threshold parts
      adopt(alike.options_);
      alike.adopt(options_);
    } while (!(options_ == alike.options_));
    return merge(alike);
  }
  if (other.count_ == 0) return {};
  const int scale = std::min(scale_, other.scale_);
  coarsen(scale_ - scale);
  int shift = 0;
  const auto fit = [&](const BucketCounts& mine, const BucketCounts& theirs) {
    if (theirs.empty()) return;
    const int their_shift = other.scale_ - scale;
    const std::int32_t first = theirs.first() >> their_shift;
    const std::int32_t last = theirs.last() >> their_shift;
    shift = std::max(shift, shift_to_fit(mine.empty() ? first : std::min(first, mine.first()),
                                         mine.empty() ? last : std::max(last, mine.last())));
  };
  fit(positive_, other.positive_);
  fit(negative_, other.negative_);
  coarsen(shift);
  positive_.add(other.positive_, other.scale_ - scale_);
  negative_.add(other.negative_, other.scale_ - scale_);
  min_ = count_ == 0 ? other.min_ : std::min(min_, other.min_);
  max_ = count_ == 0 ? other.max_ : std::max(max_, other.max_);
  count_ += other.count_;
  zero_count_ += other.zero_count_;
  sum_.add(other.sum_);
  return {};
}

double ExponentialHistogram::quantile(double q) const {
  if (count_ == 0) return 0;
  const double place = std::floor(std::clamp(q, 0.0, 1.0) * static_cast<double>(count_ - 1));
  auto rank = static_cast<std::uint64_t>(place);
  if (rank == 0) return min_;
  if (rank >= count_ - 1) return max_;
  const auto size = static_cast<std::int32_t>(negative_.size());
  for (std::int32_t i = size - 1; i >= 0; --i) {
    const std::uint64_t here = negative_.at(negative_.first() + i);
    if (rank < here) {
      return std::clamp(-bucket_middle(negative_.first() + i, scale_), min_, max_);
    }
    rank -= here;
  }
  if (rank < zero_count_) return std::clamp(0.0, min_, max_);
  rank -= zero_count_;
  for (std::int32_t i = 0; i < static_cast<std::int32_t>(positive_.size()); ++i) {
    const std::uint64_t here = positive_.at(positive_.first() + i);
    if (rank < here) return std::clamp(bucket_middle(positive_.first() + i, scale_), min_, max_);
    rank -= here;
  }
  return max_;
}

void ExponentialHistogram::snapshot(ByteWriter& writer) const {
  snapshot_without_sum(writer);
  if (count_ != 0) sum_.write(writer);
}

void ExponentialHistogram::snapshot_without_sum(ByteWriter& writer) const {
  writer.u8(kFormat);
  writer.u64(options_.max_size);
  writer.i64(options_.max_scale);
  writer.f64(options_.zero_threshold);
  writer.u64(count_);
  if (count_ == 0) return;
  writer.f64(min_);
  writer.f64(max_);
  writer.i64(scale_);
  writer.u64(zero_count_);
  positive_.write(writer);
  negative_.write(writer);
}

Result<ExponentialHistogram> ExponentialHistogram::restore(ByteReader& reader) {
  ExponentialHistogram histogram;
  if (!histogram.read_from(reader)) return malformed();
  if (histogram.count_ == 0) return histogram;
  histogram.sum_ = CompensatedSum::read(reader);
  if (!reader.ok() || !histogram.sum_.finite()) return malformed();
  return histogram;
}

Result<ExponentialHistogram> ExponentialHistogram::restore_without_sum(ByteReader& reader) {
  ExponentialHistogram histogram;
  if (!histogram.read_from(reader)) return malformed();
  return histogram;
}

bool ExponentialHistogram::read_from(ByteReader& reader) {
  if (reader.u8() != kFormat) return false;
  const std::uint64_t max_size = reader.u64();
  const std::int64_t max_scale = reader.i64();
  if (max_size > kSizeMax || max_scale > kBucketScaleMax || max_scale < kBucketScaleMin) {
    return false;
  }
  options_.max_size = static_cast<std::uint16_t>(max_size);
  options_.max_scale = static_cast<std::int8_t>(max_scale);
  options_.zero_threshold = reader.f64() + 0.0;
  count_ = reader.u64();
  if (!reader.ok() || !options_.valid() || count_ > kReadingsMax) return false;
  scale_ = options_.max_scale;
  if (count_ == 0) return true;
  min_ = reader.f64();
  max_ = reader.f64();
  const std::int64_t scale = reader.i64();
  zero_count_ = reader.u64();
  if (scale > max_scale || scale < kBucketScaleMin) return false;
  scale_ = static_cast<std::int8_t>(scale);
  auto positive = BucketCounts::read(reader, options_.max_size);
  if (!positive) return false;
  auto negative = BucketCounts::read(reader, options_.max_size);
  if (!negative || !reader.ok()) return false;
  positive_ = std::move(*positive);
  negative_ = std::move(*negative);
  return consistent();
}

Result<ExponentialHistogram> ExponentialHistogram::of(const HistogramOptions& options,
                                                      Point point) {
  if (!options.valid() || point.scale > options.max_scale || point.scale < kBucketScaleMin) {
    return malformed();
  }
  if (point.positive.size() > options.max_size || point.negative.size() > options.max_size) {
    return malformed();
  }
  ExponentialHistogram histogram(options);
  histogram.scale_ = static_cast<std::int8_t>(point.scale);
  histogram.zero_count_ = point.zero_count;
  histogram.min_ = point.min + 0.0;
  histogram.max_ = point.max + 0.0;
  histogram.positive_ = std::move(point.positive);
  histogram.negative_ = std::move(point.negative);
  if (point.zero_count > kReadingsMax) return malformed();
  histogram.count_ = point.zero_count + histogram.positive_.total() + histogram.negative_.total();
  if (histogram.count_ == 0 || histogram.count_ > kReadingsMax || !histogram.consistent()) {
    return malformed();
  }
  return histogram;
}

/// Whether readings exist that give this state: min and max lie in the outermost buckets.
bool ExponentialHistogram::consistent() const {
  const auto in_bucket = [this](double magnitude, std::int32_t index) {
    return magnitude > options_.zero_threshold && bucket_index(magnitude, scale_) == index;
  };
  const auto in_zero = [this](double v) { return std::abs(v) <= options_.zero_threshold; };
  if (!std::isfinite(min_) || !std::isfinite(max_) || min_ > max_) return false;
  if (zero_count_ > count_ || positive_.total() + negative_.total() != count_ - zero_count_) {
    return false;
  }
  const bool min_fits = !negative_.empty() ? min_ < 0 && in_bucket(-min_, negative_.last())
                        : zero_count_ != 0 ? in_zero(min_)
                                           : min_ > 0 && in_bucket(min_, positive_.first());
  const bool max_fits = !positive_.empty() ? max_ > 0 && in_bucket(max_, positive_.last())
                        : zero_count_ != 0 ? in_zero(max_)
                                           : max_ < 0 && in_bucket(-max_, negative_.first());
  return min_fits && max_fits;
}

std::size_t ExponentialHistogram::state_bytes() const {
  return sizeof *this + positive_.heap_bytes() + negative_.heap_bytes();
}

}  // namespace sluice
