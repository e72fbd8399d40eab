#pragma once

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "aggregate/space_saving.h"
#include "model/series.h"

namespace sluice {

/// Tells what many topics or many series have in common, to find the device that puts a random id
/// into one of them. Each is counted under every pattern that it is one of with a single part left
/// open: the topic a/b/7 under +/b/7, a/+/7 and a/b/+, the series t{id="7"} under t{id=*}. Where a
/// part takes ever new values, the pattern that leaves just it open has most of them; all others
/// have one each. Bounded: SpaceSaving. Not thread-safe.
class SeriesPatterns {
 public:
  struct Pattern {
    std::string text;
    std::uint64_t count = 0;  ///< topics or series that it takes, at least
  };

  SeriesPatterns();
  void add_topic(std::string_view source, std::string_view topic);
  void add_series(const Series& series);

  /// Most first, at most `count_max`; none that may have but one.
  std::vector<Pattern> topics(std::size_t count_max) const;  ///< "source topic"
  std::vector<Pattern> series(std::size_t count_max) const;  ///< as Series::to_string()
  std::size_t state_bytes() const { return topics_.state_bytes() + series_.state_bytes(); }

 private:
  SpaceSaving topics_;
  SpaceSaving series_;
};

}  // namespace sluice
