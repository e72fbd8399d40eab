#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "model/log.h"
#include "model/ports.h"
#include "store/commit_log.h"
#include "store/database.h"
#include "store/epochs.h"
#include "store/events.h"
#include "store/losses.h"
#include "store/state_tables.h"
#include "store/types.h"

namespace sluice::storage {

/// The open database and what happens to it in one transaction: no thread, no queue, no retry.
/// What it and its parts keep in memory (totals, positions, epochs) follows a transaction only once
/// that is on flash. One thread at a time.
class StoreFile {
 public:
  /// A damaged or foreign file is set aside and a new database begun, with a new epoch. `clock`
  /// says until when a loss may reach; it is borrowed.
  static Result<std::unique_ptr<StoreFile>> open(const StoreOptions& options, const Clock& clock);

  bool rebuilt() const { return rebuilt_; }
  /// Under which the next outbox row is made.
  const Identity& identity() const { return epochs_.current(); }
  /// Of the row of this number, if it is here or its identity still has rows here.
  const Identity& identity_at(std::int64_t seq) const { return epochs_.of(seq); }
  const std::string& epoch() const { return identity().epoch; }
  /// The database is not where it was when it was last written, or the node has another name: the
  /// epoch ends with the first group that says so.
  bool epoch_ends() const { return epochs_.ends(); }
  std::int64_t next_seq() const { return log_.next_seq(); }
  const Ledger& ledger() const { return log_.total(); }
  /// What was added to ledger() since the last call.
  Ledger take_delta() { return log_.take_delta(); }
  std::int64_t outbox_rows() const { return log_.outbox_rows(); }
  std::int64_t raw_bytes() const { return log_.raw_bytes(); }

  /// Hands out what open() found; once.
  Recovered take_recovered() { return std::move(recovered_); }
  /// The intact segments after the checkpoint, in order. Stops at the first failure of `apply`.
  Status replay(const std::function<Status(const Segment&)>& apply) { return log_.replay(apply); }

  /// As CommitLog says.
  Result<SegmentSlice> read_segments(std::int64_t after, std::size_t bytes_max,
                                     const std::function<bool()>& enough) {
    return log_.read_segments(after, bytes_max, enough);
  }

  /// One transaction: the group (may be null; with `epoch_end` it changes identity()) and the acks
  /// of earlier outbox rows, and of the events up to `acked_event_seq`. On success the group's
  /// outbox rows have their numbers. On failure nothing has changed. Without a group and without a
  /// known row it writes nothing.
  Status commit(CommitGroup* group, std::span<const std::int64_t> acked,
                std::int64_t acked_event_seq = 0);
  /// As SummarySource::read_outbox, all of one identity. Rows that fail their checksum leave the
  /// table as `expired(corrupt)`.
  Result<std::vector<OutboxRow>> read_outbox(std::int64_t after_seq, std::size_t bytes_max);
  // The next four as Losses says.
  Result<std::vector<GapRow>> read_gaps(std::int64_t after_seq, std::size_t count_max) {
    return losses_.read_gaps(after_seq, count_max);
  }
  Status acknowledge_gaps(std::int64_t seq) { return losses_.acknowledge_gaps(seq); }
  /// As Events says.
  Result<std::vector<EventRow>> read_events(std::int64_t after_seq, std::size_t count_max) {
    return events_.read(after_seq, count_max);
  }
  Result<bool> misses_acked(const Identity& of, std::int64_t highest_seq) {
    return losses_.misses_acked(of, highest_seq);
  }
  Result<bool> give_up_slice(const Identity& of, std::int64_t first_seq, std::int64_t last_seq,
                             GiveUp why) {
    return losses_.give_up_slice(of, first_seq, last_seq, why);
  }
  Result<std::vector<DeadLetter>> dead_letters(std::size_t count_max) {
    return dead_letters_.newest(count_max);
  }

  /// Deletes a slice of the oldest segments behind the checkpoint. False when there is none.
  Result<bool> trim_slice() { return log_.trim_slice(); }
  /// trim_slice() when segments use more than their share, until they are well below it.
  Status trim_to_share();

  /// Used and possible bytes of the database.
  Status fill_stats(StoreStats& stats);
  /// Asks the next open to check every page.
  void mark_suspect() const;
  Database& database() { return database_; }

 private:
  /// What memory takes over once the transaction is on flash.
  struct Change {
    CommitLog::Change log;
    std::optional<EpochRanges> epochs;
    EventTable::Size events;
  };

  StoreFile(const StoreOptions& options, const Clock& clock, Database database);
  static Result<std::unique_ptr<StoreFile>> try_open(const StoreOptions& options,
                                                     const Clock& clock);
  Status load();
  Status write_group(CommitGroup& group, Change& change);
  Status end_epoch(CommitGroup& group, Change& change);

  const StoreOptions options_;
  Database database_;
  Epochs epochs_;
  CommitLog log_;
  Losses losses_;
  Events events_;
  DefinitionTable series_;
  DefinitionTable topics_;
  DeadLetterTable dead_letters_;

  bool rebuilt_ = false;
  Recovered recovered_;
};

}  // namespace sluice::storage
