#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "hub/hub_store.h"

namespace sluice::v1 {
class EventBatch;
class GapBatch;
class Hello;
class SeriesDefinitions;
class SummaryBatch;
class UplinkRequest;
class UplinkResponse;
}  // namespace sluice::v1

namespace sluice::hub {

/// The hub's side of one stream without its transport: a request goes in, what must be answered
/// comes out, after what it speaks of is on flash. One call at a time.
class UplinkSession {
 public:
  struct Rooms {
    /// Makes a change durable, or refuses it.
    std::function<Outcome(const Change&)> commit;
    /// The node has said who it is; a refusal ends the stream.
    std::function<Status(const NodeKey&, const std::string& instance)> greet;
    const Clock& clock;
  };
  explicit UplinkSession(Rooms rooms) : rooms_(std::move(rooms)) {}

  /// Empty when there is nothing to answer. An error ends the stream and says why. Takes the blocks
  /// out of `request`.
  Result<std::optional<v1::UplinkResponse>> take(v1::UplinkRequest& request);

  /// Empty before its Hello.
  const NodeKey& node() const { return node_; }

 private:
  using Answer = Result<std::optional<v1::UplinkResponse>>;
  Answer greet(const v1::Hello& hello);
  Answer take_series(const v1::SeriesDefinitions& definitions);
  Answer take_batch(v1::SummaryBatch& batch);
  Answer take_gaps(const v1::GapBatch& batch);
  Answer take_events(const v1::EventBatch& batch);

  const Rooms rooms_;
  NodeKey node_;
  bool greeted_ = false;
  std::uint64_t batch_no_ = 0;
  std::int64_t gap_seq_ = 0;    ///< of the last one taken
  std::int64_t event_seq_ = 0;  ///< likewise
  bool is_rewound_ = false;
};

}  // namespace sluice::hub
