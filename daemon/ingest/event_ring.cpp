#include "ingest/event_ring.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"

namespace sluice {
namespace {

/// Few, so that a small in-flight window never waits for company that cannot come.
constexpr std::size_t kCompany = 8;
constexpr auto kCompanyWait = std::chrono::milliseconds(8);

std::size_t bytes_of(const IngestEvent& event) { return event.topic.size() + event.payload.size(); }

}  // namespace

EventRing::EventRing(const std::vector<Bounds>& per_source) {
  for (const Bounds& bounds : per_source) shares_.push_back({bounds});
}

bool EventRing::try_push(IngestEvent&& event) {
  bool enough = false;
  {
    const std::size_t bytes = bytes_of(event);
    const bool droppable = event.kind == IngestEvent::Kind::message && event.qos == 0;
    const std::size_t part = droppable ? 2 : 1;
    MutexLock lock(mutex_);
    SLUICE_ASSERT(event.position.source < shares_.size());
    Share& share = shares_[event.position.source];
    // The next connection begins only where there is room, so there is one end too many at most.
    const bool must = event.kind == IngestEvent::Kind::disconnected;
    if (!must && share.events + 1 > share.bounds.events_max / part) return false;
    if (!must && share.bytes + bytes > share.bounds.bytes_max / part) return false;
    share.events += 1;
    share.bytes += bytes;
    events_.push_back(std::move(event));
    enough = wanted_ > 0 && events_.size() >= wanted_;
    if (enough) wanted_ = 0;
  }
  if (enough) enough_.notify_one();
  return true;
}

bool EventRing::wait_for_events(std::size_t count, std::chrono::steady_clock::time_point until) {
  while (events_.size() < count) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) break;
    wanted_ = count;
    enough_.wait_for(mutex_, left);
  }
  wanted_ = 0;
  return events_.size() >= count;
}

std::size_t EventRing::take(std::vector<IngestEvent>& out, std::size_t count_max,
                            std::chrono::milliseconds timeout) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  MutexLock lock(mutex_);
  if (wait_for_events(1, until)) {
    wait_for_events(std::min(kCompany, count_max),
                    std::min(until, std::chrono::steady_clock::now() + kCompanyWait));
  }
  std::size_t count = 0;
  for (; count < count_max && !events_.empty(); ++count) {
    Share& share = shares_[events_.front().position.source];
    share.events -= 1;
    share.bytes -= bytes_of(events_.front());
    out.push_back(std::move(events_.front()));
    events_.pop_front();
  }
  return count;
}

std::size_t EventRing::size() const {
  MutexLock lock(mutex_);
  return events_.size();
}

}  // namespace sluice
