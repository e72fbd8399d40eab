#include "pipeline/series_patterns.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

constexpr TopOptions kOptions{.capacity = 512, .key_bytes_max = 512};
/// What is behind belongs to no pattern: a topic may have 500 levels.
constexpr std::size_t kPartsMax = 16;

std::vector<SeriesPatterns::Pattern> sure_ones(const SpaceSaving& counted, std::size_t count_max) {
  std::vector<SeriesPatterns::Pattern> all;
  for (const SpaceSaving::Counter& counter : counted.top(kOptions.capacity)) {
    const std::uint64_t sure = counter.count - counter.error;
    if (sure > 1) all.push_back({counter.key, sure});
  }
  const auto more = [](const auto& a, const auto& b) { return a.count > b.count; };
  std::stable_sort(all.begin(), all.end(), more);
  if (all.size() > count_max) all.resize(count_max);
  return all;
}

}  // namespace

SeriesPatterns::SeriesPatterns() : topics_(kOptions), series_(kOptions) {}

void SeriesPatterns::add_topic(std::string_view source, std::string_view topic) {
  std::size_t from = 0;
  for (std::size_t part = 0; part < kPartsMax; ++part) {
    const std::size_t to = std::min(topic.find('/', from), topic.size());
    std::string pattern(source);
    pattern += ' ';
    pattern += topic.substr(0, from);
    pattern += '+';
    pattern += topic.substr(to);
    topics_.add_key(pattern);
    if (to == topic.size()) return;
    from = to + 1;
  }
}

void SeriesPatterns::add_series(const Series& series) {
  Series pattern = series;
  const auto count_without = [&](std::string& part) {
    const std::string kept = std::exchange(part, "*");
    series_.add_key(pattern.to_string());
    part = kept;
  };
  count_without(pattern.measurement);
  for (std::size_t i = 0; i < pattern.labels.size() && i < kPartsMax; ++i) {
    count_without(pattern.labels[i].second);
  }
}

std::vector<SeriesPatterns::Pattern> SeriesPatterns::topics(std::size_t count_max) const {
  return sure_ones(topics_, count_max);
}

std::vector<SeriesPatterns::Pattern> SeriesPatterns::series(std::size_t count_max) const {
  return sure_ones(series_, count_max);
}

}  // namespace sluice
