#pragma once

#include <vector>

#include "aggregate/window_extras.h"
#include "base/status.h"
#include "hub/summary_decoder.h"

namespace sluice::v1 {
class SummaryBlock;
}  // namespace sluice::v1

namespace sluice {

/// Adds to the aggregates of each pane, sealed, what the block says of those of plugins.
/// `invalid_argument` naming the field when it breaks what summary.proto says of it. What the
/// plugins' own bytes mean only they can tell.
Status read_plugins(const v1::SummaryBlock& block,
                    std::vector<std::vector<WindowExtras::Kind>>& kinds);

}  // namespace sluice
