#pragma once

#include <cstdint>

#include "pipeline/keyed_windows.h"

namespace sluice {

/// Sessions: readings between which every pause is shorter than a gap. A session closes when its
/// watermark is the gap past its last reading. A reading that comes late may lengthen a session
/// that has closed, which then may be open again, and may join two: the earlier one that has been
/// told keeps its id at the next revision, and the other one is retracted.
///
/// Where none is late the sessions depend on the readings alone, not on their order.
/// Thread: [pipeline].
class SessionWindows : public KeyedWindows {
 public:
  /// `spec.size_ns` is the gap.
  explicit SessionWindows(const WindowSpec& spec);

  bool fold(const Reading& reading, bool before, std::vector<Pane>& panes) override;
  std::uint64_t give_up_open(SeriesId series) override { return remove_open(series); }
  std::int64_t first_end_of(std::int64_t event_time_ns) const override;

 private:
  std::int64_t end_of(const Window& window) const override;
  void settle_id(SeriesId series, Window& window) override;
  bool joins(const Window& window, std::int64_t event_time_ns) const;
  void join_next(SeriesId series, Key& key, std::size_t at, std::vector<Pane>& panes);
};

}  // namespace sluice
