#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "base/mutex.h"
#include "pipeline/series_patterns.h"

namespace sluice {

/// What was rejected as `series_cap` since the start, so that an operator sees which device it is.
/// [pipeline] adds, any thread may look.
class RefusedSeries {
 public:
  struct View {
    std::uint64_t messages = 0;
    std::vector<SeriesPatterns::Pattern> topics;  ///< most first; of messages, not of topics
    std::vector<SeriesPatterns::Pattern> series;
  };

  void add(std::string_view source, std::string_view topic, const std::optional<Series>& series) {
    MutexLock lock(mutex_);
    ++messages_;
    patterns_.add_topic(source, topic);
    if (series) patterns_.add_series(*series);
  }
  View view(std::size_t patterns_max) const {
    MutexLock lock(mutex_);
    return {messages_, patterns_.topics(patterns_max), patterns_.series(patterns_max)};
  }

 private:
  mutable Mutex mutex_;
  std::uint64_t messages_ SLUICE_GUARDED_BY(mutex_) = 0;
  SeriesPatterns patterns_ SLUICE_GUARDED_BY(mutex_);
};

}  // namespace sluice
