#pragma once

#include <grpcpp/alarm.h>
#include <grpcpp/completion_queue.h>

#include <chrono>
#include <cstdint>

#include "base/mutex.h"

namespace sluice {

/// Everything [sync] waits for, in one place: ends of gRPC operations, pokes and time-outs. So one
/// thread does it all, and nothing it does can block for long.
class EventQueue {
 public:
  enum class Kind : std::uint8_t { operation, poke, timeout };
  struct Event {
    Kind kind;
    std::intptr_t operation = 0;  ///< as given to `tag`
    bool ok = false;              ///< the operation's own result
  };

  EventQueue() = default;
  ~EventQueue();
  EventQueue(const EventQueue&) = delete;
  EventQueue& operator=(const EventQueue&) = delete;

  /// The next event. [sync]
  Event wait(std::chrono::nanoseconds timeout);
  /// Makes `wait` return; pokes before that count as one. Any thread.
  void poke();

  /// For operations that shall end here. `operation` >= 1.
  static void* tag(std::intptr_t operation) { return reinterpret_cast<void*>(operation); }
  grpc::CompletionQueue& queue() { return queue_; }

 private:
  grpc::CompletionQueue queue_;
  Mutex mutex_;
  grpc::Alarm alarm_ SLUICE_GUARDED_BY(mutex_);
  bool poked_ SLUICE_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice
