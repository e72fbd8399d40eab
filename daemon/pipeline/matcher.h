#pragma once

#include <string_view>
#include <unordered_map>

#include "model/series.h"
#include "pipeline/spec.h"

namespace sluice {

/// `*` in `pattern` stands for any run of characters.
bool matches_pattern(std::string_view pattern, std::string_view text);

/// Answers whether a pipeline wants a reading; remembers the answer per (series, topic).
/// Thread: [pipeline].
class Matcher {
 public:
  Matcher(MatchSpec spec, const SeriesTable& series, const TopicTable& topics);
  bool wants(SeriesId series, TopicId topic);

 private:
  bool decide(SeriesId series, TopicId topic) const;

  MatchSpec spec_;
  const SeriesTable& series_;
  const TopicTable& topics_;
  std::unordered_map<std::uint64_t, bool> known_;
};

}  // namespace sluice
