#include "pipeline/pipeline_set.h"

#include <algorithm>
#include <iterator>
#include <utility>

#include "aggregate/window_extras.h"
#include "base/assert.h"
#include "base/log.h"

namespace sluice {
namespace {

/// As plugin_host names what it tells of a plugin itself.
bool tells_of_failure(const ToldEvent& told) {
  return told.event.name == "plugin_failed" || told.event.name == "plugin_quarantined";
}

std::vector<Pane> to_show(std::vector<Pane> panes) {
  for (Pane& pane : panes) {
    pane.split.reset();
    pane.content.extras.reset();
  }
  return panes;
}

}  // namespace

PipelineSet::PipelineSet(std::vector<PipelineSpec> specs, SeriesTable& series,
                         const TopicTable& topics, CommitBuilder& builder, const Clock& clock)
    : series_(series), topics_(topics), builder_(builder), clock_(clock) {
  for (PipelineSpec& spec : specs) {
    pipelines_.push_back(std::make_unique<Pipeline>(std::move(spec), series_, topics_));
  }
}

template <typename Step>
void PipelineSet::each(Step step) {
  for (const auto& pipeline : pipelines_) {
    std::vector<Pane> closed = run(*pipeline, step);
    if (closed.empty()) continue;
    builder_.add_panes(pipeline->name(), pipeline->pane_hash(), std::move(closed));
  }
}

/// Everything that the step brought about goes where it belongs, but for the panes that it closed.
template <typename Step>
std::vector<Pane> PipelineSet::run(Pipeline& pipeline, Step step) {
  Ledger ignored;
  std::vector<Pane> closed;
  std::vector<LateReading> late;
  std::vector<DeadLetter> dead_letters;
  ToldEvents& events = builder_.events();
  const std::size_t told_before = events.all().size();
  const std::size_t expired_before = events.expired();
  CallLog calls = is_replay_ ? CallLog(take_calls_of(pipeline.name())) : CallLog();
  const std::int64_t begun_ns = clock_.boottime_ns();
  step(pipeline, PipelineEffects{is_replay_ ? ignored : builder_.ledger(), closed, &late,
                                 is_replay_ ? nullptr : &events, &calls, &dead_letters});
  if (is_replay_) return {};
  Effort& effort = efforts_[pipeline.name()];
  effort.busy_ns += clock_.boottime_ns() - begun_ns;
  for (ToldEvent& told : lost_aggregates_.tell(pipeline.name(), closed, begun_ns)) {
    events.add(std::move(told), builder_.ledger());
  }
  show_events(pipeline.name(), told_before, expired_before);
  for (DeadLetter& letter : dead_letters) {
    letter.wall_ns = wall_ns_;
    builder_.add_dead_letter(std::move(letter));
  }
  if (!calls.empty()) keep_calls(pipeline.name(), calls.take());
  if (!late.empty()) recent_late_.add(pipeline.name(), std::move(late));
  if (closed.empty()) return {};
  count_early(pipeline.name(), closed);
  count_lacking_aggregate(pipeline.name(), closed);
  recent_panes_.add(pipeline.name(), to_show(closed));
  return closed;
}

/// Those of the open group from `first` on; of a storm one line says that there is one.
void PipelineSet::show_events(const std::string& pipeline, std::size_t first,
                              std::size_t expired_before) {
  const ToldEvents& told = builder_.events();
  const std::vector<ToldEvent> fresh(told.all().begin() + static_cast<std::ptrdiff_t>(first),
                                     told.all().end());
  for (const ToldEvent& event : fresh) {
    log_event(event);
    if (tells_of_failure(event)) ++efforts_[pipeline].plugin_failures;
  }
  if (!fresh.empty()) recent_events_.add(pipeline, fresh);
  if (expired_before > 0 || told.expired() == 0) return;
  log::warn("pipeline",
            "stages tell more events than a commit takes: the rest is counted as expired, in a gap",
            {{"pipeline", pipeline}, {"events_max", ToldEvents::kCountMax}});
}

void PipelineSet::log_event(const ToldEvent& told) const {
  const Event& event = told.event;
  const log::Level level = event.severity == Severity::info   ? log::Level::info
                           : event.severity == Severity::warn ? log::Level::warn
                                                              : log::Level::error;
  const std::string about = event.series == 0 ? "" : series_.at(event.series).to_string();
  std::string more;
  for (const auto& [key, value] : event.attributes) {
    more += (more.empty() ? "" : " ") + key + "=" + value;
  }
  const char* phase = event.phase == EventPhase::begin ? "begin"
                      : event.phase == EventPhase::end ? "end"
                                                       : "moment";
  log::write(level, "pipeline", "a plugin tells",
             {{"pipeline", told.pipeline},
              {"stage", told.stage},
              {"event", event.name},
              {"phase", phase},
              {"text", event.message},
              {"series", about},
              {"time_ns", event.event_time_ns},
              {"more", more}});
}

std::vector<StageCall> PipelineSet::take_calls_of(const std::string& pipeline) {
  const auto it = calls_.find(pipeline);
  return it == calls_.end() ? std::vector<StageCall>() : std::exchange(it->second, {});
}

void PipelineSet::keep_calls(const std::string& pipeline, std::vector<StageCall> calls) {
  std::vector<StageCall>& kept = calls_[pipeline];
  std::move(calls.begin(), calls.end(), std::back_inserter(kept));
}

void PipelineSet::hear_calls(const CallsEntry& entry) { calls_[entry.pipeline] = entry.calls; }

std::vector<CallsEntry> PipelineSet::take_calls(std::int64_t boottime_ns) {
  std::vector<CallsEntry> entries;
  for (auto& [pipeline, calls] : std::exchange(calls_, {})) {
    if (!calls.empty()) entries.push_back({boottime_ns, pipeline, std::move(calls)});
  }
  return entries;
}

void PipelineSet::count_early(const std::string& pipeline, const std::vector<Pane>& closed) {
  const auto early = std::count_if(closed.begin(), closed.end(), [](const Pane& pane) {
    return pane.quality == PaneQuality::partial_limit;
  });
  if (early == 0) return;
  panes_partial_limit_[pipeline] += static_cast<std::uint64_t>(early);
  log::warn(
      "pipeline",
      "windows lack readings: there are more than limits.windows_max allows, or more readings "
      "than a sliding window keeps",
      {{"pipeline", pipeline}, {"panes", early}});
}

void PipelineSet::count_lacking_aggregate(const std::string& pipeline,
                                          const std::vector<Pane>& closed) {
  const auto lacking = std::count_if(closed.begin(), closed.end(), [](const Pane& pane) {
    if (pane.content.extras == nullptr) return false;
    const std::vector<const PluginAggregate*> all = pane.content.extras->plugins();
    return std::any_of(all.begin(), all.end(), [](const auto* one) { return one->lost(); });
  });
  if (lacking == 0) return;
  panes_lacking_aggregate_[pipeline] += static_cast<std::uint64_t>(lacking);
  log::warn("pipeline", "panes go without what an aggregate of a plugin came to",
            {{"pipeline", pipeline}, {"panes", lacking}});
}

// --- life ---

Status PipelineSet::restore(const std::vector<CheckpointPart>& parts) {
  for (const auto& pipeline : pipelines_) {
    if (Status s = pipeline->restore(parts); !s.ok()) return s;
  }
  return {};
}

void PipelineSet::replayed(const Ledger& ledger) {
  for (const auto& pipeline : pipelines_) pipeline->replayed(ledger);
}

void PipelineSet::adopt(std::vector<PipelineSpec> specs, const Ledger& durable,
                        std::int64_t next_seq, bool awaits_cloud) {
  std::vector<std::unique_ptr<Pipeline>> next;
  for (PipelineSpec& spec : specs) next.push_back(adopt_one(std::move(spec), next_seq));
  for (const auto& old : pipelines_) {
    if (old) retire(*old, durable, awaits_cloud);
  }
  pipelines_ = std::move(next);
}

/// Takes the old one of equal name and hash away, if there is one whose state it can have.
std::unique_ptr<Pipeline> PipelineSet::adopt_one(PipelineSpec spec, std::int64_t next_seq) {
  auto next = std::make_unique<Pipeline>(std::move(spec), series_, topics_);
  const auto same = std::find_if(pipelines_.begin(), pipelines_.end(), [&](const auto& old) {
    return old && old->name() == next->name() && old->hash() == next->hash();
  });
  if (same == pipelines_.end()) {
    next->begin_at(next_seq);
  } else if (const Status s = next->inherit(**same); s.ok()) {
    same->reset();
  } else {
    log::error("pipeline", "a stage cannot hand over its state: the pipeline starts anew",
               {{"pipeline", next->name()}, {"error", s.to_string()}});
    next->begin_at(next_seq);
  }
  return next;
}

Status PipelineSet::check(const std::vector<NextPipeline>& next) {
  for (const NextPipeline& pipeline : next) {
    if (!pipeline.spec || pipeline.spec->parked.empty()) continue;
    return failed_precondition("pipeline " + pipeline.name + ": " + pipeline.spec->parked);
  }
  return {};
}

void PipelineSet::change(std::vector<NextPipeline> next, const Ledger& durable,
                         std::int64_t next_seq) {
  std::vector<std::unique_ptr<Pipeline>> all;
  for (NextPipeline& one : next) {
    if (one.spec) {
      all.push_back(adopt_one(*std::move(one.spec), next_seq));
      continue;
    }
    all.push_back(take_out(one.name));
    all.back()->set_shares(one.shares);
  }
  for (const auto& old : pipelines_) {
    if (old) retire(*old, durable, false);
  }
  pipelines_ = std::move(all);
  each([](Pipeline& pipeline, PipelineEffects effects) { pipeline.catch_up(effects); });
}

std::unique_ptr<Pipeline> PipelineSet::take_out(const std::string& name) {
  const auto it = std::find_if(pipelines_.begin(), pipelines_.end(),
                               [&](const auto& old) { return old && old->name() == name; });
  SLUICE_ASSERT(it != pipelines_.end());
  return std::move(*it);
}

std::vector<StageReplacement> PipelineSet::replace_stages(const MakePipelines& make,
                                                          bool begins_anew,
                                                          std::int64_t boottime_ns) {
  std::vector<StageReplacement> all;
  for (PipelineSpec& spec : make()) {
    const std::string name = spec.name;
    const Status status = replace_one(std::move(spec), false, boottime_ns);
    all.push_back({name, std::string(status.message()), {}});
  }
  const auto failed = [](const StageReplacement& one) { return !one.error.empty(); };
  if (!begins_anew || std::none_of(all.begin(), all.end(), failed)) return all;
  // A stage that has refused a state is of no more use.
  std::vector<PipelineSpec> specs = make();
  for (std::size_t i = 0; i < all.size(); ++i) {
    if (!failed(all[i])) continue;
    const Status status = replace_one(std::move(specs.at(i)), true, boottime_ns);
    if (status.ok()) all[i].began_anew = std::exchange(all[i].error, {});
  }
  return all;
}

Status PipelineSet::replace_one(PipelineSpec spec, bool begins_anew, std::int64_t boottime_ns) {
  if (!spec.parked.empty()) return failed_precondition(spec.parked);
  const auto old = std::find_if(pipelines_.begin(), pipelines_.end(), [&](const auto& pipeline) {
    return pipeline->name() == spec.name && pipeline->hash() == spec.hash;
  });
  if (old == pipelines_.end()) return failed_precondition("its config is another");
  auto next = std::make_unique<Pipeline>(std::move(spec), series_, topics_);
  Status status;
  std::vector<Pane> closed = run(*next, [&](Pipeline& pipeline, PipelineEffects effects) {
    status = begins_anew ? pipeline.inherit_without_stages(**old) : pipeline.inherit(**old);
    if (status.ok()) pipeline.catch_up(effects, false, begins_anew);
    if (status.ok() && !pipeline.parked().empty()) status = failed_precondition(pipeline.parked());
    // Not before: else the old one goes on, and what it holds with it.
    if (status.ok() && begins_anew) (*old)->give_up_stages_state("stage_replaced", effects);
  });
  if (!status.ok()) return status;
  if (!closed.empty()) builder_.add_panes(next->name(), next->pane_hash(), std::move(closed));
  // What it knows of silence is of the time before it was parked; the others go on.
  if ((*old)->is_behind()) next->restart(boottime_ns);
  *old = std::move(next);
  return {};
}

void PipelineSet::retire(Pipeline& old, const Ledger& durable, bool awaits_cloud) {
  std::vector<Pane> closed;
  const ToldEvents& events = builder_.events();
  const std::size_t told_before = events.all().size();
  const std::size_t expired_before = events.expired();
  old.retire(durable, {builder_.ledger(), closed, nullptr, &builder_.events()});
  show_events(old.name(), told_before, expired_before);
  if (awaits_cloud) {
    for (Pane& pane : closed) {
      pane.split = std::make_shared<PaneSplit>(PaneSplit{pane.content, {}});
    }
  }
  recent_panes_.add(old.name(), to_show(closed));
  builder_.add_panes(old.name(), old.pane_hash(), std::move(closed));
}

void PipelineSet::catch_up(bool remembers) {
  is_replay_ = false;
  calls_.clear();
  each([remembers](Pipeline& pipeline, PipelineEffects effects) {
    pipeline.catch_up(effects, remembers);
  });
  for (const auto& pipeline : pipelines_) {
    if (pipeline->parked().empty()) continue;
    log::error("pipeline", "parked: it waits for a plugin and a config that fit",
               {{"pipeline", pipeline->name()}, {"error", pipeline->parked()}});
  }
}

// --- what happens ---

std::vector<bool> PipelineSet::process(const BatchEntry& batch) {
  std::vector<bool> routed(batch.readings.size());
  wall_ns_ = batch.wall_ns;
  each([&](Pipeline& pipeline, PipelineEffects effects) {
    pipeline.process(batch, routed, effects);
  });
  return routed;
}

void PipelineSet::let_stages_rest() {
  for (const auto& pipeline : pipelines_) pipeline->let_stages_rest();
}

bool PipelineSet::due(std::int64_t boottime_ns) const {
  return std::any_of(pipelines_.begin(), pipelines_.end(),
                     [&](const auto& pipeline) { return pipeline->due(boottime_ns); });
}

void PipelineSet::tick(std::int64_t boottime_ns) {
  each([&](Pipeline& pipeline, PipelineEffects effects) { pipeline.tick(boottime_ns, effects); });
}

void PipelineSet::restart(std::int64_t boottime_ns) {
  for (const auto& pipeline : pipelines_) pipeline->restart(boottime_ns);
}

void PipelineSet::connected(const std::string& source, std::int64_t boottime_ns) {
  for (const auto& pipeline : pipelines_) pipeline->connected(source, boottime_ns);
}

void PipelineSet::disconnected(const std::string& source, std::int64_t boottime_ns) {
  for (const auto& pipeline : pipelines_) pipeline->disconnected(source, boottime_ns);
}

void PipelineSet::keep_sources(const std::vector<std::string>& sources, std::int64_t boottime_ns) {
  for (const auto& pipeline : pipelines_) pipeline->keep_sources(sources, boottime_ns);
}

void PipelineSet::set_boot(const std::shared_ptr<const BootStretch>& stretch,
                           std::int64_t boottime_ns) {
  each([&](Pipeline& pipeline, PipelineEffects effects) {
    pipeline.set_boot(stretch, boottime_ns, effects);
  });
}

void PipelineSet::confirm_epoch() {
  for (const auto& pipeline : pipelines_) pipeline->confirm_epoch();
}

void PipelineSet::end_epoch() {
  for (const auto& pipeline : pipelines_) {
    std::vector<Pane> closed = run(
        *pipeline, [](Pipeline& ending, PipelineEffects effects) { ending.end_epoch(effects); });
    builder_.add_ended_panes(pipeline->name(), pipeline->pane_hash(), std::move(closed));
  }
  calls_.clear();  // the group has a checkpoint: no replay crosses it
}

// --- what they hold ---

void PipelineSet::snapshot(std::vector<CheckpointPart>& parts) {
  each([&](Pipeline& pipeline, PipelineEffects effects) {
    std::vector<CheckpointPart> own;
    if (const Status s = pipeline.snapshot(own); !s.ok()) {
      pipeline.give_up_stages(s, effects);
      own.clear();
      const Status parked = pipeline.snapshot(own);
      SLUICE_ASSERT(parked.ok());
    }
    std::move(own.begin(), own.end(), std::back_inserter(parts));
  });
}

std::int64_t PipelineSet::reached(const std::function<bool(const std::string&)>& is_source) const {
  std::int64_t reached_ns = kNoTime;
  for (const auto& pipeline : pipelines_) {
    reached_ns = std::max(reached_ns, pipeline->reached(is_source));
  }
  return reached_ns;
}

std::size_t PipelineSet::windows_open() const {
  std::size_t count = 0;
  for (const auto& pipeline : pipelines_) count += pipeline->windows_open();
  return count;
}

std::vector<PipelineState> PipelineSet::state_of(SeriesId series) const {
  std::vector<PipelineState> all;
  for (const auto& pipeline : pipelines_) {
    PipelineState& held = all.emplace_back();
    held.pipeline = pipeline->name();
    held.series = pipeline->add_state(series, held.state) ? 1 : 0;
  }
  return all;
}

std::vector<PipelineView> PipelineSet::views() const {
  const auto effort_of = [this](const std::string& pipeline) {
    const auto it = efforts_.find(pipeline);
    return it == efforts_.end() ? Effort() : it->second;
  };
  const auto counted = [](const std::map<std::string, std::uint64_t>& counts,
                          const std::string& pipeline) {
    const auto it = counts.find(pipeline);
    return it == counts.end() ? 0 : it->second;
  };
  std::vector<PipelineView> all;
  for (const auto& pipeline : pipelines_) {
    const Effort effort = effort_of(pipeline->name());
    all.push_back({pipeline->name(), pipeline->parked(), pipeline->stage_names(),
                   pipeline->windows_open(), pipeline->readings_pending(), pipeline->windows_max(),
                   counted(panes_partial_limit_, pipeline->name()),
                   counted(panes_lacking_aggregate_, pipeline->name()), effort.plugin_failures,
                   effort.busy_ns, pipeline->plugins()});
  }
  return all;
}

}  // namespace sluice
