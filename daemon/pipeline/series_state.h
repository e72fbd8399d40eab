#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "model/reading.h"

namespace sluice {

/// Memory that windows take, by what it is for, in bytes; without what the allocator adds.
struct StateBytes {
  std::uint64_t series = 0;   ///< what is kept of a series beside its windows: watermark, topics
  std::uint64_t moments = 0;  ///< each window's own: Moments, HeldTime, place, revision
  std::uint64_t waiting = 0;  ///< readings that wait for their order
  std::uint64_t histogram = 0;
  std::uint64_t distinct = 0;
  std::uint64_t top = 0;
  std::uint64_t counter = 0;
  std::uint64_t states = 0;
  std::uint64_t plugins = 0;          ///< aggregates of plugins
  std::uint64_t plugins_lost = 0;     ///< of those so many, a number: see PluginAggregate
  std::uint64_t plugins_refused = 0;  ///< of the lost ones

  std::uint64_t total() const {
    return series + moments + waiting + histogram + distinct + top + counter + states + plugins;
  }
  StateBytes& operator+=(const StateBytes& other);
};

/// What windows keep of one series, or of many in sum.
struct WindowState {
  std::uint64_t windows_open = 0;
  std::uint64_t windows_kept = 0;  ///< the open ones, and those that can still be corrected
  StateBytes bytes;

  WindowState& operator+=(const WindowState& other);
};

/// Of one series in one pipeline.
struct SeriesState {
  SeriesId series = 0;
  std::string pipeline;
  WindowState state;
};

/// Of all series of one pipeline.
struct PipelineState {
  std::string pipeline;
  std::uint64_t series = 0;  ///< of which it keeps anything
  WindowState state;
};

/// The windows of all pipelines, as they were while somebody looked through them.
struct StateView {
  std::vector<PipelineState> pipelines;
  std::vector<SeriesState> largest;  ///< most bytes first
};

}  // namespace sluice
