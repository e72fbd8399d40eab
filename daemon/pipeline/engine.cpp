#include "pipeline/engine.h"

#include <malloc.h>

#include <algorithm>
#include <chrono>
#include <memory>
#include <utility>

#include "base/log.h"

namespace sluice {
namespace {
constexpr std::int64_t kTickNs = 200'000'000;
/// A tick looks at every open window, which takes 100 ns of a fast core: half a per cent of the
/// time, however many there are.
constexpr std::int64_t kTickNsPerWindow = 20'000;
constexpr auto kWaitMax = std::chrono::milliseconds(50);
constexpr auto kStoreWait = std::chrono::milliseconds(5);
/// Having taken nothing in for this long, we cannot tell whose topic was silent.
constexpr std::int64_t kStallNs = 1'000'000'000;
/// For how long a turn looks through series.
constexpr std::int64_t kLookNs = 1'000'000;

constexpr char kAwaitsCloud[] =
    "the hub has not yet confirmed under which epoch this node sends; try again when it is "
    "connected, or restart the daemon";

/// Until [pipeline] has done it.
template <typename Request>
Status ask(Requests<Request>& requests, const std::shared_ptr<Request>& request,
           std::chrono::milliseconds timeout) {
  Status asked = requests.ask(request, timeout);
  if (asked.code() != StatusCode::unavailable) return asked;
  return unavailable(std::string(asked.message()) + "; it may still happen");
}

std::size_t bytes_of(const CallsEntry& entry) {
  std::size_t bytes = entry.pipeline.size();
  for (const StageCall& call : entry.calls) bytes += call.record.size() + 8;
  return bytes;
}

/// At least what the segment takes on flash.
std::size_t log_bytes(const Segment& segment) {
  std::size_t bytes = 256;
  for (const LogEntry& entry : segment.entries) {
    bytes += 32;
    if (const auto* batch = std::get_if<BatchEntry>(&entry)) {
      bytes += 12 * batch->fingerprints.size() + 24 * batch->readings.size();
    }
    if (const auto* calls = std::get_if<CallsEntry>(&entry)) bytes += bytes_of(*calls);
  }
  return bytes;
}
}  // namespace

Engine::Engine(EngineOptions options, std::vector<SourceSpec> sources,
               std::vector<PipelineSpec> pipelines, Rooms rooms)
    : options_(std::move(options)),
      rooms_(rooms),
      sources_(sources),
      builder_(rooms.series, rooms.topics, rooms.encoder),
      intake_(std::move(sources), rooms.decoder, builder_, &time_line_),
      pipelines_(std::move(pipelines), rooms.series, rooms.topics, builder_, rooms.clock) {
  publish_view();
}

Engine::~Engine() { stop(); }

Status Engine::restore(const std::vector<CheckpointPart>& parts) {
  builder_.definitions_are_stored();
  if (Status s = intake_.restore(parts); !s.ok()) return s;
  if (const CheckpointPart* clock = find_part(parts, "clock")) {
    if (Status s = time_line_.restore(clock->bytes); !s.ok()) return s;
  }
  if (Status s = pipelines_.restore(parts); !s.ok()) return s;
  publish_view();
  return {};
}

Status Engine::replay(const Segment& segment) {
  for (const LogEntry& entry : segment.entries) {
    std::visit([this](const auto& happened) { replay_entry(happened); }, entry);
  }
  pipelines_.replayed(segment.ledger);
  log_bytes_since_checkpoint_ += log_bytes(segment);
  builder_.definitions_are_stored();
  return {};
}

void Engine::replay_entry(const StartEntry& start) { pipelines_.restart(start.boottime_ns); }

void Engine::replay_entry(const ConnectedEntry& entry) {
  intake_.replay(entry);
  pipelines_.connected(source_name(entry.source), entry.boottime_ns);
}

void Engine::replay_entry(const DisconnectedEntry& entry) {
  pipelines_.disconnected(source_name(entry.source), entry.boottime_ns);
}

void Engine::replay_entry(const SubscribedEntry& entry) { intake_.replay(entry); }

void Engine::replay_entry(const BrokerDropsEntry& entry) { intake_.replay(entry); }

void Engine::replay_entry(const TickEntry& tick) { pipelines_.tick(tick.boottime_ns); }

void Engine::replay_entry(const ClockEntry& clock) {
  time_line_.apply(clock);
  pipelines_.set_boot(time_line_.stretch(), clock.boottime_ns);
}

void Engine::replay_entry(const CallsEntry& calls) { pipelines_.hear_calls(calls); }

void Engine::replay_entry(const BatchEntry& batch) {
  intake_.replay(batch);
  time_line_.took(batch);
  pipelines_.process(batch);
  readings_since_checkpoint_ += batch.readings.size();
}

void Engine::adopt(std::vector<SourceSpec> sources, std::vector<PipelineSpec> specs,
                   std::string config, const Ledger& durable, std::int64_t next_seq) {
  sources_ = sources;
  intake_.adopt(std::move(sources), {rooms_.clock.boottime_ns(), rooms_.clock.wall_ns()});
  pipelines_.adopt(std::move(specs), durable, next_seq, options_.awaits_cloud);
  options_.config = std::move(config);
  publish_view();
}

void Engine::begin() {
  // The first commit carries a checkpoint, so that no replay crosses a change of config or plugins.
  checkpoint_wanted_ = true;
  tracks_start_ = options_.awaits_cloud;
  pipelines_.catch_up(tracks_start_);
  // Pipelines that another config brought know nothing of boot time yet.
  pipelines_.set_boot(time_line_.stretch(), rooms_.clock.boottime_ns());
  pipelines_.take_calls(0);  // behind the checkpoint
  recall_time();
  name_losses(0);  // what waited here has been waiting for long
  start_idle_clocks();
  begin_disconnected();
  group_wall_ns_ = last_take_wall_ns_ = rooms_.clock.wall_ns();
  publish_view();
}

void Engine::start() {
  begin();
  thread_ = Thread("sl-pipeline", [this] { run(); });
}

/// What was known in this boot before the process was started again.
void Engine::recall_time() {
  const auto& last = time_line_.last();
  if (rooms_.trust == nullptr || !last || last->boot_id != rooms_.trust->boot_id()) return;
  rooms_.trust->remember(last->time, last->boottime_ns);
}

std::int64_t Engine::arrivals_reached() const {
  const auto is_stamped = [this](const std::string& source) {
    return std::any_of(sources_.begin(), sources_.end(), [&](const SourceSpec& spec) {
      return spec.arrival_stamped && spec.name == source;
    });
  };
  return pipelines_.reached(is_stamped);
}

/// A step of the time is an entry of the log, and with it goes what the cloud must know.
void Engine::note_time() {
  if (rooms_.trust == nullptr) return;
  const TrustedTime time = rooms_.trust->now();
  intake_.set_time(time);
  const std::int64_t now = rooms_.clock.boottime_ns();
  const auto entry =
      time_line_.due(rooms_.trust->boot_id(), time, now, [this] { return arrivals_reached(); });
  if (!entry) return;
  time_line_.apply(*entry);
  pipelines_.set_boot(time_line_.stretch(), now);
  add_entry(*entry, now);
  if (const auto correction = time_line_.correction()) builder_.add_correction(*correction, now);
  log::info("pipeline", "what is known of the time has changed",
            {{"trusted", time.trusted()},
             {"error_ms", time.error_ns / 1'000'000},
             {"arrivals_in_boot_time", entry->in_boot_time}});
}

void Engine::start_idle_clocks() {
  const std::int64_t now = rooms_.clock.boottime_ns();
  pipelines_.restart(now);
  builder_.add_entry(StartEntry{now}, now);
  last_heard_boottime_ns_ = now;
}

/// What a source's topics say now we cannot hear before it is connected. A source that was dropped
/// from the config never will be.
void Engine::begin_disconnected() {
  const std::int64_t now = rooms_.clock.boottime_ns();
  keep_sources(now);
  for (std::uint32_t i = 0; i < sources_.size(); ++i) {
    pipelines_.disconnected(sources_[i].name, now);
    builder_.add_entry(DisconnectedEntry{i, now}, now);
  }
}

void Engine::keep_sources(std::int64_t boottime_ns) {
  std::vector<std::string> names;
  for (const SourceSpec& source : sources_) names.push_back(source.name);
  pipelines_.keep_sources(names, boottime_ns);
}

std::string Engine::source_name(std::uint32_t source) const {
  return source < sources_.size() ? sources_[source].name : std::string();
}

void Engine::stop() {
  stopping_ = true;
  looks_.close();
  replacements_.close();
  changes_.close();
  poke();
  thread_.join();
}

void Engine::poke() {
  MutexLock lock(wake_mutex_);
  wake_.notify_all();
}

void Engine::run() {
  while (!stopping_) {
    if (step()) continue;
    MutexLock lock(wake_mutex_);
    wake_.wait_for(wake_mutex_, kStoreWait);
  }
  hand_over_last();
}

bool Engine::step() {
  settle_epoch();
  settle_replacement();
  const bool waits_for_flash = settle_change();
  look_on();
  const bool takes = may_take() && !waits_for_flash;
  if (takes) {
    take_messages();
    if (hears_silence()) tick_if_due();
  }
  submit_if_due();
  return takes && may_take();
}

/// A clean stop checkpoints, so that the next start replays nothing. What the store cannot take
/// within the deadline is not acknowledged either: the broker sends it again.
void Engine::hand_over_last() {
  const std::int64_t deadline = rooms_.clock.boottime_ns() + options_.stop_timeout_ns;
  const auto hand_over = [&] {
    while (sealed_ && rooms_.clock.boottime_ns() < deadline) {
      if (submit()) return;
      MutexLock lock(wake_mutex_);
      wake_.wait_for(wake_mutex_, kStoreWait);
    }
  };
  hand_over();
  if (sealed_) return;
  seal(true);
  hand_over();
}

void Engine::confirm_epoch() {
  MutexLock lock(wake_mutex_);
  confirm_wanted_ = true;
  wake_.notify_all();
}

void Engine::end_epoch(const std::string& epoch, std::int64_t cloud_highest_seq) {
  MutexLock lock(wake_mutex_);
  if (ended_epoch_ == epoch) return;
  ended_epoch_ = epoch;
  end_above_seq_ = cloud_highest_seq;
  wake_.notify_all();
}

void Engine::settle_epoch() {
  bool confirmed = false;
  std::optional<std::int64_t> above_seq;
  {
    MutexLock lock(wake_mutex_);
    confirmed = std::exchange(confirm_wanted_, false);
    if (!sealed_) above_seq = std::exchange(end_above_seq_, std::nullopt);
  }
  if (confirmed && tracks_start_) {
    tracks_start_ = false;
    pipelines_.confirm_epoch();
    ::malloc_trim(0);  // what was kept apart until now: the heap would keep the room for good
  }
  if (!above_seq) return;
  builder_.end_epoch({*above_seq, tracks_start_}, rooms_.clock.boottime_ns());
  tracks_start_ = false;
  pipelines_.end_epoch();
  seal(true);
}

Result<StateView> Engine::look_at_state(std::string measurement, std::size_t largest_max,
                                        std::chrono::milliseconds timeout) {
  const auto look = std::make_shared<StateScan>(std::move(measurement), largest_max);
  if (Status s = looks_.ask(look, timeout); !s.ok()) return s;
  return look->take();
}

Result<std::vector<StageReplacement>> Engine::replace_stages(MakePipelines make, bool begins_anew,
                                                             std::chrono::milliseconds timeout) {
  const auto wanted = std::make_shared<Replacement>();
  wanted->make = std::move(make);
  wanted->begins_anew = begins_anew;
  if (Status s = ask(replacements_, wanted, timeout); !s.ok()) return s;
  if (!wanted->status.ok()) return wanted->status;
  return wanted->outcome;
}

/// In a group with a checkpoint: what comes after it is done by the new stages, and a replay begins
/// with their state.
void Engine::settle_replacement() {
  if (sealed_) return;
  const std::shared_ptr<Replacement> wanted = replacements_.next();
  if (!wanted) return;
  if (tracks_start_) {
    wanted->status = failed_precondition(kAwaitsCloud);
  } else {
    const std::int64_t now = rooms_.clock.boottime_ns();
    wanted->outcome = pipelines_.replace_stages(wanted->make, wanted->begins_anew, now);
    // One that was parked may have been so since before the last change of config.
    keep_sources(now);
    pipelines_.take_calls(0);  // behind the checkpoint
    seal(true);
  }
  replacements_.finish(wanted);
}

Result<ConfigOutcome> Engine::change_config(ConfigChange change,
                                            std::chrono::milliseconds timeout) {
  const auto wanted = std::make_shared<Change>();
  wanted->wanted = std::move(change);
  if (Status s = ask(changes_, wanted, timeout); !s.ok()) return s;
  if (!wanted->status.ok()) return wanted->status;
  return std::move(wanted->outcome);
}

/// What the ledger counts as waiting in a pipeline that ends is settled by what is on flash, so all
/// must be. True while that is waited for.
bool Engine::settle_change() {
  const std::shared_ptr<Change> change = changes_.next();
  if (!change || has_waiting()) return false;
  if (sealed_ || rooms_.commits.behind_since_ns()) return true;
  if (!builder_.empty()) {
    seal(false);
    return true;
  }
  change->status = change_now(change->wanted, change->outcome);
  changes_.finish(change);
  return false;
}

Status Engine::change_now(ConfigChange& wanted, ConfigOutcome& outcome) {
  if (tracks_start_) return Status(StatusCode::out_of_range, kAwaitsCloud);
  std::vector<NextPipeline> next = wanted.make();
  if (Status s = PipelineSet::check(next); !s.ok()) return s;
  const Moment now{rooms_.clock.boottime_ns(), rooms_.clock.wall_ns()};
  const DurableState durable = wanted.durable();
  if (wanted.swap_sources) wanted.swap_sources();
  sources_ = wanted.sources;
  intake_.adopt(std::move(wanted.sources), now);
  pipelines_.change(std::move(next), durable.ledger, durable.next_seq);
  pipelines_.set_boot(time_line_.stretch(), now.boottime_ns);
  options_.config = std::move(wanted.config);
  if (wanted.swap_sources) begin_disconnected();
  keep_sources(now.boottime_ns);
  pipelines_.take_calls(0);  // behind the checkpoint
  seal(true);
  for (std::uint32_t i = 0; i < sources_.size(); ++i) {
    outcome.subscribed.push_back(intake_.subscribed(i));
  }
  for (const PipelineView& view : pipelines_.views()) {
    if (!view.parked.empty()) outcome.parked.push_back(view.name + ": " + view.parked);
  }
  return {};
}

void Engine::look_on() {
  const std::shared_ptr<StateScan> look = looks_.next();
  if (!look) return;
  const std::int64_t until_ns = rooms_.clock.boottime_ns() + kLookNs;
  const bool done =
      look->step(pipelines_, rooms_.series, [&] { return rooms_.clock.boottime_ns() >= until_ns; });
  if (done) looks_.finish(look);
}

bool Engine::is_asked() { return !looks_.empty() || !replacements_.empty() || !changes_.empty(); }

bool Engine::may_take() const {
  return !(sealed_ && (group_due() || builder_.bytes() >= options_.group_bytes_max));
}

/// A broker whose window is full of what waits for its ack sends no more.
bool Engine::acks_wait_for_disk() const {
  const auto since_ns = rooms_.commits.behind_since_ns();
  return since_ns && rooms_.clock.boottime_ns() - *since_ns > kStallNs;
}

/// While more waits to be taken, or nothing can come, silence says nothing about a topic.
bool Engine::hears_silence() const {
  return events_.size() < options_.batch_messages_max && !has_waiting() && !acks_wait_for_disk();
}

void Engine::take_from_source() {
  const std::int64_t now = rooms_.clock.boottime_ns();
  if (!acks_wait_for_disk()) {
    if (now - last_heard_boottime_ns_ > kStallNs) start_idle_clocks();
    last_heard_boottime_ns_ = now;
  }
  auto wait = kWaitMax;
  if (!builder_.empty()) {
    const std::int64_t left = builder_.opened_boottime_ns() + options_.commit_interval_ns - now;
    wait = std::clamp(std::chrono::milliseconds(left / 1'000'000), std::chrono::milliseconds(1),
                      kWaitMax);
  }
  if (is_asked()) wait = std::chrono::milliseconds(1);
  events_.clear();
  next_event_ = 0;
  rooms_.messages.take(events_, options_.batch_messages_max, wait);
}

void Engine::take_messages() {
  if (builder_.empty()) group_wall_ns_ = last_take_wall_ns_;
  if (!has_waiting()) take_from_source();
  note_time();
  for (; has_waiting() && builder_.bytes() < options_.group_bytes_max; ++next_event_) {
    const IngestEvent& event = events_[next_event_];
    if (event.kind == IngestEvent::Kind::message) {
      group_wall_ns_ = std::min(group_wall_ns_, event.wall_ns);
      intake_.take(event);
    } else {
      process_batch();
      take_event(event);
    }
  }
  process_batch();
  for (std::uint32_t i = 0; i < sources_.size(); ++i) {
    if (const std::uint64_t n = rooms_.messages.take_dropped_qos0(i); n > 0) intake_.dropped(i, n);
  }
  last_take_wall_ns_ = rooms_.clock.wall_ns();
}

void Engine::take_event(const IngestEvent& event) {
  intake_.take_event(event);
  const std::string source = source_name(event.position.source);
  if (event.kind == IngestEvent::Kind::connected) pipelines_.connected(source, event.boottime_ns);
  if (event.kind == IngestEvent::Kind::disconnected)
    pipelines_.disconnected(source, event.boottime_ns);
}

void Engine::process_batch() {
  if (!intake_.has_batch()) return;
  BatchEntry batch = intake_.flush();
  const std::vector<bool> routed = pipelines_.process(batch);
  for (std::size_t i = 0; i < routed.size(); ++i) {
    builder_.ledger().add(
        LedgerKind::source_readings,
        std::string(source_of_topic(rooms_.topics.encoded(plain_topic(batch.readings.topic[i])))),
        routed[i] ? Term::routed : Term::unmatched, 1);
  }
  time_line_.took(batch);
  readings_since_checkpoint_ += batch.readings.size();
  readings_processed_ += batch.readings.size();
  const std::int64_t boottime_ns = batch.boottime_ns;
  add_entry(std::move(batch), boottime_ns);
}

/// What the step that it tells of has caused comes before it, where a replay needs it.
void Engine::add_entry(LogEntry entry, std::int64_t boottime_ns) {
  for (CallsEntry& calls : pipelines_.take_calls(boottime_ns)) {
    builder_.add_bytes(bytes_of(calls));
    builder_.add_entry(std::move(calls), boottime_ns);
  }
  builder_.add_entry(std::move(entry), boottime_ns);
}

void Engine::tick_if_due() {
  const std::int64_t now = rooms_.clock.boottime_ns();
  if (now < next_tick_boottime_ns_) return;
  next_tick_boottime_ns_ =
      now +
      std::max(kTickNs, kTickNsPerWindow * static_cast<std::int64_t>(pipelines_.windows_open()));
  pipelines_.let_stages_rest();
  if (!pipelines_.due(now)) return;
  pipelines_.tick(now);
  add_entry(TickEntry{now}, now);
}

bool Engine::group_due() const {
  if (builder_.empty()) return false;
  return rooms_.clock.boottime_ns() - builder_.opened_boottime_ns() >=
             options_.commit_interval_ns ||
         builder_.urgent() || intake_.window_full() || builder_.bytes() >= options_.group_bytes_max;
}

void Engine::submit_if_due() {
  if (!sealed_ && group_due()) {
    seal(checkpoint_due());
  }
  if (sealed_) submit();
}

bool Engine::submit() {
  if (!rooms_.commits.try_submit(*sealed_)) return false;
  sealed_.reset();
  return true;
}

bool Engine::checkpoint_due() const {
  return checkpoint_wanted_ || readings_since_checkpoint_ >= options_.checkpoint_readings ||
         log_bytes_since_checkpoint_ >= options_.checkpoint_log_bytes;
}

void Engine::name_losses(std::int64_t since_wall_ns) {
  builder_.name_losses(since_wall_ns, rooms_.clock.wall_ns(), rooms_.clock.boottime_ns());
}

void Engine::seal(bool checkpoint) {
  std::optional<std::vector<CheckpointPart>> parts;
  if (checkpoint) parts = take_checkpoint();  // first: it may add to the group
  name_losses(group_wall_ns_);
  sealed_ = builder_.seal();
  log_bytes_since_checkpoint_ += log_bytes(sealed_->segment);
  if (parts) {
    sealed_->checkpoint = std::move(parts);
    readings_since_checkpoint_ = 0;
    log_bytes_since_checkpoint_ = 0;
    checkpoint_wanted_ = false;
  }
  publish_view();
}

std::vector<CheckpointPart> Engine::take_checkpoint() {
  std::vector<CheckpointPart> parts;
  parts.push_back({"config", options_.config});
  intake_.snapshot(parts);
  parts.push_back({"clock", time_line_.snapshot()});
  pipelines_.snapshot(parts);
  return parts;
}

void Engine::publish_view() {
  EngineView view;
  view.pipelines = pipelines_.views();
  view.readings_processed = readings_processed_;
  view.clock_floor_ns = time_line_.floor_ns();
  view.in_boot_time = time_line_.stretch() != nullptr;
  MutexLock lock(view_mutex_);
  view_ = std::move(view);
}

EngineView Engine::view() const {
  MutexLock lock(view_mutex_);
  return view_;
}

}  // namespace sluice
