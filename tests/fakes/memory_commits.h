#pragma once

#include <optional>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "model/ports.h"

namespace sluice {

/// A store in memory: keeps every group it takes, and what a restart would find. Any thread.
class MemoryCommits final : public CommitSink {
 public:
  bool try_submit(CommitGroup& group) override {
    MutexLock lock(mutex_);
    if (refuse_) return false;
    ledger_.add(group.segment.ledger);
    if (group.checkpoint) {
      checkpoint_ = *group.checkpoint;
      replay_.clear();
    } else {
      replay_.push_back(group.segment);
    }
    groups_.push_back(std::move(group));
    group = {};
    return true;
  }
  std::optional<std::int64_t> behind_since_ns() const override {
    MutexLock lock(mutex_);
    return behind_since_ns_;
  }
  /// What it takes is not on flash from now on, or is again.
  void fall_behind(std::optional<std::int64_t> since_ns) {
    MutexLock lock(mutex_);
    behind_since_ns_ = since_ns;
  }
  void refuse(bool on) {
    MutexLock lock(mutex_);
    refuse_ = on;
  }
  std::vector<CommitGroup> groups() const {
    MutexLock lock(mutex_);
    return groups_;
  }
  std::vector<CheckpointPart> checkpoint() const {
    MutexLock lock(mutex_);
    return checkpoint_;
  }
  std::vector<Segment> segments_after_checkpoint() const {
    MutexLock lock(mutex_);
    return replay_;
  }
  Ledger ledger() const {
    MutexLock lock(mutex_);
    return ledger_;
  }

 private:
  mutable Mutex mutex_;
  bool refuse_ SLUICE_GUARDED_BY(mutex_) = false;
  std::optional<std::int64_t> behind_since_ns_ SLUICE_GUARDED_BY(mutex_);
  std::vector<CommitGroup> groups_ SLUICE_GUARDED_BY(mutex_);
  std::vector<CheckpointPart> checkpoint_ SLUICE_GUARDED_BY(mutex_);
  std::vector<Segment> replay_ SLUICE_GUARDED_BY(mutex_);
  Ledger ledger_ SLUICE_GUARDED_BY(mutex_);
};

}  // namespace sluice
