#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "base/status.h"
#include "model/event.h"
#include "store/commit_log.h"
#include "store/database.h"
#include "store/epochs.h"
#include "store/event_table.h"
#include "store/losses.h"

namespace sluice::storage {

/// Events from the commit of their group until the cloud has them: rows come and go together with
/// their terms in the ledger, and what nobody will get is a gap. [store]
class Events {
 public:
  /// All are borrowed.
  Events(Database& database, CommitLog& log, const Epochs& epochs, Losses& losses,
         const Clock& clock, std::uint64_t quota_bytes);
  /// Once, before the rest and after the log is loaded. After damaged segments the ledger may not
  /// count what the table holds: it is set right, and what that commits added to `recovered`.
  Status load(Recovered& recovered);

  const EventTable::Size& size() const { return table_.size(); }
  /// Once the transaction that changed it is on flash.
  void adopt(const EventTable::Size& size) { table_.adopt(size); }

  // Into the open transaction. `size` begins as size().

  /// Under the epoch that holds before the group. The group has counted them.
  Status add(std::span<const ToldEvent> events, CommitLog::Change& change, EventTable::Size& size);
  /// False when no such row was left.
  Result<bool> acknowledge(std::int64_t seq, CommitLog::Change& change, EventTable::Size& size);

  // In a transaction of its own.

  /// As EventSource. Rows that fail their checksum leave the table as `expired(corrupt)`.
  Result<std::vector<EventRow>> read(std::int64_t after_seq, std::size_t count_max);

 private:
  Status expire(const EventTable::LeftByPipeline& left, std::string_view cause,
                CommitLog::Change& change);
  Status quarantine(std::span<const std::int64_t> damaged);
  Status reconcile(CommitLog::Change& change);

  Database& database_;
  CommitLog& log_;
  const Epochs& epochs_;
  Losses& losses_;
  const Clock& clock_;
  EventTable table_;
};

}  // namespace sluice::storage
