#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <vector>

#include "base/status.h"

namespace sluice {

/// Batches of one stream that are on the wire and not yet acknowledged, bounded in bytes.
class SendWindow {
 public:
  /// Within `bytes_max` in all. A batch larger than that fits when nothing else is under way, else
  /// it would never leave.
  bool fits(std::size_t bytes, std::size_t bytes_max) const {
    return batches_.empty() || bytes_ + bytes <= bytes_max;
  }
  /// Enters the next batch of the stream; the first one is number 1. `seqs` rise.
  std::uint64_t add(std::vector<std::int64_t> seqs, std::size_t bytes);
  /// The rows of every batch up to `batch_no`, in order; none when it was acknowledged before.
  /// `failed_precondition` for a batch that was never entered: then nothing leaves.
  Result<std::vector<std::int64_t>> acknowledge(std::uint64_t batch_no);

  bool empty() const { return batches_.empty(); }
  std::size_t bytes() const { return bytes_; }

 private:
  struct Batch {
    std::uint64_t no;
    std::vector<std::int64_t> seqs;
    std::size_t bytes;
  };
  std::deque<Batch> batches_;
  std::size_t bytes_ = 0;
  std::uint64_t last_no_ = 0;
};

}  // namespace sluice
