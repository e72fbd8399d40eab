#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "model/log.h"
#include "model/ports.h"
#include "store/database.h"
#include "store/epoch_table.h"
#include "store/gap_table.h"
#include "store/outbox_table.h"
#include "store/segment_table.h"
#include "store/state_tables.h"
#include "store/types.h"

namespace sluice::storage {

/// From the options' source.
std::uint64_t random_bits(const StoreOptions& options);

/// The open database and what happens to it in one transaction: no thread, no queue, no retry.
/// What it keeps in memory (totals, positions) follows a transaction only once that is on flash.
/// One thread at a time.
class StoreFile {
 public:
  /// A damaged or foreign file is set aside and a new database begun, with a new epoch. `clock`
  /// says until when a loss may reach; it is borrowed.
  static Result<std::unique_ptr<StoreFile>> open(const StoreOptions& options, const Clock& clock);

  bool rebuilt() const { return rebuilt_; }
  /// Under which the next outbox row is made.
  const Identity& identity() const { return epochs_.back().identity; }
  const std::string& epoch() const { return identity().epoch; }
  /// The database is not where it was when it was last written, or the node has another name: the
  /// epoch ends with the first group that says so.
  bool epoch_ends() const { return epoch_ends_; }
  std::int64_t next_seq() const { return next_seq_; }
  const Ledger& ledger() const { return total_; }
  /// What was added to ledger() since the last call.
  Ledger take_delta() { return std::exchange(delta_, {}); }
  std::int64_t outbox_rows() const { return log_.outbox_rows; }
  std::int64_t raw_bytes() const { return log_.log_bytes - log_start_; }

  /// Hands out what open() found; once.
  Recovered take_recovered() { return std::move(recovered_); }
  /// The intact segments after the checkpoint, in order. Stops at the first failure of `apply`.
  Status replay(const std::function<Status(const Segment&)>& apply);

  /// One transaction: the group (may be null; with `epoch_end` it changes identity()) and the acks
  /// of earlier outbox rows. On success the group's outbox rows have their numbers. On failure
  /// nothing has changed. Without a group and without a known row it writes nothing.
  Status commit(CommitGroup* group, std::span<const std::int64_t> acked);
  /// As SummarySource::read_outbox, all of one identity. Rows that fail their checksum leave the
  /// table as `expired(corrupt)`.
  Result<std::vector<OutboxRow>> read_outbox(std::int64_t after_seq, std::size_t bytes_max);
  /// As GapSource. A gap that fails its checksum is replaced by one that says so.
  Result<std::vector<GapRow>> read_gaps(std::int64_t after_seq, std::size_t count_max);
  Status acknowledge_gaps(std::int64_t seq);
  Result<std::vector<DeadLetter>> dead_letters(std::size_t count_max);
  /// `highest_seq` is what the cloud holds of `of`. True when a higher row was acknowledged and has
  /// left: a gap says so, once.
  Result<bool> misses_acked(const Identity& of, std::int64_t highest_seq);
  /// Of the row of this number, if it is here or its identity still has rows here.
  const Identity& identity_at(std::int64_t seq) const { return identity_of(epochs_, seq); }
  /// Gives up some of the rows of an ended identity from `first_seq` to `last_seq`, as
  /// `expired(why)`; false when there are none. Of what nobody delivers a gap tells.
  Result<bool> give_up_slice(const Identity& of, std::int64_t first_seq, std::int64_t last_seq,
                             GiveUp why);

  /// Deletes a slice of the oldest segments behind the checkpoint. False when there is none.
  Result<bool> trim_slice();
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
    Ledger delta;
    SegmentTable::Position position;
    std::int64_t next_seq = 0;
    std::int64_t acked_seq = 0;
    std::int64_t removed_seq = 0;  // the highest row that left
    std::optional<CheckpointTable::KnownParts> parts;
    std::optional<EpochRanges> epochs;
  };

  /// What damaged outbox rows say of themselves, by pipeline.
  using Claims = std::map<std::string, OutboxTable::Owner>;

  StoreFile(const StoreOptions& options, const Clock& clock, Database database);
  static Result<std::unique_ptr<StoreFile>> try_open(const StoreOptions& options,
                                                     const Clock& clock);
  Status load();
  Status load_identity();
  Status first_identity(const std::string& machine);
  Status bind_identity();
  Status load_checkpoint();
  Status load_segments();
  Status load_acked();
  Status write_acked(std::int64_t seq);
  Change begin_change() const;
  Result<Claims> remove_rows(std::span<const std::int64_t> seqs, Change& change);
  static void count_out(const Claims& claims, Term end, std::string_view cause, Change& change);
  Status write_group(CommitGroup& group, Change& change);
  Status write_row(OutboxRow& row, Change& change);
  Status end_epoch(CommitGroup& group, Change& change);
  Status part_row(OutboxRow& row, std::vector<OutboxRow>& ended, Change& change);
  Status write_segment(std::span<const LogEntry> entries, Change& change);
  Status write_checkpoint(const std::vector<CheckpointPart>& parts, Change& change);
  Status quarantine(std::span<const std::int64_t> seqs);
  Status reconcile(Change& change, const Claims& claims);
  /// A loss of which the time is not known: any until now. Into the open transaction.
  Status add_gap(LedgerKind kind, std::string_view owner, std::string_view cause);
  Status report_damaged_segments();
  void adopt(Change change);

  const StoreOptions options_;
  const Clock& clock_;
  const std::string path_;
  Database database_;
  MetaTable meta_;
  SegmentTable segments_;
  OutboxTable outbox_;
  GapTable gaps_;
  EpochTable epoch_table_;
  DefinitionTable series_;
  DefinitionTable topics_;
  CheckpointTable checkpoint_;
  DeadLetterTable dead_letters_;

  bool rebuilt_ = false;
  bool trimming_ = false;
  bool epoch_ends_ = false;
  EpochRanges epochs_;
  std::int64_t checkpoint_id_ = 0;
  std::int64_t next_seq_ = 1;
  std::int64_t start_seq_ = 1;  // what next_seq_ was at open
  std::int64_t acked_seq_ = 0;  // highest one that left acknowledged, and the cloud still holds
  SegmentTable::Position log_;  // of the last segment
  std::int64_t log_start_ = 0;  // where the oldest kept segment begins
  Ledger total_;
  Ledger delta_;  // of total_, not yet taken
  Recovered recovered_;
};

}  // namespace sluice::storage
