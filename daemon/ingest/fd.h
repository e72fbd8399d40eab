#pragma once

#include <chrono>
#include <utility>

namespace sluice {

/// Owns a file descriptor; -1 is none.
class UniqueFd {
 public:
  UniqueFd() = default;
  explicit UniqueFd(int fd) : fd_(fd) {}
  UniqueFd(UniqueFd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  UniqueFd& operator=(UniqueFd&& other) noexcept;
  ~UniqueFd() { reset(); }

  int get() const { return fd_; }
  bool valid() const { return fd_ >= 0; }
  void reset();

 private:
  int fd_ = -1;
};

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
