#include "pipeline/pipeline.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/log.h"

namespace sluice {
namespace {

constexpr std::uint8_t kFormat = 3;

std::string part_name(const std::string& pipeline) { return "pipeline/" + pipeline; }
std::string stage_prefix(const std::string& pipeline) { return part_name(pipeline) + "/stage/"; }

std::string backlog_part_name(const std::string& pipeline) {
  return part_name(pipeline) + "/backlog";
}

std::string windows_prefix(const std::string& pipeline) {
  return part_name(pipeline) + "/windows/";
}
std::string windows_prefix(const std::string& pipeline, std::size_t index) {
  return windows_prefix(pipeline) + std::to_string(index) + "/";
}

std::string disconnected_part_name(const std::string& pipeline) {
  return part_name(pipeline) + "/disconnected";
}

std::string since_part_name(const std::string& pipeline) { return part_name(pipeline) + "/since"; }

}  // namespace

Pipeline::Pipeline(PipelineSpec spec, const SeriesTable& series, const TopicTable& topics)
    : spec_(std::move(spec)),
      topics_(topics),
      stages_(spec_.name, std::move(spec_.stages)),
      matcher_(spec_.match, series, topics),
      watermarks_(spec_.max_out_of_order_ns, spec_.idle_timeout_ns),
      reorder_(spec_.reorder_max),
      windows_max_(spec_.windows_max),
      behind_(!spec_.parked.empty()) {
  for (const WindowSpec& windows : spec_.windows) windows_.emplace_back(windows);
}

std::uint64_t Pipeline::pane_hash() const {
  if (since_seq_ == 0) return spec_.hash;
  ByteWriter key;
  key.fixed64(spec_.hash);
  key.i64(since_seq_);
  return hash64(key.bytes());
}

void Pipeline::count(PipelineEffects effects, Term term, std::int64_t n,
                     std::string_view cause) const {
  effects.ledger.add(LedgerKind::readings, spec_.name, term, n, cause);
}

Flow Pipeline::route(const BatchEntry& batch, std::vector<bool>& routed, PipelineEffects effects) {
  Flow flow;
  for (std::size_t i = 0; i < batch.readings.size(); ++i) {
    if (!matcher_.wants(batch.readings.series[i], batch.readings.topic[i])) continue;
    routed[i] = true;
    flow.append(batch.readings.at(i), flow.size());
  }
  count(effects, Term::in, static_cast<std::int64_t>(flow.size()));
  return flow;
}

void Pipeline::process(const BatchEntry& batch, std::vector<bool>& routed,
                       PipelineEffects effects) {
  const Flow in = route(batch, routed, effects);
  if (in.empty()) return;
  if (behind_) {
    defer(batch.boottime_ns, in.readings, effects);
  } else {
    run(batch.boottime_ns, in, effects);
  }
}

void Pipeline::run(std::int64_t boottime_ns, const Flow& in, PipelineEffects effects) {
  Flow flow = in;
  stages_.run_unordered(flow, effects.ledger);
  if (stages_.first_ordered() == stages_.size()) {
    process_in_arrival_order(boottime_ns, in, flow, effects);
  } else {
    process_in_event_order(boottime_ns, in, flow, effects);
  }
  notify_time(boottime_ns, effects);
  correct(effects);
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
    while (next < flow.size() && flow.row[next] == row) {
      fold(flow.readings.at(next++), false, effects);
    }
    const TopicId topic = routed.readings.topic[row];
    if (!watermarks_.observe(topic, routed.readings.event_time_ns[row], boottime_ns)) continue;
    for (AlignedWindows& windows : windows_) {
      windows.advance(topic, watermarks_, boottime_ns, effects.closed);
    }
  }
  while (next < flow.size()) fold(flow.readings.at(next++), false, effects);
}

/// Reading by reading too: what a stage lets go when a later reading comes (a held one) finds the
/// windows as that reading found them, wherever the batch began or ended.
void Pipeline::process_in_event_order(std::int64_t boottime_ns, const Flow& routed, Flow& flow,
                                      PipelineEffects effects) {
  ReorderBuffer::Released released;
  const std::size_t waiting = reorder_.size();
  const auto offer = [&](const Reading& reading) {
    if (!reorder_.add(reading, released, doing_missed_)) count(effects, Term::late, 1);
  };
  std::size_t next = 0;
  for (std::size_t row = 0; row < routed.readings.size(); ++row) {
    while (next < flow.size() && flow.row[next] == row) offer(flow.readings.at(next++));
    const TopicId topic = routed.readings.topic[row];
    const bool risen = watermarks_.observe(topic, routed.readings.event_time_ns[row], boottime_ns);
    reorder_.release(topic, watermarks_.of(topic), released);
    run_ordered(std::exchange(released, {}), effects);
    if (!risen) continue;
    for (AlignedWindows& windows : windows_) {
      windows.advance(topic, watermarks_, boottime_ns, effects.closed);
    }
  }
  while (next < flow.size()) offer(flow.readings.at(next++));
  run_ordered(std::move(released), effects);
  count(effects, Term::pending,
        static_cast<std::int64_t>(reorder_.size()) - static_cast<std::int64_t>(waiting));
}

Flow Pipeline::flow_of(ReorderBuffer::Released released) {
  Flow flow;
  flow.readings = std::move(released.readings);
  for (const bool before : released.before)
    flow.row.push_back(before ? Flow::kBefore : Flow::kDerived);
  return flow;
}

void Pipeline::run_ordered(ReorderBuffer::Released released, PipelineEffects effects) {
  if (released.readings.empty()) return;
  Flow flow = flow_of(std::move(released));
  stages_.run_ordered(flow, effects.ledger);
  fold_all(flow, effects);
}

void Pipeline::fold(const Reading& reading, bool before, PipelineEffects effects) {
  if (windows_.empty()) return count(effects, Term::observed, 1);
  bool folded = false;
  for (AlignedWindows& windows : windows_) {
    folded = windows.fold(reading, before || doing_missed_) || folded;
  }
  count(effects, folded ? Term::aggregated : Term::late, 1);
  shed_if_full(effects);
}

/// Judged reading by reading, so that neither a replay nor other batches change what closes. A
/// 16th at once: it costs a look at every window.
void Pipeline::shed_if_full(PipelineEffects effects) {
  std::size_t held = 0;
  for (const AlignedWindows& windows : windows_) held += windows.count();
  if (held <= windows_max_) return;
  std::vector<AlignedWindows::Place> places;
  places.reserve(held);
  for (const AlignedWindows& windows : windows_) windows.places(places);
  const auto last =
      places.begin() + static_cast<std::ptrdiff_t>(held - (windows_max_ - windows_max_ / 16) - 1);
  std::nth_element(places.begin(), last, places.end());
  for (AlignedWindows& windows : windows_) windows.shed(*last, effects.closed);
}

void Pipeline::fold_all(const Flow& flow, PipelineEffects effects) {
  for (std::size_t i = 0; i < flow.size(); ++i) {
    fold(flow.readings.at(i), flow.row[i] == Flow::kBefore, effects);
  }
}

void Pipeline::notify_time(std::int64_t boottime_ns, PipelineEffects effects) {
  const std::int64_t watermark = watermarks_.lowest(boottime_ns);
  if (watermark == kNoTime || watermark <= notified_ns_) return;
  notified_ns_ = watermark;
  fold_all(stages_.on_time(watermark, effects.ledger), effects);
}

void Pipeline::correct(PipelineEffects effects) {
  for (AlignedWindows& windows : windows_) windows.correct(effects.closed);
}

std::size_t Pipeline::windows_open() const {
  std::size_t count = 0;
  for (const AlignedWindows& windows : windows_) count += windows.open_count();
  return count;
}

bool Pipeline::due(std::int64_t boottime_ns) const {
  if (behind_) return false;
  return reorder_.due(watermarks_, boottime_ns) ||
         std::any_of(windows_.begin(), windows_.end(), [&](const AlignedWindows& windows) {
           return windows.due(watermarks_, boottime_ns);
         });
}

void Pipeline::tick(std::int64_t boottime_ns, PipelineEffects effects) {
  if (behind_ && !missed_) backlog_.add_applied(Backlog::Kind::tick, boottime_ns);
  if (!due(boottime_ns)) return;
  watermarks_.settle(boottime_ns);
  ReorderBuffer::Released released;
  reorder_.release_all(watermarks_, boottime_ns, released);
  count(effects, Term::pending, -static_cast<std::int64_t>(released.readings.size()));
  run_ordered(std::move(released), effects);
  for (AlignedWindows& windows : windows_) {
    windows.advance_all(watermarks_, boottime_ns, effects.closed);
  }
  correct(effects);
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

Watermarks::OfSource Pipeline::topics_of(const std::string& source) const {
  return [this, &source](TopicId topic) { return topics_.at(topic).source == source; };
}

void Pipeline::disconnected(const std::string& source, std::int64_t boottime_ns) {
  if (!behind_) {
    watermarks_.disconnected(topics_of(source), boottime_ns);
  } else if (missed_) {
    backlog_.add_connection(Backlog::Kind::disconnected, boottime_ns, source);
  } else {
    backlog_.add_applied_connection(Backlog::Kind::disconnected, boottime_ns, source);
  }
}

void Pipeline::connected(const std::string& source, std::int64_t boottime_ns) {
  if (!behind_) {
    watermarks_.connected(topics_of(source), boottime_ns);
  } else if (missed_) {
    backlog_.add_connection(Backlog::Kind::connected, boottime_ns, source);
  } else {
    backlog_.add_applied_connection(Backlog::Kind::connected, boottime_ns, source);
  }
}

void Pipeline::keep_sources(const std::vector<std::string>& sources, std::int64_t boottime_ns) {
  if (behind_) return;
  const auto is_gone = [&](TopicId topic) {
    return std::find(sources.begin(), sources.end(), topics_.at(topic).source) == sources.end();
  };
  watermarks_.connected(is_gone, boottime_ns);
}

void Pipeline::replayed(const Ledger& ledger) {
  if (!behind_ || missed_) return;
  backlog_.add_applied_aggregated(ledger.get(LedgerKind::readings, spec_.name, Term::aggregated));
}

void Pipeline::retire(const Ledger& durable, PipelineEffects effects) {
  if (const Status known = restore_to_retire(); !known.ok()) {
    log::error("pipeline", "open windows of a pipeline that is no more are given up",
               {{"pipeline", spec_.name}, {"error", known.to_string()}});
  } else {
    const std::int64_t lost = backlog_.has_applied() ? pass_over_applied() : 0;
    count(effects, Term::aggregated, -lost);
    count(effects, Term::rejected, lost, "config_changed");
    for (AlignedWindows& windows : windows_) {
      windows.close_all(PaneQuality::partial_config, effects.closed);
    }
  }
  for (const Term term : {Term::held, Term::pending}) {
    const std::int64_t waiting = durable.get(LedgerKind::readings, spec_.name, term);
    count(effects, term, -waiting);
    count(effects, Term::rejected, waiting, "config_changed");
  }
}

Status Pipeline::restore_to_retire() {
  if (!behind_) return {};
  Status status = restore_own(kept_);
  return status.ok() ? restore_disconnected() : status;
}

/// Its panes of the time after the checkpoint are out. Which windows they were of, the watermarks
/// tell without the stages; the others are open, and lack what was folded into them since. Answers
/// how many readings that is: as many as the ledger counts, but no more than came for such windows.
std::int64_t Pipeline::pass_over_applied() {
  ReadingBatch readings;
  Backlog::Reader steps(backlog_);
  for (auto step = steps.next(); step && step->applied; step = steps.next()) {
    pass_over(*step);
    for (std::size_t i = 0; i < step->readings.size(); ++i) readings.append(step->readings.at(i));
  }
  std::int64_t open = 0;
  for (std::size_t i = 0; i < readings.size(); ++i)
    open += in_closed_windows(readings.at(i)) ? 0 : 1;
  return std::min(open, backlog_.applied_aggregated());
}

void Pipeline::pass_over(const Backlog::Step& step) {
  std::vector<Pane> closed_before;
  switch (step.kind) {
    case Backlog::Kind::start: watermarks_.restart(step.boottime_ns); break;
    case Backlog::Kind::disconnected:
      watermarks_.disconnected(topics_of(step.source), step.boottime_ns);
      break;
    case Backlog::Kind::connected:
      watermarks_.connected(topics_of(step.source), step.boottime_ns);
      break;
    case Backlog::Kind::tick:
      watermarks_.settle(step.boottime_ns);
      for (AlignedWindows& windows : windows_) {
        windows.advance_all(watermarks_, step.boottime_ns, closed_before);
      }
      break;
    case Backlog::Kind::batch:
      for (std::size_t i = 0; i < step.readings.size(); ++i) {
        const TopicId topic = step.readings.topic[i];
        const std::int64_t time_ns = step.readings.event_time_ns[i];
        if (!watermarks_.observe(topic, time_ns, step.boottime_ns)) continue;
        for (AlignedWindows& windows : windows_) {
          windows.advance(topic, watermarks_, step.boottime_ns, closed_before);
        }
      }
      break;
  }
}

/// As far as its topic goes: those that share its series are not known.
bool Pipeline::in_closed_windows(const Reading& reading) const {
  return std::any_of(windows_.begin(), windows_.end(), [&](const AlignedWindows& windows) {
    return windows.first_end_of(reading.event_time_ns) <= watermarks_.of(reading.topic);
  });
}

void Pipeline::mark_start() {
  marked_ = true;
  reorder_.mark_start();
  for (AlignedWindows& windows : windows_) windows.mark_start();
}

void Pipeline::confirm_epoch() {
  marked_ = false;
  reorder_.forget_start();
  for (AlignedWindows& windows : windows_) windows.forget_start();
}

void Pipeline::end_epoch(PipelineEffects effects) {
  if (behind_) return end_parked_epoch(effects);
  if (!marked_) mark_start();
  ReorderBuffer::Released released;
  reorder_.drain(released);
  count(effects, Term::pending, -static_cast<std::int64_t>(released.readings.size()));
  run_ordered(std::move(released), effects);
  correct(effects);
  for (AlignedWindows& windows : windows_) windows.end_epoch(effects.closed);
  confirm_epoch();
}

/// Its windows are those of its last checkpoint, all from before. What waits for its stages goes on
/// waiting, and so do its windows where the stages' part of the story is missing.
void Pipeline::end_parked_epoch(PipelineEffects effects) {
  const bool has_state = find_part(kept_, part_name(spec_.name)) != nullptr;
  if (!has_state || backlog_.has_applied() || windows_.empty()) return;
  if (const Status s = restore_own(kept_); !s.ok()) {
    log::error("pipeline", "open windows of a parked pipeline cannot be closed",
               {{"pipeline", spec_.name}, {"error", s.to_string()}});
    return;
  }
  for (AlignedWindows& windows : windows_) {
    windows.mark_start();
    windows.end_epoch(effects.closed);
  }
  std::erase_if(kept_, [this](const CheckpointPart& part) { return is_own(part); });
  snapshot_own(kept_);
}

void Pipeline::begin_at(std::int64_t next_seq) {
  since_seq_ = next_seq;
  if (!spec_.parked.empty()) return;
  if (Status s = stages_can_save(); !s.ok()) park(s);
}

/// What cannot would hold up every checkpoint, and so the other pipelines.
Status Pipeline::stages_can_save() {
  std::vector<CheckpointPart> unused;
  const Status status = stages_.snapshot({}, unused);
  return status.ok() ? status
                     : failed_precondition("a stage cannot save its state: " +
                                           std::string(status.message()));
}

Status Pipeline::restore_stages() {
  const Status status = stages_.restore(stage_prefix(spec_.name), kept_);
  return status.ok() ? status
                     : failed_precondition("a stage refuses its stored state: " +
                                           std::string(status.message()));
}

void Pipeline::park(const Status& why) {
  spec_.parked = why.message();
  behind_ = true;
}

Status Pipeline::inherit(Pipeline& old) {
  since_seq_ = old.since_seq_;
  if (old.behind_) {
    kept_ = std::move(old.kept_);
    backlog_ = std::move(old.backlog_);
  } else if (Status s = old.snapshot_state(kept_); !s.ok()) {
    kept_.clear();
    return s;
  }
  behind_ = true;
  return {};
}

void Pipeline::catch_up(PipelineEffects effects, bool remembers) {
  missed_ = true;
  windows_max_ = spec_.windows_max;
  if (remembers) mark_start();
  if (!behind_ || !spec_.parked.empty()) return;
  if (find_part(kept_, part_name(spec_.name)) != nullptr) {
    Status s = restore_own(kept_);
    if (s.ok()) s = restore_disconnected();
    if (s.ok()) s = restore_stages();
    if (s.ok()) s = stages_can_save();
    if (!s.ok()) {
      park(s);
      return;
    }
  }
  behind_ = false;
  windows_max_ = spec_.windows_max;
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
    case Backlog::Kind::disconnected: disconnected(step.source, step.boottime_ns); break;
    case Backlog::Kind::connected: connected(step.source, step.boottime_ns); break;
    case Backlog::Kind::batch: {
      const Flow in = Flow::of(step.readings);
      if (!step.applied) count(effects, Term::pending, -static_cast<std::int64_t>(in.size()));
      run(step.boottime_ns, in, step.applied ? before : effects);
      break;
    }
  }
}

Status Pipeline::snapshot(std::vector<CheckpointPart>& parts) {
  if (since_seq_ != 0) {
    ByteWriter since;
    since.i64(since_seq_);
    parts.push_back({since_part_name(spec_.name), since.take()});
  }
  return snapshot_state(parts);
}

Status Pipeline::snapshot_state(std::vector<CheckpointPart>& parts) {
  if (behind_) {
    parts.insert(parts.end(), kept_.begin(), kept_.end());
    ByteWriter out;
    backlog_.snapshot(out);
    parts.push_back({backlog_part_name(spec_.name), out.take()});
    return {};
  }
  snapshot_own(parts);
  ByteWriter disconnected;
  watermarks_.snapshot_disconnected(disconnected);
  if (!disconnected.bytes().empty()) {
    parts.push_back({disconnected_part_name(spec_.name), disconnected.take()});
  }
  return stages_.snapshot(stage_prefix(spec_.name), parts);
}

/// Windows are parts of their own: they are many, and few of them change between two checkpoints.
void Pipeline::snapshot_own(std::vector<CheckpointPart>& parts) const {
  ByteWriter out;
  out.u8(kFormat);
  out.fixed64(spec_.hash);
  out.fixed64(static_cast<std::uint64_t>(notified_ns_));
  out.u64(windows_max_);
  watermarks_.snapshot(out);
  reorder_.snapshot(out);
  out.u64(windows_.size());
  for (const AlignedWindows& windows : windows_) windows.snapshot(out);
  parts.push_back({part_name(spec_.name), out.take()});
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    windows_[i].snapshot_windows(windows_prefix(spec_.name, i), parts);
  }
}

bool Pipeline::is_own(const CheckpointPart& part) const {
  return part.name == part_name(spec_.name) || part.name.starts_with(windows_prefix(spec_.name));
}

Status Pipeline::restore(const std::vector<CheckpointPart>& parts) {
  std::copy_if(parts.begin(), parts.end(), std::back_inserter(kept_), [&](const auto& part) {
    return is_own(part) || part.name == disconnected_part_name(spec_.name) ||
           part.name.starts_with(stage_prefix(spec_.name));
  });
  if (const CheckpointPart* part = find_part(parts, since_part_name(spec_.name))) {
    ByteReader in(part->bytes);
    since_seq_ = in.i64();
    if (!in.at_end()) return data_loss("malformed pipeline checkpoint");
  }
  if (const CheckpointPart* part = find_part(parts, backlog_part_name(spec_.name))) {
    behind_ = missed_ = true;
    ByteReader in(part->bytes);
    if (Status s = backlog_.restore(in); !s.ok()) return s;
  }
  if (behind_) return {};
  if (find_part(kept_, part_name(spec_.name)) == nullptr) return {};
  if (Status s = restore_own(kept_); !s.ok()) return s;
  if (Status s = restore_disconnected(); !s.ok()) return s;
  if (const Status s = restore_stages(); !s.ok()) {
    park(s);
    return {};
  }
  kept_.clear();
  return {};
}

Status Pipeline::restore_disconnected() {
  const CheckpointPart* part = find_part(kept_, disconnected_part_name(spec_.name));
  if (part == nullptr) return {};
  ByteReader in(part->bytes);
  return watermarks_.restore_disconnected(in);
}

/// Without a part of its own it stays as it is.
Status Pipeline::restore_own(const std::vector<CheckpointPart>& parts) {
  const CheckpointPart* part = find_part(parts, part_name(spec_.name));
  if (part == nullptr) return {};
  ByteReader in(part->bytes);
  if (in.u8() != kFormat) return data_loss("pipeline checkpoint of an unknown format");
  if (in.fixed64() != spec_.hash) return failed_precondition("checkpoint of another pipeline spec");
  notified_ns_ = static_cast<std::int64_t>(in.fixed64());
  windows_max_ = in.u64();
  if (Status s = watermarks_.restore(in); !s.ok()) return s;
  if (Status s = reorder_.restore(in); !s.ok()) return s;
  if (in.u64() != windows_.size()) return data_loss("malformed pipeline checkpoint");
  for (AlignedWindows& windows : windows_) {
    if (Status s = windows.restore(in); !s.ok()) return s;
  }
  if (!in.at_end()) return data_loss("malformed pipeline checkpoint");
  for (std::size_t i = 0; i < windows_.size(); ++i) {
    const std::string prefix = windows_prefix(spec_.name, i);
    if (Status s = windows_[i].restore_windows(prefix, parts); !s.ok()) return s;
  }
  return {};
}

}  // namespace sluice
