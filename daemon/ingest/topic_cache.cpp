#include "ingest/topic_cache.h"

#include <utility>

namespace sluice {
namespace {
// A node of the map, its bucket and the value in it, beside the bytes of the strings.
constexpr std::size_t kTopicBytes = 192;
constexpr std::size_t kLabelBytes = 64;
constexpr std::size_t kSeriesBytes = 72;
}  // namespace

TopicCache::TopicCache(std::size_t source_count, std::size_t bytes_max)
    : bytes_max_(bytes_max), sources_(source_count) {}

TopicEntry* TopicCache::find(std::size_t source, const std::string& topic) {
  auto& topics = sources_[source];
  const auto it = topics.find(topic);
  return it == topics.end() ? nullptr : &it->second;
}

TopicEntry& TopicCache::add(std::size_t source, const std::string& topic, Labels labels) {
  bytes_ += kTopicBytes + topic.size();
  for (const auto& [name, value] : labels) bytes_ += kLabelBytes + name.size() + value.size();
  TopicEntry& entry = sources_[source][topic];
  entry.labels = std::move(labels);
  return entry;
}

void TopicCache::add_series(TopicEntry& entry, std::string key, SeriesId id) {
  const std::size_t size = kSeriesBytes + key.size();
  if (entry.series.emplace(std::move(key), id).second) bytes_ += size;
}

void TopicCache::trim() {
  if (bytes_ <= bytes_max_) return;
  for (auto& topics : sources_) topics = {};
  bytes_ = 0;
}

}  // namespace sluice
