#pragma once

#include <cstddef>
#include <string>
#include <unordered_map>
#include <vector>

#include "model/series.h"

namespace sluice {

/// What the decoder worked out about one topic of one source.
struct TopicEntry {
  Labels labels;   ///< the captures of the pattern that takes it
  TopicId id = 0;  ///< 0 until a message of it made readings
  /// By the decoder's key: what tells the series of this topic apart.
  std::unordered_map<std::string, SeriesId> series;
};

/// Topics and their series, so that a message like one before it is decoded without making a single
/// name anew. It can be lost at any time, so the answer to a flood of topics is to start over.
///
/// Thread: [pipeline].
class TopicCache {
 public:
  TopicCache(std::size_t source_count, std::size_t bytes_max);

  /// Null when unknown. Entries live until the next `trim`.
  TopicEntry* find(std::size_t source, const std::string& topic);
  TopicEntry& add(std::size_t source, const std::string& topic, Labels labels);
  void add_series(TopicEntry& entry, std::string key, SeriesId id);

  /// Forgets everything when more than `bytes_max` is held; call between messages.
  void trim();
  /// About what is held, in bytes.
  std::size_t bytes() const { return bytes_; }

 private:
  const std::size_t bytes_max_;
  std::vector<std::unordered_map<std::string, TopicEntry>> sources_;
  std::size_t bytes_ = 0;
};

}  // namespace sluice
