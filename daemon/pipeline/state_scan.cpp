#include "pipeline/state_scan.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "pipeline/pipeline_set.h"

namespace sluice {
namespace {

constexpr SeriesId kSeriesPerLook = 64;

/// By bytes; of equal ones the series that came first is the larger.
bool is_larger(const SeriesState& a, const SeriesState& b) {
  const std::uint64_t a_bytes = a.state.bytes.total();
  const std::uint64_t b_bytes = b.state.bytes.total();
  return a_bytes != b_bytes ? a_bytes > b_bytes : a.series < b.series;
}

}  // namespace

StateBytes& StateBytes::operator+=(const StateBytes& other) {
  series += other.series;
  moments += other.moments;
  waiting += other.waiting;
  histogram += other.histogram;
  distinct += other.distinct;
  top += other.top;
  counter += other.counter;
  states += other.states;
  plugins += other.plugins;
  plugins_lost += other.plugins_lost;
  plugins_refused += other.plugins_refused;
  return *this;
}

WindowState& WindowState::operator+=(const WindowState& other) {
  windows_open += other.windows_open;
  windows_kept += other.windows_kept;
  bytes += other.bytes;
  return *this;
}

StateScan::StateScan(std::string measurement, std::size_t largest_max)
    : measurement_(std::move(measurement)), largest_max_(largest_max) {}

bool StateScan::step(const PipelineSet& pipelines, const SeriesTable& series,
                     const std::function<bool()>& enough) {
  const auto count = static_cast<SeriesId>(series.size());
  do {
    for (SeriesId i = 0; i < kSeriesPerLook; ++i, ++next_) {
      if (next_ > count) return true;
      const std::string_view measurement = ByteReader(series.encoded(next_)).string();
      if (measurement_.empty() || measurement == measurement_) look_at(next_, pipelines);
    }
  } while (!enough());
  return false;
}

void StateScan::look_at(SeriesId id, const PipelineSet& pipelines) {
  const std::vector<PipelineState> held = pipelines.state_of(id);
  for (std::size_t i = 0; i < held.size(); ++i) {
    if (view_.pipelines.size() <= i) view_.pipelines.push_back({held[i].pipeline, 0, {}});
    view_.pipelines[i].series += held[i].series;
    view_.pipelines[i].state += held[i].state;
    if (held[i].series > 0) keep_largest({id, held[i].pipeline, held[i].state});
  }
}

void StateScan::keep_largest(SeriesState state) {
  std::vector<SeriesState>& heap = view_.largest;
  if (heap.size() >= largest_max_) {
    if (heap.empty() || !is_larger(state, heap.front())) return;
    std::pop_heap(heap.begin(), heap.end(), is_larger);
    heap.pop_back();
  }
  heap.push_back(std::move(state));
  std::push_heap(heap.begin(), heap.end(), is_larger);
}

StateView StateScan::take() {
  std::sort_heap(view_.largest.begin(), view_.largest.end(), is_larger);
  return std::move(view_);
}

}  // namespace sluice
