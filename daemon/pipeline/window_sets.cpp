#include "pipeline/window_sets.h"

#include <algorithm>

#include "model/boot_time.h"

namespace sluice {
namespace {

std::string set_prefix(const std::string& prefix, std::size_t index) {
  return prefix + std::to_string(index) + "/";
}

}  // namespace

WindowSets::WindowSets(const std::vector<WindowSpec>& specs, std::size_t windows_max)
    : windows_max_(windows_max) {
  for (const WindowSpec& spec : specs) sets_.push_back(KeyedWindows::create(spec));
}

std::size_t WindowSets::open_count() const {
  std::size_t count = 0;
  for (const auto& windows : sets_) count += windows->open_count();
  return count;
}

bool WindowSets::add_state(SeriesId series, WindowState& out) const {
  bool found = false;
  for (const auto& windows : sets_) {
    for (const SeriesId key : {series, series | kBootSeries}) {
      found = windows->add_state(key, out) || found;
    }
  }
  return found;
}

std::uint64_t WindowSets::aggregates_refused() const {
  std::uint64_t refused = 0;
  for (const auto& windows : sets_) refused += windows->aggregates_refused();
  return refused;
}

bool WindowSets::fold(const Reading& reading, bool before, std::vector<Pane>& panes) {
  bool folded = false;
  for (const auto& windows : sets_) folded = windows->fold(reading, before, panes) || folded;
  shed_if_full(panes);
  return folded;
}

/// A 16th at once: it costs a look at every window.
void WindowSets::shed_if_full(std::vector<Pane>& panes) {
  std::size_t held = 0;
  for (const auto& windows : sets_) held += windows->count();
  if (held <= windows_max_) return;
  std::vector<KeyedWindows::Place> places;
  places.reserve(held);
  for (const auto& windows : sets_) windows->places(places);
  const auto last =
      places.begin() + static_cast<std::ptrdiff_t>(held - (windows_max_ - windows_max_ / 16) - 1);
  std::nth_element(places.begin(), last, places.end());
  for (const auto& windows : sets_) windows->shed(*last, panes);
}

void WindowSets::correct(std::vector<Pane>& panes) {
  for (const auto& windows : sets_) windows->correct(panes);
}

void WindowSets::advance(TopicId topic, const Watermarks& watermarks, std::int64_t boottime_ns,
                         std::vector<Pane>& panes) {
  for (const auto& windows : sets_) windows->advance(topic, watermarks, boottime_ns, panes);
}

void WindowSets::advance_all(const Watermarks& watermarks, std::int64_t boottime_ns,
                             std::vector<Pane>& panes) {
  for (const auto& windows : sets_) windows->advance_all(watermarks, boottime_ns, panes);
}

bool WindowSets::due(const Watermarks& watermarks, std::int64_t boottime_ns) const {
  return std::any_of(sets_.begin(), sets_.end(),
                     [&](const auto& windows) { return windows->due(watermarks, boottime_ns); });
}

void WindowSets::close_all(PaneQuality quality, std::vector<Pane>& panes) {
  for (const auto& windows : sets_) windows->close_all(quality, panes);
}

void WindowSets::set_boot(const std::shared_ptr<const BootStretch>& boot,
                          std::vector<Pane>& panes) {
  for (const auto& windows : sets_) windows->set_boot(boot, panes);
}

void WindowSets::restore_boot(const std::shared_ptr<const BootStretch>& boot) {
  for (const auto& windows : sets_) windows->restore_boot(boot);
}

std::int64_t WindowSets::highest(const Watermarks::OfSource& of_source) const {
  std::int64_t highest_ns = kNoTime;
  for (const auto& windows : sets_) {
    highest_ns = std::max(highest_ns, windows->highest(of_source));
  }
  return highest_ns;
}

void WindowSets::mark_start() {
  for (const auto& windows : sets_) windows->mark_start();
}

void WindowSets::forget_start() {
  for (const auto& windows : sets_) windows->forget_start();
}

void WindowSets::end_epoch(std::vector<Pane>& panes) {
  for (const auto& windows : sets_) windows->end_epoch(panes);
}

void WindowSets::forget_closed() {
  for (const auto& windows : sets_) windows->forget_closed();
}

void WindowSets::expect(TopicId topic, SeriesId series) {
  for (const auto& windows : sets_) windows->expect(topic, series);
}

std::uint64_t WindowSets::give_up_open(SeriesId key) {
  std::uint64_t most = 0;
  for (const auto& windows : sets_) most = std::max(most, windows->give_up_open(key));
  return most;
}

bool WindowSets::closed_one_of(const Reading& reading, const Watermarks& watermarks) const {
  return std::any_of(sets_.begin(), sets_.end(), [&](const auto& windows) {
    return windows->first_end_of(reading.event_time_ns) <= watermarks.of(reading.topic);
  });
}

void WindowSets::snapshot(ByteWriter& out) const {
  out.u64(windows_max_);
  out.u64(sets_.size());
  for (const auto& windows : sets_) windows->snapshot(out);
}

void WindowSets::snapshot_windows(const std::string& prefix,
                                  std::vector<CheckpointPart>& parts) const {
  for (std::size_t i = 0; i < sets_.size(); ++i) {
    sets_[i]->snapshot_windows(set_prefix(prefix, i), parts);
  }
}

Status WindowSets::restore(ByteReader& in) {
  windows_max_ = in.u64();
  if (in.u64() != sets_.size()) return data_loss("malformed windows in a checkpoint");
  for (const auto& windows : sets_) {
    if (Status s = windows->restore(in); !s.ok()) return s;
  }
  return {};
}

Status WindowSets::restore_windows(const std::string& prefix,
                                   const std::vector<CheckpointPart>& parts) {
  for (std::size_t i = 0; i < sets_.size(); ++i) {
    if (Status s = sets_[i]->restore_windows(set_prefix(prefix, i), parts); !s.ok()) return s;
  }
  return {};
}

}  // namespace sluice
