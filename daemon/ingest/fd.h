#pragma once

#include <chrono>

#include "base/unique_fd.h"

namespace sluice {

/// Wakes a thread that waits in poll. Any thread signals; one thread waits.
class WakeFd {
 public:
  WakeFd();
  void signal();
  /// Forgets earlier signals.
  void clear();
  /// True when signalled within `timeout`; the signal stays.
  bool wait_for(std::chrono::milliseconds timeout) const;
  int get() const { return fd_.get(); }

 private:
  UniqueFd fd_;
};

}  // namespace sluice
