#pragma once

#include "model/series.h"
#include "sluice/v1/config.pb.h"
#include "sluice/v1/plan.pb.h"

namespace sluice {

/// What a candidate is watched for once it is applied; its segments stay for so long, beside what
/// the quota keeps anyway.
inline constexpr std::int64_t kProbationS = 60;

/// A rehearsal's counts by the hour and the day.
v1::PlanFigures figures_of(const v1::RehearsalReport& report, const v1::Config& config);

/// From the two rehearsals in `plan`, and its diff: figures, events, series gained and lost, and
/// what speaks against the candidate, with the arithmetic. `series` are the node's.
void judge(const v1::Config& running, const v1::Config& candidate, const SeriesTable& series,
           v1::PlanReport& plan);

}  // namespace sluice
