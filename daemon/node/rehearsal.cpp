#include "node/rehearsal.h"

#include <time.h>

#include <algorithm>
#include <cmath>
#include <numeric>
#include <utility>
#include <variant>

#include "node/compose.h"
#include "node/state_budget.h"
#include "store/segment_codec.h"
#include "sync/event_message.h"

namespace sluice {
namespace {

/// As the engine's, see there.
constexpr std::int64_t kTickNs = 200'000'000;
constexpr std::int64_t kTickNsPerWindow = 20'000;
/// Ticks in one silence; a longer one has them further apart.
constexpr std::int64_t kTicksMax = 10'000;
/// Of a row beside its content, about.
constexpr std::size_t kRowBytes = 32;

std::uint64_t used_ns(clockid_t clock) {
  timespec used{};
  ::clock_gettime(clock, &used);
  return static_cast<std::uint64_t>(used.tv_sec) * 1'000'000'000 +
         static_cast<std::uint64_t>(used.tv_nsec);
}

bool is_isolated(const PipelineSpec& spec) {
  return std::any_of(spec.stages.begin(), spec.stages.end(), [](const auto& stage) {
    RecordedCalls* calls = stage->recorded_calls();
    return calls != nullptr && calls->records();
  });
}

bool is_time(std::int64_t ns) { return ns >= 0 && ns <= kEventTimeMaxNs; }

const char* quality_name(PaneQuality quality) {
  switch (quality) {
    case PaneQuality::complete: return "complete";
    case PaneQuality::partial_config: return "partial_config";
    case PaneQuality::partial_epoch: return "partial_epoch";
    case PaneQuality::partial_limit: return "partial_limit";
    case PaneQuality::partial_clock: return "partial_clock";
    case PaneQuality::early: return "early";
    case PaneQuality::retracted: return "retracted";
  }
  return "";
}

/// What came in, of which the pipelines' own terms are counted anew.
void add_intake(const Ledger& recorded, Ledger& out) {
  for (const auto& [key, count] : recorded.counters()) {
    const bool is_routing = key.term == Term::routed || key.term == Term::unmatched;
    if (key.kind == LedgerKind::messages ||
        (key.kind == LedgerKind::source_readings && !is_routing)) {
      out.add(key.kind, key.owner, key.term, count, key.cause);
    }
  }
}

std::size_t definition_bytes(const std::vector<Definition>& all) {
  return std::accumulate(
      all.begin(), all.end(), std::size_t{0},
      [](std::size_t sum, const Definition& one) { return sum + one.bytes.size() + kRowBytes; });
}

}  // namespace

struct Rehearsal::OnePipeline {
  OnePipeline(PipelineSpec spec, SeriesTable& series, const TopicTable& topics,
              CommitBuilder& builder, const Clock& clock)
      : name(spec.name),
        isolated(is_isolated(spec)),
        set(one(std::move(spec)), series, topics, builder, clock) {}

  static std::vector<PipelineSpec> one(PipelineSpec spec) {
    std::vector<PipelineSpec> specs;
    specs.push_back(std::move(spec));
    return specs;
  }

  const std::string name;
  const bool isolated;  ///< a stage of it has a process of its own
  PipelineSet set;
  std::uint64_t cpu_ns = 0;
  std::size_t windows_open_max = 0;
};

Rehearsal::Rehearsal(v1::Config config, std::vector<std::string> recorded_sources)
    : config_(std::move(config)),
      recorded_sources_(std::move(recorded_sources)),
      series_(config_.limits().series_max()),
      topics_(config_.limits().series_max()),
      builder_(series_, topics_, encoder_) {
  for (const v1::SourceConfig& source : config_.sources()) {
    for (const v1::TopicConfig& topic : source.mqtt().topics()) {
      Result<TopicPattern> pattern = TopicPattern::parse(topic.pattern());
      if (pattern.ok()) patterns_.emplace_back(source.name(), *std::move(pattern));
    }
  }
  const StateBudget budget = state_budget(config_);
  for (int i = 0; i < config_.pipelines_size(); ++i) {
    pipelines_.push_back(std::make_unique<OnePipeline>(
        compose_pipeline(config_, i, budget, series_), series_, topics_, builder_, clock_));
    if (pipelines_.back()->isolated) children_.look(pipelines_.back()->name);
  }
  each([](PipelineSet& set) { set.catch_up(false); });
}

Rehearsal::~Rehearsal() = default;

Status Rehearsal::define_series(std::uint32_t id, std::string_view bytes) {
  const Result<Series> series = decode_series(bytes);
  if (!series.ok()) return series.status();
  if (id != local_series_.size()) return data_loss("series are not defined 1, 2, 3 …");
  const SeriesId local = series_.restore(*series);
  local_series_.push_back(local);
  if (local >= node_series_.size()) node_series_.resize(local + 1);
  node_series_[local] = id;
  return {};
}

Status Rehearsal::define_topic(std::uint32_t id, std::string_view bytes) {
  const Result<Topic> topic = decode_topic(bytes);
  if (!topic.ok()) return topic.status();
  if (topics_.restore(*topic) != id) return data_loss("topics are not defined 1, 2, 3 …");
  topics_defined_ = id;
  return {};
}

// --- what may come ---

bool Rehearsal::known(const BatchEntry& batch) const {
  const ReadingBatch& readings = batch.readings;
  for (std::size_t i = 0; i < readings.size(); ++i) {
    const Reading reading = readings.at(i);
    const TopicId topic = plain_topic(reading.topic);
    const bool is_defined = reading.series >= 1 && reading.series < local_series_.size() &&
                            topic >= 1 && topic <= topics_defined_;
    if (!is_defined || !is_time(reading.event_time_ns)) return false;
    if (!std::isfinite(reading.value.as_double())) return false;
  }
  return true;
}

Status Rehearsal::check(const Segment& segment) const {
  for (const LogEntry& entry : segment.entries) {
    const bool has_time =
        std::visit([](const auto& happened) { return is_time(happened.boottime_ns); }, entry);
    if (!has_time) return data_loss("an entry of a segment is of no time that there is");
    const auto* batch = std::get_if<BatchEntry>(&entry);
    if (batch != nullptr && !known(*batch)) {
      return data_loss("a segment has readings that nobody can have decoded");
    }
    const auto* clock = std::get_if<ClockEntry>(&entry);
    if (clock != nullptr && !is_time(std::abs(clock->time.offset_ns / 2))) {
      return data_loss("a segment tells of a time that there is not");
    }
  }
  return {};
}

/// The config's sources would not bring readings of other topics.
bool Rehearsal::admits(TopicId topic) {
  if (topic >= admitted_.size()) admitted_.resize(topic + 1, -1);
  if (admitted_[topic] < 0) {
    const Topic known = topics_.at(topic);
    std::vector<std::string_view> captures;
    admitted_[topic] = std::any_of(patterns_.begin(), patterns_.end(), [&](const auto& pattern) {
      return pattern.first == known.source && pattern.second.match(known.topic, captures);
    });
  }
  return admitted_[topic] > 0;
}

/// From the node's series to ours; readings of topics that nobody would hear go.
void Rehearsal::translate(BatchEntry& batch) {
  ReadingBatch& readings = batch.readings;
  readings.erase_if(0, [&](const Reading& reading) { return !admits(plain_topic(reading.topic)); });
  for (SeriesId& series : readings.series) series = local_series_[series];
}

std::string Rehearsal::source_name(std::uint32_t source) const {
  return source < recorded_sources_.size() ? recorded_sources_[source] : std::string();
}

// --- what happens ---

template <typename Step>
void Rehearsal::each(Step step) {
  for (const auto& pipeline : pipelines_) {
    const std::uint64_t before_ns = used_ns(CLOCK_THREAD_CPUTIME_ID);
    step(pipeline->set);
    pipeline->cpu_ns += used_ns(CLOCK_THREAD_CPUTIME_ID) - before_ns;
    if (pipeline->isolated) children_.look(pipeline->name);
  }
}

Status Rehearsal::take(Segment segment) {
  if (Status s = check(segment); !s.ok()) return s;
  builder_.definitions_are_stored();
  add_intake(segment.ledger, builder_.ledger());
  for (LogEntry& entry : segment.entries) {
    std::visit([this](auto& happened) { take_entry(happened); }, entry);
    if (!std::holds_alternative<BatchEntry>(entry) && !std::holds_alternative<CallsEntry>(entry)) {
      builder_.add_entry(std::move(entry), last_boottime_ns_);
    }
  }
  commit(last_boottime_ns_);
  return {};
}

/// The engine asks every so often whether something is due, and its answer is in the recording; of
/// this config the answer may be another.
void Rehearsal::pass_time(std::int64_t boottime_ns, bool silence_counts) {
  const std::int64_t since_ns = std::exchange(last_boottime_ns_, boottime_ns);
  if (since_ns < 0 || boottime_ns <= since_ns) return;  // the first one, or another boot
  report_.set_span_ns(report_.span_ns() + (boottime_ns - since_ns));
  if (!silence_counts) return;
  std::size_t windows = 0;
  for (const auto& pipeline : pipelines_) windows += pipeline->set.windows_open();
  const std::int64_t step_ns =
      std::max({kTickNs, kTickNsPerWindow * static_cast<std::int64_t>(windows),
                (boottime_ns - since_ns) / kTicksMax});
  for (std::int64_t now = since_ns + step_ns; now <= boottime_ns - 2 * step_ns; now += step_ns) {
    bool ticked = false;
    each([&](PipelineSet& set) {
      if (!set.due(now)) return;
      set.tick(now);
      ticked = true;
    });
    if (!ticked) continue;
    add_calls(now);
    builder_.add_entry(TickEntry{now}, now);
  }
}

void Rehearsal::add_calls(std::int64_t boottime_ns) {
  for (const auto& pipeline : pipelines_) {
    for (CallsEntry& calls : pipeline->set.take_calls(boottime_ns)) {
      builder_.add_entry(std::move(calls), boottime_ns);
    }
  }
}

/// Whoever took nothing in for so long cannot tell whose topic was silent.
void Rehearsal::take_entry(StartEntry& start) {
  pass_time(start.boottime_ns, false);
  each([&](PipelineSet& set) { set.restart(start.boottime_ns); });
}

void Rehearsal::take_entry(ConnectedEntry& entry) {
  pass_time(entry.boottime_ns, true);
  const std::string source = source_name(entry.source);
  each([&](PipelineSet& set) { set.connected(source, entry.boottime_ns); });
}

void Rehearsal::take_entry(DisconnectedEntry& entry) {
  pass_time(entry.boottime_ns, true);
  const std::string source = source_name(entry.source);
  each([&](PipelineSet& set) { set.disconnected(source, entry.boottime_ns); });
}

void Rehearsal::take_entry(TickEntry& tick) {
  pass_time(tick.boottime_ns, true);
  each([&](PipelineSet& set) { set.tick(tick.boottime_ns); });
  add_calls(tick.boottime_ns);
}

void Rehearsal::take_entry(ClockEntry& clock) {
  pass_time(clock.boottime_ns, true);
  time_line_.apply(clock);
  each([&](PipelineSet& set) { set.set_boot(time_line_.stretch(), clock.boottime_ns); });
  add_calls(clock.boottime_ns);
  if (const auto correction = time_line_.correction()) {
    builder_.add_correction(*correction, clock.boottime_ns);
  }
}

void Rehearsal::take_entry(BatchEntry& batch) {
  pass_time(batch.boottime_ns, true);
  translate(batch);
  time_line_.took(batch);
  if (report_.first_wall_ns() == 0) report_.set_first_wall_ns(batch.wall_ns);
  report_.set_last_wall_ns(batch.wall_ns);
  std::vector<bool> routed(batch.readings.size());
  each([&](PipelineSet& set) {
    const std::vector<bool> takes = set.process(batch);
    for (std::size_t i = 0; i < takes.size(); ++i) routed[i] = routed[i] || takes[i];
  });
  count_routed(batch, routed);
  add_calls(batch.boottime_ns);
  const std::int64_t boottime_ns = batch.boottime_ns;
  builder_.add_entry(std::move(batch), boottime_ns);
}

void Rehearsal::count_routed(const BatchEntry& batch, const std::vector<bool>& routed) {
  report_.set_readings(report_.readings() + routed.size());
  for (std::size_t i = 0; i < routed.size(); ++i) {
    if (!routed[i]) report_.set_readings_unmatched(report_.readings_unmatched() + 1);
    builder_.ledger().add(
        LedgerKind::source_readings,
        std::string(source_of_topic(topics_.encoded(plain_topic(batch.readings.topic[i])))),
        routed[i] ? Term::routed : Term::unmatched, 1);
  }
}

/// As the store would have it, and forgotten but for its counts.
void Rehearsal::commit(std::int64_t boottime_ns) {
  builder_.name_losses(0, 0, boottime_ns);
  const CommitGroup group = builder_.seal();
  const std::size_t segment_bytes = encode_segment(group.segment).size() + kRowBytes;
  std::size_t bytes =
      segment_bytes + definition_bytes(group.series) + definition_bytes(group.topics);
  for (const OutboxRow& row : group.outbox) bytes += row.bytes.size() + 2 * kRowBytes;
  v1::Event message;
  for (const ToldEvent& told : group.events) {
    write_event(told, topics_, message);
    events_.add(told, message.ByteSizeLong());
    bytes += bytes_of(told) + kRowBytes;
    message.Clear();
  }
  ledger_.add(group.segment.ledger);
  report_.set_segments(report_.segments() + 1);
  report_.set_segment_bytes(report_.segment_bytes() + segment_bytes);
  report_.set_commit_bytes(report_.commit_bytes() + bytes);
  report_.set_gaps(report_.gaps() + group.gaps.size());
  for (const auto& pipeline : pipelines_) {
    pipeline->windows_open_max = std::max(pipeline->windows_open_max, pipeline->set.windows_open());
  }
}

// --- the report ---

v1::RehearsalReport Rehearsal::finish() {
  std::uint64_t checkpoint_bytes = 0;
  for (const auto& pipeline : pipelines_) {
    v1::RehearsedPipeline& out = *report_.add_pipelines();
    write(*pipeline, out);
    checkpoint_bytes += out.checkpoint_bytes();
  }
  report_.set_segments_unreadable(unreadable_);
  report_.set_series(series_.size());
  report_.set_checkpoint_bytes(checkpoint_bytes);
  report_.set_cpu_ns(used_ns(CLOCK_PROCESS_CPUTIME_ID) + children_.total());
  write_budget(*report_.mutable_budget());
  return std::move(report_);
}

void Rehearsal::write(OnePipeline& one, v1::RehearsedPipeline& out) {
  const PipelineView view = one.set.views().front();
  out.set_name(one.name);
  out.set_parked(view.parked);
  write_ledger(one.name, out);
  events_.write(one.name, out);
  const SentByPipeline& sent = encoder_.of(one.name);
  out.set_panes(sent.panes);
  for (const auto& [quality, count] : sent.by_quality) {
    v1::CauseCount& row = *out.add_panes_by_quality();
    row.set_cause(quality_name(quality));
    row.set_count(count);
  }
  out.set_rows(sent.rows);
  out.set_row_bytes(sent.row_bytes);
  out.set_windows_open(view.windows_open);
  out.set_windows_open_max(one.windows_open_max);
  out.set_windows_max(view.windows_max);
  out.set_cpu_ns(one.cpu_ns);
  out.set_plugin_cpu_ns(children_.of(one.name));
  write_series(sent.series, one, out);
  std::vector<CheckpointPart> parts;
  one.set.snapshot(parts);  // last: it parks a pipeline whose stage cannot save its state
  std::uint64_t bytes = 0;
  for (const CheckpointPart& part : parts) bytes += part.bytes.size();
  out.set_checkpoint_bytes(bytes);
}

void Rehearsal::write_ledger(const std::string& pipeline, v1::RehearsedPipeline& out) const {
  const auto count = [&](Term term) {
    return static_cast<std::uint64_t>(ledger_.get(LedgerKind::readings, pipeline, term));
  };
  out.set_in(count(Term::in));
  out.set_derived(count(Term::derived));
  out.set_aggregated(count(Term::aggregated));
  out.set_observed(count(Term::observed));
  out.set_late(count(Term::late));
  out.set_held(count(Term::held));
  out.set_pending(count(Term::pending));
  for (const auto& [key, n] : ledger_.counters()) {
    if (key.kind != LedgerKind::readings || key.owner != pipeline || n == 0) continue;
    if (key.term != Term::filtered && key.term != Term::rejected) continue;
    v1::CauseCount& row = key.term == Term::filtered ? *out.add_filtered() : *out.add_rejected();
    row.set_cause(key.cause);
    row.set_count(static_cast<std::uint64_t>(n));
  }
}

void Rehearsal::write_series(const std::vector<bool>& of_panes, const OnePipeline& one,
                             v1::RehearsedPipeline& out) const {
  std::vector<std::uint32_t> known;
  std::uint64_t state_bytes = 0;
  for (SeriesId id = 1; id <= series_.size(); ++id) {
    const PipelineState held = one.set.state_of(id).front();
    state_bytes += held.state.bytes.total();
    const bool has_pane = id < of_panes.size() && of_panes[id];
    if (held.state.windows_kept == 0 && !has_pane) continue;
    if (id < node_series_.size() && node_series_[id] != 0) {
      known.push_back(node_series_[id]);
      continue;
    }
    out.set_new_series_count(out.new_series_count() + 1);
    if (out.new_series_count() <= kNewSeriesMax) out.add_new_series(series_.at(id).to_string());
  }
  out.set_state_bytes(state_bytes);
  std::sort(known.begin(), known.end());
  out.mutable_series()->Add(known.begin(), known.end());
}

void Rehearsal::write_budget(v1::CheckpointBudget& out) const {
  const StateBudget budget = state_budget(config_);
  out.set_room_bytes(budget.room_bytes);
  out.set_beside_windows_bytes(budget.beside_windows_bytes());
  out.set_window_bytes(budget.window_bytes);
  out.set_windows_wanted(budget.windows_wanted);
  out.set_windows_max(budget.windows_max);
  out.set_refusal(std::string(budget.check().message()));
  out.set_shortage(budget.shortage());
}

}  // namespace sluice
