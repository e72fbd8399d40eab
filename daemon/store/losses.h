#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "model/gap.h"
#include "model/ports.h"
#include "store/commit_log.h"
#include "store/database.h"
#include "store/epochs.h"
#include "store/gap_table.h"
#include "store/state_tables.h"
#include "store/types.h"

namespace sluice::storage {

/// What the store finds damaged or gives up, and the gaps that tell the cloud of it and of every
/// other loss. Rows leave the outbox, the ledger says where to, and the gap is written, all in one
/// transaction. [store]
class Losses {
 public:
  /// All are borrowed.
  Losses(Database& database, CommitLog& log, const Epochs& epochs, const Clock& clock);
  /// Once, before the rest.
  Status load();

  /// Into the open transaction, under the current epoch.
  Status add(Gap gap);
  /// The same, of a loss of which no more is known than that it was before now.
  Status add_unknown(LedgerKind kind, std::string_view cause);

  // Each of these in a transaction of its own.

  /// Outbox rows that fail their checksum leave the table as `expired(corrupt)`.
  Status quarantine(std::span<const std::int64_t> seqs);
  /// Tells of the damaged segments that load() of the log counted; once for each, though every open
  /// finds them again until the next checkpoint. What it commits is added to `recovered`.
  Status report_damaged_segments(Recovered& recovered);
  /// Gives up some of the rows of an ended identity from `first_seq` to `last_seq`, as
  /// `expired(why)`; false when there are none. Of what nobody delivers a gap tells.
  Result<bool> give_up_slice(const Identity& of, std::int64_t first_seq, std::int64_t last_seq,
                             GiveUp why);
  /// As GapSource. A gap that fails its checksum is replaced by one that says so.
  Result<std::vector<GapRow>> read_gaps(std::int64_t after_seq, std::size_t count_max);
  Status acknowledge_gaps(std::int64_t seq);

 private:
  Status reconcile(CommitLog::Change& change, const CommitLog::Claims& claims);
  Result<std::vector<std::int64_t>> rows_of_ended(const Identity& of, std::int64_t first_seq,
                                                  std::int64_t last_seq);

  Database& database_;
  CommitLog& log_;
  const Epochs& epochs_;
  const Clock& clock_;
  GapTable gaps_;
  MetaTable meta_;
};

}  // namespace sluice::storage
