#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "base/bytes.h"

namespace sluice {

/// Counts of a run of neighbouring buckets, one byte each while none exceeds 255, then 2, 4, 8.
///
/// The first and the last bucket of the run are never empty, so equal counts are equal bytes
/// however they came about. No allocation while empty.
class BucketCounts {
 public:
  bool empty() const { return size_ == 0; }
  std::size_t size() const { return size_; }
  /// Of the run, when not empty.
  std::int32_t first() const { return first_; }
  std::int32_t last() const { return first_ + static_cast<std::int32_t>(size_) - 1; }
  /// 0 outside the run.
  std::uint64_t at(std::int32_t index) const;
  std::uint64_t total() const;

  void add(std::int32_t index, std::uint64_t count = 1);
  /// Adds all of `other`, whose indices shrink by `shift` bits on the way.
  void add(const BucketCounts& other, int shift);
  /// Joins 2^shift neighbours each: one scale coarser per bit.
  void coarsen(int shift);
  /// Takes out the first bucket and gives its count.
  std::uint64_t take_first();

  /// Runs of empty buckets travel as their length.
  void write(ByteWriter& writer) const;
  /// Empty for bytes that `write` cannot have written, or more than `size_max` buckets.
  static std::optional<BucketCounts> read(ByteReader& reader, std::size_t size_max);

  std::size_t heap_bytes() const { return bytes_.capacity(); }
  friend bool operator==(const BucketCounts& a, const BucketCounts& b);

 private:
  std::uint64_t get(std::size_t place) const;
  void put(std::size_t place, std::uint64_t count);
  void widen(unsigned width);
  /// The first place from `place` on that is not empty; size_ when there is none.
  std::size_t next_filled(std::size_t place) const;
  void cover(std::int32_t first, std::int32_t last);

  std::vector<std::uint8_t> bytes_;  ///< size_ * width_, in the machine's order
  std::uint32_t size_ = 0;
  std::int32_t first_ = 0;
  std::uint8_t width_ = 1;  ///< bytes per count
};

}  // namespace sluice
