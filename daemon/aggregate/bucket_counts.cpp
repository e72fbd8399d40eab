#include "aggregate/bucket_counts.h"

#include <algorithm>
#include <cstring>
#include <limits>

#include "aggregate/aggregate.h"

namespace sluice {
namespace {

/// What the smallest block of a heap holds anyway.
constexpr std::size_t kBytesFirst = 24;

template <typename T>
std::uint64_t load(const std::uint8_t* at) {
  T v;
  std::memcpy(&v, at, sizeof v);
  return v;
}

template <typename T>
void store(std::uint8_t* at, std::uint64_t count) {
  const auto v = static_cast<T>(count);
  std::memcpy(at, &v, sizeof v);
}

unsigned width_of(std::uint64_t count) {
  if (count <= 0xFF) return 1;
  if (count <= 0xFFFF) return 2;
  return count <= 0xFFFFFFFF ? 4 : 8;
}

}  // namespace

std::uint64_t BucketCounts::get(std::size_t place) const {
  const std::uint8_t* at = bytes_.data() + place * width_;
  switch (width_) {
    case 1: return *at;
    case 2: return load<std::uint16_t>(at);
    case 4: return load<std::uint32_t>(at);
    default: return load<std::uint64_t>(at);
  }
}

void BucketCounts::put(std::size_t place, std::uint64_t count) {
  if (const unsigned width = width_of(count); width > width_) widen(width);
  std::uint8_t* at = bytes_.data() + place * width_;
  switch (width_) {
    case 1: *at = static_cast<std::uint8_t>(count); return;
    case 2: return store<std::uint16_t>(at, count);
    case 4: return store<std::uint32_t>(at, count);
    default: return store<std::uint64_t>(at, count);
  }
}

void BucketCounts::widen(unsigned width) {
  BucketCounts wide;
  wide.size_ = size_;
  wide.first_ = first_;
  wide.width_ = static_cast<std::uint8_t>(width);
  wide.bytes_.resize(size_ * std::size_t{width});
  for (std::size_t i = 0; i < size_; ++i) wide.put(i, get(i));
  *this = std::move(wide);
}

void BucketCounts::cover(std::int32_t first, std::int32_t last) {
  if (size_ == 0) {
    bytes_.reserve(kBytesFirst);
    bytes_.assign((static_cast<std::size_t>(last - first) + 1) * width_, 0);
  } else {
    const auto before = static_cast<std::size_t>(first_ - first);
    const auto after = static_cast<std::size_t>(last - this->last());
    bytes_.insert(bytes_.begin(), before * width_, 0);
    bytes_.resize(bytes_.size() + after * width_);
  }
  first_ = first;
  size_ = static_cast<std::uint32_t>(last - first) + 1;
}

std::uint64_t BucketCounts::at(std::int32_t index) const {
  if (size_ == 0 || index < first_ || index > last()) return 0;
  return get(static_cast<std::size_t>(index - first_));
}

std::uint64_t BucketCounts::total() const {
  std::uint64_t sum = 0;
  for (std::size_t i = 0; i < size_; ++i) sum += get(i);
  return sum;
}

void BucketCounts::add(std::int32_t index, std::uint64_t count) {
  if (size_ == 0) {
    cover(index, index);
  } else if (index < first_ || index > last()) {
    cover(std::min(index, first_), std::max(index, last()));
  }
  const auto place = static_cast<std::size_t>(index - first_);
  put(place, get(place) + count);
}

std::size_t BucketCounts::next_filled(std::size_t place) const {
  const std::size_t step = 8u / width_;  // most buckets are empty: eight bytes at a time
  while (place + step <= size_ && load<std::uint64_t>(bytes_.data() + place * width_) == 0) {
    place += step;
  }
  while (place < size_ && get(place) == 0) ++place;
  return place;
}

void BucketCounts::add(const BucketCounts& other, int shift) {
  for (std::size_t i = other.next_filled(0); i < other.size_; i = other.next_filled(i + 1)) {
    add((other.first_ + static_cast<std::int32_t>(i)) >> shift, other.get(i));
  }
}

void BucketCounts::coarsen(int shift) {
  if (size_ == 0 || shift == 0) return;
  const std::int32_t first = first_ >> shift;
  const std::int32_t last = this->last() >> shift;
  for (std::size_t i = next_filled(0); i < size_; i = next_filled(i + 1)) {
    const std::int32_t index = (first_ + static_cast<std::int32_t>(i)) >> shift;
    const auto place = static_cast<std::size_t>(index - first);  // never behind i
    if (place == i) continue;
    const std::uint64_t count = get(i);
    put(i, 0);
    put(place, get(place) + count);
  }
  first_ = first;
  size_ = static_cast<std::uint32_t>(last - first) + 1;
  bytes_.resize(size_ * std::size_t{width_});
}

std::uint64_t BucketCounts::take_first() {
  const std::uint64_t count = get(0);
  std::size_t empty = 1;
  while (empty < size_ && get(empty) == 0) ++empty;
  bytes_.erase(bytes_.begin(), bytes_.begin() + static_cast<std::ptrdiff_t>(empty * width_));
  size_ -= static_cast<std::uint32_t>(empty);
  first_ += static_cast<std::int32_t>(empty);
  if (size_ == 0) *this = BucketCounts();
  return count;
}

void BucketCounts::write(ByteWriter& writer) const {
  writer.u64(size_);
  if (size_ == 0) return;
  writer.i64(first_);
  for (std::size_t i = 0; i < size_; ++i) {
    const std::uint64_t count = get(i);
    writer.u64(count);
    if (count != 0) continue;
    std::size_t run = 1;
    while (get(i + run) == 0) ++run;  // the last bucket is not empty
    writer.u64(run - 1);
    i += run - 1;
  }
}

std::optional<BucketCounts> BucketCounts::read(ByteReader& reader, std::size_t size_max) {
  BucketCounts counts;
  const std::uint64_t size = reader.u64();
  if (size == 0) return counts;
  const std::int64_t first = reader.i64();
  using Index = std::numeric_limits<std::int32_t>;
  const bool fits = size <= size_max && first >= Index::min() &&
                    first <= Index::max() - static_cast<std::int64_t>(size_max);
  if (!fits) return std::nullopt;
  for (std::uint64_t i = 0; i < size; ++i) {
    const std::uint64_t count = reader.u64();
    if (!reader.ok() || count > kReadingsMax) return std::nullopt;
    if (count != 0) {
      counts.add(static_cast<std::int32_t>(first + static_cast<std::int64_t>(i)), count);
      continue;
    }
    const std::uint64_t more = reader.u64();
    if (i == 0 || more >= size - i - 1) return std::nullopt;
    i += more;
  }
  if (counts.size_ != size) return std::nullopt;
  return counts;
}

bool operator==(const BucketCounts& a, const BucketCounts& b) {
  if (a.size_ != b.size_ || (a.size_ != 0 && a.first_ != b.first_)) return false;
  for (std::size_t i = 0; i < a.size_; ++i) {
    if (a.get(i) != b.get(i)) return false;
  }
  return true;
}

}  // namespace sluice
