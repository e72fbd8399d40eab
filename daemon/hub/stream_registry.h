#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "hub/hub_store.h"

namespace sluice::hub {

/// The open streams of one kind, uplink or control: how many, whose, and which of them is the live
/// one of its node. Control streams have keys without an epoch.
///
/// Any thread. Outlives every Stream it gave out.
class StreamRegistry {
 public:
  /// One open stream; leaves the registry when it goes. Thread: the stream's own.
  class Stream {
   public:
    ~Stream();
    Stream(const Stream&) = delete;
    Stream& operator=(const Stream&) = delete;

    /// Makes this the live stream of `node`. A stream of the same process (`instance`) that is
    /// still there is a connection which died unnoticed: it is cancelled and this one takes over.
    /// `already_exists` when another process is live under the same name and epoch.
    Status greet(const NodeKey& node, const std::string& instance);

   private:
    friend class StreamRegistry;
    Stream(StreamRegistry& registry, std::function<void()> cancel, std::int64_t since_ns)
        : registry_(registry), cancel_(std::move(cancel)), since_ns_(since_ns) {}

    StreamRegistry& registry_;
    const std::function<void()> cancel_;
    const std::int64_t since_ns_;  // CLOCK_BOOTTIME
    // Guarded by the registry's mutex, as all that follows.
    bool greeted_ = false;
    NodeKey node_;
    std::string instance_;
  };

  StreamRegistry(const Clock& clock, std::size_t streams_max)
      : clock_(clock), streams_max_(streams_max) {}

  /// `cancel` ends the stream from outside; it is called at most with the stream still registered,
  /// from any thread, and must not call back. `resource_exhausted` past `streams_max`.
  Result<std::unique_ptr<Stream>> enter(std::function<void()> cancel);

  bool is_connected(const NodeKey& node) const;

  /// Cancels every stream that has been open for `age` without a Hello.
  void cancel_silent(std::chrono::milliseconds age);

 private:
  const Clock& clock_;
  const std::size_t streams_max_;
  mutable Mutex mutex_;
  std::set<Stream*> open_ SLUICE_GUARDED_BY(mutex_);
  std::map<NodeKey, Stream*> live_ SLUICE_GUARDED_BY(mutex_);
};

}  // namespace sluice::hub
