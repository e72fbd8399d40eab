#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/ledger.h"
#include "model/log.h"
#include "model/ports.h"
#include "model/window.h"
#include "pipeline/aligned_windows.h"
#include "pipeline/backlog.h"
#include "pipeline/matcher.h"
#include "pipeline/reorder.h"
#include "pipeline/spec.h"
#include "pipeline/stage_chain.h"
#include "pipeline/watermarks.h"

namespace sluice {

/// What one step of a pipeline brought about. On replay it is thrown away: the log is
/// authoritative.
struct PipelineEffects {
  Ledger& ledger;
  std::vector<Pane>& closed;
};

/// One pipeline: match, then stages in order, then windows.
///
/// Stages before the first ordered one see readings as they come. From there on a reorder buffer
/// releases them in event-time order as the watermark rises. Windows are folded reading by reading
/// in step with the watermark, so that how messages were split into batches does not matter.
///
/// A parked pipeline keeps the state of its last checkpoint and a backlog of what it missed. When
/// it can run again it catches up: what it had done before the park only for its state, the rest as
/// if it arrived now. Thread: [pipeline].
class Pipeline {
 public:
  Pipeline(PipelineSpec spec, const SeriesTable& series, const TopicTable& topics);

  const std::string& name() const { return spec_.name; }
  std::uint64_t hash() const { return spec_.hash; }
  /// The spec hash of its panes' keys. A spec that was replaced and comes back must not replace
  /// what it made before, so each time it takes over it has another one.
  std::uint64_t pane_hash() const;
  const std::string& parked() const { return spec_.parked; }
  std::vector<std::string> stage_names() const { return stages_.names(); }
  std::size_t windows_open() const;
  std::size_t windows_max() const { return spec_.windows_max; }
  std::size_t readings_pending() const { return reorder_.size() + backlog_.pending(); }

  /// Its spec takes over from another or from none, when `next_seq` is the next outbox row. Once,
  /// before anything else.
  void begin_at(std::int64_t next_seq);
  /// Marks in `routed` the rows it takes and processes them. Before catch_up() this is a replay.
  void process(const BatchEntry& batch, std::vector<bool>& routed, PipelineEffects effects);
  /// What the ledger of the segment says that was just replayed.
  void replayed(const Ledger& ledger);
  /// Whether the passing of time alone would close or release something.
  bool due(std::int64_t boottime_ns) const;
  /// Does so. The caller logs a TickEntry.
  void tick(std::int64_t boottime_ns, PipelineEffects effects);
  /// The process started.
  void restart(std::int64_t boottime_ns);
  /// A source lost its connection, or has none yet: until the next one its topics are not silent.
  void disconnected(const std::string& source, std::int64_t boottime_ns);
  void connected(const std::string& source, std::int64_t boottime_ns);
  /// After catch_up(): nobody waits for sources that are none of these.
  void keep_sources(const std::vector<std::string>& sources, std::int64_t boottime_ns);
  /// The spec is no more: closes what is open as partial and settles what `durable` counts as held
  /// or pending. What its stages did after the last checkpoint cannot be repeated when they are
  /// gone: its windows close with what they held then, and the rest is no longer `aggregated` but
  /// `rejected(config_changed)`.
  void retire(const Ledger& durable, PipelineEffects effects);

  /// The cloud knows us as who we are: no epoch change will part what was there at catch_up() from
  /// what came since.
  void confirm_epoch();
  /// The epoch ends. `closed` takes what was open at catch_up(), or now if there was none or the
  /// epoch was confirmed since, as `partial_epoch`; what came since stays open. Reorder buffers are
  /// emptied. Watermarks and stages go on.
  void end_epoch(PipelineEffects effects);

  /// Appends the parts "pipeline/<name>", "pipeline/<name>/stage/<n>",
  /// "pipeline/<name>/windows/<n>/<first window>"; when a source has no connection,
  /// "pipeline/<name>/disconnected"; when it is behind, "pipeline/<name>/backlog"; when its spec
  /// replaced another, "pipeline/<name>/since".
  Status snapshot(std::vector<CheckpointPart>& parts);
  /// Takes its own parts; without any it starts empty. `failed_precondition` for another spec hash.
  /// State that a stage refuses parks the pipeline.
  Status restore(const std::vector<CheckpointPart>& parts);
  /// Goes on where `old`, of the same name and hash, stood; catch_up() must follow.
  Status inherit(Pipeline& old);
  /// The log has been replayed: from here on steps happen. A pipeline that is behind and can run
  /// does what it missed. `remembers`: an epoch change may come that must know what was there by
  /// now (PaneSplit).
  void catch_up(PipelineEffects effects, bool remembers = false);

 private:
  Flow route(const BatchEntry& batch, std::vector<bool>& routed, PipelineEffects effects);
  void notify_time(std::int64_t boottime_ns, PipelineEffects effects);
  void run(std::int64_t boottime_ns, const Flow& in, PipelineEffects effects);
  void process_in_arrival_order(std::int64_t boottime_ns, const Flow& routed, Flow& flow,
                                PipelineEffects effects);
  void process_in_event_order(std::int64_t boottime_ns, const Flow& routed, Flow& flow,
                              PipelineEffects effects);
  void defer(std::int64_t boottime_ns, const ReadingBatch& readings, PipelineEffects effects);
  void take_step(const Backlog::Step& step, PipelineEffects effects);
  Status restore_to_retire();
  std::int64_t pass_over_applied();
  void pass_over(const Backlog::Step& step);
  bool in_closed_windows(const Reading& reading) const;
  void park(const Status& why);
  static Flow flow_of(ReorderBuffer::Released released);
  void run_ordered(ReorderBuffer::Released released, PipelineEffects effects);
  void mark_start();
  void end_parked_epoch(PipelineEffects effects);
  void fold(const Reading& reading, bool before, PipelineEffects effects);
  void fold_all(const Flow& flow, PipelineEffects effects);
  void shed_if_full(PipelineEffects effects);
  void correct(PipelineEffects effects);
  Status restore_stages();
  Status stages_can_save();
  Status snapshot_state(std::vector<CheckpointPart>& parts);
  void snapshot_own(std::vector<CheckpointPart>& parts) const;
  Status restore_own(const std::vector<CheckpointPart>& parts);
  bool is_own(const CheckpointPart& part) const;
  Status restore_disconnected();
  Watermarks::OfSource topics_of(const std::string& source) const;
  void count(PipelineEffects effects, Term term, std::int64_t n, std::string_view cause = {}) const;

  PipelineSpec spec_;  ///< without its stages
  const TopicTable& topics_;
  StageChain stages_;
  Matcher matcher_;
  Watermarks watermarks_;
  ReorderBuffer reorder_;
  std::vector<AlignedWindows> windows_;
  std::int64_t notified_ns_ = kNoTime;
  std::size_t windows_max_;  ///< the spec's; before catch_up() that of what is replayed

  std::int64_t since_seq_ = 0;        ///< see begin_at(); 0: of the first config
  bool behind_;                       ///< the state is kept_ plus backlog_, not the parts above
  bool missed_ = false;               ///< while behind: the steps that come now were never done
  bool marked_ = false;               ///< windows and reorder buffer know what was there before
  bool doing_missed_ = false;         ///< what is processed now came before
  std::vector<CheckpointPart> kept_;  ///< of a pipeline that is behind: its state, unchanged
  Backlog backlog_;
};

}  // namespace sluice
