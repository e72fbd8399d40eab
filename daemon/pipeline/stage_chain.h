#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "model/ledger.h"
#include "model/log.h"
#include "model/ports.h"
#include "pipeline/begun_events.h"
#include "pipeline/call_log.h"
#include "pipeline/told_events.h"

namespace sluice {

/// Readings on their way through the stages, with the batch row each came from.
struct Flow {
  /// Rows of readings that a stage made or let go later.
  static constexpr std::size_t kDerived = static_cast<std::size_t>(-1);
  /// As kDerived, and it was there when the process started.
  static constexpr std::size_t kBefore = static_cast<std::size_t>(-2);

  ReadingBatch readings;
  std::vector<std::size_t> row;

  /// Every reading a row of its own.
  static Flow of(ReadingBatch readings);
  std::size_t size() const { return row.size(); }
  bool empty() const { return row.empty(); }
  void append(const Reading& reading, std::size_t from_row);
  void append(const Flow& other);
  /// Readings that a stage let go later than they came stand out of order.
  void sort_by_event_time();
};

/// Where the stages' doings go beside the readings. On replay they are thrown away: the log is
/// authoritative.
struct StageEffects {
  Ledger& ledger;
  ToldEvents* events = nullptr;                     ///< null: nobody is told
  CallLog* calls = nullptr;                         ///< null: nothing is written down
  std::vector<DeadLetter>* dead_letters = nullptr;  ///< null: they are not kept
  std::string_view boot_id = {};  ///< of the boot in whose time arrivals are stamped; empty: none
};

/// The stages of one pipeline in order, and what becomes of readings there: each verdict is counted
/// under the pipeline's name. A stage that fails rejects its input and sinks nothing else. Thread:
/// [pipeline].
class StageChain {
 public:
  StageChain(std::string pipeline, std::vector<std::unique_ptr<Stage>> stages);

  std::size_t size() const { return stages_.size(); }
  std::vector<std::string> names() const;
  /// Of each stage that is one.
  std::vector<RunningPlugin> plugins() const;
  /// Index of the first stage that needs event-time order; size() when none does.
  std::size_t first_ordered() const { return first_ordered_; }

  /// Whether on_time() has any effect.
  bool wants_time() const { return wants_time_; }
  /// Readings that stages hold, as the ledger counts them. Part of the state, though not of the
  /// stages' own.
  std::int64_t held() const { return held_; }
  void set_held(std::int64_t held) { held_ = held; }

  /// The stages that take readings as they come, up to the first ordered one.
  void run_unordered(Flow& flow, StageEffects effects) { run(0, first_ordered_, flow, effects); }
  /// The others.
  void run_ordered(Flow& flow, StageEffects effects) { run(first_ordered_, size(), flow, effects); }
  void run_from(std::size_t stage, Flow& flow, StageEffects effects) {
    run(stage, size(), flow, effects);
  }
  /// Tells every stage that event time has reached `watermark_ns`; what they let go and make of it
  /// has passed the stages behind them.
  Flow on_time(std::int64_t watermark_ns, StageEffects effects);

  void let_rest();
  /// What the stages know is given up: tells the end of all that they have told the begin of, as
  /// BegunEvents::end_all().
  void end_begun(std::string_view reason, std::int64_t time_ns, StageEffects effects);

  /// One part per stage: `prefix` and its index; and `prefix` "begun" where they have told begins.
  Status snapshot(const std::string& prefix, std::vector<CheckpointPart>& parts);
  /// `data_loss` when one is missing, or what the stage says against its own.
  Status restore(const std::string& prefix, const std::vector<CheckpointPart>& parts);
  /// Of it, what end_begun() needs, also where the stages cannot have the rest.
  Status restore_begun(const std::string& prefix, const std::vector<CheckpointPart>& parts);

 private:
  void run(std::size_t from, std::size_t to, Flow& flow, StageEffects effects);
  void run_stage(std::size_t index, Flow& flow, StageEffects effects);
  Status call(std::size_t index, const ReadingBatch* in, std::int64_t watermark_ns, CallLog* calls);
  void take_output(std::size_t index, Flow& flow, StageEffects effects);
  void take_events(std::size_t index, StageEffects effects);
  void tell(const std::string& stage, Event event, StageEffects effects) const;
  void keep_input(std::size_t index, const Status& why, StageEffects effects) const;
  void hold(Ledger& ledger, std::int64_t n);
  void count_filtered(Ledger& ledger, const Stage& stage,
                      const std::vector<std::int64_t>& drops_by_rule) const;
  void settle(std::size_t index, Flow& next, Ledger& ledger);
  void count(Ledger& ledger, Term term, std::int64_t n, std::string_view cause = {}) const;

  std::string pipeline_;
  std::vector<std::unique_ptr<Stage>> stages_;
  std::size_t first_ordered_;
  bool wants_time_;
  std::int64_t held_ = 0;
  BegunEvents begun_;
  StageOutput output_;
};

/// The part of that name, or null.
const CheckpointPart* find_part(const std::vector<CheckpointPart>& parts, std::string_view name);

}  // namespace sluice
