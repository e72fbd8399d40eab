#pragma once

#include <condition_variable>
#include <mutex>

// clang -Wthread-safety annotations; nothing under gcc.
#if defined(__clang__)
#define SLUICE_TSA(x) __attribute__((x))
#else
#define SLUICE_TSA(x)
#endif
#define SLUICE_GUARDED_BY(m) SLUICE_TSA(guarded_by(m))
#define SLUICE_REQUIRES(m) SLUICE_TSA(requires_capability(m))

namespace sluice {

/// std::mutex that clang can check. A mutex is the exception here: rooms talk through queues.
class SLUICE_TSA(capability("mutex")) Mutex {
 public:
  void lock() SLUICE_TSA(acquire_capability()) { mutex_.lock(); }
  void unlock() SLUICE_TSA(release_capability()) { mutex_.unlock(); }

 private:
  std::mutex mutex_;
};

class SLUICE_TSA(scoped_lockable) MutexLock {
 public:
  explicit MutexLock(Mutex& mutex) SLUICE_TSA(acquire_capability(mutex)) : mutex_(mutex) {
    mutex_.lock();
  }
  ~MutexLock() SLUICE_TSA(release_capability()) { mutex_.unlock(); }
  MutexLock(const MutexLock&) = delete;
  MutexLock& operator=(const MutexLock&) = delete;

 private:
  Mutex& mutex_;
};

/// Waits with a held Mutex; spurious wake-ups are the caller's to loop over.
class CondVar {
 public:
  void wait(Mutex& mutex) SLUICE_REQUIRES(mutex) { cv_.wait(mutex); }
  template <typename Duration>
  std::cv_status wait_for(Mutex& mutex, Duration duration) SLUICE_REQUIRES(mutex) {
    return cv_.wait_for(mutex, duration);
  }
  void notify_one() { cv_.notify_one(); }
  void notify_all() { cv_.notify_all(); }

 private:
  std::condition_variable_any cv_;
};

}  // namespace sluice
