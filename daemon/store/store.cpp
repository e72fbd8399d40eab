#include "store/store.h"

#include <algorithm>
#include <utility>

#include "base/assert.h"
#include "base/log.h"
#include "store/options.h"
#include "store/store_file.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;
using std::chrono::nanoseconds;

constexpr std::int64_t kAckLinger_ns = 250'000'000;
constexpr std::int64_t kRetryFirst_ns = 10'000'000;
constexpr std::int64_t kSliceNs = 1'500'000;  // then the row that is being read
constexpr std::size_t kRequests_max = 16;
constexpr auto kAnswerWait_max = std::chrono::seconds(5);
constexpr auto kSleep_max = milliseconds(100);  // so that a clock that was moved is noticed

}  // namespace

/// Work for sl-store that a caller waits for.
struct Store::Request {
  std::function<Status(storage::StoreFile&)> work;
  Status result;
  bool done = false;
};

Result<std::unique_ptr<Store>> Store::open(const StoreOptions& options, Clock& clock) {
  auto file = storage::StoreFile::open(options, clock);
  if (!file.ok()) return file.status();
  return std::unique_ptr<Store>(new Store(*std::move(file), options, clock));
}

Store::Store(std::unique_ptr<storage::StoreFile> file, const StoreOptions& options, Clock& clock)
    : clock_(clock),
      retry_max_ns_(std::max<std::int64_t>(options.commit_retry_max.count(), 1)),
      file_(std::move(file)),
      rebuilt_(file_->rebuilt()),
      jitter_(static_cast<std::uint32_t>(storage::random_bits(options))) {
  publish();
  MutexLock lock(mutex_);
  ledger_ = file_->ledger();
}

Store::~Store() { stop(); }

bool Store::rebuilt() const { return rebuilt_; }

Result<Identity> Store::identity() {
  MutexLock lock(mutex_);
  if (epoch_ends_) return unavailable("a new epoch begins and is not on flash yet");
  return identity_;
}

std::string Store::epoch() const {
  MutexLock lock(mutex_);
  return identity_.epoch;
}

bool Store::epoch_ends() const {
  MutexLock lock(mutex_);
  return epoch_ends_;
}

std::int64_t Store::next_seq() const {
  MutexLock lock(mutex_);
  return next_seq_;
}

Ledger Store::durable_ledger() const {
  MutexLock lock(mutex_);
  return ledger_;
}

StoreStats Store::stats() const {
  MutexLock lock(mutex_);
  return stats_;
}

Result<Recovered> Store::load() {
  SLUICE_ASSERT(!thread_.joinable());
  return file_->take_recovered();
}

Status Store::replay(const std::function<Status(const Segment&)>& apply) {
  SLUICE_ASSERT(!thread_.joinable());
  return file_->replay(apply);
}

void Store::set_on_durable(std::function<void(const CommitGroup&)> on_durable) {
  SLUICE_ASSERT(!thread_.joinable());
  on_durable_ = std::move(on_durable);
}

void Store::start() {
  {
    MutexLock lock(mutex_);
    SLUICE_ASSERT(!running_ && !stopping_);
    running_ = true;
  }
  thread_ = Thread("sl-store", [this] { run(); });
}

void Store::start_stepped() {
  MutexLock lock(mutex_);
  SLUICE_ASSERT(!running_ && !stopping_);
  running_ = stepped_ = true;
}

bool Store::step() {
  std::optional<Job> job;
  {
    MutexLock lock(mutex_);
    SLUICE_ASSERT(stepped_);
    if (running_) job = due_job(clock_.boottime_ns());
  }
  return job && do_job(*job);
}

std::optional<std::int64_t> Store::next_step_ns() const {
  MutexLock lock(mutex_);
  return wake_at_ns(clock_.boottime_ns());
}

void Store::stop() {
  bool stepped = false;
  {
    MutexLock lock(mutex_);
    stopping_ = true;
    stepped = stepped_;
  }
  while (stepped && step()) {
  }
  wake_.notify_all();
  thread_.join();
}

bool Store::try_submit(CommitGroup& group) {
  {
    MutexLock lock(mutex_);
    if (stopping_ || waiting_) return false;
    waiting_ = std::move(group);
    waiting_since_ns_ = clock_.boottime_ns();
  }
  wake_.notify_one();
  return true;
}

std::optional<std::int64_t> Store::behind_since_ns() const {
  MutexLock lock(mutex_);
  if (current_since_ns_ || !waiting_) return current_since_ns_;
  return waiting_since_ns_;
}

void Store::acknowledge(const std::vector<std::int64_t>& seqs) {
  {
    MutexLock lock(mutex_);
    if (!running_) return;
    acks_came();
    for (const std::int64_t seq : seqs) {
      if (seq > 0 && seq < next_seq_) acked_.insert(seq);
    }
  }
  wake_.notify_one();
}

void Store::acknowledge_events(std::int64_t seq) {
  {
    MutexLock lock(mutex_);
    if (!running_) return;
    acks_came();
    acked_event_seq_ = std::max(acked_event_seq_, seq);
  }
  wake_.notify_one();
}

void Store::acks_came() {
  const std::int64_t now_ns = clock_.boottime_ns();
  if (!has_acks()) acks_due_ns_ = now_ns + kAckLinger_ns;
  // A commit that fails for want of room may succeed with what these rows free.
  if (retry_at_ns_ != 0) retry_at_ns_ = now_ns;
}

Result<std::vector<OutboxRow>> Store::read_outbox(std::int64_t after_seq, std::size_t bytes_max) {
  auto rows = std::make_shared<std::vector<OutboxRow>>();
  const Status status = ask([=](storage::StoreFile& file) -> Status {
    auto found = file.read_outbox(after_seq, bytes_max);
    if (!found.ok()) return found.status();
    *rows = *std::move(found);
    return {};
  });
  if (!status.ok()) return status;
  return std::move(*rows);
}

Result<bool> Store::misses_acked(const Identity& of, std::int64_t highest_seq) {
  auto missing = std::make_shared<bool>(false);
  const Status status = ask([=, this](storage::StoreFile& file) -> Status {
    auto left = file.misses_acked(of, highest_seq);
    if (!left.ok()) return left.status();
    MutexLock lock(mutex_);
    const auto taken_back = std::erase_if(
        acked_, [&](std::int64_t seq) { return seq > highest_seq && file.identity_at(seq) == of; });
    *missing = *left || taken_back > 0;
    return {};
  });
  if (!status.ok()) return status;
  return *missing;
}

Result<std::vector<GapRow>> Store::read_gaps(std::int64_t after_seq, std::size_t count_max) {
  auto rows = std::make_shared<std::vector<GapRow>>();
  const Status status = ask([=](storage::StoreFile& file) -> Status {
    auto found = file.read_gaps(after_seq, count_max);
    if (!found.ok()) return found.status();
    *rows = *std::move(found);
    return {};
  });
  if (!status.ok()) return status;
  return std::move(*rows);
}

Status Store::acknowledge_gaps(std::int64_t seq) {
  return ask([seq](storage::StoreFile& file) { return file.acknowledge_gaps(seq); });
}

Result<std::vector<EventRow>> Store::read_events(std::int64_t after_seq, std::size_t count_max) {
  auto rows = std::make_shared<std::vector<EventRow>>();
  const Status status = ask([=](storage::StoreFile& file) -> Status {
    auto found = file.read_events(after_seq, count_max);
    if (!found.ok()) return found.status();
    *rows = *std::move(found);
    return {};
  });
  if (!status.ok()) return status;
  return std::move(*rows);
}

Result<std::vector<DeadLetter>> Store::dead_letters(std::size_t count_max) {
  auto letters = std::make_shared<std::vector<DeadLetter>>();
  const Status status = ask([=](storage::StoreFile& file) -> Status {
    auto found = file.dead_letters(count_max);
    if (!found.ok()) return found.status();
    *letters = *std::move(found);
    return {};
  });
  if (!status.ok()) return status;
  return std::move(*letters);
}

Result<SegmentSlice> Store::read_segments(std::int64_t after_id, std::size_t bytes_max) {
  auto slice = std::make_shared<SegmentSlice>();
  const Status status = ask([=, this](storage::StoreFile& file) -> Status {
    const std::int64_t until_ns = clock_.boottime_ns() + kSliceNs;
    auto found =
        file.read_segments(after_id, bytes_max, [&] { return clock_.boottime_ns() >= until_ns; });
    if (!found.ok()) return found.status();
    *slice = *std::move(found);
    return {};
  });
  if (!status.ok()) return status;
  return std::move(*slice);
}

Status Store::give_up(const Identity& of, std::int64_t first_seq, std::int64_t last_seq,
                      GiveUp why) {
  const auto more = std::make_shared<bool>(true);
  while (*more) {
    const Status status = ask([=](storage::StoreFile& file) -> Status {
      auto found = file.give_up_slice(of, first_seq, last_seq, why);
      if (!found.ok()) return found.status();
      *more = *found;
      return {};
    });
    if (!status.ok()) return status;
  }
  return {};
}

/// `work` may still run after a time-out, so it owns what it touches.
Status Store::ask(std::function<Status(storage::StoreFile&)> work) {
  auto request = std::make_shared<Request>();
  request->work = std::move(work);
  bool stepped = false;
  const auto until = std::chrono::steady_clock::now() + kAnswerWait_max;
  {
    MutexLock lock(mutex_);
    if (!running_ || stopping_) return unavailable("the store does not run");
    if (requests_.size() >= kRequests_max) return unavailable("too many reads wait for the store");
    requests_.push_back(request);
    stepped = stepped_;
  }
  if (stepped) serve_request();
  wake_.notify_one();
  MutexLock lock(mutex_);
  while (!request->done) {
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) {
      std::erase(requests_, request);
      return Status(StatusCode::deadline_exceeded, "the store is busy with its flash for 5 s");
    }
    answered_.wait_for(mutex_, left);
  }
  return request->result;
}

void Store::run() {
  while (do_job(next_job())) {
  }
}

/// False once there will be no further job.
bool Store::do_job(Job job) {
  switch (job) {
    case Job::request: serve_request(); return true;
    case Job::commit: commit_step(); return true;
    case Job::stop: return false;
  }
  return false;
}

Store::Job Store::next_job() {
  MutexLock lock(mutex_);
  for (;;) {
    const std::int64_t now_ns = clock_.boottime_ns();
    if (const auto job = due_job(now_ns)) return *job;
    if (const auto at_ns = wake_at_ns(now_ns)) {
      wake_.wait_for(mutex_, std::min<nanoseconds>(nanoseconds(*at_ns - now_ns), kSleep_max));
    } else {
      wake_.wait(mutex_);
    }
  }
}

bool Store::backs_off(std::int64_t now_ns) const { return retry_at_ns_ > now_ns && !stopping_; }

std::optional<Store::Job> Store::due_job(std::int64_t now_ns) {
  const bool group = current_ || waiting_;
  const bool acks_due = has_acks() && (stopping_ || now_ns >= acks_due_ns_);
  const bool commit = !backs_off(now_ns) && (group || acks_due);
  if (!requests_.empty() && (request_next_ || !commit)) {
    request_next_ = false;
    return Job::request;
  }
  if (commit) {
    request_next_ = true;
    return Job::commit;
  }
  if (!stopping_) return std::nullopt;
  running_ = false;
  return Job::stop;
}

/// Unless something is submitted, acknowledged or asked before.
std::optional<std::int64_t> Store::wake_at_ns(std::int64_t now_ns) const {
  if (backs_off(now_ns)) return retry_at_ns_;
  if (current_ || waiting_ || !requests_.empty()) return now_ns;
  if (has_acks()) return acks_due_ns_;
  return std::nullopt;
}

void Store::serve_request() {
  std::shared_ptr<Request> request;
  {
    MutexLock lock(mutex_);
    if (requests_.empty()) return;  // its caller gave up
    request = std::move(requests_.front());
    requests_.pop_front();
  }
  Status result = request->work(*file_);
  if (result.code() == StatusCode::data_loss) file_->mark_suspect();
  publish();
  {
    MutexLock lock(mutex_);
    request->result = std::move(result);
    request->done = true;
  }
  answered_.notify_all();
}

void Store::commit_step() {
  Acked acked;
  {
    MutexLock lock(mutex_);
    if (!current_ && waiting_) {
      current_ = std::exchange(waiting_, std::nullopt);
      current_since_ns_ = waiting_since_ns_;
    }
    acked = {{acked_.begin(), acked_.end()}, std::exchange(acked_event_seq_, 0)};
    acked_.clear();
    retry_at_ns_ = 0;
  }
  const Status status = commit_once(acked);
  publish();
  if (status.ok())
    commit_succeeded();
  else
    commit_failed(status, acked);
}

/// Acks that are on flash leave `acked`, whatever becomes of the group.
Status Store::commit_once(Acked& acked) {
  CommitGroup* group = current_ ? &*current_ : nullptr;
  Status status = file_->commit(group, acked.rows, acked.event_seq);
  while (status.code() == StatusCode::resource_exhausted) {
    if (group != nullptr && !acked.empty() &&
        file_->commit(nullptr, acked.rows, acked.event_seq).ok()) {
      acked = {};
    } else if (auto trimmed = file_->trim_slice(); !trimmed.ok() || !*trimmed) {
      break;
    }
    status = file_->commit(group, acked.rows, acked.event_seq);
  }
  return status;
}

void Store::commit_succeeded() {
  if (failures_in_a_row_ > 0) {
    log::info("store", "commits succeed again", {{"tries", failures_in_a_row_}});
  }
  failures_in_a_row_ = 0;
  const std::optional<CommitGroup> group = std::exchange(current_, std::nullopt);
  {
    MutexLock lock(mutex_);
    current_since_ns_.reset();
    ++stats_.commits;
    stats_.last_error.clear();
  }
  if (group && on_durable_) on_durable_(*group);
  if (const Status s = file_->trim_to_share(); !s.ok()) {
    log::warn("store", "cannot delete old segments", {{"error", s.to_string()}});
  }
}

void Store::commit_failed(const Status& status, const Acked& acked) {
  if (status.code() == StatusCode::data_loss) file_->mark_suspect();
  // Full jitter: anywhere up to a bound that doubles.
  const std::int64_t doubled_ns = kRetryFirst_ns << std::min(failures_in_a_row_, 20u);
  std::uniform_int_distribution<std::int64_t> wait_ns(1, std::min(doubled_ns, retry_max_ns_));
  ++failures_in_a_row_;
  bool given_up = false;
  {
    MutexLock lock(mutex_);
    ++stats_.commit_failures;
    stats_.last_error = status.to_string();
    retry_at_ns_ = clock_.boottime_ns() + wait_ns(jitter_);
    acked_.insert(acked.rows.begin(), acked.rows.end());
    acked_event_seq_ = std::max(acked_event_seq_, acked.event_seq);
    given_up = stopping_;
    if (given_up) {
      current_since_ns_.reset();
      waiting_.reset();
      acked_.clear();
      acked_event_seq_ = 0;
    }
  }
  if (given_up) current_.reset();
  log::error("store",
             given_up ? "the last commit failed: its messages will come again"
                      : "a commit failed and is tried again; nothing is acknowledged",
             {{"error", status.to_string()}, {"tries", failures_in_a_row_}});
}

/// Shows other threads what the database holds now.
void Store::publish() {
  StoreStats now;
  const bool known = file_->fill_stats(now).ok();
  const Ledger delta = file_->take_delta();
  MutexLock lock(mutex_);
  ledger_.add(delta);
  identity_ = file_->identity();
  epoch_ends_ = file_->epoch_ends();
  next_seq_ = file_->next_seq();
  if (!known) return;
  now.commits = stats_.commits;
  now.commit_failures = stats_.commit_failures;
  now.last_error = std::move(stats_.last_error);
  stats_ = std::move(now);
}

}  // namespace sluice
