#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/clock_trust.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "model/log.h"
#include "model/ports.h"
#include "pipeline/commit_builder.h"
#include "pipeline/config_change.h"
#include "pipeline/intake.h"
#include "pipeline/pipeline_set.h"
#include "pipeline/requests.h"
#include "pipeline/state_scan.h"
#include "pipeline/time_line.h"

namespace sluice {

struct EngineOptions {
  std::int64_t commit_interval_ns = 250'000'000;
  /// Readings between two checkpoints, and bytes of log, whichever comes first: the bounds of a
  /// replay. The log after a checkpoint cannot be trimmed, so the bytes must be well below the
  /// quota.
  std::size_t checkpoint_readings = 50'000;
  std::size_t checkpoint_log_bytes = 8u << 20;
  std::size_t batch_messages_max = 512;
  /// Bytes of messages in the open group past which nothing more is taken in: a group has at most
  /// one message more. What a commit writes at once must fit into the storage quota.
  std::size_t group_bytes_max = 8u << 20;
  /// How long stop() tries to hand the last group to the store.
  std::int64_t stop_timeout_ns = 5'000'000'000;
  /// An uplink will say whether the cloud knows us as who we are, with confirm_epoch() or
  /// end_epoch(): until then, what was open at the start is kept apart from what came since.
  bool awaits_cloud = false;
  /// Kept as the checkpoint part "config": which config the state belongs to.
  std::string config;
};

/// What the engine shows of itself, refreshed with every group it seals.
struct EngineView {
  std::vector<PipelineView> pipelines;
  std::uint64_t readings_processed = 0;
  std::int64_t clock_floor_ns = 0;  ///< the latest time that was known, ns since 1970; 0: none
  bool in_boot_time = false;        ///< arrivals are stamped in boot time
};

/// The data plane between ingest and store: takes messages, runs pipelines, fills commit groups.
///
/// Everything that changes state is first an entry of the open group; after a restart the same
/// entries replay to the same state. Life: construct, restore(), replay() each segment, adopt() if
/// the config changed, start(), stop().
class Engine {
 public:
  struct Rooms {
    MessageSource& messages;
    Decoder& decoder;
    CommitSink& commits;
    SummaryEncoder& encoder;
    SeriesTable& series;
    const TopicTable& topics;
    const Clock& clock;
    ClockTrust* trust = nullptr;  ///< null: the wall clock is never believed
  };
  Engine(EngineOptions options, std::vector<SourceSpec> sources,
         std::vector<PipelineSpec> pipelines, Rooms rooms);
  ~Engine();

  /// State of a checkpoint. `definitions` of the tables are durable already.
  Status restore(const std::vector<CheckpointPart>& parts);
  /// One segment after the checkpoint; emits nothing.
  Status replay(const Segment& segment);
  /// Goes over to another config: pipelines of equal name and hash keep their state, others start
  /// new, and those that are gone close what they had open as `partial_config`. `durable`: the
  /// ledger so far; `next_seq`: the number of the next outbox row.
  void adopt(std::vector<SourceSpec> sources, std::vector<PipelineSpec> pipelines,
             std::string config, const Ledger& durable, std::int64_t next_seq);

  /// begin(), then step() on a thread of its own until stop().
  void start();
  /// Takes nothing more, seals the open group with a checkpoint and hands it over.
  void stop();
  /// The engine without its thread, for who drives it by step() instead of start(): a simulation
  /// owns every moment. Replay is over; the next commit carries a checkpoint.
  void begin();
  /// One turn: takes what waits, runs it, lets time pass, hands a due group to the store. False
  /// when the store must make room first. Waits in the message source at most.
  bool step();
  /// `epoch` is ours alone: rows of it are sent from now on. Any thread.
  void confirm_epoch();
  /// The database that we began with was copied or set back, so `epoch` has, or may have, another
  /// life: closes what that life knows too as the last word under `epoch`, in a group with a
  /// checkpoint; what came since the start goes over to the next epoch, unless `epoch` was
  /// confirmed. Repeats are harmless. `cloud_highest_seq` as in EpochEnd. Any thread, also before
  /// start().
  void end_epoch(const std::string& epoch, std::int64_t cloud_highest_seq);
  /// The store took a group: there is room for the next. Any thread.
  void poke();

  /// What the broker may have subscribed for this source; before start().
  const std::vector<TopicFilter>& subscribed(std::uint32_t source) const {
    return intake_.subscribed(source);
  }

  EngineView view() const;
  /// Looks through the windows of all series, as StateScan has it. Waits until the pipeline thread
  /// has done so beside its work, at most for `timeout`: `unavailable` then, and when it has
  /// stopped. `resource_exhausted` when too many ask at once. Any thread but [pipeline].
  Result<StateView> look_at_state(std::string measurement, std::size_t largest_max,
                                  std::chrono::milliseconds timeout);
  /// Replaces the stages of all pipelines by those of `make`, between two batches and with a
  /// checkpoint, so that no replay crosses it; see PipelineSet. `make` runs on the pipeline thread,
  /// which waits for it. `failed_precondition` while the cloud has yet to say who we are; otherwise
  /// as look_at_state.
  Result<std::vector<StageReplacement>> replace_stages(MakePipelines make, bool begins_anew,
                                                       std::chrono::milliseconds timeout);
  /// Goes over to another config between two batches, once all that came is on flash: pipelines
  /// that are new or another begin, those that are gone or were another close what they had open as
  /// `partial_config`, and the others are not touched. The group carries a checkpoint, so that no
  /// replay crosses the change. `out_of_range` while the cloud has yet to say who we are, which a
  /// new start can cope with, `failed_precondition` when a pipeline cannot be made: nothing has
  /// changed then. Otherwise as look_at_state, where `unavailable` says that it may still happen.
  Result<ConfigOutcome> change_config(ConfigChange change, std::chrono::milliseconds timeout);
  const RefusedSeries& refused_series() const { return intake_.refused_series(); }
  const Recent<Pane>& recent_panes() const { return pipelines_.recent_panes(); }
  const Recent<LateReading>& recent_late() const { return pipelines_.recent_late(); }
  const Recent<ToldEvent>& recent_events() const { return pipelines_.recent_events(); }

 private:
  /// Somebody wants other stages.
  struct Replacement {
    MakePipelines make;
    bool begins_anew = false;
    Status status;
    std::vector<StageReplacement> outcome;
  };
  /// Somebody wants another config.
  struct Change {
    ConfigChange wanted;
    Status status;
    ConfigOutcome outcome;
  };

  void replay_entry(const StartEntry& start);
  void replay_entry(const ConnectedEntry& entry);
  void replay_entry(const DisconnectedEntry& entry);
  void replay_entry(const SubscribedEntry& entry);
  void replay_entry(const BrokerDropsEntry& entry);
  void replay_entry(const TickEntry& tick);
  void replay_entry(const ClockEntry& clock);
  void replay_entry(const CallsEntry& calls);
  void replay_entry(const BatchEntry& batch);
  void run();
  void hand_over_last();
  void take_messages();
  void take_from_source();
  bool has_waiting() const { return next_event_ < events_.size(); }
  void process_batch();
  void tick_if_due();
  void submit_if_due();
  bool group_due() const;
  bool may_take() const;
  bool acks_wait_for_disk() const;
  bool hears_silence() const;
  void settle_epoch();
  void settle_replacement();
  bool settle_change();
  Status change_now(ConfigChange& wanted, ConfigOutcome& outcome);
  void look_on();
  bool is_asked();
  bool submit();
  void seal(bool checkpoint);
  void name_losses(std::int64_t since_wall_ns);
  bool checkpoint_due() const;
  void start_idle_clocks();
  void begin_disconnected();
  void keep_sources(std::int64_t boottime_ns);
  void take_event(const IngestEvent& event);
  void add_entry(LogEntry entry, std::int64_t boottime_ns);
  void recall_time();
  void note_time();
  std::int64_t arrivals_reached() const;
  std::string source_name(std::uint32_t source) const;
  void publish_view();
  std::vector<CheckpointPart> take_checkpoint();

  EngineOptions options_;
  Rooms rooms_;
  std::vector<SourceSpec> sources_;
  CommitBuilder builder_;
  TimeLine time_line_;
  Intake intake_;
  PipelineSet pipelines_;
  std::optional<CommitGroup> sealed_;  ///< waits for room in the store
  std::vector<IngestEvent> events_;    ///< taken from the source
  std::size_t next_event_ = 0;         ///< of them, those before it are in a group
  std::size_t readings_since_checkpoint_ = 0;
  std::size_t log_bytes_since_checkpoint_ = 0;
  std::uint64_t readings_processed_ = 0;
  bool checkpoint_wanted_ = false;
  bool tracks_start_ = false;  ///< pipelines know what was there at the start
  std::int64_t next_tick_boottime_ns_ = 0;
  std::int64_t last_heard_boottime_ns_ = 0;  ///< messages could come until then
  std::int64_t last_take_wall_ns_ = 0;
  std::int64_t group_wall_ns_ = 0;  ///< nothing that the open group counts arrived before

  std::atomic<bool> stopping_{false};
  Mutex wake_mutex_;
  CondVar wake_;
  bool confirm_wanted_ SLUICE_GUARDED_BY(wake_mutex_) = false;
  std::optional<std::int64_t> end_above_seq_ SLUICE_GUARDED_BY(wake_mutex_);
  std::string ended_epoch_ SLUICE_GUARDED_BY(wake_mutex_);  ///< the last one asked to end
  Requests<StateScan> looks_{4};
  Requests<Replacement> replacements_{1};
  Requests<Change> changes_{1};
  mutable Mutex view_mutex_;
  EngineView view_ SLUICE_GUARDED_BY(view_mutex_);
  Thread thread_;
};

}  // namespace sluice
