#pragma once

#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "pipeline/keyed_windows.h"

namespace sluice {

constexpr std::int64_t kSecond = 1'000'000'000;
constexpr std::int64_t kMinute = 60 * kSecond;
constexpr std::int64_t kHour = 60 * kMinute;
constexpr TopicId kTopic = 1;

/// Windows of one spec, mostly of one series of one topic, whose watermark the test sets.
struct WindowBench {
  explicit WindowBench(const WindowSpec& spec) : windows(KeyedWindows::create(spec)) {}

  Watermarks watermarks{0, 3'600 * kSecond};
  std::unique_ptr<KeyedWindows> windows;
  std::vector<Pane> panes;

  bool add(std::int64_t time_ns, double value, bool before = false, SeriesId series = 1) {
    return windows->fold({series, kTopic, time_ns, Value::of(value), Quality::good}, before, panes);
  }
  /// A batch of one reading.
  bool take(std::int64_t time_ns, double value) {
    const bool taken = add(time_ns, value);
    windows->correct(panes);
    return taken;
  }
  void watermark(std::int64_t time_ns) {
    if (watermarks.observe(kTopic, time_ns, 0)) windows->advance(kTopic, watermarks, 0, panes);
  }
  std::vector<std::pair<double, std::uint64_t>> sums() const {
    std::vector<std::pair<double, std::uint64_t>> sums;
    for (const Pane& pane : panes)
      sums.push_back({pane.content.moments.total(), pane.content.moments.count});
    return sums;
  }
  std::unique_ptr<KeyedWindows> restored(const WindowSpec& spec) const {
    ByteWriter out;
    windows->snapshot(out);
    const std::string bytes = out.take();
    ByteReader in(bytes);
    auto copy = KeyedWindows::create(spec);
    EXPECT_TRUE(copy->restore(in).ok() && in.at_end());
    EXPECT_TRUE(copy->restore_windows("w/", parts()).ok());
    EXPECT_EQ(copy->count(), windows->count());
    EXPECT_EQ(copy->open_count(), windows->open_count());
    return copy;
  }
  std::vector<CheckpointPart> parts() const {
    std::vector<CheckpointPart> parts;
    windows->snapshot_windows("w/", parts);
    return parts;
  }
};

/// What a reader of the hub has of one epoch: of each window the highest revision, without what
/// counts for nothing.
inline std::vector<Pane> kept_at_hub(const std::vector<Pane>& panes) {
  using Id = std::tuple<SeriesId, std::int64_t, std::int64_t, std::uint64_t>;
  std::map<Id, Pane> kept;
  for (const Pane& pane : panes) {
    const WindowId& w = pane.window;
    const auto [at, fresh] = kept.emplace(Id{w.key, w.start_ns, w.end_ns, w.ordinal}, pane);
    EXPECT_TRUE(fresh || pane.revision > at->second.revision);
    if (!fresh) at->second = pane;
  }
  std::vector<Pane> all;
  for (const auto& [id, pane] : kept) {
    if (pane.quality != PaneQuality::retracted && pane.quality != PaneQuality::early) {
      all.push_back(pane);
    }
  }
  return all;
}

inline std::uint64_t readings_in(const std::vector<Pane>& panes) {
  std::uint64_t count = 0;
  for (const Pane& pane : panes) count += pane.content.moments.count;
  return count;
}

}  // namespace sluice
