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
#include "pipeline/matcher.h"
#include "pipeline/reorder.h"
#include "pipeline/spec.h"
#include "pipeline/watermarks.h"
#include "pipeline/windows.h"

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
/// Thread: [pipeline].
class Pipeline {
 public:
  Pipeline(PipelineSpec spec, const SeriesTable& series, const TopicTable& topics);

  const std::string& name() const { return spec_.name; }
  std::uint64_t hash() const { return spec_.hash; }
  const std::string& parked() const { return spec_.parked; }
  std::vector<std::string> stage_names() const;
  std::size_t windows_open() const { return windows_ ? windows_->open_count() : 0; }
  std::size_t readings_pending() const { return reorder_.size(); }

  /// Marks in `routed` the rows it takes and processes them.
  void process(const BatchEntry& batch, std::vector<bool>& routed, PipelineEffects effects);
  /// Whether the passing of time alone would close or release something.
  bool due(std::int64_t boottime_ns) const;
  /// Does so. The caller logs a TickEntry.
  void tick(std::int64_t boottime_ns, PipelineEffects effects);
  /// The process started.
  void restart(std::int64_t boottime_ns) { watermarks_.restart(boottime_ns); }
  /// The spec is no more: closes what is open as partial and settles what waits.
  void retire(PipelineEffects effects);

  /// Appends the parts "pipeline/<name>" and "pipeline/<name>/stage/<n>".
  Status snapshot(std::vector<CheckpointPart>& parts);
  /// Takes its own parts; without any it starts empty. `failed_precondition` for another spec hash.
  /// A parked pipeline keeps them for the day it runs again.
  Status restore(const std::vector<CheckpointPart>& parts);

 private:
  /// Readings on their way through the stages, with the batch row each came from.
  struct Flow {
    ReadingBatch readings;
    std::vector<std::size_t> row;  ///< kDerived for those a stage made or let go later
  };
  static constexpr std::size_t kDerived = static_cast<std::size_t>(-1);

  Flow route(const BatchEntry& batch, std::vector<bool>& routed, PipelineEffects effects);
  /// Runs stages [from, to); what is left stays in `flow`.
  void run_stages(std::size_t from, std::size_t to, Flow& flow, PipelineEffects effects);
  void run_stage(std::size_t index, Flow& flow, PipelineEffects effects);
  void take_output(std::size_t index, Flow& flow, PipelineEffects effects);
  void settle(std::size_t index, Flow& next, PipelineEffects effects);
  void notify_time(std::int64_t boottime_ns, PipelineEffects effects);
  void process_in_arrival_order(const BatchEntry& batch, const Flow& routed, Flow& flow,
                                PipelineEffects effects);
  void process_in_event_order(const BatchEntry& batch, const Flow& routed, Flow& flow,
                              PipelineEffects effects);
  void fold(const Reading& reading, PipelineEffects effects);
  void fold_all(const ReadingBatch& readings, PipelineEffects effects);
  Status restore_own(const CheckpointPart& part);
  void count(PipelineEffects effects, Term term, std::int64_t n, std::string_view cause = {}) const;

  PipelineSpec spec_;
  Matcher matcher_;
  Watermarks watermarks_;
  ReorderBuffer reorder_;
  std::optional<TumblingWindows> windows_;
  std::size_t first_ordered_;  ///< index of the first ordered stage; stages.size() when none
  std::int64_t notified_ns_ = kNoTime;
  StageOutput output_;
  std::vector<CheckpointPart> kept_;  ///< of a parked pipeline: its state, carried unchanged
};

}  // namespace sluice
