#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "base/clock.h"
#include "model/log.h"
#include "model/series.h"
#include "pipeline/commit_builder.h"
#include "pipeline/config_change.h"
#include "pipeline/lost_aggregates.h"
#include "pipeline/pipeline.h"
#include "pipeline/recent.h"
#include "pipeline/series_state.h"
#include "pipeline/spec.h"

namespace sluice {

/// What a pipeline shows of itself.
struct PipelineView {
  std::string name;
  std::string parked;
  std::vector<std::string> stages;
  std::uint64_t windows_open = 0;
  std::uint64_t readings_pending = 0;
  std::uint64_t windows_max = 0;
  std::uint64_t panes_partial_limit = 0;      ///< made since the start, as the next
  std::uint64_t panes_lacking_aggregate = 0;  ///< some PluginAggregate of it is lost
  std::uint64_t plugin_failures = 0;          ///< that its stages told of
  std::int64_t busy_ns = 0;                   ///< for which the thread was at it
  std::vector<RunningPlugin> plugins = {};    ///< each once
};

/// What became of a pipeline whose stages were to be replaced.
struct StageReplacement {
  std::string pipeline;
  std::string error;  ///< why it goes on with the stages that it had; empty: it has the new ones
  std::string began_anew;  ///< not empty: why the new ones do not have the state of the old
};

/// Makes the pipelines of the config with new stages. May be called more than once.
using MakePipelines = std::function<std::vector<PipelineSpec>()>;

/// The pipelines of a config. What happens, happens to each of them, and what they count and close
/// goes into the open commit group. Until catch_up() it is a replay: then that is thrown away,
/// since the log has it. Thread: [pipeline].
class PipelineSet {
 public:
  /// All are borrowed for life.
  PipelineSet(std::vector<PipelineSpec> specs, SeriesTable& series, const TopicTable& topics,
              CommitBuilder& builder, const Clock& clock);

  Status restore(const std::vector<CheckpointPart>& parts);
  /// What the ledger of the segment says that was just replayed.
  void replayed(const Ledger& ledger);
  /// Goes over to another config: a pipeline of equal name and hash keeps its state, others start
  /// new, and those that are gone close what they had open. `durable` is the ledger so far,
  /// `next_seq` the number of the next outbox row. `awaits_cloud`: all that closes is from before
  /// the start.
  void adopt(std::vector<PipelineSpec> specs, const Ledger& durable, std::int64_t next_seq,
             bool awaits_cloud);
  /// `failed_precondition` when one of them cannot be made.
  static Status check(const std::vector<NextPipeline>& next);
  /// After the replay: goes over to another config, as adopt(); what is not to change is not
  /// touched.
  void change(std::vector<NextPipeline> next, const Ledger& durable, std::int64_t next_seq);
  /// After the replay: pipelines of the same config with new stages, which take over the state of
  /// the old ones. Where they refuse it they begin anew, if that is wanted: what the old ones held
  /// is rejected(stage_replaced). Else the old ones go on, as if nothing had been tried.
  std::vector<StageReplacement> replace_stages(const MakePipelines& make, bool begins_anew,
                                               std::int64_t boottime_ns);
  /// The replay is over; see Pipeline.
  void catch_up(bool remembers);

  /// During the replay: how the calls went that the next step causes.
  void hear_calls(const CallsEntry& entry);
  /// Otherwise: how the calls went since the last time. Each belongs before the entry of what
  /// caused it.
  std::vector<CallsEntry> take_calls(std::int64_t boottime_ns);

  /// For each row, whether a pipeline takes it.
  std::vector<bool> process(const BatchEntry& batch);
  bool due(std::int64_t boottime_ns) const;
  void tick(std::int64_t boottime_ns);
  /// See Stage. No step: nothing changes by it.
  void let_stages_rest();
  void restart(std::int64_t boottime_ns);
  void connected(const std::string& source, std::int64_t boottime_ns);
  void disconnected(const std::string& source, std::int64_t boottime_ns);
  void keep_sources(const std::vector<std::string>& sources, std::int64_t boottime_ns);
  void set_boot(const std::shared_ptr<const BootStretch>& stretch, std::int64_t boottime_ns);
  void confirm_epoch();
  /// After CommitBuilder::end_epoch().
  void end_epoch();

  /// Appends the parts of all pipelines. Always succeeds, or the log could never be trimmed and no
  /// epoch could end: a pipeline whose stage cannot save its state is parked, which adds to the
  /// open group.
  void snapshot(std::vector<CheckpointPart>& parts);

  /// How far event time has come for topics of these sources; kNoTime: not at all.
  std::int64_t reached(const std::function<bool(const std::string&)>& is_source) const;
  std::size_t windows_open() const;
  std::vector<PipelineView> views() const;
  /// What each pipeline's windows keep of a series.
  std::vector<PipelineState> state_of(SeriesId series) const;
  /// Without their aggregates, which may be large.
  const Recent<Pane>& recent_panes() const { return recent_panes_; }
  const Recent<LateReading>& recent_late() const { return recent_late_; }
  const Recent<ToldEvent>& recent_events() const { return recent_events_; }

 private:
  /// Since the start.
  struct Effort {
    std::uint64_t plugin_failures = 0;
    std::int64_t busy_ns = 0;
  };
  template <typename Step>
  void each(Step step);
  template <typename Step>
  std::vector<Pane> run(Pipeline& pipeline, Step step);
  Status replace_one(PipelineSpec spec, bool begins_anew, std::int64_t boottime_ns);
  std::unique_ptr<Pipeline> adopt_one(PipelineSpec spec, std::int64_t next_seq);
  std::unique_ptr<Pipeline> take_out(const std::string& name);
  void retire(Pipeline& old, const Ledger& durable, bool awaits_cloud);
  void show_events(const std::string& pipeline, std::size_t first, std::size_t expired_before);
  void log_event(const ToldEvent& told) const;
  std::vector<StageCall> take_calls_of(const std::string& pipeline);
  void keep_calls(const std::string& pipeline, std::vector<StageCall> calls);
  void count_lacking_aggregate(const std::string& pipeline, const std::vector<Pane>& closed);
  void count_early(const std::string& pipeline, const std::vector<Pane>& closed);

  SeriesTable& series_;
  const TopicTable& topics_;
  CommitBuilder& builder_;
  const Clock& clock_;
  std::vector<std::unique_ptr<Pipeline>> pipelines_;
  bool is_replay_ = true;
  std::map<std::string, std::vector<StageCall>> calls_;       ///< by pipeline
  std::int64_t wall_ns_ = 0;                                  ///< arrival of the last batch
  std::map<std::string, std::uint64_t> panes_partial_limit_;  ///< by pipeline, as the next
  std::map<std::string, std::uint64_t> panes_lacking_aggregate_;
  std::map<std::string, Effort> efforts_;  ///< by pipeline
  LostAggregates lost_aggregates_;
  Recent<Pane> recent_panes_;
  Recent<LateReading> recent_late_;
  Recent<ToldEvent> recent_events_;
};

}  // namespace sluice
