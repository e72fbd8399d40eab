#include "pipeline/pipeline.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"
#include "base/hash.h"
#include "base/log.h"

namespace sluice {
namespace {

std::string backlog_part_name(const std::string& pipeline) {
  return "pipeline/" + pipeline + "/backlog";
}
std::string since_part_name(const std::string& pipeline) {
  return "pipeline/" + pipeline + "/since";
}

}  // namespace

Pipeline::Pipeline(PipelineSpec spec, SeriesTable& series, const TopicTable& topics)
    : spec_(std::move(spec)),
      matcher_(spec_.match, series, topics),
      run_(spec_, series, topics),
      behind_(!spec_.parked.empty()),
      backlog_(spec_.shares.pending_max) {}

std::uint64_t Pipeline::pane_hash() const {
  if (since_seq_ == 0) return spec_.hash;
  ByteWriter key;
  key.fixed64(spec_.hash);
  key.i64(since_seq_);
  return hash64(key.bytes());
}

std::vector<RunningPlugin> Pipeline::plugins() const {
  std::vector<RunningPlugin> all = run_.stage_plugins();
  for (const WindowSpec& window : spec_.windows) {
    for (const ExtrasSpec::OfPlugin& of : window.extras.plugins) {
      if (of.type) all.push_back({of.key.plugin, of.type->identity().version});
    }
  }
  std::sort(all.begin(), all.end());
  all.erase(std::unique(all.begin(), all.end()), all.end());
  return all;
}

void Pipeline::count(PipelineEffects effects, Term term, std::int64_t n,
                     std::string_view cause) const {
  effects.ledger.add(LedgerKind::readings, spec_.name, term, n, cause);
}

// --- a batch, an event, a moment ---

Flow Pipeline::route(const BatchEntry& batch, std::vector<bool>& routed, PipelineEffects effects) {
  Flow flow;
  for (std::size_t i = 0; i < batch.readings.size(); ++i) {
    if (!matcher_.wants(batch.readings.series[i], plain_topic(batch.readings.topic[i]))) continue;
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
    run_.process(batch.boottime_ns, in, effects);
  }
}

void Pipeline::defer(std::int64_t boottime_ns, const ReadingBatch& readings,
                     PipelineEffects effects) {
  if (backlog_.is_replay()) {
    keep_calls(effects);
    return backlog_.add_applied(boottime_ns, readings);
  }
  const std::size_t taken = backlog_.add_pending(boottime_ns, readings);
  count(effects, Term::pending, static_cast<std::int64_t>(taken));
  count(effects, Term::rejected, static_cast<std::int64_t>(readings.size() - taken), "parked");
}

/// During the replay: what is repeated later must go as it went.
void Pipeline::keep_calls(PipelineEffects effects) {
  if (backlog_.is_replay() && effects.calls != nullptr) backlog_.add_calls(effects.calls->take());
}

void Pipeline::replayed(const Ledger& ledger) {
  if (held_by_log_) *held_by_log_ += ledger.get(LedgerKind::readings, spec_.name, Term::held);
  if (!behind_ || !backlog_.is_replay()) return;
  backlog_.add_applied_aggregated(ledger.get(LedgerKind::readings, spec_.name, Term::aggregated));
}

void Pipeline::tick(std::int64_t boottime_ns, PipelineEffects effects) {
  if (behind_) {
    keep_calls(effects);
    return backlog_.add_tick(boottime_ns);
  }
  run_.tick(boottime_ns, effects);
}

void Pipeline::restart(std::int64_t boottime_ns) {
  if (behind_) return backlog_.add_start(boottime_ns);
  run_.restart(boottime_ns);
}

void Pipeline::disconnected(const std::string& source, std::int64_t boottime_ns) {
  if (behind_) {
    return backlog_.add_connection(Backlog::Kind::disconnected, boottime_ns, source);
  }
  run_.disconnected(source, boottime_ns);
}

void Pipeline::connected(const std::string& source, std::int64_t boottime_ns) {
  if (behind_) return backlog_.add_connection(Backlog::Kind::connected, boottime_ns, source);
  run_.connected(source, boottime_ns);
}

void Pipeline::keep_sources(const std::vector<std::string>& sources, std::int64_t boottime_ns) {
  if (!behind_) run_.keep_sources(sources, boottime_ns);
}

void Pipeline::set_boot(const std::shared_ptr<const BootStretch>& boot, std::int64_t boottime_ns,
                        PipelineEffects effects) {
  if (behind_) {
    keep_calls(effects);
    return backlog_.add_boot(boottime_ns, encode_stretch(boot));
  }
  run_.set_boot(boot, effects);
}

// --- the end of a spec ---

void Pipeline::retire(const Ledger& durable, PipelineEffects effects) {
  std::int64_t held = durable.get(LedgerKind::readings, spec_.name, Term::held);
  std::int64_t pending = durable.get(LedgerKind::readings, spec_.name, Term::pending);
  Status known = behind_ ? run_.restore(kept_) : Status();
  if (known.ok() && behind_) known = run_.restore_begun(kept_);
  if (!known.ok()) {
    log::error("pipeline", "open windows of a pipeline that is no more are given up",
               {{"pipeline", spec_.name}, {"error", known.to_string()}});
  } else {
    if (!behind_) {
      held -= run_.readings_held();
      pending -= run_.let_go(effects);
      held += run_.readings_held();
    }
    const std::int64_t lost = backlog_.has_applied() ? pass_over_applied() : 0;
    count(effects, Term::aggregated, -lost);
    count(effects, Term::rejected, lost, "config_changed");
    run_.close_windows(PaneQuality::partial_config, effects);
    run_.end_begun("config_changed", effects);
  }
  count(effects, Term::held, -held);
  count(effects, Term::pending, -pending);
  count(effects, Term::rejected, held + pending, "config_changed");
}

/// Its panes of the time after the checkpoint are out. Which windows they were of, the watermarks
/// tell without the stages; the others are open, and lack what was folded into them since. Answers
/// how many readings that is: as many as the ledger counts, but no more than came for such windows,
/// and what is given up.
std::int64_t Pipeline::pass_over_applied() {
  ReadingBatch readings;
  std::uint64_t given_up = 0;
  Backlog::Reader steps(backlog_);
  for (auto step = steps.next(); step && step->applied; step = steps.next()) {
    given_up += pass_over(*step);
    for (std::size_t i = 0; i < step->readings.size(); ++i) readings.append(step->readings.at(i));
  }
  std::int64_t open = 0;
  for (std::size_t i = 0; i < readings.size(); ++i)
    open += run_.closed_one_of(readings.at(i)) ? 0 : 1;
  return std::min(open, backlog_.applied_aggregated()) + static_cast<std::int64_t>(given_up);
}

std::uint64_t Pipeline::pass_over(const Backlog::Step& step) {
  switch (step.kind) {
    case Backlog::Kind::start: run_.restart(step.boottime_ns); break;
    case Backlog::Kind::disconnected: run_.disconnected(step.source, step.boottime_ns); break;
    case Backlog::Kind::connected: run_.connected(step.source, step.boottime_ns); break;
    case Backlog::Kind::tick: run_.pass_over_tick(step.boottime_ns); break;
    case Backlog::Kind::boot: run_.pass_over_boot(decode_stretch(step.source)); break;
    case Backlog::Kind::batch: return run_.pass_over(step.readings, step.boottime_ns);
  }
  return 0;
}

// --- the end of an epoch ---

void Pipeline::confirm_epoch() { run_.forget_start(); }

void Pipeline::end_epoch(PipelineEffects effects) {
  if (behind_) return end_parked_epoch(effects);
  run_.end_epoch(effects);
}

/// Its windows are those of its last checkpoint, all from before. What waits for its stages goes on
/// waiting, and so do its windows where the stages' part of the story is missing.
void Pipeline::end_parked_epoch(PipelineEffects effects) {
  backlog_.end_epoch();
  if (!run_.has_state(kept_) || backlog_.has_applied() || spec_.windows.empty()) return;
  if (const Status s = run_.restore(kept_); !s.ok()) {
    log::error("pipeline", "open windows of a parked pipeline cannot be closed",
               {{"pipeline", spec_.name}, {"error", s.to_string()}});
    return;
  }
  run_.end_epoch_of_windows(effects);
  run_.replace_own(kept_);
}

// --- checkpoints, parking and catching up ---

void Pipeline::begin_at(std::int64_t next_seq) {
  since_seq_ = next_seq;
  if (!spec_.parked.empty()) return;
  if (Status s = run_.stages_can_save(); !s.ok()) park(s);
}

void Pipeline::give_up_stages(const Status& why, PipelineEffects effects) {
  log::error("pipeline", "parked: a stage cannot save its state; the next start begins it anew",
             {{"pipeline", spec_.name}, {"error", why.to_string()}});
  give_up_stages_state("stage_failed", effects);
  run_.snapshot_without_stages(kept_);
  backlog_.end_replay();
  park(failed_precondition("a stage cannot save its state: " + std::string(why.message())));
}

void Pipeline::give_up_stages_state(std::string_view cause, PipelineEffects effects) {
  count(effects, Term::held, -run_.readings_held());
  count(effects, Term::rejected, run_.readings_held(), cause);
  run_.end_begun(cause, effects);
}

void Pipeline::set_shares(const PipelineShares& shares) {
  spec_.shares = shares;
  run_.set_windows_max(shares.windows_max);
  backlog_.set_pending_max(shares.pending_max);
}

void Pipeline::park(const Status& why) {
  spec_.parked = why.message();
  behind_ = true;
}

Status Pipeline::inherit(Pipeline& old) {
  since_seq_ = old.since_seq_;
  if (old.behind_) {
    kept_ = old.kept_;
    backlog_ = old.backlog_;
    backlog_.set_pending_max(spec_.shares.pending_max);
  } else if (Status s = old.snapshot_state(kept_); !s.ok()) {
    kept_.clear();
    return s;
  } else {
    held_by_log_ = old.held_by_log_;
  }
  behind_ = true;
  return {};
}

Status Pipeline::inherit_without_stages(Pipeline& old) {
  if (old.behind_) {
    return failed_precondition("it is parked (" + old.parked() +
                               "): give the stage or the pipeline another name to begin anew");
  }
  if (Status s = run_.stages_can_save(); !s.ok()) return s;
  since_seq_ = old.since_seq_;
  old.run_.snapshot_without_stages(kept_);
  behind_ = true;
  return {};
}

void Pipeline::catch_up(PipelineEffects effects, bool remembers, bool may_lose_aggregates) {
  backlog_.end_replay();
  run_.use_limits_of_spec();
  if (remembers) run_.mark_start();
  if (!behind_) {
    settle_replayed_held(effects);
    return run_.let_go_of_other_order(effects);
  }
  if (!spec_.parked.empty()) return;
  if (const Status s = restore_run(may_lose_aggregates); !s.ok()) return park(s);
  behind_ = false;
  kept_.clear();
  if (remembers) run_.mark_start();
  settle_replayed_held(effects);
  run_.let_go_of_other_order(effects);
  backlog_.add_what_stands();
  do_missed(std::exchange(backlog_, Backlog(spec_.shares.pending_max)), effects);
}

/// The log counts what the stages held then. Another version of a plugin may have held other
/// readings when the replay showed it the same ones: those that it let go or dropped nobody counts
/// any more, and those that it holds besides were counted when they went on.
void Pipeline::settle_replayed_held(PipelineEffects effects) {
  const std::int64_t before = std::exchange(held_by_log_, {}).value_or(run_.readings_held());
  const std::int64_t more = run_.readings_held() - before;
  if (more == 0) return;
  log::warn("pipeline", "its stages hold other readings than before: is a plugin another version?",
            {{"pipeline", spec_.name}, {"held", run_.readings_held()}, {"before", before}});
  count(effects, Term::held, more);
  if (more > 0) return count(effects, Term::derived, more);
  count(effects, Term::rejected, -more, "stage_replaced");
}

Status Pipeline::restore_run(bool may_lose_aggregates) {
  if (!run_.has_state(kept_)) return {};
  Status s = run_.restore(kept_);
  if (const std::uint64_t refused = run_.aggregates_refused();
      s.ok() && refused > 0 && !may_lose_aggregates) {
    return failed_precondition(
        "an aggregate of a plugin does not take back what " + std::to_string(refused) +
        " open windows hold (the log says why); wait until they have closed, or give up what they "
        "hold of it (--anew)");
  }
  if (s.ok()) s = run_.restore_stages(kept_);
  return s.ok() ? run_.stages_can_save() : s;
}

void Pipeline::do_missed(const Backlog& backlog, PipelineEffects effects) {
  run_.process_as_before(true);
  Backlog::Reader steps(backlog);
  auto step = steps.next();
  for (; step && step->applied; step = steps.next()) take_step(*step, effects);
  if (backlog.has_applied() && backlog.epoch_ended()) run_.forget_closed_windows();
  run_.use_limits_of_spec();
  for (; step; step = steps.next()) take_step(*step, effects);
  run_.process_as_before(false);
  if (backlog.pending() == 0) return;
  log::info("pipeline", "runs again and has caught up",
            {{"pipeline", spec_.name}, {"readings", backlog.pending()}});
}

void Pipeline::take_step(const Backlog::Step& step, PipelineEffects effects) {
  Ledger counted_before;
  std::vector<Pane> closed_before;
  CallLog calls(step.calls);
  PipelineEffects before{counted_before, closed_before};
  before.calls = &calls;
  switch (step.kind) {
    case Backlog::Kind::start: run_.restart(step.boottime_ns); break;
    case Backlog::Kind::tick: run_.tick(step.boottime_ns, before); break;
    case Backlog::Kind::disconnected: run_.disconnected(step.source, step.boottime_ns); break;
    case Backlog::Kind::connected: run_.connected(step.source, step.boottime_ns); break;
    // Panes of an applied step are out; what closes after pending readings is new.
    case Backlog::Kind::boot:
      run_.set_boot(decode_stretch(step.source), step.applied ? before : effects);
      break;
    case Backlog::Kind::batch: {
      const Flow in = Flow::of(step.readings);
      if (!step.applied) count(effects, Term::pending, -static_cast<std::int64_t>(in.size()));
      run_.process(step.boottime_ns, in, step.applied ? before : effects);
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
  if (!behind_) return run_.snapshot(parts);
  parts.insert(parts.end(), kept_.begin(), kept_.end());
  ByteWriter out;
  backlog_.snapshot(out);
  parts.push_back({backlog_part_name(spec_.name), out.take()});
  return {};
}

Status Pipeline::restore(const std::vector<CheckpointPart>& parts) {
  std::copy_if(parts.begin(), parts.end(), std::back_inserter(kept_),
               [&](const CheckpointPart& part) { return run_.is_part(part); });
  if (const CheckpointPart* part = find_part(parts, since_part_name(spec_.name))) {
    ByteReader in(part->bytes);
    since_seq_ = in.i64();
    if (!in.at_end()) return data_loss("malformed pipeline checkpoint");
  }
  if (const CheckpointPart* part = find_part(parts, backlog_part_name(spec_.name))) {
    behind_ = true;
    ByteReader in(part->bytes);
    if (Status s = backlog_.restore(in); !s.ok()) return s;
  }
  if (behind_ || !run_.has_state(kept_)) return {};
  if (Status s = run_.restore(kept_); !s.ok()) return s;
  held_by_log_ = run_.readings_held();
  if (const Status s = run_.restore_stages(kept_); !s.ok()) {
    park(s);
    return {};
  }
  kept_.clear();
  return {};
}

}  // namespace sluice
