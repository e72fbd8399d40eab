#include "sync/event_queue.h"

#include <grpc/support/time.h>

namespace sluice {
namespace {

// The library's monotonic clock, so that a step of the wall clock moves no time-out (P7).
gpr_timespec after(std::chrono::nanoseconds timeout) {
  const gpr_timespec span = gpr_time_from_nanos(timeout.count(), GPR_TIMESPAN);
  return gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC), span);
}

}  // namespace

EventQueue::~EventQueue() {
  queue_.Shutdown();
  void* tag = nullptr;
  bool ok = false;
  while (queue_.Next(&tag, &ok)) {
  }
}

EventQueue::Event EventQueue::wait(std::chrono::nanoseconds timeout) {
  void* tag = nullptr;
  bool ok = false;
  const auto got = queue_.AsyncNext(&tag, &ok, after(timeout));
  if (got != grpc::CompletionQueue::GOT_EVENT) return {Kind::timeout};
  if (tag != nullptr) return {Kind::operation, reinterpret_cast<std::intptr_t>(tag), ok};
  MutexLock lock(mutex_);
  poked_ = false;
  return {Kind::poke};
}

void EventQueue::poke() {
  MutexLock lock(mutex_);
  if (poked_) return;
  poked_ = true;
  alarm_.Set(&queue_, after(std::chrono::nanoseconds(0)), nullptr);
}

}  // namespace sluice
