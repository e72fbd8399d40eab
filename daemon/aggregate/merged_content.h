#pragma once

#include <cstdint>
#include <optional>

#include "aggregate/coverage.h"
#include "aggregate/time_weighted.h"
#include "aggregate/window_extras.h"
#include "model/window.h"

namespace sluice {

/// The numbers of one window as they travel and are kept. Of a window that nothing came for all are
/// 0.
struct WindowSummary {
  bool complete = true;
  Moments moments;
  struct Held {
    std::uint64_t largest_gap_ns = 0;
    double time_integral_s = 0;
  };
  std::optional<Held> held;             ///< empty: the node did not say
  std::uint64_t expected_every_ns = 0;  ///< 0: not known
  std::optional<WindowExtras> extras;
};

/// What windows of one series come to together.
struct MergedContent {
  Moments moments;
  std::uint64_t windows = 0;
  std::uint64_t windows_partial = 0;
  /// Empty: not known for all of them. The same for what follows.
  struct Held {
    TimeWeighted mean;
    Coverage coverage;
  };
  std::optional<Held> held;
  std::optional<WindowExtras> extras;
  std::uint64_t expected_every_ns = 0;

  static MergedContent of(const WindowSummary& window);
  /// Of the same series. Gaps in time between the two count, whichever was first.
  void merge(const MergedContent& other);
  /// Nothing comes between what was merged up to now.
  void close_gaps();
};

}  // namespace sluice
