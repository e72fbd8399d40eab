#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <optional>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace sluice {

/// A queue between two threads with a fixed capacity. What a full queue means is the producer's
/// decision and stands in the call it makes: `try_push` refuses, `push` waits.
template <typename T>
class BoundedQueue {
 public:
  explicit BoundedQueue(std::size_t capacity) : capacity_(capacity) {}

  /// False, and `item` untouched, when full or closed.
  bool try_push(T&& item) {
    {
      MutexLock lock(mutex_);
      if (closed_ || items_.size() >= capacity_) return false;
      items_.push_back(std::move(item));
    }
    not_empty_.notify_one();
    return true;
  }

  /// Waits for room. False when the queue was closed.
  bool push(T&& item) {
    {
      MutexLock lock(mutex_);
      while (!closed_ && items_.size() >= capacity_) not_full_.wait(mutex_);
      if (closed_) return false;
      items_.push_back(std::move(item));
    }
    not_empty_.notify_one();
    return true;
  }

  /// Waits up to `timeout` for an item. Empty after the time-out, or when closed and drained.
  template <typename Duration>
  std::optional<T> pop_for(Duration timeout) {
    std::optional<T> item;
    {
      const auto until = std::chrono::steady_clock::now() + timeout;
      MutexLock lock(mutex_);
      while (items_.empty() && !closed_) {
        const auto left = until - std::chrono::steady_clock::now();
        if (left <= left.zero()) break;
        not_empty_.wait_for(mutex_, left);
      }
      if (items_.empty()) return std::nullopt;
      item.emplace(std::move(items_.front()));
      items_.pop_front();
    }
    not_full_.notify_one();
    return item;
  }

  /// Takes up to `count_max` items, waiting up to `timeout` for the first one. [consumer]
  template <typename Duration>
  std::size_t pop_many(std::vector<T>& out, std::size_t count_max, Duration timeout) {
    std::size_t count = 0;
    {
      const auto until = std::chrono::steady_clock::now() + timeout;
      MutexLock lock(mutex_);
      while (items_.empty() && !closed_) {
        const auto left = until - std::chrono::steady_clock::now();
        if (left <= left.zero()) break;
        not_empty_.wait_for(mutex_, left);
      }
      while (count < count_max && !items_.empty()) {
        out.push_back(std::move(items_.front()));
        items_.pop_front();
        ++count;
      }
    }
    if (count > 0) not_full_.notify_all();
    return count;
  }

  /// Refuses further pushes; what is inside can still be popped.
  void close() {
    {
      MutexLock lock(mutex_);
      closed_ = true;
    }
    not_empty_.notify_all();
    not_full_.notify_all();
  }

  std::size_t size() const {
    MutexLock lock(mutex_);
    return items_.size();
  }
  bool closed() const {
    MutexLock lock(mutex_);
    return closed_;
  }
  std::size_t capacity() const { return capacity_; }

 private:
  const std::size_t capacity_;
  mutable Mutex mutex_;
  CondVar not_empty_;
  CondVar not_full_;
  std::deque<T> items_ SLUICE_GUARDED_BY(mutex_);
  bool closed_ SLUICE_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice
