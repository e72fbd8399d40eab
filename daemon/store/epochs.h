#pragma once

#include <cstdint>
#include <functional>
#include <string>

#include "base/status.h"
#include "model/identity.h"
#include "store/database.h"
#include "store/epoch_table.h"
#include "store/state_tables.h"
#include "store/types.h"

namespace sluice::storage {

/// Under which identity outbox rows are made, and were made (decisions/0004-epochs.md).
///
/// The current epoch is bound to the node's name, to the machine and to the file of the database.
/// Where one of them is another than before, the epoch must end. Only a group that holds what it
/// still has to say can end it, so ends() just tells. [store]
class Epochs {
 public:
  /// Both are borrowed.
  Epochs(const StoreOptions& options, Database& database);

  /// Once, before the rest. Where there is no epoch the first one begins; `tell_rebuilt` runs in
  /// that transaction when a damaged database was set aside here.
  Status load(const std::function<Status()>& tell_rebuilt);

  /// Under which the next row is made.
  const Identity& current() const { return ranges_.back().identity; }
  /// Of the row that has number `seq`.
  const Identity& of(std::int64_t seq) const { return identity_of(ranges_, seq); }
  const EpochRanges& ranges() const { return ranges_; }
  bool ends() const { return ends_; }

  struct End {
    std::int64_t moves_from = 0;  ///< rows from this number on go over to the next epoch
    std::int64_t next_seq = 0;
    std::int64_t above_seq = 0;   ///< the cloud holds none of the ending epoch above it
    std::int64_t lowest_seq = 0;  ///< in the outbox; 0: it is empty
    std::int64_t ended_rows = 0;  ///< rows that are still to be made under the ending epoch
  };
  struct Next {
    EpochRanges ranges;
    std::int64_t next_seq = 0;
  };
  /// What holds after the end, as storage::end_epoch, under a new random epoch. Ranges below all
  /// rows are forgotten. Changes nothing.
  Next after(const End& end) const;
  /// Into the open transaction, with what the current epoch is bound to from now on. Hand `ranges`
  /// to adopt() once the transaction is on flash.
  Status store(const EpochRanges& ranges);
  void adopt(EpochRanges ranges);

 private:
  Status begin_first(const std::string& machine, const std::function<Status()>& tell_rebuilt);
  Status bind();

  const StoreOptions& options_;
  Database& database_;
  MetaTable meta_;
  EpochTable table_;
  bool ends_ = false;
  EpochRanges ranges_;
};

}  // namespace sluice::storage
