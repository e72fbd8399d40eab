#pragma once

#include <memory>

#include "base/status.h"
#include "ctl/hub_channel.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::ctl {

inline constexpr int kHubTimeoutMs = 10'000;

/// The hub's answers to people. gRPC reconnects by itself. One call at a time; each blocks for at
/// most the time-out.
///
/// Failures: `unavailable` and `deadline_exceeded` when there is no answer, else what the hub says.
class HubClient {
 public:
  /// Reads the TLS files; connects with the first call. `invalid_argument` when one is unreadable.
  static Result<HubClient> make(const HubAddress& address, int timeout_ms = kHubTimeoutMs);
  HubClient(HubClient&&) noexcept;
  HubClient& operator=(HubClient&&) noexcept;
  ~HubClient();

  Result<v1::ListNodesResponse> nodes();
  Result<v1::ListSummariesResponse> summaries(const v1::ListSummariesRequest& request);
  Result<v1::MergeSummariesResponse> merge(const v1::MergeSummariesRequest& request);
  Result<v1::ListGapsResponse> gaps(const v1::ListGapsRequest& request);
  Result<v1::ListEventsResponse> events(const v1::ListEventsRequest& request);
  Result<v1::ListUnreadResponse> unread(const v1::ListUnreadRequest& request);

 private:
  struct State;
  explicit HubClient(std::unique_ptr<State> state);
  std::unique_ptr<State> state_;
};

}  // namespace sluice::ctl
