#include "pipeline/window_keys.h"

#include <algorithm>

namespace sluice {

SeriesId WindowKeys::of(SeriesId series) {
  if (!labels_) return series;
  if (series < known_.size() && known_[series] != 0) return known_[series];
  Series key = series_.at(series);
  std::erase_if(key.labels, [this](const auto& label) {
    return std::find(labels_->begin(), labels_->end(), label.first) == labels_->end();
  });
  const SeriesId id = series_.intern(key);
  if (series >= known_.size()) known_.resize(std::size_t{series} + 1);
  return known_[series] = id;
}

}  // namespace sluice
