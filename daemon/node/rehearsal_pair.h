#pragma once

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>

#include "base/clock.h"
#include "base/status.h"
#include "model/series.h"
#include "node/rehearsal_process.h"
#include "sluice/v1/config.pb.h"
#include "store/types.h"

namespace sluice {

/// The running config and a candidate beside each other on the same segments, each in a process of
/// its own: whatever one does to its process, the other one reports.
///
/// One thread at a time, and none that anybody waits for: feed() waits for both.
class RehearsalPair {
 public:
  struct Rooms {
    const SeriesTable& series;
    const TopicTable& topics;
    const Clock& clock;
    const std::atomic<bool>* stopping = nullptr;  ///< true: nobody wants to know any more
  };
  struct Outcomes {
    RehearsalOutcome running;
    RehearsalOutcome candidate;
  };
  /// `deadline_ns`, boot time: then nothing more is fed. `unavailable` when `program` cannot be
  /// started.
  static Result<std::unique_ptr<RehearsalPair>> start(const std::string& program,
                                                      const v1::Config& running,
                                                      const v1::Config& candidate,
                                                      const RehearsalLimits& limits, Rooms rooms,
                                                      std::int64_t deadline_ns);

  /// Gives both the segments, and waits until they have them. False when there is no use in giving
  /// them more: the deadline has passed, or neither runs any more.
  bool feed(const std::vector<StoredSegment>& segments);
  /// Their reports, once.
  Outcomes finish();

 private:
  RehearsalPair(const RehearsalLimits& limits, Rooms rooms, std::int64_t deadline_ns)
      : limits_(limits), rooms_(rooms), deadline_ns_(deadline_ns) {}
  template <typename Each>
  void each(Each each);
  bool drain();
  bool is_over(std::int64_t deadline_ns) const;
  template <typename Table>
  bool define_new(RehearsalFrame kind, const Table& table, std::uint32_t& defined);
  template <typename Done>
  void turn_until(std::int64_t deadline_ns, Done done);

  const RehearsalLimits limits_;
  const Rooms rooms_;
  const std::int64_t deadline_ns_;
  std::unique_ptr<RehearsalProcess> running_;
  std::unique_ptr<RehearsalProcess> candidate_;
  std::uint32_t series_defined_ = 0;
  std::uint32_t topics_defined_ = 0;
};

}  // namespace sluice
