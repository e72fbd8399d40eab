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
#include "pipeline/reorder.h"
#include "pipeline/spec.h"
#include "pipeline/stage_chain.h"
#include "pipeline/watermarks.h"
#include "pipeline/window_keys.h"
#include "pipeline/window_sets.h"

namespace sluice {

/// A reading that came after everything that would have taken it had closed.
struct LateReading {
  Reading reading;
  std::int64_t behind_ns = 0;  ///< how far behind its topic's watermark its time lies; may be < 0
};

/// What one step of a pipeline brought about. On replay it is thrown away: the log is
/// authoritative.
struct PipelineEffects {
  Ledger& ledger;
  std::vector<Pane>& closed;
  std::vector<LateReading>* late = nullptr;  ///< null: nobody wants to see them
  ToldEvents* events = nullptr;              ///< null: nobody is told
  CallLog* calls = nullptr;                  ///< null: nothing is written down

  std::vector<DeadLetter>* dead_letters = nullptr;  ///< null: they are not kept
};

/// As checkpoints and backlogs keep it; empty bytes, and what cannot be read: null.
std::string encode_stretch(const std::shared_ptr<const BootStretch>& boot);
std::shared_ptr<const BootStretch> decode_stretch(std::string_view bytes);

/// The part of a pipeline that works: stages in order, then windows, and the state of both.
///
/// Stages before the first ordered one see readings as they come. From there on a reorder buffer
/// releases them in event-time order as the watermark rises. Windows are folded reading by reading
/// in step with the watermark, so that how messages were split into batches does not matter.
/// Thread: [pipeline].
class PipelineRun {
 public:
  /// Takes the stages out of `spec`.
  PipelineRun(PipelineSpec& spec, SeriesTable& series, const TopicTable& topics);

  std::vector<std::string> stage_names() const { return stages_.names(); }
  std::vector<RunningPlugin> stage_plugins() const { return stages_.plugins(); }
  std::size_t windows_open() const { return windows_.open_count(); }
  /// Adds what the windows keep of a series; false when there is nothing.
  bool add_state(SeriesId series, WindowState& out) const {
    return windows_.add_state(series, out);
  }
  /// As KeyedWindows has it, of the last restore().
  std::uint64_t aggregates_refused() const { return aggregates_refused_; }
  std::size_t readings_waiting() const { return reorder_.size(); }
  std::int64_t readings_held() const { return stages_.held(); }

  void process(std::int64_t boottime_ns, const Flow& in, PipelineEffects effects);
  /// Whether the passing of time alone would close or release something, or must be told to stages.
  bool due(std::int64_t boottime_ns) const;
  /// Does so.
  void tick(std::int64_t boottime_ns, PipelineEffects effects);
  /// The process started.
  void restart(std::int64_t boottime_ns);
  /// A source lost its connection, or has none yet: until the next one its topics are not silent.
  void disconnected(const std::string& source, std::int64_t boottime_ns);
  void connected(const std::string& source, std::int64_t boottime_ns);
  /// Nobody waits for sources that are none of these.
  void keep_sources(const std::vector<std::string>& sources, std::int64_t boottime_ns);
  void let_stages_rest() { stages_.let_rest(); }
  /// What the stages know is given up: what they told the begin of ends.
  void end_begun(std::string_view reason, PipelineEffects effects) {
    stages_.end_begun(reason, notified_ns_, of_stages(effects));
  }
  /// From here on the limits of the spec hold, whatever those of the restored state were: they are
  /// no part of its hash, and what had been done under others is repeated under those.
  void use_limits_of_spec();
  void set_windows_max(std::size_t windows_max) {
    windows_max_ = windows_max;
    windows_.set_max(windows_max);
  }
  /// After a restore by stages of which another is the first that needs an order: what waits for
  /// the former first one passes it and those behind it. Before anything else happens.
  void let_go_of_other_order(PipelineEffects effects);
  /// What waits for its order passes the stages now. Answers how many readings that are.
  std::int64_t let_go(PipelineEffects effects);
  void close_windows(PaneQuality quality, PipelineEffects effects);
  /// Arrivals are stamped in this stretch of boot time from here on; null: in event time. What is
  /// open of another one closes.
  void set_boot(std::shared_ptr<const BootStretch> boot, PipelineEffects effects);
  /// How far event time has come for topics that none but these sources feed; kNoTime: not at all.
  std::int64_t reached(const std::function<bool(const std::string&)>& is_source) const;

  /// Only the watermarks and what they close, as if the readings had been processed. Panes are
  /// thrown away. Answers how many readings from before are given up, see
  /// KeyedWindows::give_up_open().
  std::uint64_t pass_over(const ReadingBatch& readings, std::int64_t boottime_ns);
  void pass_over_tick(std::int64_t boottime_ns);
  void pass_over_boot(std::shared_ptr<const BootStretch> boot);
  /// Some window of the reading has closed, as far as its topic goes.
  bool closed_one_of(const Reading& reading) const {
    return windows_.closed_one_of(reading, watermarks_);
  }

  /// What is here now, windows and waiting readings remember as `before`, so that end_epoch() can
  /// part it from what follows.
  void mark_start();
  void forget_start();
  /// What is processed now counts as from before the mark, or no longer.
  void process_as_before(bool on) { processes_before_ = on; }
  /// Closes what is from before the mark, or all when there is none, as `partial_epoch`. Reorder
  /// buffers are emptied. Watermarks and stages go on.
  void end_epoch(PipelineEffects effects);
  /// As end_epoch() for what the windows hold; what waits for the stages goes on waiting.
  void end_epoch_of_windows(PipelineEffects effects);
  /// As KeyedWindows has it.
  void forget_closed_windows() { windows_.forget_closed(); }

  /// Appends the parts "pipeline/<name>", "pipeline/<name>/windows/<n>/<first window>",
  /// "pipeline/<name>/stage/<n>", "pipeline/<name>/disconnected" when a source has no connection,
  /// "pipeline/<name>/waiting" when readings wait for their order, "pipeline/<name>/boot" in boot
  /// time, and "pipeline/<name>/silence" when stages know of one.
  Status snapshot(std::vector<CheckpointPart>& parts);
  /// For stages that cannot save theirs: "pipeline/<name>/stage/anew" stands for it, and who
  /// restores the parts begins with new stages.
  void snapshot_without_stages(std::vector<CheckpointPart>& parts) const;
  bool is_part(const CheckpointPart& part) const;
  bool has_state(const std::vector<CheckpointPart>& parts) const;
  /// Without state in `parts` it stays as it is. `failed_precondition` for another spec hash.
  Status restore(const std::vector<CheckpointPart>& parts);
  /// What a stage refuses, or cannot save: either would hold up the pipeline, the latter every
  /// checkpoint and so the other pipelines.
  Status restore_stages(const std::vector<CheckpointPart>& parts);
  Status stages_can_save();
  /// Of the stages' part only what end_begun() needs.
  Status restore_begun(const std::vector<CheckpointPart>& parts);
  /// Puts watermarks, waiting readings and windows as they are now into `parts`, for those there.
  void replace_own(std::vector<CheckpointPart>& parts) const;

 private:
  void process_in_arrival_order(std::int64_t boottime_ns, const Flow& routed, Flow& flow,
                                PipelineEffects effects);
  void process_in_event_order(std::int64_t boottime_ns, const Flow& routed, Flow& flow,
                              PipelineEffects effects);
  void run_ordered(ReorderBuffer::Released released, PipelineEffects effects);
  void rise(TopicId topic, std::int64_t boottime_ns, PipelineEffects effects);
  std::int64_t untold_silence_ns(std::int64_t boottime_ns) const;
  bool silence_due(std::int64_t boottime_ns) const;
  bool topics_due(std::int64_t boottime_ns) const;
  void advance_topics(std::int64_t boottime_ns, PipelineEffects effects);
  void notify_time(std::int64_t boottime_ns, PipelineEffects effects);
  void fold(Reading reading, bool before, PipelineEffects effects);
  void fold_all(const Flow& flow, PipelineEffects effects);
  void count_late(const Reading& reading, PipelineEffects effects) const;
  void snapshot_rest(std::vector<CheckpointPart>& parts) const;
  void snapshot_waiting(std::vector<CheckpointPart>& parts) const;
  void snapshot_own(std::vector<CheckpointPart>& parts) const;
  Status restore_own(const CheckpointPart& part);
  void note_refused();
  Status restore_waiting(const std::vector<CheckpointPart>& parts);
  Status restore_boot(const std::vector<CheckpointPart>& parts);
  Status restore_disconnected(const std::vector<CheckpointPart>& parts);
  Status restore_silence(const std::vector<CheckpointPart>& parts);
  bool is_own(const CheckpointPart& part) const;
  std::string_view source_of(TopicId topic) const;
  Watermarks::OfSource topics_of(const std::string& source) const;
  StageEffects of_stages(PipelineEffects effects) const;
  void count(PipelineEffects effects, Term term, std::int64_t n, std::string_view cause = {}) const;

  const std::string name_;
  const std::uint64_t hash_;
  std::size_t windows_max_;
  const std::size_t reorder_max_;
  const std::int64_t idle_timeout_ns_;
  const TopicTable& topics_;
  StageChain stages_;
  Watermarks watermarks_;
  ReorderBuffer reorder_;
  WindowKeys keys_;
  WindowSets windows_;
  std::shared_ptr<const BootStretch> boot_;  ///< null: there is nothing of boot time
  std::int64_t notified_ns_ = kNoTime;       ///< the stages know that event time has come so far
  std::int64_t silence_told_ns_ = kNoTime;   ///< and that has all silence up to this boot time
  std::optional<std::size_t> waiting_for_;   ///< of a restored state: the first ordered stage
  std::uint64_t aggregates_refused_ = 0;
  bool marked_ = false;
  bool processes_before_ = false;
};

}  // namespace sluice
