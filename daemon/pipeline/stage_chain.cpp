#include "pipeline/stage_chain.h"

#include <algorithm>
#include <iterator>
#include <numeric>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "model/boot_time.h"

namespace sluice {
namespace {

std::size_t first_ordered_stage(const std::vector<std::unique_ptr<Stage>>& stages) {
  const auto it = std::find_if(stages.begin(), stages.end(),
                               [](const auto& stage) { return stage->ordered(); });
  return static_cast<std::size_t>(it - stages.begin());
}

/// A replay may repeat a call of a version that had more rules. What is counted then, the log has.
void count_rule(std::vector<std::int64_t>& drops_by_rule, std::uint16_t rule) {
  if (rule < drops_by_rule.size()) ++drops_by_rule[rule];
}

}  // namespace

const CheckpointPart* find_part(const std::vector<CheckpointPart>& parts, std::string_view name) {
  const auto it = std::find_if(parts.begin(), parts.end(),
                               [&](const CheckpointPart& part) { return part.name == name; });
  return it == parts.end() ? nullptr : &*it;
}

Flow Flow::of(ReadingBatch readings) {
  Flow flow;
  flow.row.resize(readings.size());
  std::iota(flow.row.begin(), flow.row.end(), std::size_t{0});
  flow.readings = std::move(readings);
  return flow;
}

void Flow::append(const Reading& reading, std::size_t from_row) {
  readings.append(reading);
  row.push_back(from_row);
}

void Flow::append(const Flow& other) {
  for (std::size_t i = 0; i < other.size(); ++i) append(other.readings.at(i), other.row[i]);
}

void Flow::sort_by_event_time() {
  std::vector<std::size_t> order(size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t a, std::size_t b) {
    return readings.event_time_ns[a] < readings.event_time_ns[b];
  };
  if (std::is_sorted(order.begin(), order.end(), before)) return;
  std::stable_sort(order.begin(), order.end(), before);
  Flow sorted;
  for (const std::size_t i : order) sorted.append(readings.at(i), row[i]);
  *this = std::move(sorted);
}

StageChain::StageChain(std::string pipeline, std::vector<std::unique_ptr<Stage>> stages)
    : pipeline_(std::move(pipeline)),
      stages_(std::move(stages)),
      first_ordered_(first_ordered_stage(stages_)),
      wants_time_(std::any_of(stages_.begin(), stages_.end(),
                              [](const auto& stage) { return stage->wants_time(); })) {}

std::vector<std::string> StageChain::names() const {
  std::vector<std::string> names;
  for (const auto& stage : stages_) names.push_back(stage->name());
  return names;
}

std::vector<RunningPlugin> StageChain::plugins() const {
  std::vector<RunningPlugin> plugins;
  for (const auto& stage : stages_) {
    if (RunningPlugin one = stage->plugin(); !one.name.empty()) plugins.push_back(std::move(one));
  }
  return plugins;
}

void StageChain::count(Ledger& ledger, Term term, std::int64_t n, std::string_view cause) const {
  ledger.add(LedgerKind::readings, pipeline_, term, n, cause);
}

void StageChain::run(std::size_t from, std::size_t to, Flow& flow, StageEffects effects) {
  for (std::size_t index = from; index < to; ++index) run_stage(index, flow, effects);
}

/// process() when there is input, else on_time(). A recorded stage's call goes as the log says, or
/// how it went is written there.
Status StageChain::call(std::size_t index, const ReadingBatch* in, std::int64_t watermark_ns,
                        CallLog* calls) {
  Stage& stage = *stages_[index];
  RecordedCalls* recorded = calls == nullptr ? nullptr : stage.recorded_calls();
  output_.clear();
  if (recorded != nullptr && calls->is_replay()) {
    // Another version of the stage may have made records, or none, where this one does not.
    if (const auto record = calls->next(index)) {
      return recorded->replay(in, watermark_ns, *record, output_);
    }
  }
  const Status status =
      in != nullptr ? stage.process(*in, output_) : stage.on_time(watermark_ns, output_);
  const bool records = recorded != nullptr && recorded->records();
  if (records && !calls->is_replay()) calls->add(index, recorded->take_record());
  return status;
}

void StageChain::take_events(std::size_t index, StageEffects effects) {
  for (Event& event : output_.events) {
    begun_.note(stages_[index]->name(), event);
    tell(stages_[index]->name(), std::move(event), effects);
  }
}

void StageChain::tell(const std::string& stage, Event event, StageEffects effects) const {
  if (effects.events == nullptr) return;
  const bool has_boot = in_boot_time(event.topic);
  effects.events->add({std::move(event), pipeline_, stage,
                       std::string(has_boot ? effects.boot_id : std::string_view())},
                      effects.ledger);
}

void StageChain::end_begun(std::string_view reason, std::int64_t time_ns, StageEffects effects) {
  for (BegunEvents::End& end : begun_.end_all(reason, time_ns)) {
    tell(end.stage, std::move(end.event), effects);
  }
}

void StageChain::keep_input(std::size_t index, const Status& why, StageEffects effects) const {
  if (effects.dead_letters == nullptr || output_.fatal_input.empty()) return;
  DeadLetter letter;
  letter.source = pipeline_;
  letter.topic = stages_[index]->name();
  letter.reason = "stage_failed";
  letter.detail = why.message();
  letter.payload_head = output_.fatal_input.substr(0, kDeadLetterBytes);
  letter.payload_bytes = output_.fatal_input.size();
  effects.dead_letters->push_back(std::move(letter));
}

void StageChain::run_stage(std::size_t index, Flow& flow, StageEffects effects) {
  if (flow.empty()) return;
  const Status status = call(index, &flow.readings, 0, effects.calls);
  take_events(index, effects);
  if (status.ok()) return take_output(index, flow, effects);
  const std::string& name = stages_[index]->name();
  const bool passes = stages_[index]->passes_on_failure();
  const bool is_replay = effects.calls != nullptr && effects.calls->is_replay();
  if (!is_replay) {
    log::error("pipeline", "a stage failed",
               {{"pipeline", pipeline_},
                {"stage", name},
                {"input", passes ? "passes by" : "is rejected"},
                {"error", status.to_string()}});
  }
  keep_input(index, status, effects);
  if (passes) return;
  count(effects.ledger, Term::rejected, static_cast<std::int64_t>(flow.size()),
        name + "/stage_failed");
  flow = {};
}

void StageChain::take_output(std::size_t index, Flow& flow, StageEffects effects) {
  Ledger& ledger = effects.ledger;
  const Stage& stage = *stages_[index];
  SLUICE_ASSERT(output_.verdicts.size() == flow.size());
  Flow next;
  settle(index, next, ledger);
  std::size_t altered = 0;
  std::size_t drop = 0;
  std::vector<std::int64_t> drops_by_rule(stage.rules().size());
  for (std::size_t i = 0; i < flow.size(); ++i) {
    switch (output_.verdicts[i]) {
      case Verdict::pass: next.append(flow.readings.at(i), flow.row[i]); break;
      case Verdict::altered: next.append(output_.altered.at(altered++), flow.row[i]); break;
      case Verdict::drop: count_rule(drops_by_rule, output_.drops[drop++].rule); break;
      case Verdict::hold: hold(ledger, 1); break;
    }
  }
  count_filtered(ledger, stage, drops_by_rule);
  for (std::size_t i = 0; i < output_.derived.size(); ++i) {
    next.append(output_.derived.at(i), Flow::kDerived);
  }
  count(ledger, Term::derived, static_cast<std::int64_t>(output_.derived.size()));
  flow = std::move(next);
  if (index >= first_ordered_ && index + 1 < size()) flow.sort_by_event_time();
}

void StageChain::count_filtered(Ledger& ledger, const Stage& stage,
                                const std::vector<std::int64_t>& drops_by_rule) const {
  for (std::size_t rule = 0; rule < drops_by_rule.size(); ++rule) {
    count(ledger, Term::filtered, drops_by_rule[rule], stage.name() + "/" + stage.rules()[rule]);
  }
}

void StageChain::hold(Ledger& ledger, std::int64_t n) {
  held_ += n;
  count(ledger, Term::held, n);
}

void StageChain::settle(std::size_t index, Flow& next, Ledger& ledger) {
  const Stage& stage = *stages_[index];
  const auto settled = static_cast<std::int64_t>(output_.settled.size());
  const auto dropped = static_cast<std::int64_t>(output_.settled_dropped.size());
  hold(ledger, -settled - dropped);
  std::vector<std::int64_t> drops_by_rule(stage.rules().size());
  for (const std::uint16_t rule : output_.settled_dropped) count_rule(drops_by_rule, rule);
  count_filtered(ledger, stage, drops_by_rule);
  for (std::size_t i = 0; i < output_.settled.size(); ++i) {
    // Settled readings of an unordered stage join the windows at once: they are the oldest.
    next.append(output_.settled.at(i), index < first_ordered_ ? 0 : Flow::kDerived);
  }
}

Flow StageChain::on_time(std::int64_t watermark_ns, StageEffects effects) {
  Flow all;
  for (std::size_t index = 0; index < size(); ++index) {
    if (!stages_[index]->wants_time()) continue;
    const Status status = call(index, nullptr, watermark_ns, effects.calls);
    take_events(index, effects);
    if (!status.ok()) {
      log::error("pipeline", "a stage failed in on_time",
                 {{"pipeline", pipeline_},
                  {"stage", stages_[index]->name()},
                  {"error", status.to_string()}});
      continue;
    }
    Flow flow;
    take_output(index, flow, effects);
    run(index + 1, size(), flow, effects);
    all.append(flow);
  }
  return all;
}

void StageChain::let_rest() {
  for (const auto& stage : stages_) stage->let_rest();
}

Status StageChain::snapshot(const std::string& prefix, std::vector<CheckpointPart>& parts) {
  for (std::size_t i = 0; i < size(); ++i) {
    Result<std::string> bytes = stages_[i]->snapshot();
    if (!bytes.ok()) return bytes.status();
    parts.push_back({prefix + std::to_string(i), *std::move(bytes)});
  }
  if (begun_.empty()) return {};
  ByteWriter begun;
  begun_.snapshot(begun);
  parts.push_back({prefix + "begun", begun.take()});
  return {};
}

Status StageChain::restore(const std::string& prefix, const std::vector<CheckpointPart>& parts) {
  for (std::size_t i = 0; i < size(); ++i) {
    const CheckpointPart* part = find_part(parts, prefix + std::to_string(i));
    if (part == nullptr) return data_loss("checkpoint without the state of a stage");
    if (Status s = stages_[i]->restore(part->bytes); !s.ok()) return s;
  }
  return restore_begun(prefix, parts);
}

Status StageChain::restore_begun(const std::string& prefix,
                                 const std::vector<CheckpointPart>& parts) {
  const CheckpointPart* begun = find_part(parts, prefix + "begun");
  return begun == nullptr ? Status() : begun_.restore(begun->bytes);
}

}  // namespace sluice
