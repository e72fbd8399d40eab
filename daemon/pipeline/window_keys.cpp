#include "pipeline/window_keys.h"

#include <algorithm>

namespace sluice {

SeriesId WindowKeys::of(SeriesId series) {
  if (!labels_) return series;
  if (const auto it = known_.find(series); it != known_.end()) return it->second;
  Series key = series_.at(series);
  std::erase_if(key.labels, [this](const auto& label) {
    return std::find(labels_->begin(), labels_->end(), label.first) == labels_->end();
  });
  const SeriesId id = series_.intern(key);
  if (id != 0) known_.emplace(series, id);
  return id;
}

}  // namespace sluice
