#pragma once

#include <vector>

#include "base/status.h"
#include "hub/summary_decoder.h"

namespace sluice::v1 {
class SummaryBlock;
}  // namespace sluice::v1

namespace sluice {

/// Fills `extras` of `panes`, whose other fields have been read and checked, from what the block
/// says of its histogram, distinct, top, counter, states and plugins. `invalid_argument` naming the
/// field when it cannot be of these panes' readings. Bounded in memory by the block's bytes and 16
/// MiB.
Status read_extras(const v1::SummaryBlock& block, std::vector<DecodedPane>& panes);

}  // namespace sluice
