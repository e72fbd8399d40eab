#pragma once

#include <span>

#include "aggregate/window_extras.h"

namespace sluice::v1 {
class Aggregates;
class HistogramPoint;
class StatesPoint;
}  // namespace sluice::v1

namespace sluice::hub {

/// Quantiles of a window, and of a merged row when none are asked for.
inline constexpr double kQuantiles[] = {0.5, 0.9, 0.99};

/// What hub.proto says of the order-free kinds: histogram (its buckets apart), distinct, top, those
/// of plugins.
void fill_arrived(const WindowExtras& extras, std::span<const double> quantiles,
                  v1::Aggregates& out);
void fill_buckets(const ExponentialHistogram& histogram, v1::HistogramPoint& out);
/// All of one window's.
void fill_window(const WindowExtras& extras, v1::Aggregates& out);
void fill_states(const StateDuration::Times& times, v1::StatesPoint& out);

}  // namespace sluice::hub
