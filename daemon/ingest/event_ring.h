#pragma once

#include <chrono>
#include <cstddef>
#include <deque>
#include <vector>

#include "base/mutex.h"
#include "model/message.h"

namespace sluice {

/// The queue between Paho's thread and the pipeline: one order for all sources, and bounds per
/// source, so that a flood from one broker cannot push out the messages of another.
/// When full it refuses; what that means depends on the QoS and is the session's decision.
class EventRing {
 public:
  struct Bounds {
    std::size_t events_max;
    std::size_t bytes_max;  ///< topics and payloads
  };
  explicit EventRing(const std::vector<Bounds>& per_source);

  /// False, and nothing kept, when the source's share is full. Messages of QoS 0 get half of it:
  /// they can be dropped, the others only by giving up the connection. The end of a connection
  /// always has room. [Paho's thread, sl-mqtt]
  bool try_push(IngestEvent&& event);

  /// Appends up to `count_max` events, waiting up to `timeout` for the first and a few
  /// milliseconds more for company: waking up for each one would cost more than it does. [pipeline]
  std::size_t take(std::vector<IngestEvent>& out, std::size_t count_max,
                   std::chrono::milliseconds timeout);

  std::size_t size() const;

 private:
  struct Share {
    Bounds bounds;
    std::size_t events = 0;
    std::size_t bytes = 0;
  };

  bool wait_for_events(std::size_t count, std::chrono::steady_clock::time_point until)
      SLUICE_REQUIRES(mutex_);

  mutable Mutex mutex_;
  CondVar enough_;
  std::size_t wanted_ SLUICE_GUARDED_BY(mutex_) = 0;  ///< by the taker that waits; 0: none does
  std::deque<IngestEvent> events_ SLUICE_GUARDED_BY(mutex_);
  std::vector<Share> shares_ SLUICE_GUARDED_BY(mutex_);
};

}  // namespace sluice
