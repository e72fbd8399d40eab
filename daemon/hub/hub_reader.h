#pragma once

#include <cstddef>
#include <functional>
#include <string>
#include <utility>

#include "aggregate/plugin_aggregate.h"
#include "base/status.h"

namespace sluice::v1 {
class ListEventsRequest;
class ListEventsResponse;
class ListGapsRequest;
class ListGapsResponse;
class ListNodesResponse;
class ListSummariesRequest;
class ListSummariesResponse;
class ListUnreadRequest;
class ListUnreadResponse;
class MergeSummariesRequest;
class MergeSummariesResponse;
}  // namespace sluice::v1

namespace sluice::hub {

/// Answers questions from the store's file beside the writer, each on a connection and a snapshot
/// of its own. Any thread.
class HubReader {
 public:
  /// A page ends here even below its row limit: gRPC clients refuse answers above 4 MiB by default.
  static constexpr std::size_t kPageBytesMax = 3u << 20;

  /// `path` is that of an open HubStore. Without `find` aggregates of plugins are not merged.
  explicit HubReader(std::string path, FindAggregateType find = {})
      : path_(std::move(path)), find_aggregate_(std::move(find)) {}

  /// Every (node, epoch) by node name, then by first Hello. Leaves out what only a running hub
  /// knows: `connected` and the counters since its start.
  Status list_nodes(v1::ListNodesResponse& out) const;

  /// One page as hub.proto says; equal start times are in order of arrival. Following the tokens
  /// gives every pane that was there at the first page exactly once, revised meanwhile or not.
  /// `invalid_argument` names the wrong field. `cancelled()` is asked now and then; true ends a
  /// long search with `cancelled`.
  Status list_summaries(const v1::ListSummariesRequest& request,
                        const std::function<bool()>& cancelled,
                        v1::ListSummariesResponse& out) const;

  /// One page of merged windows, oldest first, then by pipeline, series and node. Memory is bounded
  /// by the rows of one merged window. Errors as list_summaries.
  Status merge_summaries(const v1::MergeSummariesRequest& request,
                         const std::function<bool()>& cancelled,
                         v1::MergeSummariesResponse& out) const;

  /// As list_summaries, by the end of the gap's time range.
  Status list_gaps(const v1::ListGapsRequest& request, const std::function<bool()>& cancelled,
                   v1::ListGapsResponse& out) const;

  /// As list_summaries, by the event's time, or by arrival.
  Status list_events(const v1::ListEventsRequest& request, const std::function<bool()>& cancelled,
                     v1::ListEventsResponse& out) const;

  /// As list_summaries, by arrival.
  Status list_unread(const v1::ListUnreadRequest& request, const std::function<bool()>& cancelled,
                     v1::ListUnreadResponse& out) const;

 private:
  const std::string path_;
  const FindAggregateType find_aggregate_;
};

}  // namespace sluice::hub
