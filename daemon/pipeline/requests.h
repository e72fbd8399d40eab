#pragma once

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <deque>
#include <memory>

#include "base/mutex.h"
#include "base/status.h"

namespace sluice {

/// What other threads want of the one that owns the pipelines, oldest first. A request is that
/// thread's from the moment it was asked for; the asker sees it again when it is finished.
template <typename Request>
class Requests {
 public:
  explicit Requests(std::size_t waiting_max) : waiting_max_(waiting_max) {}

  /// Waits until it is finished. `resource_exhausted` when too many ask, `unavailable` after
  /// `timeout` and close(): then it may still be worked on. Any thread but [pipeline].
  Status ask(const std::shared_ptr<Request>& request, std::chrono::milliseconds timeout) {
    const auto deadline = std::chrono::steady_clock::now() + timeout;
    MutexLock lock(mutex_);
    if (waiting_.size() >= waiting_max_) return resource_exhausted("others ask the same already");
    waiting_.push_back(request);
    while (is_waiting(request) && !closed_ && std::chrono::steady_clock::now() < deadline) {
      finished_.wait_for(mutex_, kLookInterval);
    }
    if (!is_waiting(request)) return {};
    std::erase(waiting_, request);
    return unavailable(closed_ ? "the pipelines have stopped" : "the pipelines are too busy");
  }

  bool empty() {
    MutexLock lock(mutex_);
    return waiting_.empty();
  }
  /// Null when nobody wants anything. [pipeline]
  std::shared_ptr<Request> next() {
    MutexLock lock(mutex_);
    return waiting_.empty() ? nullptr : waiting_.front();
  }
  /// [pipeline]
  void finish(const std::shared_ptr<Request>& request) {
    MutexLock lock(mutex_);
    std::erase(waiting_, request);
    finished_.notify_all();
  }
  /// Nothing will be finished any more.
  void close() {
    MutexLock lock(mutex_);
    closed_ = true;
    finished_.notify_all();
  }

 private:
  static constexpr auto kLookInterval = std::chrono::milliseconds(5);

  bool is_waiting(const std::shared_ptr<Request>& request) const SLUICE_REQUIRES(mutex_) {
    return std::find(waiting_.begin(), waiting_.end(), request) != waiting_.end();
  }

  const std::size_t waiting_max_;
  Mutex mutex_;
  CondVar finished_;
  std::deque<std::shared_ptr<Request>> waiting_ SLUICE_GUARDED_BY(mutex_);
  bool closed_ SLUICE_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice
