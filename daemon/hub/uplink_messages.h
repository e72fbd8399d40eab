#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "base/status.h"
#include "hub/hub_store.h"

namespace sluice::v1 {
class EventBatch;
class GapBatch;
class Hello;
class SeriesDefinitions;
class SummaryBatch;
class UnreadRows;
class UplinkResponse;
}  // namespace sluice::v1

namespace sluice::hub {

// What a node sends, checked and put into our own words, and back. Nothing of it is believed: every
// failure is `invalid_argument` and names the field, its value's fault and its place.

/// Checks every field. The epoch comes out in lower case.
Result<NodeKey> read_hello(const v1::Hello& hello);

struct ReadSeries {
  std::vector<SeriesEntry> entries;
  std::uint64_t left_out = 0;
  std::string why;  ///< the first of these was
};
/// A wrong definition costs itself only, so this does not fail.
ReadSeries read_series(const v1::SeriesDefinitions& definitions);

/// Takes the blocks out of `batch`; they are checked only when they are stored.
Result<std::vector<RowEntry>> take_rows(v1::SummaryBatch& batch);

/// At least one; epochs come out in lower case.
Result<std::vector<GapRow>> read_gaps(const v1::GapBatch& batch);

/// As read_gaps. Severities and phases that this hub does not know pass.
Result<std::vector<EventEntry>> read_events(const v1::EventBatch& batch);

void write_unread(const UnreadRows& rows, v1::UnreadRows& out);

/// The last message of a stream that ends for `why`; none where the node need not know.
std::optional<v1::UplinkResponse> refusal(const Status& why);

}  // namespace sluice::hub
