#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include "model/series.h"
#include "pipeline/spec.h"

namespace sluice {

/// `*` in `pattern` stands for any run of characters.
bool matches_pattern(std::string_view pattern, std::string_view text);

/// Answers whether a pipeline wants a reading; remembers the answer per series and per topic, a
/// byte each.
/// Thread: [pipeline].
class Matcher {
 public:
  Matcher(MatchSpec spec, const SeriesTable& series, const TopicTable& topics);
  bool wants(SeriesId series, TopicId topic);

 private:
  enum class Answer : std::uint8_t { unknown = 0, no = 1, yes = 2 };
  using Answers = std::vector<Answer>;  ///< by id

  bool wants_series(SeriesId id) const;
  bool wants_source(std::string_view source) const;

  MatchSpec spec_;
  const SeriesTable& series_;
  const TopicTable& topics_;
  Answers of_series_;
  Answers of_topic_;
};

}  // namespace sluice
