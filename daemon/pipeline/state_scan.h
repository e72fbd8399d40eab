#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "model/series.h"
#include "pipeline/series_state.h"

namespace sluice {

class PipelineSet;

/// One look through the windows of all series, a few at a time, so that 100,000 of them hold up
/// nothing. Between two steps windows open and close, so the sums are no picture of one moment.
/// Thread: [pipeline].
class StateScan {
 public:
  /// Names the largest `largest_max` series; of `measurement` alone unless it is empty.
  StateScan(std::string measurement, std::size_t largest_max);

  /// Goes on, at least 64 series, until `enough()`; true when all have been looked at.
  bool step(const PipelineSet& pipelines, const SeriesTable& series,
            const std::function<bool()>& enough);
  /// After the last step.
  StateView take();

 private:
  void look_at(SeriesId id, const PipelineSet& pipelines);
  void keep_largest(SeriesState state);

  const std::string measurement_;
  const std::size_t largest_max_;
  SeriesId next_ = 1;
  StateView view_;  ///< `largest` is a heap with the smallest on top
};

}  // namespace sluice
