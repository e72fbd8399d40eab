#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <string>
#include <utility>
#include <vector>

#include "base/mutex.h"

namespace sluice {

/// What came last of the pipelines, for people to look at; memory only. Any thread.
template <typename T>
class Recent {
 public:
  struct Entry {
    std::uint64_t number = 0;  ///< from 1 on since the start
    std::string pipeline;
    T what;
  };
  static constexpr std::size_t kCountMax = 4096;

  void add(const std::string& pipeline, std::vector<T> all) {
    MutexLock lock(mutex_);
    for (T& one : all) entries_.push_front({++last_number_, pipeline, std::move(one)});
    while (entries_.size() > kCountMax) entries_.pop_back();
  }
  /// Newest first; of one pipeline unless `pipeline` is empty, and with a higher number than
  /// `after`.
  std::vector<Entry> list(const std::string& pipeline, std::size_t count_max,
                          std::uint64_t after = 0) const {
    MutexLock lock(mutex_);
    std::vector<Entry> found;
    for (const Entry& entry : entries_) {
      if (found.size() >= count_max || entry.number <= after) break;
      if (pipeline.empty() || entry.pipeline == pipeline) found.push_back(entry);
    }
    return found;
  }

 private:
  mutable Mutex mutex_;
  std::uint64_t last_number_ SLUICE_GUARDED_BY(mutex_) = 0;
  std::deque<Entry> entries_ SLUICE_GUARDED_BY(mutex_);
};

}  // namespace sluice
