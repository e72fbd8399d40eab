#pragma once

#include <cstdint>
#include <unordered_map>

#include "pipeline/keyed_windows.h"

namespace sluice {

/// So many readings of a series each, in order of arrival. Time closes none, no reading is late,
/// and nothing is corrected; what arrival order means after a restart, the log says. Thread:
/// [pipeline].
class CountWindows : public KeyedWindows {
 public:
  /// Of `spec.readings` readings.
  explicit CountWindows(const WindowSpec& spec);

  bool fold(const Reading& reading, bool before, std::vector<Pane>& panes) override;
  std::uint64_t give_up_open(SeriesId series) override { return remove_open(series); }
  std::int64_t first_end_of(std::int64_t event_time_ns) const override;

 private:
  std::int64_t end_of(const Window& window) const override;
  std::uint64_t take_ordinal(SeriesId series) override { return ++told_[series]; }
  void forget(SeriesId series) override { told_.erase(series); }
  void snapshot_key(SeriesId series, ByteWriter& out) const override;
  void restore_key(SeriesId series, ByteReader& in) override;

  std::unordered_map<SeriesId, std::uint64_t> told_;  ///< the highest ordinal
};

}  // namespace sluice
