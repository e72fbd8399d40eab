#pragma once

#include <deque>
#include <utility>
#include <vector>

#include "base/mutex.h"
#include "model/ports.h"

namespace sluice {

/// A broker's worth of events that a test feeds in. Any thread.
class ScriptedMessages final : public MessageSource {
 public:
  void push(IngestEvent event) {
    MutexLock lock(mutex_);
    events_.push_back(std::move(event));
    arrived_.notify_all();
  }
  std::size_t take(std::vector<IngestEvent>& out, std::size_t count_max,
                   std::chrono::milliseconds timeout) override {
    MutexLock lock(mutex_);
    if (events_.empty() && waits) arrived_.wait_for(mutex_, timeout);
    std::size_t count = 0;
    for (; count < count_max && !events_.empty(); ++count) {
      out.push_back(std::move(events_.front()));
      events_.pop_front();
    }
    return count;
  }
  void release(const AckPosition&) override {}
  std::uint64_t take_dropped_qos0(std::uint32_t) override {
    MutexLock lock(mutex_);
    return std::exchange(dropped_, 0);
  }
  /// Of source 0.
  void drop_qos0(std::uint64_t count) {
    MutexLock lock(mutex_);
    dropped_ += count;
  }
  bool empty() const {
    MutexLock lock(mutex_);
    return events_.empty();
  }

  /// False for who drives the engine by step(): an empty take answers at once.
  bool waits = true;

 private:
  mutable Mutex mutex_;
  CondVar arrived_;
  std::deque<IngestEvent> events_ SLUICE_GUARDED_BY(mutex_);
  std::uint64_t dropped_ SLUICE_GUARDED_BY(mutex_) = 0;
};

}  // namespace sluice
