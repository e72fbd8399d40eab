#pragma once

#include <optional>
#include <string>
#include <vector>

#include "model/series.h"

namespace sluice {

/// Which series the windows of a pipeline are kept for: that of the reading, or what several have
/// in common, the measurement, the unit and some of the labels. Thread: [pipeline].
class WindowKeys {
 public:
  /// `labels`: those that the key keeps, where a series has them; without, it is the series itself.
  WindowKeys(std::optional<std::vector<std::string>> labels, SeriesTable& series)
      : labels_(std::move(labels)), series_(series) {}

  /// 0 when the key is a new series and the table is full.
  SeriesId of(SeriesId series);

 private:
  const std::optional<std::vector<std::string>> labels_;
  SeriesTable& series_;
  std::vector<SeriesId> known_;  ///< by series; 0: not known
};

}  // namespace sluice
