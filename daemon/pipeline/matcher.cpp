#include "pipeline/matcher.h"

#include <algorithm>

namespace sluice {
namespace {
constexpr std::size_t kKnownMax = 1 << 18;  // the memory is a cache: it starts anew past this
}

bool matches_pattern(std::string_view pattern, std::string_view text) {
  std::size_t p = 0;
  std::size_t t = 0;
  std::size_t star = std::string_view::npos;
  std::size_t retry = 0;
  while (t < text.size()) {
    if (p < pattern.size() && pattern[p] == '*') {
      star = p++;
      retry = t;
    } else if (p < pattern.size() && pattern[p] == text[t]) {
      ++p;
      ++t;
    } else if (star != std::string_view::npos) {
      p = star + 1;
      t = ++retry;
    } else {
      return false;
    }
  }
  while (p < pattern.size() && pattern[p] == '*') ++p;
  return p == pattern.size();
}

Matcher::Matcher(MatchSpec spec, const SeriesTable& series, const TopicTable& topics)
    : spec_(std::move(spec)), series_(series), topics_(topics) {}

bool Matcher::wants(SeriesId series, TopicId topic) {
  const std::uint64_t key = std::uint64_t{series} << 32 | topic;
  if (const auto it = known_.find(key); it != known_.end()) return it->second;
  if (known_.size() >= kKnownMax) known_.clear();
  return known_[key] = decide(series, topic);
}

bool Matcher::decide(SeriesId id, TopicId topic_id) const {
  const Series& series = series_.at(id);
  const auto matches_name = [](std::string_view text) {
    return [text](const std::string& pattern) { return matches_pattern(pattern, text); };
  };
  if (!spec_.sources.empty() && std::find(spec_.sources.begin(), spec_.sources.end(),
                                          topics_.at(topic_id).source) == spec_.sources.end()) {
    return false;
  }
  if (!spec_.measurements.empty() &&
      std::none_of(spec_.measurements.begin(), spec_.measurements.end(),
                   matches_name(series.measurement))) {
    return false;
  }
  return std::all_of(spec_.labels.begin(), spec_.labels.end(), [&](const auto& label) {
    return matches_pattern(label.second, series.label(label.first));
  });
}

}  // namespace sluice
