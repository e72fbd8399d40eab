#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include "base/status.h"
#include "hub/node_report_table.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::hub {

inline constexpr std::size_t kPushesMax = 100;

/// Which of the pushes, newest first, the node should run with: the newest one that is not
/// withdrawn and is meant for it by its name, groups or labels. A withdrawn one stays the desired
/// one of a node that has taken it, as that keeps it; it is offered to nobody. Null: none.
const v1::ConfigPush* desired_push(const std::vector<v1::ConfigPush>& pushes,
                                   const NodeReport& node);

/// Whether what the node says agrees with that.
v1::NodeConfigAgreement agreement_of(const v1::ConfigPush* desired, const NodeReport& node);

/// The pushes, oldest first, that go so that no more than kPushesMax are kept: those that are
/// withdrawn, and those whose target a later one has too, or that a later one for everyone covers.
/// `resource_exhausted` when too few are such: no node loses what it should run with.
Result<std::vector<std::uint64_t>> expendable_pushes(const std::vector<v1::ConfigPush>& pushes);

}  // namespace sluice::hub
