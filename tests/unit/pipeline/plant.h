#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <utility>
#include <vector>

#include "pipeline/pipeline.h"
#include "window_bench.h"

namespace sluice {

/// One series of one topic, and what pipeline "p" makes of it.
struct Plant {
  SeriesTable series{100};
  TopicTable topics{100};
  Ledger ledger;
  std::vector<Pane> closed;
  TopicId topic = topics.intern({"plant", "a"});
  SeriesId id = series.intern({"v", "", {}});

  /// `window_s` 0: without windows.
  PipelineSpec spec(std::int64_t window_s, std::int64_t disorder_s) const {
    PipelineSpec spec;
    spec.name = "p";
    spec.hash = 7;
    if (window_s > 0) spec.windows = {WindowSpec::tumbling(window_s * kSecond)};
    spec.max_out_of_order_ns = disorder_s * kSecond;
    spec.idle_timeout_ns = 60 * kSecond;
    return spec;
  }
  BatchEntry batch(const std::vector<std::pair<std::int64_t, double>>& readings,
                   std::int64_t boottime_s = 1) const {
    BatchEntry entry;
    entry.boottime_ns = boottime_s * kSecond;
    for (const auto& [time_s, value] : readings) {
      entry.readings.append({id, topic, time_s * kSecond, Value::of(value), Quality::good});
    }
    return entry;
  }
  void process(Pipeline& pipeline, const BatchEntry& entry) {
    std::vector<bool> routed(entry.readings.size());
    pipeline.process(entry, routed, {ledger, closed});
  }
  std::int64_t term(Term t) const { return ledger.get(LedgerKind::readings, "p", t); }
};

/// What a reader of the hub adds up: of each window of each epoch the highest revision.
inline std::uint64_t readings_at_hub(const std::vector<std::vector<Pane>>& by_epoch) {
  std::uint64_t count = 0;
  for (const auto& panes : by_epoch) {
    std::map<std::int64_t, Pane> kept;
    for (const Pane& pane : panes) {
      const auto [at, fresh] = kept.emplace(pane.window.start_ns, pane);
      if (!fresh && pane.revision > at->second.revision) at->second = pane;
    }
    for (const auto& [start, pane] : kept) count += pane.content.moments.count;
  }
  return count;
}

}  // namespace sluice
