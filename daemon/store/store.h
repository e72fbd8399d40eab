#pragma once

#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <optional>
#include <random>
#include <set>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/mutex.h"
#include "base/status.h"
#include "base/thread.h"
#include "model/ledger.h"
#include "model/log.h"
#include "model/ports.h"
#include "store/types.h"

namespace sluice {

namespace storage {
class StoreFile;
}

/// The log on flash: groups go in, outbox rows come out, and what is in stays through kill -9 and a
/// power cut.
///
/// A group is durable when `on_durable` is called with it, and not a moment earlier. A commit that
/// fails, be it for a full disk, is tried again for ever; until it succeeds no later group is
/// written and nothing is released. When the quota is full, the oldest segments behind the
/// checkpoint are deleted first.
///
/// Identity: a row keeps the node and epoch under which it was made (decisions/0004-epochs.md). An
/// epoch ends in the transaction of a group with `epoch_end`; whoever fills groups asks for one
/// when epoch_ends() says so, or when the cloud holds numbers that we never gave out.
///
/// Threads: open, load, replay, start, stop by the owner; then "sl-store" alone touches the
/// database. The rest may be called from any thread. Order: open, load, replay, start, stop.
class Store final : public CommitSink, public SummarySource, public GapSource, public EventSource {
 public:
  /// `failed_precondition` when another process has the database open or a newer program made it;
  /// `invalid_argument` for the options; `unavailable` when the file system refuses. A damaged or
  /// foreign file is no error: see rebuilt(). `clock` is borrowed.
  static Result<std::unique_ptr<Store>> open(const StoreOptions& options, Clock& clock);
  ~Store() override;

  /// The database was damaged: it was renamed to sluice.sqlite.damaged-<n> and a new one begun.
  bool rebuilt() const;
  /// Under which the next outbox row is made. `unavailable` while epoch_ends().
  Result<Identity> identity() override;
  std::string epoch() const;
  /// The database was copied or moved here, or the node renamed: a group must end the epoch.
  bool epoch_ends() const;
  /// Number that the next outbox row will get; from 1.
  std::int64_t next_seq() const;

  /// What was durable; once, before start().
  Result<Recovered> load();
  /// Gives the segments after the checkpoint in order; stops at the first failure of `apply` and
  /// returns it. A segment without entries holds acks only. After load(), before start().
  Status replay(const std::function<Status(const Segment&)>& apply);

  /// Called on "sl-store" after each group is on flash, its outbox rows numbered. Must not block.
  /// Set before start().
  void set_on_durable(std::function<void(const CommitGroup&)> on_durable);
  void start();
  /// Instead of start(), for a simulation that owns time and the only thread: starts none. step()
  /// then does what "sl-store" would; read_outbox, dead_letters and give_up run in the call.
  void start_stepped();
  /// Does one job that is due at the clock's now (a commit or a further try); false when none is.
  bool step();
  /// When step() has something to do next, on the clock's boot time: now or before it for a job
  /// that is due, empty when only a call can bring one.
  std::optional<std::int64_t> next_step_ns() const;
  /// Writes what was submitted and acknowledged, then joins. A commit that fails meanwhile is given
  /// up: it was never released, so its messages come again. Idempotent.
  void stop();

  /// One group is being written and one may wait; false beyond that, and after stop().
  bool try_submit(CommitGroup& group) override;
  std::optional<std::int64_t> behind_since_ns() const override;
  /// At most 1 MiB at once, all of one identity. `unavailable` while the store does not run,
  /// `deadline_exceeded` after 5 s. Rows that fail their checksum are left out and become
  /// `expired(corrupt)`.
  Result<std::vector<OutboxRow>> read_outbox(std::int64_t after_seq,
                                             std::size_t bytes_max) override;
  /// Joins the next commit, or makes one within 250 ms.
  void acknowledge(const std::vector<std::int64_t>& seqs) override;
  /// Errors as read_outbox, `resource_exhausted` when the disk is full.
  Result<bool> misses_acked(const Identity& of, std::int64_t highest_seq) override;
  /// Errors as read_outbox. A gap that fails its checksum is replaced by one that says so.
  Result<std::vector<GapRow>> read_gaps(std::int64_t after_seq, std::size_t count_max) override;
  /// Durable on return. Errors as read_outbox, `resource_exhausted` when the disk is full.
  Status acknowledge_gaps(std::int64_t seq) override;
  /// Errors as read_outbox. Rows that fail their checksum are left out and become
  /// `expired(corrupt)`.
  Result<std::vector<EventRow>> read_events(std::int64_t after_seq, std::size_t count_max) override;
  /// Joins the next commit, or makes one within 250 ms.
  void acknowledge_events(std::int64_t seq) override;
  /// The log after `after_id`, at most `bytes_max` or what can be read within 2 ms, but one row if
  /// there is any; the oldest ones may go between two calls. Errors as read_outbox.
  Result<SegmentSlice> read_segments(std::int64_t after_id, std::size_t bytes_max);
  /// The newest rejected payloads, newest first. Errors as read_outbox.
  Result<std::vector<DeadLetter>> dead_letters(std::size_t count_max);
  /// Gives up rows that wait under an identity which is no longer ours, as `expired(why)`.
  /// Errors as read_outbox, and `failed_precondition` for the current identity.
  Status give_up(const Identity& of, std::int64_t first_seq, std::int64_t last_seq,
                 GiveUp why) override;

  /// The total of everything that is on flash.
  Ledger durable_ledger() const;
  StoreStats stats() const;

 private:
  struct Request;
  enum class Job { request, commit, stop };

  Store(std::unique_ptr<storage::StoreFile> file, const StoreOptions& options, Clock& clock);
  void run();
  Job next_job();
  std::optional<Job> due_job(std::int64_t now_ns) SLUICE_REQUIRES(mutex_);
  bool backs_off(std::int64_t now_ns) const SLUICE_REQUIRES(mutex_);
  std::optional<std::int64_t> wake_at_ns(std::int64_t now_ns) const SLUICE_REQUIRES(mutex_);
  bool do_job(Job job);
  void serve_request();
  void commit_step();
  /// What the cloud has acknowledged since the last commit.
  struct Acked {
    std::vector<std::int64_t> rows;
    std::int64_t event_seq = 0;  ///< events up to it; 0: none
    bool empty() const { return rows.empty() && event_seq == 0; }
  };
  bool has_acks() const SLUICE_REQUIRES(mutex_) { return !acked_.empty() || acked_event_seq_ > 0; }
  void acks_came() SLUICE_REQUIRES(mutex_);
  Status commit_once(Acked& acked);
  void commit_succeeded();
  void commit_failed(const Status& status, const Acked& acked);
  void publish();
  Status ask(std::function<Status(storage::StoreFile&)> work);

  Clock& clock_;
  const std::int64_t retry_max_ns_;
  std::unique_ptr<storage::StoreFile>
      file_;              // owner before start() and after stop(), else sl-store
  bool rebuilt_ = false;  // constant after open
  std::function<void(const CommitGroup&)> on_durable_;  // constant after start

  // sl-store only
  std::optional<CommitGroup> current_;  // being written, or waiting for the next try
  unsigned failures_in_a_row_ = 0;
  bool request_next_ = false;  // commits and requests take turns
  std::minstd_rand jitter_;    // its seed is the options'

  mutable Mutex mutex_;
  CondVar wake_;      // sl-store waits
  CondVar answered_;  // callers of ask wait
  bool running_ SLUICE_GUARDED_BY(mutex_) = false;
  bool stopping_ SLUICE_GUARDED_BY(mutex_) = false;
  bool stepped_ SLUICE_GUARDED_BY(mutex_) = false;  // by its caller, without a thread
  std::optional<CommitGroup> waiting_ SLUICE_GUARDED_BY(mutex_);
  std::int64_t waiting_since_ns_ SLUICE_GUARDED_BY(mutex_) = 0;
  std::optional<std::int64_t> current_since_ns_ SLUICE_GUARDED_BY(mutex_);  ///< of current_
  std::set<std::int64_t> acked_ SLUICE_GUARDED_BY(mutex_);
  std::int64_t acked_event_seq_ SLUICE_GUARDED_BY(mutex_) = 0;
  std::int64_t acks_due_ns_ SLUICE_GUARDED_BY(mutex_) = 0;
  std::int64_t retry_at_ns_ SLUICE_GUARDED_BY(mutex_) = 0;  // 0: no failed commit waits
  std::deque<std::shared_ptr<Request>> requests_ SLUICE_GUARDED_BY(mutex_);
  Ledger ledger_ SLUICE_GUARDED_BY(mutex_);
  StoreStats stats_ SLUICE_GUARDED_BY(mutex_);
  Identity identity_ SLUICE_GUARDED_BY(mutex_);
  bool epoch_ends_ SLUICE_GUARDED_BY(mutex_) = false;
  std::int64_t next_seq_ SLUICE_GUARDED_BY(mutex_) = 1;
  Thread thread_;
};

}  // namespace sluice
