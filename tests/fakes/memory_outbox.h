#pragma once

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "model/ports.h"

namespace sluice {

/// The outbox without a disk: rows leave at the commit after their ack, and a crash before that
/// commit brings them back, as with the real one. Any thread.
class MemoryOutbox final : public SummarySource {
 public:
  Result<Identity> identity() override {
    MutexLock lock(mutex_);
    return identity_;
  }
  /// As when the process that made all these rows finds its database set back.
  void take_rows_to(const Identity& identity) {
    MutexLock lock(mutex_);
    identity_ = identity;
    for (auto& [seq, made_under] : identities_) made_under = identity;
  }
  /// Rows appended from here on are made under this one.
  void set_identity(Identity identity) {
    MutexLock lock(mutex_);
    identity_ = std::move(identity);
  }
  std::int64_t append(std::string bytes) {
    MutexLock lock(mutex_);
    identities_[next_seq_] = identity_;
    const std::int64_t seq = next_seq_++;
    history_[seq] = bytes;
    rows_[seq] = std::move(bytes);
    return seq;
  }
  Result<std::vector<OutboxRow>> read_outbox(std::int64_t after_seq,
                                             std::size_t bytes_max) override {
    MutexLock lock(mutex_);
    if (failing_reads_ > 0) {
      --failing_reads_;
      return unavailable("the disk is slow today");
    }
    std::vector<OutboxRow> out;
    std::size_t bytes = 0;
    for (auto it = rows_.upper_bound(after_seq); it != rows_.end(); ++it) {
      bytes += it->second.size();
      const Identity& made_under = identities_[it->first];
      if (!out.empty() && (bytes > bytes_max || !(out.front().identity == made_under))) break;
      OutboxRow row;
      row.seq = it->first;
      row.pipeline = "room";
      row.bytes = it->second;
      row.identity = made_under;
      out.push_back(std::move(row));
    }
    return out;
  }
  void acknowledge(const std::vector<std::int64_t>& seqs) override {
    MutexLock lock(mutex_);
    for (const std::int64_t seq : seqs) {
      unknown_acks_ += history_.contains(seq) ? 0 : 1;
      acked_.insert(seq);
    }
    changed_.notify_all();
  }
  Result<bool> misses_acked(const Identity& of, std::int64_t highest_seq) override {
    MutexLock lock(mutex_);
    const auto taken_back = std::erase_if(acked_, [&](std::int64_t seq) SLUICE_REQUIRES(mutex_) {
      return seq > highest_seq && rows_.contains(seq) && identities_[seq] == of;
    });
    const bool left = left_seq_ > highest_seq && identities_[left_seq_] == of;
    if (left) {
      left_seq_ = highest_seq;
      ++missing_told_;
    }
    return left || taken_back > 0;
  }
  Status give_up(const Identity& of, std::int64_t first_seq, std::int64_t last_seq,
                 GiveUp why) override {
    MutexLock lock(mutex_);
    for (auto it = rows_.begin(); it != rows_.end();) {
      if (!(identities_[it->first] == of) || it->first < first_seq || it->first > last_seq) {
        ++it;
        continue;
      }
      given_up_[why].push_back(it->first);
      history_.erase(it->first);
      it = rows_.erase(it);
    }
    changed_.notify_all();
    return {};
  }

  void commit() {
    MutexLock lock(mutex_);
    for (const std::int64_t seq : acked_) {
      if (rows_.erase(seq) > 0) left_seq_ = std::max(left_seq_, seq);
    }
  }
  /// How often acknowledged rows that have left were found missing at the cloud.
  int missing_told() const {
    MutexLock lock(mutex_);
    return missing_told_;
  }
  /// Acks of rows that no commit has taken out yet are forgotten.
  void crash() {
    MutexLock lock(mutex_);
    std::erase_if(acked_,
                  [this](std::int64_t seq) SLUICE_REQUIRES(mutex_) { return rows_.contains(seq); });
  }
  void fail_reads(int count) {
    MutexLock lock(mutex_);
    failing_reads_ = count;
  }
  /// The database of an earlier day: it will give out numbers the hub has seen.
  void rewind_to(std::int64_t next_seq) {
    MutexLock lock(mutex_);
    next_seq_ = next_seq;
  }

  /// By cause.
  std::map<GiveUp, std::vector<std::int64_t>> given_up() const {
    MutexLock lock(mutex_);
    return given_up_;
  }
  std::int64_t next_seq() const {
    MutexLock lock(mutex_);
    return next_seq_;
  }
  /// Every row there ever was.
  std::map<std::int64_t, std::string> history() const {
    MutexLock lock(mutex_);
    return history_;
  }
  int unknown_acks() const {
    MutexLock lock(mutex_);
    return unknown_acks_;
  }
  /// False when rows are left unacknowledged after `patience`.
  bool wait_all_acked(std::chrono::seconds patience = std::chrono::seconds(60)) {
    const auto until = std::chrono::steady_clock::now() + patience;
    MutexLock lock(mutex_);
    const auto waits = [this]() SLUICE_REQUIRES(mutex_) {
      return std::any_of(history_.begin(), history_.end(),
                         [this](const auto& row)
                             SLUICE_REQUIRES(mutex_) { return !acked_.contains(row.first); });
    };
    while (waits()) {
      const auto left = until - std::chrono::steady_clock::now();
      if (left <= left.zero()) return false;
      changed_.wait_for(mutex_, left);
    }
    return true;
  }

 private:
  mutable Mutex mutex_;
  CondVar changed_;
  std::int64_t next_seq_ SLUICE_GUARDED_BY(mutex_) = 1;
  std::map<std::int64_t, std::string> rows_ SLUICE_GUARDED_BY(mutex_);
  std::map<std::int64_t, std::string> history_ SLUICE_GUARDED_BY(mutex_);
  std::set<std::int64_t> acked_ SLUICE_GUARDED_BY(mutex_);
  Identity identity_ SLUICE_GUARDED_BY(mutex_);
  std::map<std::int64_t, Identity> identities_ SLUICE_GUARDED_BY(mutex_);
  std::map<GiveUp, std::vector<std::int64_t>> given_up_ SLUICE_GUARDED_BY(mutex_);
  int failing_reads_ SLUICE_GUARDED_BY(mutex_) = 0;
  int unknown_acks_ SLUICE_GUARDED_BY(mutex_) = 0;
  std::int64_t left_seq_ SLUICE_GUARDED_BY(mutex_) = 0;  // highest one that left acknowledged
  int missing_told_ SLUICE_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice
