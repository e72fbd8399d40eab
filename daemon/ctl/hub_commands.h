#pragma once

#include <cstdint>

#include "ctl/hub_client.h"
#include "ctl/output.h"

// The commands that ask a hub about its fleet.

namespace sluice::ctl {

/// Rows asked for in one call; more are fetched page by page.
inline constexpr std::uint32_t kHubPageRows = 1000;

ExitCode show_hub_nodes(const HubAddress& hub, bool json);

/// The first `limit` rows of what `query` selects; with `all`, every one of them, written as they
/// come. `query.limit` and `query.page_token` are set here.
ExitCode show_hub_summaries(const HubAddress& hub, v1::ListSummariesRequest query,
                            std::uint64_t limit, bool all, bool json);

/// The same, merged into longer windows.
ExitCode show_hub_merged(const HubAddress& hub, v1::MergeSummariesRequest query,
                         std::uint64_t limit, bool all, bool json);

/// What the nodes lost, in the same way.
ExitCode show_hub_gaps(const HubAddress& hub, v1::ListGapsRequest query, std::uint64_t limit,
                       bool all, bool json);

/// What their stages told, in the same way. `follows`: then what comes, in the order of arrival and
/// a line each, until it is stopped or the hub does not answer.
ExitCode show_hub_events(const HubAddress& hub, v1::ListEventsRequest query, std::uint64_t limit,
                         bool all, bool follows, bool json);

/// What the hub holds of theirs and cannot read, in the same way.
ExitCode show_hub_unread(const HubAddress& hub, v1::ListUnreadRequest query, std::uint64_t limit,
                         bool all, bool json);

}  // namespace sluice::ctl
