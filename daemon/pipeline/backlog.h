#pragma once

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/bytes.h"
#include "base/status.h"
#include "model/log.h"
#include "model/reading.h"

namespace sluice {

/// What a pipeline that cannot run has missed, in order, to be caught up with when it can.
///
/// Two parts: first what ran before and only its state must be brought back (`applied`: the log
/// after the checkpoint, when the plugin was gone at the restart), then what never ran. The first
/// is bounded by the engine's checkpoints, the second by `pending_max`. Thread: [pipeline].
class Backlog {
 public:
  static constexpr std::uint64_t kPendingMax = 50'000;

  /// `pending_max`: readings that it takes, at most kPendingMax.
  explicit Backlog(std::uint64_t pending_max = kPendingMax) : pending_max_(pending_max) {}

  enum class Kind : std::uint8_t {
    start = 0,
    tick = 1,
    batch = 2,
    disconnected = 3,
    connected = 4,
    boot = 5
  };
  struct Step {
    Kind kind = Kind::batch;
    std::int64_t boottime_ns = 0;
    ReadingBatch readings;  ///< of `batch`
    std::string source;     ///< of `disconnected` and `connected`; of `boot` the stretch, encoded
    bool applied = false;
    std::vector<StageCall> calls;  ///< of an applied step: how its calls went
  };

  void set_pending_max(std::uint64_t pending_max) { pending_max_ = pending_max; }

  /// What is added is `applied`, until end_replay(). A restored one is past that.
  bool is_replay() const { return is_replay_; }
  void end_replay() { is_replay_ = false; }

  /// During the replay: the readings ran when they were logged, and catching up must emit nothing
  /// for them.
  void add_applied(std::int64_t boottime_ns, const ReadingBatch& readings);
  /// During the replay: how the calls of the next step went.
  void add_calls(const std::vector<StageCall>& calls);
  /// After it: readings for later; answers how many of them there was room for, from the first on.
  std::size_t add_pending(std::int64_t boottime_ns, const ReadingBatch& readings);
  /// The process started: silence counts from here.
  void add_start(std::int64_t boottime_ns);
  /// How the source stands, `disconnected` or `connected`, when the next readings come.
  void add_connection(Kind kind, std::int64_t boottime_ns, const std::string& source);
  /// After the replay there are none: nothing is due while the pipeline is behind.
  void add_tick(std::int64_t boottime_ns);

  /// The stretch of boot time that the next readings are in, encoded.
  void add_boot(std::int64_t boottime_ns, const std::string& stretch);

  /// How sources and time stand becomes a step, as before readings. At the end, or the last changes
  /// would be forgotten.
  void add_what_stands();

  /// What the ledger says became of the applied readings: so many were folded into windows.
  void add_applied_aggregated(std::int64_t count) { applied_aggregated_ += count; }
  std::int64_t applied_aggregated() const { return applied_aggregated_; }

  /// An epoch has ended since the applied steps: what their windows had delivered by then, it has.
  void end_epoch() { epoch_ended_ = true; }
  bool epoch_ended() const { return epoch_ended_; }

  std::uint64_t pending() const { return pending_; }
  bool has_applied() const { return applied_ > 0; }

  /// Takes the steps out one by one, from first to last.
  class Reader {
   public:
    explicit Reader(const Backlog& backlog) : in_(backlog.bytes_), applied_(backlog.applied_) {}
    /// Empty at the end, and at damage, which ok() tells.
    std::optional<Step> next();
    bool ok() const { return in_.ok(); }

   private:
    std::vector<StageCall> read_calls();

    ByteReader in_;
    std::uint64_t applied_;
  };

  void snapshot(ByteWriter& out) const;
  Status restore(ByteReader& in);

 private:
  void append(Kind kind, std::int64_t boottime_ns, const ReadingBatch& readings, std::size_t count);
  void append_connection(Kind kind, std::int64_t boottime_ns, const std::string& source);

  std::uint64_t pending_max_;
  bool is_replay_ = true;
  bool epoch_ended_ = false;
  std::string bytes_;  ///< encoded: a step for a single reading is common
  std::uint64_t applied_ = 0;
  std::int64_t applied_aggregated_ = 0;
  std::uint64_t pending_ = 0;
  // Written before the next readings.
  std::optional<std::int64_t> start_boottime_ns_;
  std::map<std::string, std::pair<Kind, std::int64_t>> connections_;  ///< by source
  std::optional<std::pair<std::int64_t, std::string>> boot_;
};

}  // namespace sluice
