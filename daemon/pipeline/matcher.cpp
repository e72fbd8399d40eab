#include "pipeline/matcher.h"

#include <algorithm>

namespace sluice {

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
  const auto known = [](Answers& answers, std::uint32_t id, auto decide) {
    if (id >= answers.size()) answers.resize(std::size_t{id} + 1);
    if (answers[id] == Answer::unknown) answers[id] = decide() ? Answer::yes : Answer::no;
    return answers[id] == Answer::yes;
  };
  return known(of_series_, series, [&] { return wants_series(series); }) &&
         known(of_topic_, topic,
               [&] { return wants_source(source_of_topic(topics_.encoded(topic))); });
}

bool Matcher::wants_source(std::string_view source) const {
  return spec_.sources.empty() ||
         std::find(spec_.sources.begin(), spec_.sources.end(), source) != spec_.sources.end();
}

bool Matcher::wants_series(SeriesId id) const {
  const Series series = series_.at(id);
  const auto matches_name = [&](const std::string& pattern) {
    return matches_pattern(pattern, series.measurement);
  };
  if (!spec_.measurements.empty() &&
      std::none_of(spec_.measurements.begin(), spec_.measurements.end(), matches_name)) {
    return false;
  }
  return std::all_of(spec_.labels.begin(), spec_.labels.end(), [&](const auto& label) {
    return matches_pattern(label.second, series.label(label.first));
  });
}

}  // namespace sluice
