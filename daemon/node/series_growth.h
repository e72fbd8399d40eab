#pragma once

#include <cstddef>

#include "model/series.h"
#include "pipeline/refused_series.h"
#include "sluice/v1/admin.pb.h"

namespace sluice {

/// Most series, and most topics, that growth_of() looks at: the newest, since new ones are what it
/// is about.
inline constexpr std::size_t kGrowthLooksAtMax = 50'000;

/// What the newest series and topics have in common, and what was refused: at most `patterns_max`
/// rows of each kind. Takes a tenth of a second at the most and holds up nobody.
v1::SeriesGrowth growth_of(const SeriesTable& series, const TopicTable& topics,
                           const RefusedSeries& refused, std::size_t patterns_max);

}  // namespace sluice
