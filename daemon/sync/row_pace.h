#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <limits>

namespace sluice {

/// How many bytes of rows may be under way on one stream.
///
/// An event goes ahead of the rows that wait here, but not of those on the wire or in the hub's
/// queue. So no more leave than arrive within kQueue_ns beyond the shortest time that any took: as
/// many as link and hub carry, and hardly a queue before them. Times are CLOCK_BOOTTIME, ns. [sync]
class RowPace {
 public:
  static constexpr std::size_t kBytesMin = 64 * 1024;
  static constexpr std::int64_t kQueue_ns = 100'000'000;

  explicit RowPace(std::size_t bytes_max)
      : bytes_max_(bytes_max), bytes_(std::min(kBytesMin, bytes_max)) {}

  /// May be under way.
  std::size_t bytes() const { return bytes_; }
  /// Of one batch, so small that several are under way: a long way does not stop the sending, nor
  /// does a hub that acknowledges some together.
  std::size_t batch_bytes() const { return std::min(kBatchMax, bytes_ / 4); }
  /// The batch left; with it, so many bytes are under way. Numbers rise.
  void sent(std::uint64_t batch_no, std::size_t bytes_under_way, std::int64_t now_ns);
  /// Every batch up to this one arrived.
  void acknowledged(std::uint64_t batch_no, std::int64_t now_ns);

 private:
  struct Batch {
    std::uint64_t no = 0;
    bool fills = false;  ///< they were so many that fewer or more would make a difference
    std::int64_t sent_ns = 0;
  };
  static constexpr std::size_t kBatchMax = 256 * 1024;

  const std::size_t bytes_max_;
  std::size_t bytes_;
  std::deque<Batch> batches_;      ///< under way
  std::uint64_t judged_from_ = 0;  ///< those before it left under another bound
  std::int64_t shortest_ns_ = std::numeric_limits<std::int64_t>::max();
};

}  // namespace sluice
