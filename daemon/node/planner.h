#pragma once

#include <atomic>
#include <chrono>
#include <functional>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "model/series.h"
#include "node/rehearsal_pair.h"
#include "sluice/v1/config.pb.h"
#include "sluice/v1/plan.pb.h"
#include "store/store.h"

namespace sluice {

/// Says what a candidate would change: it is rehearsed on the node's last minutes beside the
/// running config, and nothing of the node changes (decisions/0009-rehearsal.md).
///
/// The store is read in slices, no faster than the rehearsals take them. One plan at a time. Any
/// thread but those of the data plane; it waits.
class Planner {
 public:
  struct Rooms {
    Store& store;
    const SeriesTable& series;
    const TopicTable& topics;
    const Clock& clock;
  };
  struct Options {
    std::string program;  ///< sluice-rehearse
    RehearsalLimits limits;
    /// Longest time until the last segment is given out; the reports come after it.
    std::chrono::nanoseconds time_max = std::chrono::seconds(120);
  };
  static constexpr std::uint32_t kSinceDefaultS = 900;
  static constexpr std::uint32_t kSinceMaxS = 7 * 86'400;

  using RunningConfig = std::function<std::shared_ptr<const v1::Config>()>;

  Planner(RunningConfig running, Rooms rooms, Options options)
      : running_(std::move(running)), rooms_(rooms), options_(std::move(options)) {}

  /// A candidate that is no config is no failure: `out` has its errors then. `resource_exhausted`
  /// while another plan is made; `invalid_argument` for the request; `unavailable` when the store
  /// does not answer, the program cannot be started, or stop() was called.
  Status plan(const v1::PlanRequest& request, v1::PlanReport& out);
  /// Ends what is under way, and refuses what comes. Any thread.
  void stop() { stopping_ = true; }

 private:
  Status rehearse(const v1::Config& running, const v1::Config& candidate, std::uint32_t since_s,
                  v1::PlanReport& out);
  Status feed(RehearsalPair& pair, std::uint32_t since_s, v1::PlanReport& out);
  Result<std::int64_t> first_since(std::int64_t wall_ns, const SegmentSlice& kept);
  Result<std::int64_t> wall_at(std::int64_t id);

  const RunningConfig running_;
  const Rooms rooms_;
  const Options options_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> planning_{false};
};

}  // namespace sluice
