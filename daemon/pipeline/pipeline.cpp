#include "pipeline/pipeline.h"

#include <algorithm>
#include <numeric>

#include "base/log.h"

namespace sluice {
namespace {

constexpr std::uint8_t kFormat = 1;

std::string part_name(const std::string& pipeline) { return "pipeline/" + pipeline; }
std::string stage_part_name(const std::string& pipeline, std::size_t index) {
  return part_name(pipeline) + "/stage/" + std::to_string(index);
}

std::string backlog_part_name(const std::string& pipeline) {
  return part_name(pipeline) + "/backlog";
}

const CheckpointPart* find_part(const std::vector<CheckpointPart>& parts, const std::string& name) {
  const auto it = std::find_if(parts.begin(), parts.end(),
                               [&](const CheckpointPart& part) { return part.name == name; });
  return it == parts.end() ? nullptr : &*it;
}

std::size_t first_ordered_stage(const std::vector<std::unique_ptr<Stage>>& stages) {
  const auto it = std::find_if(stages.begin(), stages.end(),
                               [](const auto& stage) { return stage->ordered(); });
  return static_cast<std::size_t>(it - stages.begin());
}

}  // namespace

Pipeline::Pipeline(PipelineSpec spec, const SeriesTable& series, const TopicTable& topics)
    : spec_(std::move(spec)),
      matcher_(spec_.match, series, topics),
      watermarks_(spec_.max_out_of_order_ns, spec_.idle_timeout_ns),
      reorder_(spec_.reorder_max),
      first_ordered_(first_ordered_stage(spec_.stages)),
      behind_(!spec_.parked.empty()) {
  if (spec_.window_ns > 0) windows_.emplace(spec_.window_ns);
}

std::vector<std::string> Pipeline::stage_names() const {
  std::vector<std::string> names;
  for (const auto& stage : spec_.stages) names.push_back(stage->name());
  return names;
}

/// Readings that a stage let go later than they came stand out of order.
void Pipeline::sort_by_event_time(Flow& flow) {
  std::vector<std::size_t> order(flow.row.size());
  std::iota(order.begin(), order.end(), std::size_t{0});
  const auto before = [&](std::size_t a, std::size_t b) {
    return flow.readings.event_time_ns[a] < flow.readings.event_time_ns[b];
  };
  if (std::is_sorted(order.begin(), order.end(), before)) return;
  std::stable_sort(order.begin(), order.end(), before);
  Flow sorted;
  for (const std::size_t i : order) {
    sorted.readings.append(flow.readings.at(i));
    sorted.row.push_back(flow.row[i]);
  }
  flow = std::move(sorted);
}

void Pipeline::count(PipelineEffects effects, Term term, std::int64_t n,
                     std::string_view cause) const {
  effects.ledger.add(LedgerKind::readings, spec_.name, term, n, cause);
}

Pipeline::Flow Pipeline::route(const BatchEntry& batch, std::vector<bool>& routed,
                               PipelineEffects effects) {
  Flow flow;
  for (std::size_t i = 0; i < batch.readings.size(); ++i) {
    if (!matcher_.wants(batch.readings.series[i], batch.readings.topic[i])) continue;
    routed[i] = true;
    flow.readings.append(batch.readings.at(i));
    flow.row.push_back(flow.row.size());
  }
  count(effects, Term::in, static_cast<std::int64_t>(flow.row.size()));
  return flow;
}

void Pipeline::process(const BatchEntry& batch, std::vector<bool>& routed,
                       PipelineEffects effects) {
  const Flow in = route(batch, routed, effects);
  if (in.row.empty()) return;
  if (behind_) {
    defer(batch.boottime_ns, in.readings, effects);
  } else {
    run(batch.boottime_ns, in, effects);
  }
}

void Pipeline::run(std::int64_t boottime_ns, const Flow& in, PipelineEffects effects) {
  Flow flow = in;
  run_stages(0, first_ordered_, flow, effects);
  if (first_ordered_ == spec_.stages.size()) {
    process_in_arrival_order(boottime_ns, in, flow, effects);
  } else {
    process_in_event_order(boottime_ns, in, flow, effects);
  }
  notify_time(boottime_ns, effects);
}

void Pipeline::defer(std::int64_t boottime_ns, const ReadingBatch& readings,
                     PipelineEffects effects) {
  if (!missed_) {
    backlog_.add_applied(Backlog::Kind::batch, boottime_ns, readings);
    return;
  }
  const std::size_t taken = backlog_.add_pending(boottime_ns, readings);
  count(effects, Term::pending, static_cast<std::int64_t>(taken));
  count(effects, Term::rejected, static_cast<std::int64_t>(readings.size() - taken), "parked");
}

void Pipeline::process_in_arrival_order(std::int64_t boottime_ns, const Flow& routed, Flow& flow,
                                        PipelineEffects effects) {
  std::size_t next = 0;
  for (std::size_t row = 0; row < routed.readings.size(); ++row) {
    while (next < flow.row.size() && flow.row[next] == row) {
      fold(flow.readings.at(next++), false, effects);
    }
    const TopicId topic = routed.readings.topic[row];
    if (watermarks_.observe(topic, routed.readings.event_time_ns[row], boottime_ns) && windows_) {
      windows_->advance(topic, watermarks_, boottime_ns, effects.closed);
    }
  }
  while (next < flow.row.size()) fold(flow.readings.at(next++), false, effects);
}

void Pipeline::process_in_event_order(std::int64_t boottime_ns, const Flow& routed, Flow& flow,
                                      PipelineEffects effects) {
  ReorderBuffer::Released released;
  const std::size_t waiting = reorder_.size();
  const auto offer = [&](const Reading& reading) {
    if (!reorder_.add(reading, released, doing_missed_)) count(effects, Term::late, 1);
  };
  std::vector<TopicId> risen;
  std::size_t next = 0;
  for (std::size_t row = 0; row < routed.readings.size(); ++row) {
    while (next < flow.row.size() && flow.row[next] == row) offer(flow.readings.at(next++));
    const TopicId topic = routed.readings.topic[row];
    if (watermarks_.observe(topic, routed.readings.event_time_ns[row], boottime_ns)) {
      risen.push_back(topic);
    }
    reorder_.release(topic, watermarks_.of(topic), released);
  }
  while (next < flow.row.size()) offer(flow.readings.at(next++));
  count(effects, Term::pending,
        static_cast<std::int64_t>(reorder_.size()) - static_cast<std::int64_t>(waiting));
  run_ordered(std::move(released), effects);
  if (!windows_) return;
  for (const TopicId topic : risen) {
    windows_->advance(topic, watermarks_, boottime_ns, effects.closed);
  }
}

Pipeline::Flow Pipeline::flow_of(ReorderBuffer::Released released) {
  Flow flow;
  flow.readings = std::move(released.readings);
  for (const bool before : released.before) flow.row.push_back(before ? kBefore : kDerived);
  return flow;
}

void Pipeline::run_ordered(ReorderBuffer::Released released, PipelineEffects effects) {
  Flow flow = flow_of(std::move(released));
  run_stages(first_ordered_, spec_.stages.size(), flow, effects);
  fold_all(flow, effects);
}

void Pipeline::fold(const Reading& reading, bool before, PipelineEffects effects) {
  if (!windows_) {
    count(effects, Term::observed, 1);
  } else {
    const bool folded = windows_->fold(reading, before || doing_missed_);
    count(effects, folded ? Term::aggregated : Term::late, 1);
  }
}

void Pipeline::fold_all(const Flow& flow, PipelineEffects effects) {
  for (std::size_t i = 0; i < flow.row.size(); ++i) {
    fold(flow.readings.at(i), flow.row[i] == kBefore, effects);
  }
}

void Pipeline::run_stages(std::size_t from, std::size_t to, Flow& flow, PipelineEffects effects) {
  for (std::size_t index = from; index < to; ++index) run_stage(index, flow, effects);
}

void Pipeline::run_stage(std::size_t index, Flow& flow, PipelineEffects effects) {
  if (flow.row.empty()) return;
  Stage& stage = *spec_.stages[index];
  output_.clear();
  if (const Status status = stage.process(flow.readings, output_); !status.ok()) {
    log::error("pipeline", "a stage failed; its input is rejected",
               {{"pipeline", spec_.name}, {"stage", stage.name()}, {"error", status.to_string()}});
    count(effects, Term::rejected, static_cast<std::int64_t>(flow.row.size()),
          stage.name() + "/stage_failed");
    flow = {};
    return;
  }
  take_output(index, flow, effects);
}

void Pipeline::take_output(std::size_t index, Flow& flow, PipelineEffects effects) {
  const Stage& stage = *spec_.stages[index];
  SLUICE_ASSERT(output_.verdicts.size() == flow.row.size());
  Flow next;
  settle(index, next, effects);
  std::size_t altered = 0;
  std::size_t drop = 0;
  std::vector<std::int64_t> drops_by_rule(stage.rules().size());
  for (std::size_t i = 0; i < flow.row.size(); ++i) {
    switch (output_.verdicts[i]) {
      case Verdict::pass:
        next.readings.append(flow.readings.at(i));
        next.row.push_back(flow.row[i]);
        break;
      case Verdict::altered:
        next.readings.append(output_.altered.at(altered++));
        next.row.push_back(flow.row[i]);
        break;
      case Verdict::drop: ++drops_by_rule[output_.drops[drop++].rule]; break;
      case Verdict::hold: count(effects, Term::held, 1); break;
    }
  }
  for (std::size_t rule = 0; rule < drops_by_rule.size(); ++rule) {
    count(effects, Term::filtered, drops_by_rule[rule], stage.name() + "/" + stage.rules()[rule]);
  }
  for (std::size_t i = 0; i < output_.derived.size(); ++i) {
    next.readings.append(output_.derived.at(i));
    next.row.push_back(kDerived);
  }
  count(effects, Term::derived, static_cast<std::int64_t>(output_.derived.size()));
  flow = std::move(next);
  if (index >= first_ordered_ && index + 1 < spec_.stages.size()) {
    sort_by_event_time(flow);
  }
}

void Pipeline::settle(std::size_t index, Flow& next, PipelineEffects effects) {
  const Stage& stage = *spec_.stages[index];
  const auto settled = static_cast<std::int64_t>(output_.settled.size());
  const auto dropped = static_cast<std::int64_t>(output_.settled_dropped.size());
  count(effects, Term::held, -settled - dropped);
  for (const std::uint16_t rule : output_.settled_dropped) {
    count(effects, Term::filtered, 1, stage.name() + "/" + stage.rules()[rule]);
  }
  for (std::size_t i = 0; i < output_.settled.size(); ++i) {
    next.readings.append(output_.settled.at(i));
    // Settled readings of an unordered stage join the windows at once: they are the oldest.
    next.row.push_back(index < first_ordered_ ? 0 : kDerived);
  }
}

void Pipeline::notify_time(std::int64_t boottime_ns, PipelineEffects effects) {
  const std::int64_t watermark = watermarks_.lowest(boottime_ns);
  if (watermark == kNoTime || watermark <= notified_ns_) return;
  notified_ns_ = watermark;
  for (std::size_t index = 0; index < spec_.stages.size(); ++index) {
    output_.clear();
    if (const Status status = spec_.stages[index]->on_time(watermark, output_); !status.ok()) {
      log::error("pipeline", "a stage failed in on_time",
                 {{"pipeline", spec_.name},
                  {"stage", spec_.stages[index]->name()},
                  {"error", status.to_string()}});
      continue;
    }
    Flow flow;
    take_output(index, flow, effects);
    run_stages(index + 1, spec_.stages.size(), flow, effects);
    fold_all(flow, effects);
  }
}

bool Pipeline::due(std::int64_t boottime_ns) const {
  return !behind_ && (reorder_.due(watermarks_, boottime_ns) ||
                      (windows_ && windows_->due(watermarks_, boottime_ns)));
}

void Pipeline::tick(std::int64_t boottime_ns, PipelineEffects effects) {
  if (behind_ && !missed_) backlog_.add_applied(Backlog::Kind::tick, boottime_ns);
  if (!due(boottime_ns)) return;
  watermarks_.settle(boottime_ns);
  ReorderBuffer::Released released;
  reorder_.release_all(watermarks_, boottime_ns, released);
  count(effects, Term::pending, -static_cast<std::int64_t>(released.readings.size()));
  run_ordered(std::move(released), effects);
  if (windows_) windows_->advance_all(watermarks_, boottime_ns, effects.closed);
}

void Pipeline::restart(std::int64_t boottime_ns) {
  if (!behind_) {
    watermarks_.restart(boottime_ns);
  } else if (missed_) {
    backlog_.add_start(boottime_ns);
  } else {
    backlog_.add_applied(Backlog::Kind::start, boottime_ns);
  }
}

void Pipeline::retire(const Ledger& durable, PipelineEffects effects) {
  const CheckpointPart* own = behind_ ? find_part(kept_, part_name(spec_.name)) : nullptr;
  Status known;
  if (backlog_.has_applied()) {
    known = failed_precondition("its stages are gone, so what they last did cannot be repeated");
  } else if (own != nullptr) {
    known = restore_own(*own);
  }
  if (!known.ok()) {
    log::error("pipeline", "open windows of a pipeline that is no more are given up",
               {{"pipeline", spec_.name}, {"error", known.to_string()}});
  } else if (windows_) {
    windows_->close_all(PaneQuality::partial_config, effects.closed);
  }
  for (const Term term : {Term::held, Term::pending}) {
    const std::int64_t waiting = durable.get(LedgerKind::readings, spec_.name, term);
    count(effects, term, -waiting);
    count(effects, Term::rejected, waiting, "config_changed");
  }
}

void Pipeline::mark_start() {
  marked_ = true;
  reorder_.mark_start();
  if (windows_) windows_->mark_start();
}

void Pipeline::confirm_epoch() {
  marked_ = false;
  reorder_.forget_start();
  if (windows_) windows_->forget_start();
}

void Pipeline::end_epoch(PipelineEffects effects) {
  if (behind_) return end_parked_epoch(effects);
  if (!marked_) mark_start();
  ReorderBuffer::Released released;
  reorder_.drain(released);
  count(effects, Term::pending, -static_cast<std::int64_t>(released.readings.size()));
  run_ordered(std::move(released), effects);
  if (windows_) windows_->end_epoch(effects.closed);
  confirm_epoch();
}

/// Its windows are those of its last checkpoint, all from before. What waits for its stages goes on
/// waiting, and so do its windows where the stages' part of the story is missing.
void Pipeline::end_parked_epoch(PipelineEffects effects) {
  const auto own = std::find_if(kept_.begin(), kept_.end(), [&](const CheckpointPart& part) {
    return part.name == part_name(spec_.name);
  });
  if (own == kept_.end() || backlog_.has_applied() || !windows_) return;
  if (const Status s = restore_own(*own); !s.ok()) {
    log::error("pipeline", "open windows of a parked pipeline cannot be closed",
               {{"pipeline", spec_.name}, {"error", s.to_string()}});
    return;
  }
  windows_->mark_start();
  windows_->end_epoch(effects.closed);
  own->bytes = own_state();
}

void Pipeline::park(const Status& why) {
  spec_.parked = why.message();
  behind_ = true;
  log::error("pipeline", "parked: a stage refuses its stored state",
             {{"pipeline", spec_.name}, {"error", why.to_string()}});
}

Status Pipeline::inherit(Pipeline& old) {
  if (old.behind_) {
    kept_ = std::move(old.kept_);
    backlog_ = std::move(old.backlog_);
  } else if (Status s = old.snapshot(kept_); !s.ok()) {
    kept_.clear();
    return s;
  }
  behind_ = true;
  return {};
}

void Pipeline::catch_up(PipelineEffects effects, bool remembers) {
  missed_ = true;
  if (remembers) mark_start();
  if (!behind_ || !spec_.parked.empty()) return;
  if (const CheckpointPart* own = find_part(kept_, part_name(spec_.name))) {
    Status s = restore_own(*own);
    if (s.ok()) s = restore_stages(kept_);
    if (!s.ok()) {
      park(s);
      return;
    }
  }
  behind_ = false;
  const Backlog backlog = std::exchange(backlog_, {});
  kept_.clear();
  if (remembers) mark_start();
  doing_missed_ = true;
  Backlog::Reader steps(backlog);
  while (const std::optional<Backlog::Step> step = steps.next()) take_step(*step, effects);
  doing_missed_ = false;
  if (backlog.pending() > 0) {
    log::info("pipeline", "runs again and has caught up",
              {{"pipeline", spec_.name}, {"readings", backlog.pending()}});
  }
}

void Pipeline::take_step(const Backlog::Step& step, PipelineEffects effects) {
  Ledger counted_before;
  std::vector<Pane> closed_before;
  const PipelineEffects before{counted_before, closed_before};
  switch (step.kind) {
    case Backlog::Kind::start: restart(step.boottime_ns); break;
    case Backlog::Kind::tick: tick(step.boottime_ns, before); break;
    case Backlog::Kind::batch: {
      Flow in;
      in.readings = step.readings;
      in.row.resize(in.readings.size());
      std::iota(in.row.begin(), in.row.end(), std::size_t{0});
      if (!step.applied) count(effects, Term::pending, -static_cast<std::int64_t>(in.row.size()));
      run(step.boottime_ns, in, step.applied ? before : effects);
      break;
    }
  }
}

Status Pipeline::snapshot(std::vector<CheckpointPart>& parts) {
  if (behind_) {
    parts.insert(parts.end(), kept_.begin(), kept_.end());
    ByteWriter out;
    backlog_.snapshot(out);
    parts.push_back({backlog_part_name(spec_.name), out.take()});
    return {};
  }
  parts.push_back({part_name(spec_.name), own_state()});
  for (std::size_t i = 0; i < spec_.stages.size(); ++i) {
    Result<std::string> bytes = spec_.stages[i]->snapshot();
    if (!bytes.ok()) return bytes.status();
    parts.push_back({stage_part_name(spec_.name, i), *std::move(bytes)});
  }
  return {};
}

std::string Pipeline::own_state() const {
  ByteWriter out;
  out.u8(kFormat);
  out.fixed64(spec_.hash);
  out.fixed64(static_cast<std::uint64_t>(notified_ns_));
  watermarks_.snapshot(out);
  reorder_.snapshot(out);
  out.u8(windows_ ? 1 : 0);
  if (windows_) windows_->snapshot(out);
  return out.take();
}

Status Pipeline::restore(const std::vector<CheckpointPart>& parts) {
  const std::string stages = part_name(spec_.name) + "/stage/";
  std::copy_if(parts.begin(), parts.end(), std::back_inserter(kept_), [&](const auto& part) {
    return part.name == part_name(spec_.name) || part.name.compare(0, stages.size(), stages) == 0;
  });
  if (const CheckpointPart* part = find_part(parts, backlog_part_name(spec_.name))) {
    behind_ = missed_ = true;
    ByteReader in(part->bytes);
    if (Status s = backlog_.restore(in); !s.ok()) return s;
  }
  if (behind_) return {};
  const CheckpointPart* own = find_part(kept_, part_name(spec_.name));
  if (own == nullptr) return {};
  if (Status s = restore_own(*own); !s.ok()) return s;
  if (const Status s = restore_stages(kept_); !s.ok()) {
    park(s);
    return {};
  }
  kept_.clear();
  return {};
}

Status Pipeline::restore_stages(const std::vector<CheckpointPart>& parts) {
  for (std::size_t i = 0; i < spec_.stages.size(); ++i) {
    const CheckpointPart* part = find_part(parts, stage_part_name(spec_.name, i));
    if (part == nullptr) return data_loss("checkpoint without the state of a stage");
    if (Status s = spec_.stages[i]->restore(part->bytes); !s.ok()) return s;
  }
  return {};
}

Status Pipeline::restore_own(const CheckpointPart& part) {
  ByteReader in(part.bytes);
  if (in.u8() != kFormat) return data_loss("pipeline checkpoint of an unknown format");
  if (in.fixed64() != spec_.hash) return failed_precondition("checkpoint of another pipeline spec");
  notified_ns_ = static_cast<std::int64_t>(in.fixed64());
  if (Status s = watermarks_.restore(in); !s.ok()) return s;
  if (Status s = reorder_.restore(in); !s.ok()) return s;
  const bool has_windows = in.u8() != 0;
  if (has_windows != windows_.has_value()) return data_loss("malformed pipeline checkpoint");
  if (windows_) {
    if (Status s = windows_->restore(in); !s.ok()) return s;
  }
  return in.at_end() ? Status() : data_loss("malformed pipeline checkpoint");
}

}  // namespace sluice
