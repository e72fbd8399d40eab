#include "pipeline/pipeline_run.h"

#include <algorithm>
#include <utility>

namespace sluice {
namespace {

/// See PipelineRun::silence_due().
constexpr std::int64_t kSilenceParts = 16;

Flow flow_of(ReorderBuffer::Released released) {
  Flow flow;
  flow.readings = std::move(released.readings);
  for (const bool before : released.before)
    flow.row.push_back(before ? Flow::kBefore : Flow::kDerived);
  return flow;
}

}  // namespace

PipelineRun::PipelineRun(PipelineSpec& spec, SeriesTable& series, const TopicTable& topics)
    : name_(spec.name),
      hash_(spec.hash),
      windows_max_(spec.shares.windows_max),
      reorder_max_(spec.reorder_max),
      idle_timeout_ns_(spec.idle_timeout_ns),
      topics_(topics),
      stages_(spec.name, std::move(spec.stages)),
      watermarks_(spec.max_out_of_order_ns, spec.idle_timeout_ns),
      reorder_(spec.reorder_max),
      keys_(spec.key_by, series),
      windows_(spec.windows, spec.shares.windows_max) {}

void PipelineRun::count(PipelineEffects effects, Term term, std::int64_t n,
                        std::string_view cause) const {
  effects.ledger.add(LedgerKind::readings, name_, term, n, cause);
}

StageEffects PipelineRun::of_stages(PipelineEffects effects) const {
  return {effects.ledger, effects.events, effects.calls, effects.dead_letters,
          boot_ ? std::string_view(boot_->boot_id) : std::string_view()};
}

void PipelineRun::process(std::int64_t boottime_ns, const Flow& in, PipelineEffects effects) {
  Flow flow = in;
  stages_.run_unordered(flow, of_stages(effects));
  if (stages_.first_ordered() == stages_.size()) {
    process_in_arrival_order(boottime_ns, in, flow, effects);
  } else {
    process_in_event_order(boottime_ns, in, flow, effects);
  }
  windows_.correct(effects.closed);
}

/// Stages first: what they let go finds its windows open.
void PipelineRun::rise(TopicId topic, std::int64_t boottime_ns, PipelineEffects effects) {
  notify_time(boottime_ns, effects);
  windows_.advance(topic, watermarks_, boottime_ns, effects.closed);
}

void PipelineRun::process_in_arrival_order(std::int64_t boottime_ns, const Flow& routed, Flow& flow,
                                           PipelineEffects effects) {
  std::size_t next = 0;
  for (std::size_t row = 0; row < routed.readings.size(); ++row) {
    while (next < flow.size() && flow.row[next] == row) {
      fold(flow.readings.at(next++), false, effects);
    }
    const TopicId topic = routed.readings.topic[row];
    const std::int64_t time_ns = routed.readings.event_time_ns[row];
    if (watermarks_.observe(topic, time_ns, boottime_ns)) rise(topic, boottime_ns, effects);
  }
  while (next < flow.size()) fold(flow.readings.at(next++), false, effects);
}

/// Reading by reading too: what a stage lets go when a later reading comes (a held one) finds the
/// windows as that reading found them, wherever the batch began or ended.
void PipelineRun::process_in_event_order(std::int64_t boottime_ns, const Flow& routed, Flow& flow,
                                         PipelineEffects effects) {
  ReorderBuffer::Released released;
  const std::size_t waiting = reorder_.size();
  const auto offer = [&](const Reading& reading) {
    if (!reorder_.add(reading, released, processes_before_)) count_late(reading, effects);
  };
  std::size_t next = 0;
  for (std::size_t row = 0; row < routed.readings.size(); ++row) {
    while (next < flow.size() && flow.row[next] == row) offer(flow.readings.at(next++));
    const TopicId topic = routed.readings.topic[row];
    const bool risen = watermarks_.observe(topic, routed.readings.event_time_ns[row], boottime_ns);
    reorder_.release(topic, watermarks_.of(topic), released);
    run_ordered(std::exchange(released, {}), effects);
    if (risen) rise(topic, boottime_ns, effects);
  }
  while (next < flow.size()) offer(flow.readings.at(next++));
  run_ordered(std::move(released), effects);
  count(effects, Term::pending,
        static_cast<std::int64_t>(reorder_.size()) - static_cast<std::int64_t>(waiting));
}

void PipelineRun::run_ordered(ReorderBuffer::Released released, PipelineEffects effects) {
  if (released.readings.empty()) return;
  Flow flow = flow_of(std::move(released));
  stages_.run_ordered(flow, of_stages(effects));
  fold_all(flow, effects);
}

/// At once, since what comes next may come in any order: what is older than these is late now for a
/// stage that needs one.
void PipelineRun::let_go_of_other_order(PipelineEffects effects) {
  const std::size_t stage =
      std::exchange(waiting_for_, std::nullopt).value_or(stages_.first_ordered());
  if (reorder_.size() == 0 || stage == stages_.first_ordered()) return;
  ReorderBuffer::Released released;
  reorder_.drain(released);
  count(effects, Term::pending, -static_cast<std::int64_t>(released.readings.size()));
  Flow flow = flow_of(std::move(released));
  stages_.run_from(std::min(stage, stages_.size()), flow, of_stages(effects));
  fold_all(flow, effects);
  windows_.correct(effects.closed);
}

void PipelineRun::count_late(const Reading& reading, PipelineEffects effects) const {
  count(effects, Term::late, 1);
  if (effects.late == nullptr) return;
  const std::int64_t watermark_ns = watermarks_.of(reading.topic);
  const bool any = watermark_ns != kNoTime;
  effects.late->push_back({reading, any ? watermark_ns - reading.event_time_ns : 0});
}

void PipelineRun::fold(Reading reading, bool before, PipelineEffects effects) {
  if (windows_.empty()) return count(effects, Term::observed, 1);
  // A stage may have held it until the boot time that it is of was over.
  if (in_boot_time(reading.topic) && !boot_) return count_late(reading, effects);
  const Reading arrived = reading;
  reading.series = keys_.of(reading.series);
  if (reading.series == 0) return count(effects, Term::rejected, 1, "series_cap");
  if (!windows_.fold(reading, before || processes_before_, effects.closed)) {
    return count_late(arrived, effects);
  }
  count(effects, Term::aggregated, 1);
}

void PipelineRun::fold_all(const Flow& flow, PipelineEffects effects) {
  for (std::size_t i = 0; i < flow.size(); ++i) {
    fold(flow.readings.at(i), flow.row[i] == Flow::kBefore, effects);
  }
}

void PipelineRun::notify_time(std::int64_t boottime_ns, PipelineEffects effects) {
  if (!stages_.wants_time()) return;  // it costs a look at every topic
  std::int64_t watermark = watermarks_.lowest(boottime_ns);
  if (watermark == kNoTime && notified_ns_ != kNoTime) {
    watermark = notified_ns_ + untold_silence_ns(boottime_ns);
    if (watermark > notified_ns_) silence_told_ns_ = boottime_ns;
  }
  if (watermark == kNoTime || watermark <= notified_ns_) return;
  notified_ns_ = watermark;
  fold_all(stages_.on_time(watermark, of_stages(effects)), effects);
}

/// While no topic speaks, the stages' time goes on at the pace of the clock from where it stands:
/// not from the topic that is ahead, which may have a wrong clock, nor from the one furthest
/// behind, which may have been gone for a year.
std::int64_t PipelineRun::untold_silence_ns(std::int64_t boottime_ns) const {
  const std::int64_t heard_ns = watermarks_.all_idle_since(boottime_ns);
  return heard_ns == kNoTime ? 0 : boottime_ns - std::max(heard_ns, silence_told_ns_);
}

/// Each time it is told is a row on flash. So stages hear of it in steps: a sixteenth late at most,
/// and no sooner than a topic counts as idle.
bool PipelineRun::silence_due(std::int64_t boottime_ns) const {
  if (!stages_.wants_time() || notified_ns_ == kNoTime) return false;
  const std::int64_t untold_ns = untold_silence_ns(boottime_ns);
  if (untold_ns <= 0 || untold_ns < watermarks_.idle_timeout_ns()) return false;
  return untold_ns >= (boottime_ns - watermarks_.all_idle_since(boottime_ns)) / kSilenceParts;
}

bool PipelineRun::topics_due(std::int64_t boottime_ns) const {
  return reorder_.due(watermarks_, boottime_ns) || windows_.due(watermarks_, boottime_ns);
}

bool PipelineRun::due(std::int64_t boottime_ns) const {
  return topics_due(boottime_ns) || silence_due(boottime_ns);
}

void PipelineRun::tick(std::int64_t boottime_ns, PipelineEffects effects) {
  if (topics_due(boottime_ns)) return advance_topics(boottime_ns, effects);
  if (!silence_due(boottime_ns)) return;
  // The watermarks stay where they are: no reading is late for what only stages were told.
  notify_time(boottime_ns, effects);
  windows_.correct(effects.closed);
}

void PipelineRun::advance_topics(std::int64_t boottime_ns, PipelineEffects effects) {
  watermarks_.settle(boottime_ns);
  ReorderBuffer::Released released;
  reorder_.release_all(watermarks_, boottime_ns, released);
  count(effects, Term::pending, -static_cast<std::int64_t>(released.readings.size()));
  run_ordered(std::move(released), effects);
  notify_time(boottime_ns, effects);
  windows_.advance_all(watermarks_, boottime_ns, effects.closed);
  windows_.correct(effects.closed);
}

std::string_view PipelineRun::source_of(TopicId topic) const {
  return source_of_topic(topics_.encoded(plain_topic(topic)));
}

Watermarks::OfSource PipelineRun::topics_of(const std::string& source) const {
  return [this, &source](TopicId topic) { return source_of(topic) == source; };
}

void PipelineRun::restart(std::int64_t boottime_ns) {
  watermarks_.restart(boottime_ns);
  silence_told_ns_ = kNoTime;  // it may be of another boot
}

void PipelineRun::disconnected(const std::string& source, std::int64_t boottime_ns) {
  watermarks_.disconnected(topics_of(source), boottime_ns);
}

void PipelineRun::connected(const std::string& source, std::int64_t boottime_ns) {
  watermarks_.connected(topics_of(source), boottime_ns);
}

void PipelineRun::keep_sources(const std::vector<std::string>& sources, std::int64_t boottime_ns) {
  const auto is_gone = [&](TopicId topic) {
    const std::string_view source = source_of(topic);
    return std::find(sources.begin(), sources.end(), source) == sources.end();
  };
  watermarks_.connected(is_gone, boottime_ns);
}

std::int64_t PipelineRun::let_go(PipelineEffects effects) {
  ReorderBuffer::Released released;
  reorder_.drain(released);
  const auto count_let_go = static_cast<std::int64_t>(released.readings.size());
  count(effects, Term::pending, -count_let_go);
  run_ordered(std::move(released), effects);
  windows_.correct(effects.closed);
  return count_let_go;
}

void PipelineRun::close_windows(PaneQuality quality, PipelineEffects effects) {
  windows_.close_all(quality, effects.closed);
}

/// What waits to be put in order is of the stretch that ends, and so is what closes.
void PipelineRun::set_boot(std::shared_ptr<const BootStretch> boot, PipelineEffects effects) {
  if (encode_stretch(boot) == encode_stretch(boot_)) return;
  ReorderBuffer::Released released;
  reorder_.drain_boot_time(released);
  count(effects, Term::pending, -static_cast<std::int64_t>(released.readings.size()));
  run_ordered(std::move(released), effects);
  windows_.correct(effects.closed);
  watermarks_.forget_boot_time();
  boot_ = std::move(boot);
  windows_.set_boot(boot_, effects.closed);
}

std::int64_t PipelineRun::reached(const std::function<bool(const std::string&)>& is_source) const {
  const auto is_wanted = [&](TopicId topic) {
    return !in_boot_time(topic) && is_source(std::string(source_of(topic)));
  };
  return std::max(watermarks_.highest(is_wanted), windows_.highest(is_wanted));
}

void PipelineRun::pass_over_boot(std::shared_ptr<const BootStretch> boot) {
  std::vector<Pane> closed_before;
  watermarks_.forget_boot_time();
  boot_ = std::move(boot);
  windows_.set_boot(boot_, closed_before);
}

std::uint64_t PipelineRun::pass_over(const ReadingBatch& readings, std::int64_t boottime_ns) {
  std::vector<Pane> closed_before;
  std::uint64_t given_up = 0;
  for (std::size_t i = 0; i < readings.size(); ++i) {
    Reading reading = readings.at(i);
    const TopicId topic = reading.topic;
    reading.series = keys_.of(reading.series);
    if (reading.series != 0) {
      windows_.expect(topic, window_key(reading));
      given_up += windows_.give_up_open(window_key(reading));
    }
    if (!watermarks_.observe(topic, reading.event_time_ns, boottime_ns)) continue;
    windows_.advance(topic, watermarks_, boottime_ns, closed_before);
  }
  return given_up;
}

void PipelineRun::pass_over_tick(std::int64_t boottime_ns) {
  std::vector<Pane> closed_before;
  watermarks_.settle(boottime_ns);
  windows_.advance_all(watermarks_, boottime_ns, closed_before);
}

void PipelineRun::use_limits_of_spec() {
  windows_.set_max(windows_max_);
  reorder_.set_max(reorder_max_);
  watermarks_.set_idle_timeout(idle_timeout_ns_);
}

void PipelineRun::mark_start() {
  marked_ = true;
  reorder_.mark_start();
  windows_.mark_start();
}

void PipelineRun::forget_start() {
  marked_ = false;
  reorder_.forget_start();
  windows_.forget_start();
}

void PipelineRun::end_epoch(PipelineEffects effects) {
  if (!marked_) mark_start();
  let_go(effects);
  windows_.end_epoch(effects.closed);
  forget_start();
}

void PipelineRun::end_epoch_of_windows(PipelineEffects effects) {
  windows_.mark_start();
  windows_.end_epoch(effects.closed);
}

}  // namespace sluice
