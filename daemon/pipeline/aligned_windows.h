#pragma once

#include <cstdint>
#include <unordered_map>

#include "pipeline/keyed_windows.h"

namespace sluice {

/// Tumbling and hopping windows: their places do not depend on the readings. They are
/// [start, start + size), start = offset + k * every, or in civil time what its calendar says.
/// Thread: [pipeline].
class AlignedWindows : public KeyedWindows {
 public:
  /// Windows in a row of which each is told though nothing came for it. After a day without power
  /// they are all told at once, of every series: some 5 KB each.
  static constexpr std::int64_t kEmptyRunMax = 20;

  explicit AlignedWindows(const WindowSpec& spec);

  bool fold(const Reading& reading, bool before, std::vector<Pane>& panes) override;
  std::int64_t first_end_of(std::int64_t event_time_ns) const override;

 private:
  struct Span {
    std::int64_t start_ns;
    std::int64_t end_ns;
  };
  /// How far a series has told of windows that nothing came for.
  struct Filled {
    std::int64_t next_start_ns = 0;  ///< of the first window that may still be told as empty
    std::int64_t run = 0;            ///< of such windows since the last reading
  };

  void add_due(SeriesId series, Key& key) override;
  bool would_add(SeriesId series, const Key& key, std::int64_t watermark_ns) const override;
  void forget(SeriesId series) override { filled_.erase(series); }
  void snapshot_key(SeriesId series, ByteWriter& out) const override;
  void restore_key(SeriesId series, ByteReader& in) override;

  std::int64_t last_start_of(std::int64_t event_time_ns) const;
  /// The last window to start that holds this time.
  Span span_at(SeriesId series, std::int64_t event_time_ns) const;
  Span span_after(SeriesId series, const Span& span) const;
  Span first_after(SeriesId series, std::int64_t time_ns) const;
  bool is_civil(SeriesId series) const;
  static const Window* next_taken(std::int64_t from_ns, const Key& key);
  void take_note(SeriesId series, std::int64_t start_ns);

  std::unordered_map<SeriesId, Filled> filled_;  ///< only where empty windows are told
};

}  // namespace sluice
