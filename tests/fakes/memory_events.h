#pragma once

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "model/ports.h"

namespace sluice {

/// Events without a disk: what is acknowledged leaves with commit(), as it does from a store. One
/// thread.
class MemoryEvents final : public EventSource {
 public:
  explicit MemoryEvents(std::string epoch) : epoch_(std::move(epoch)) {}

  /// Under the epoch of now; answers its number.
  std::int64_t append(ToldEvent told) {
    const std::int64_t seq = next_seq_++;
    rows_[seq] = {seq, epoch_, std::move(told)};
    history_.push_back(rows_[seq]);
    return seq;
  }
  void set_epoch(std::string epoch) { epoch_ = std::move(epoch); }
  void commit() { rows_.erase(rows_.begin(), rows_.upper_bound(acked_seq_)); }
  /// The process is killed: acknowledgements that are not committed are forgotten.
  void kill() { acked_seq_ = 0; }

  Result<std::vector<EventRow>> read_events(std::int64_t after_seq,
                                            std::size_t count_max) override {
    ++reads;
    if (failing_reads > 0) {
      --failing_reads;
      return unavailable("the disk is slow today");
    }
    std::vector<EventRow> out;
    for (auto it = rows_.upper_bound(after_seq); it != rows_.end() && out.size() < count_max; ++it)
      out.push_back(it->second);
    return out;
  }
  void acknowledge_events(std::int64_t seq) override { acked_seq_ = std::max(acked_seq_, seq); }

  bool empty() const { return rows_.empty(); }
  std::int64_t acked_seq() const { return acked_seq_; }
  /// Every event there ever was.
  const std::vector<EventRow>& history() const { return history_; }

  int failing_reads = 0;
  int reads = 0;

 private:
  std::string epoch_;
  std::int64_t next_seq_ = 1;
  std::int64_t acked_seq_ = 0;
  std::map<std::int64_t, EventRow> rows_;
  std::vector<EventRow> history_;
};

}  // namespace sluice
