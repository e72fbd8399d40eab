#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "aggregate/window_extras.h"
#include "model/ports.h"
#include "model/window.h"

namespace sluice {

class CivilGrid;  // pipeline/civil_grid.h

/// Which readings a pipeline takes: all conditions that are set must hold. `*` in a pattern matches
/// any run of characters, also an empty one.
struct MatchSpec {
  std::vector<std::string> sources;                         ///< names; empty: every source
  std::vector<std::string> measurements;                    ///< patterns; empty: every measurement
  std::vector<std::pair<std::string, std::string>> labels;  ///< name, pattern of the value
};

/// One kind of windows of a pipeline. Where the windows are, each kind's class says.
struct WindowSpec {
  WindowKind kind = WindowKind::tumbling;
  std::int64_t size_ns = 0;  ///< of sessions the gap; of count windows unused
  /// Tumbling, hopping: from start to start, at most size_ns; equal to it for tumbling windows.
  /// Sliding: no more than one window in so long, at most size_ns.
  std::int64_t every_ns = 0;
  std::int64_t offset_ns = 0;            ///< in [0, every_ns)
  std::int64_t allowed_lateness_ns = 0;  ///< so long after its end a window is still corrected
  /// One reading of a series is expected every so often; 0: not known.
  std::int64_t expected_every_ns = 0;
  ExtrasSpec extras;
  /// A window has an early pane whenever the watermark has passed another such time since its
  /// start; 0: none. Not of count windows.
  std::int64_t early_every_ns = 0;
  bool tells_empty = false;    ///< tumbling and hopping: also windows that nothing came for
  std::uint32_t readings = 0;  ///< count: in a window; sliding: kept of a series
  /// Readings that may wait in all windows together until they are in order, beside those that each
  /// window may have (OpenContent::kWaitingLeast).
  std::size_t waiting_max = 10'000;
  std::shared_ptr<const CivilGrid> civil = nullptr;  ///< tumbling by local time; null: by UTC

  static WindowSpec tumbling(std::int64_t size_ns) {
    WindowSpec spec;
    spec.size_ns = spec.every_ns = size_ns;
    return spec;
  }
};

/// What of the node's limits falls to one pipeline. It depends on how many there are.
struct PipelineShares {
  /// Windows it keeps, open or still correctable. One more, and the oldest 16th closes early.
  std::size_t windows_max = 200'000;
  /// Readings that may wait while it is parked.
  std::size_t pending_max = 50'000;
};

/// One pipeline as the composition root hands it over, checked and with its stages built.
struct PipelineSpec {
  std::string name;
  std::uint64_t hash = 0;  ///< of all that changes results: state is kept while it stays the same
  MatchSpec match;
  std::vector<std::unique_ptr<Stage>> stages;
  std::vector<WindowSpec> windows;  ///< none: readings are `observed`
  /// Labels by which readings share windows; none set: every series has its own.
  std::optional<std::vector<std::string>> key_by;
  std::int64_t max_out_of_order_ns = 0;
  std::int64_t idle_timeout_ns = 300'000'000'000;
  std::size_t reorder_max = 10'000;
  PipelineShares shares;
  /// Not empty: the pipeline could not be built, and why. Its readings are counted `pending`.
  std::string parked;
};

}  // namespace sluice
