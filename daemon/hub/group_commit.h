#pragma once

#include <cstddef>
#include <future>

#include "base/bounded_queue.h"
#include "base/thread.h"
#include "hub/hub_store.h"

namespace sluice::hub {

/// Lets many streams share transactions: whatever waits when the store is free is committed
/// together, so that one flush serves all of them.
///
/// Owns the thread [hub-store], which alone writes to the store.
class GroupCommit {
 public:
  /// At most `waiting_max` callers wait inside; the next ones wait for room. `store` is borrowed.
  GroupCommit(HubStore& store, std::size_t waiting_max);
  /// Commits what waits, then ends the thread. No `commit` may start meanwhile.
  ~GroupCommit();

  /// Blocks until the change is on flash or refused. Any thread.
  Outcome commit(const Change& change);

 private:
  struct Waiting {
    const Change* change = nullptr;
    std::promise<Outcome> outcome;
  };
  void run();

  HubStore& store_;
  BoundedQueue<Waiting> queue_;
  Thread thread_;  // last: the others are there while it runs
};

}  // namespace sluice::hub
