#pragma once

#include <string>

#include "sluice/v1/plan.pb.h"

namespace sluice::ctl {

/// A plan as an operator reads it: what changes, what that comes to, and whether it fits. `file` is
/// the candidate's.
std::string plan_text(const std::string& file, const v1::PlanReport& plan);

}  // namespace sluice::ctl
