#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "base/status.h"
#include "model/ledger.h"
#include "model/log.h"
#include "store/database.h"
#include "store/outbox_table.h"
#include "store/segment_table.h"
#include "store/state_tables.h"
#include "store/types.h"

namespace sluice::storage {

/// What every commit changes together: the segments, the rows of the outbox that they count, the
/// last checkpoint, and the totals over them. The total ledger is that of the checkpoint and the
/// changes of every later segment.
///
/// A transaction collects in a Change what memory takes over once it is on flash: begin(), rows in
/// and out, append(), COMMIT, adopt(). One that fails is forgotten with its Change. [store]
class CommitLog {
 public:
  struct Change {
    Ledger delta;
    SegmentTable::Position position;
    std::int64_t next_seq = 0;
    std::int64_t removed_seq = 0;                      ///< the highest row that left
    std::optional<CheckpointTable::KnownParts> parts;  ///< of a checkpoint
  };
  /// What rows say of themselves, by pipeline. Of damaged ones it may be anything.
  using Claims = std::map<std::string, OutboxTable::Owner>;

  explicit CommitLog(Database& database);
  /// Once, before the rest. Fills in what of `recovered` is in the log.
  Status load(Recovered& recovered);
  /// The intact segments after the checkpoint, in order. Stops at the first failure of `apply`.
  Status replay(const std::function<Status(const Segment&)>& apply);

  /// Rows with id > `after`, until `bytes_max` are there or `enough()`, but one if there is any.
  Result<SegmentSlice> read_segments(std::int64_t after, std::size_t bytes_max,
                                     const std::function<bool()>& enough);

  Change begin() const;
  /// Gives the row its number.
  Status add_row(OutboxRow& row, Change& change);
  /// Unknown numbers are ignored: an ack may come again.
  Result<Claims> remove_rows(std::span<const std::int64_t> seqs, Change& change);
  /// Moves the panes of rows that left in the ledger.
  static void count_out(const Claims& claims, Term end, std::string_view cause, Change& change);
  /// A row that goes over to the new epoch keeps what came since the start; the rest of its windows
  /// stays with the old one, and joins `ended`.
  Status part_row(OutboxRow& row, std::vector<OutboxRow>& ended, Change& change);
  /// Nothing changes the ledger after this.
  Status append(std::span<const LogEntry> entries, Change& change);
  /// After append().
  Status write_checkpoint(const std::vector<CheckpointPart>& parts, Change& change);
  void adopt(Change change);

  /// The highest number that left acknowledged and that the cloud still holds; 0 when there is
  /// none.
  std::int64_t acked_seq() const { return acked_seq_; }
  /// Into the open transaction. Hand it to adopt_acked() once that is on flash.
  Status write_acked(std::int64_t seq);
  void adopt_acked(std::int64_t seq) { acked_seq_ = seq; }

  /// Deletes a slice of the oldest segments behind the checkpoint, in a transaction of its own.
  /// False when there is none.
  Result<bool> trim_slice();
  /// trim_slice() when segments use more than `share_bytes`, until they are well below it.
  Status trim_to(double share_bytes);

  /// To read it; rows come and go with a Change.
  OutboxTable& outbox() { return outbox_; }
  const Ledger& total() const { return total_; }
  /// What was added to total() since the last call.
  Ledger take_delta() { return std::exchange(delta_, {}); }
  std::int64_t next_seq() const { return next_seq_; }
  /// What next_seq() was at load().
  std::int64_t start_seq() const { return start_seq_; }
  std::int64_t last_id() const { return last_.id; }
  std::int64_t checkpoint_id() const { return checkpoint_id_; }
  std::int64_t outbox_rows() const { return last_.outbox_rows; }
  /// Of the segments that are kept.
  std::int64_t raw_bytes() const { return last_.log_bytes - start_bytes_; }

 private:
  Status load_segments(Recovered& recovered);
  Status load_acked();

  Database& database_;
  SegmentTable segments_;
  OutboxTable outbox_;
  CheckpointTable checkpoint_;
  MetaTable meta_;

  std::int64_t checkpoint_id_ = 0;
  std::int64_t next_seq_ = 1;
  std::int64_t start_seq_ = 1;
  std::int64_t acked_seq_ = 0;
  SegmentTable::Position last_;   // of the last segment
  std::int64_t start_bytes_ = 0;  // where the oldest kept segment begins
  bool trimming_ = false;
  Ledger total_;
  Ledger delta_;  // of total_, not yet taken
};

}  // namespace sluice::storage
