#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "sluice/v1/control.pb.h"

namespace sluice::hub {

/// Callers that wait for the plan of a node. Any thread.
class PlanDesk {
 public:
  /// More callers at once than this would keep gRPC's threads from everybody else.
  static constexpr std::size_t kWaitingMax = 8;

  PlanDesk(const Clock& clock, std::chrono::milliseconds timeout)
      : clock_(clock), timeout_(timeout) {}

  /// A number for an order to this node; wait() must follow. `resource_exhausted` while another
  /// caller waits for the node, or too many for others. `unavailable` once stopped.
  Result<std::uint64_t> open(const std::string& node);
  /// The node's plan; `failed_precondition` with its words when it makes none, `unavailable` when
  /// it went away, `deadline_exceeded`, and `cancelled` soon after `cancelled()`.
  Result<v1::PlanReport> wait(std::uint64_t order_id, const std::function<bool()>& cancelled);

  /// What nobody waits for, and an answer to another node's order, is dropped.
  void take_answer(const std::string& node, v1::PlanAnswer&& answer);
  /// The node went away.
  void fail(const std::string& node);
  /// Fails all that wait, and all that come.
  void stop();

 private:
  struct Waiting {
    std::string node;
    std::optional<Result<v1::PlanReport>> outcome;
  };

  const Clock& clock_;
  const std::chrono::nanoseconds timeout_;
  Mutex mutex_;
  CondVar changed_;
  std::map<std::uint64_t, Waiting> waiting_ SLUICE_GUARDED_BY(mutex_);
  std::uint64_t last_id_ SLUICE_GUARDED_BY(mutex_) = 0;
  bool is_stopped_ SLUICE_GUARDED_BY(mutex_) = false;
};

}  // namespace sluice::hub
