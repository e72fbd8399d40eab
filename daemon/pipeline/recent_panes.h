#pragma once

#include <cstddef>
#include <deque>
#include <string>
#include <vector>

#include "base/mutex.h"
#include "model/window.h"

namespace sluice {

/// The panes that closed last, for people to look at; memory only, and so without their aggregates,
/// which may be large. Any thread.
class RecentPanes {
 public:
  struct Entry {
    std::string pipeline;
    Pane pane;
  };
  static constexpr std::size_t kCountMax = 4096;

  void add(const std::string& pipeline, const std::vector<Pane>& panes) {
    MutexLock lock(mutex_);
    for (const Pane& pane : panes) {
      entries_.push_front({pipeline, pane});
      entries_.front().pane.split.reset();
      entries_.front().pane.content.extras.reset();
    }
    while (entries_.size() > kCountMax) entries_.pop_back();
  }
  /// Newest first; of one pipeline unless `pipeline` is empty.
  std::vector<Entry> list(const std::string& pipeline, std::size_t count_max) const {
    MutexLock lock(mutex_);
    std::vector<Entry> found;
    for (const Entry& entry : entries_) {
      if (found.size() >= count_max) break;
      if (pipeline.empty() || entry.pipeline == pipeline) found.push_back(entry);
    }
    return found;
  }

 private:
  mutable Mutex mutex_;
  std::deque<Entry> entries_ SLUICE_GUARDED_BY(mutex_);
};

}  // namespace sluice
