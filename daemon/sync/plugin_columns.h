#pragma once

#include <vector>

#include "model/window.h"

namespace sluice::v1 {
class SummaryBlock;
}  // namespace sluice::v1

namespace sluice {

/// Writes what aggregates of plugins hold of the panes of a block, whose config is one.
void put_plugins(const std::vector<const Pane*>& panes, v1::SummaryBlock& out);

}  // namespace sluice
