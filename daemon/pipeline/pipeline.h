#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "model/ledger.h"
#include "model/log.h"
#include "model/ports.h"
#include "model/window.h"
#include "pipeline/backlog.h"
#include "pipeline/matcher.h"
#include "pipeline/pipeline_run.h"
#include "pipeline/spec.h"

namespace sluice {

/// One pipeline through its life: which readings are its own, replay, parking, changes of config
/// and of epoch. What it does with a reading is PipelineRun.
///
/// A parked pipeline keeps the state of its last checkpoint and a backlog of what it missed. When
/// it can run again it catches up: what it had done before the park only for its state, the rest as
/// if it arrived now. Thread: [pipeline].
class Pipeline {
 public:
  Pipeline(PipelineSpec spec, SeriesTable& series, const TopicTable& topics);

  const std::string& name() const { return spec_.name; }
  std::uint64_t hash() const { return spec_.hash; }
  /// The spec hash of its panes' keys. A spec that was replaced and comes back must not replace
  /// what it made before, so each time it takes over it has another one.
  std::uint64_t pane_hash() const;
  const std::string& parked() const { return spec_.parked; }
  std::vector<std::string> stage_names() const { return run_.stage_names(); }
  /// Of stages and of windows' aggregates, each once; of a parked pipeline those that are there.
  std::vector<RunningPlugin> plugins() const;
  std::size_t windows_open() const { return run_.windows_open(); }
  /// It is parked, or has been and not caught up.
  bool is_behind() const { return behind_; }
  /// As PipelineRun has it. Of a parked pipeline nothing is known: its state is as it was stored.
  bool add_state(SeriesId series, WindowState& out) const {
    return !behind_ && run_.add_state(series, out);
  }
  std::size_t windows_max() const { return spec_.shares.windows_max; }
  /// For a running one of the same spec.
  void set_shares(const PipelineShares& shares);
  std::size_t readings_pending() const { return run_.readings_waiting() + backlog_.pending(); }

  /// Its spec takes over from another or from none, when `next_seq` is the next outbox row. Once,
  /// before anything else.
  void begin_at(std::int64_t next_seq);
  /// Marks in `routed` the rows it takes and processes them. Before catch_up() this is a replay.
  void process(const BatchEntry& batch, std::vector<bool>& routed, PipelineEffects effects);
  /// What the ledger of the segment says that was just replayed.
  void replayed(const Ledger& ledger);
  /// Whether the passing of time alone would close or release something.
  bool due(std::int64_t boottime_ns) const { return !behind_ && run_.due(boottime_ns); }
  /// Does so. The caller logs a TickEntry.
  void tick(std::int64_t boottime_ns, PipelineEffects effects);
  void let_stages_rest() { run_.let_stages_rest(); }
  /// The process started.
  void restart(std::int64_t boottime_ns);
  /// A source lost its connection, or has none yet: until the next one its topics are not silent.
  void disconnected(const std::string& source, std::int64_t boottime_ns);
  void connected(const std::string& source, std::int64_t boottime_ns);
  /// After catch_up(): nobody waits for sources that are none of these.
  void keep_sources(const std::vector<std::string>& sources, std::int64_t boottime_ns);
  /// From here on arrivals are stamped in this stretch of boot time; null: in event time. What is
  /// open of another one closes.
  void set_boot(const std::shared_ptr<const BootStretch>& boot, std::int64_t boottime_ns,
                PipelineEffects effects);
  /// How far event time has come for topics that none but these sources feed; kNoTime: not at all.
  std::int64_t reached(const std::function<bool(const std::string&)>& is_source) const {
    return run_.reached(is_source);
  }
  /// The spec is no more: lets go what waits for its order, closes what is open as partial and
  /// settles what `durable` counts as held or pending besides. What its stages did after the last
  /// checkpoint cannot be repeated when they are gone: its windows close with what they held then,
  /// and the rest is no longer `aggregated` but `rejected(config_changed)`. What its stages told
  /// the begin of ends.
  void retire(const Ledger& durable, PipelineEffects effects);

  /// The cloud knows us as who we are: no epoch change will part what was there at catch_up() from
  /// what came since.
  void confirm_epoch();
  /// The epoch ends. `closed` takes what was open at catch_up(), or now if there was none or the
  /// epoch was confirmed since, as `partial_epoch`; what came since stays open. Reorder buffers are
  /// emptied. Watermarks and stages go on.
  void end_epoch(PipelineEffects effects);

  /// Appends the parts of PipelineRun; when it is behind, "pipeline/<name>/backlog"; when its spec
  /// replaced another, "pipeline/<name>/since".
  Status snapshot(std::vector<CheckpointPart>& parts);
  /// After snapshot() failed, which is a stage that cannot save its state and would hold up every
  /// checkpoint: parks the pipeline with all but the stages' state, so that the next one succeeds.
  void give_up_stages(const Status& why, PipelineEffects effects);
  /// Takes its own parts; without any it starts empty. `failed_precondition` for another spec hash.
  /// State that a stage refuses parks the pipeline.
  Status restore(const std::vector<CheckpointPart>& parts);
  /// Goes on where `old`, of the same name and hash, stands; catch_up() must follow. `old` stays as
  /// it is.
  Status inherit(Pipeline& old);
  /// As inherit(), but the stages begin anew. `old` has to give_up_stages_state() once this one
  /// runs. `failed_precondition` when `old` is parked.
  Status inherit_without_stages(Pipeline& old);
  /// What its stages know is given up: what they hold is rejected(`cause`), what they told the
  /// begin of ends.
  void give_up_stages_state(std::string_view cause, PipelineEffects effects);
  /// The log has been replayed: from here on steps happen. A pipeline that is behind and can run
  /// does what it missed. `remembers`: an epoch change may come that must know what was there by
  /// now (PaneSplit).
  /// `may_lose_aggregates`: what plugins do not take back of open windows is lost; else it parks
  /// before anything has happened.
  void catch_up(PipelineEffects effects, bool remembers = false, bool may_lose_aggregates = true);

 private:
  Flow route(const BatchEntry& batch, std::vector<bool>& routed, PipelineEffects effects);
  void defer(std::int64_t boottime_ns, const ReadingBatch& readings, PipelineEffects effects);
  void keep_calls(PipelineEffects effects);
  void settle_replayed_held(PipelineEffects effects);
  void do_missed(const Backlog& backlog, PipelineEffects effects);
  void take_step(const Backlog::Step& step, PipelineEffects effects);
  std::int64_t pass_over_applied();
  std::uint64_t pass_over(const Backlog::Step& step);
  void park(const Status& why);
  void end_parked_epoch(PipelineEffects effects);
  Status restore_run(bool may_lose_aggregates);
  Status snapshot_state(std::vector<CheckpointPart>& parts);
  void count(PipelineEffects effects, Term term, std::int64_t n, std::string_view cause = {}) const;

  PipelineSpec spec_;  ///< without its stages
  Matcher matcher_;
  PipelineRun run_;

  std::int64_t since_seq_ = 0;  ///< see begin_at(); 0: of the first config
  /// What the ledger counts as held, while it is replayed.
  std::optional<std::int64_t> held_by_log_;
  bool behind_;                       ///< the state is kept_ plus backlog_, not run_
  std::vector<CheckpointPart> kept_;  ///< of a pipeline that is behind: its state, unchanged
  Backlog backlog_;
};

}  // namespace sluice
