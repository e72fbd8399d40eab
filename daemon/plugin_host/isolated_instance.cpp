#include "plugin_host/isolated_instance.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "plugin_host/call_record.h"
#include "plugin_host/config_schema.h"

namespace sluice {
namespace {

/// What a restart repeats at most, beside one call: a snapshot is taken past it.
constexpr std::size_t kJournalBytesMax = std::size_t{1} << 20;
constexpr std::size_t kJournalCallsMax = 4096;
constexpr std::size_t kIncidentsMax = 16;

bool is_equal(const PluginMetadata& a, const PluginMetadata& b) {
  return encode_metadata(a) == encode_metadata(b);
}

}  // namespace

IsolatedInstance::IsolatedInstance(IsolationOptions options, PinnedFile file, Rooms rooms)
    : options_(std::move(options)), file_(std::move(file)), rooms_(std::move(rooms)) {}

Result<std::unique_ptr<IsolatedInstance>> IsolatedInstance::create(IsolationOptions options,
                                                                   const std::string& dir,
                                                                   const std::string& plugin,
                                                                   const std::string& config_json,
                                                                   Rooms rooms) {
  const Result<std::string> path = plugin_path(dir, plugin);
  if (!path.ok()) return path.status();
  Result<PinnedFile> file = PinnedFile::open(*path);
  if (!file.ok()) return file.status();
  std::unique_ptr<IsolatedInstance> instance(
      new IsolatedInstance(std::move(options), *std::move(file), std::move(rooms)));
  if (Status s = instance->begin(config_json); !s.ok()) return s;
  return instance;
}

Status IsolatedInstance::begin(const std::string& config_json) {
  auto process =
      HostProcess::start(options_.program, file_, options_.limits, rooms_.clock, metadata_);
  if (!process.ok()) return process.status();
  process_ = *std::move(process);
  Result<std::string> config = apply_schema(metadata_.config_schema, config_json);
  if (!config.ok()) return config.status();
  config_json_ = *std::move(config);
  saved_.version = metadata_.version;
  return create_instance();
}

// --- processes ---

Status IsolatedInstance::start() {
  PluginMetadata metadata;
  auto process =
      HostProcess::start(options_.program, file_, options_.limits, rooms_.clock, metadata);
  if (!process.ok()) return process.status();
  if (!is_equal(metadata, metadata_)) {
    return failed_precondition(file_.path() + " is not what it was: sluicectl plugins reload");
  }
  process_ = *std::move(process);
  if (Status s = create_instance(); !s.ok()) return s;
  return restore_state();
}

Status IsolatedInstance::create_instance() {
  std::string request;
  write_create(config_json_, request);
  const Result<HostDone> done = call(request);
  if (!done.ok()) return done.status();
  if (!done->status.ok()) return done->status;
  const Result<InstanceTraits> traits = decode_traits(done->payload);
  if (!traits.ok()) return traits.status();
  traits_ = *traits;
  return {};
}

Status IsolatedInstance::restore_state() {
  if (!saved_.state.empty()) {
    std::string request;
    write_restore(saved_.version, saved_.state, request);
    if (Status s = say_again(request); !s.ok()) return s;
  }
  for (const std::string& request : saved_.journal) {
    if (Status s = say_again(request); !s.ok()) return s;
  }
  return {};
}

/// What it answers is known.
Status IsolatedInstance::say_again(const std::string& request) {
  const Result<HostDone> done = call(request);
  return done.ok() ? done->status : done.status();
}

Status IsolatedInstance::ensure_running() {
  if (process_) return {};
  if (!quarantined_.empty()) return unavailable("it is quarantined: " + quarantined_);
  const std::int64_t left_ns = retry_at_ns_ - rooms_.clock.boottime_ns();
  if (left_ns > 0) {
    return unavailable("it starts again in " + std::to_string(left_ns / 1'000'000 + 1) + " ms");
  }
  const Status status = start();
  if (!status.ok()) failed(status, false);
  return status;
}

/// The process is of no more use.
void IsolatedInstance::failed(const Status& why, bool by_input) {
  process_.reset();
  const std::int64_t now_ns = rooms_.clock.boottime_ns();
  failures_.push_back(now_ns);
  while (failures_.front() < now_ns - options_.failure_window.count()) failures_.pop_front();
  retry_at_ns_ = now_ns + backoff_ns();
  const std::string text(why.message());
  if (options_.failures_max > 0 && failures_.size() >= options_.failures_max) {
    return quarantine(std::to_string(failures_.size()) + " failures, the last: " + text, by_input);
  }
  add_incident({false, by_input, text});
}

void IsolatedInstance::quarantine(std::string why, bool by_input) {
  quarantined_ = std::move(why);
  add_incident({true, by_input, quarantined_});
}

void IsolatedInstance::add_incident(Incident incident) {
  if (incidents_.size() < kIncidentsMax) incidents_.push_back(std::move(incident));
}

std::int64_t IsolatedInstance::backoff_ns() const {
  if (failures_.size() <= 1) return 0;
  const std::size_t doublings = std::min<std::size_t>(failures_.size() - 2, 30);
  return std::min(options_.backoff_max.count(), options_.backoff_min.count() << doublings);
}

// --- calls ---

Result<HostDone> IsolatedInstance::call(const std::string& request) {
  Result<HostDone> done = process_->call(request, rooms_.services, rooms_.series);
  if (!done.ok()) return done;
  const sluice_host* host = rooms_.services.host();
  for (const PluginLogLine& line : done->log) host->log(host, line.level, line.text.c_str());
  return done;
}

Status IsolatedInstance::process(const sluice_batch& batch, sluice_verdict* verdicts,
                                 const sluice_emit* emit) {
  write_process(batch, rooms_.tokens(), request_);
  return call_recorded(batch.count, verdicts, emit);
}

Status IsolatedInstance::on_time(std::int64_t watermark_ns, const sluice_emit* emit) {
  write_on_time(watermark_ns, rooms_.tokens(), request_);
  return call_recorded(0, nullptr, emit);
}

Status IsolatedInstance::call_recorded(std::uint32_t rows, sluice_verdict* verdicts,
                                       const sluice_emit* emit) {
  last_call_ns_ = rooms_.clock.boottime_ns();
  if (Status s = ensure_running(); !s.ok()) return s;
  Result<HostDone> done = call(request_);
  if (!done.ok()) return done.status();
  if (!done->status.ok()) return done->status;
  record_ = std::move(done->payload);
  return apply_call_record(record_, rows, verdicts, emit);
}

/// A call that was not taken must leave no trace in its state, so the process ends.
void IsolatedInstance::call_ended(const Status& outcome) {
  if (!outcome.ok()) {
    if (process_) failed(outcome, true);
    return;
  }
  if (!traits_.keeps_state) return;
  journal_bytes_ += request_.size();
  saved_.journal.push_back(std::exchange(request_, {}));
  if (journal_bytes_ <= kJournalBytesMax && saved_.journal.size() <= kJournalCallsMax) return;
  const Status status = take_snapshot();
  if (status.ok()) return;
  if (journal_bytes_ <= 4 * kJournalBytesMax) return failed(status, false);
  process_.reset();
  quarantine("it cannot save its state: " + std::string(status.message()), false);
}

void IsolatedInstance::let_rest() {
  if (!process_ || options_.idle_unload.count() == 0) return;
  const bool is_idle = last_call_ns_ == 0 ||
                       rooms_.clock.boottime_ns() - last_call_ns_ >= options_.idle_unload.count();
  if (!is_idle) return;
  save_calls();  // or the next process would have to repeat them
  process_.reset();
}

// --- state ---

/// Nothing that stood in the journal is needed after it.
Status IsolatedInstance::take_snapshot() {
  std::string request;
  write_snapshot(request);
  Result<HostDone> done = call(request);
  if (!done.ok()) return done.status();
  if (!done->status.ok()) return done->status;
  saved_ = {metadata_.version, std::move(done->payload), {}};
  journal_bytes_ = 0;
  return {};
}

void IsolatedInstance::save_calls() {
  if (!traits_.keeps_state || !process_ || saved_.journal.empty()) return;
  if (const Status status = take_snapshot(); !status.ok()) failed(status, false);
}

Result<SavedState> IsolatedInstance::snapshot() {
  save_calls();
  return saved_;
}

Status IsolatedInstance::restore(const SavedState& saved) {
  if (!traits_.keeps_state && !(saved.state.empty() && saved.journal.empty())) {
    return failed_precondition("the snapshot has state, but this version keeps none");
  }
  saved_ = saved;
  for (const std::string& request : saved_.journal) journal_bytes_ += request.size();
  return restore_state();
}

std::vector<Incident> IsolatedInstance::take_incidents() { return std::exchange(incidents_, {}); }

}  // namespace sluice
