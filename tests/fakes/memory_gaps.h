#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/ports.h"

namespace sluice {

/// Gaps without a disk: an acknowledged one is gone at once. One thread.
class MemoryGaps final : public GapSource {
 public:
  explicit MemoryGaps(std::string epoch) : epoch_(std::move(epoch)) {}

  void append(Gap gap) {
    const std::int64_t seq = next_seq_++;
    rows_[seq] = {seq, epoch_, std::move(gap)};
    history_.push_back(rows_[seq]);
  }
  Result<std::vector<GapRow>> read_gaps(std::int64_t after_seq, std::size_t count_max) override {
    if (failing_reads > 0) {
      --failing_reads;
      return unavailable("the disk is slow today");
    }
    std::vector<GapRow> out;
    for (auto it = rows_.upper_bound(after_seq); it != rows_.end() && out.size() < count_max; ++it)
      out.push_back(it->second);
    return out;
  }
  Status acknowledge_gaps(std::int64_t seq) override {
    if (failing_acks > 0) {
      --failing_acks;
      return resource_exhausted("the disk is full");
    }
    rows_.erase(rows_.begin(), rows_.upper_bound(seq));
    return {};
  }

  bool empty() const { return rows_.empty(); }
  /// Every gap there ever was.
  const std::vector<GapRow>& history() const { return history_; }

  int failing_reads = 0;
  int failing_acks = 0;

 private:
  const std::string epoch_;
  std::int64_t next_seq_ = 1;
  std::map<std::int64_t, GapRow> rows_;
  std::vector<GapRow> history_;
};

}  // namespace sluice
