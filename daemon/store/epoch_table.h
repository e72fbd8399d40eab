#pragma once

#include <cstdint>
#include <vector>

#include "base/status.h"
#include "model/identity.h"
#include "store/database.h"

namespace sluice::storage {

/// From `first_seq` on, up to the next range, outbox rows were made under `identity`.
struct EpochRange {
  std::int64_t first_seq = 0;
  Identity identity;
};

/// By first_seq; never empty once there is an identity. The last one is the current one.
using EpochRanges = std::vector<EpochRange>;

/// The identity of the row that has, or would have, number `seq`.
const Identity& identity_of(const EpochRanges& ranges, std::int64_t seq);

/// Ends the current epoch: `next` is the identity from now on, and of the rows from `moves_from` on
/// that have a number already. `ended_rows` more rows will be made under the old identity: their
/// numbers begin at the answer, `far` above `next_seq` and `above_seq`; those of `next` go on after
/// them. `far` is random, so that no other life of this database has come there.
std::int64_t end_epoch(EpochRanges& ranges, const Identity& next, std::int64_t moves_from,
                       std::int64_t next_seq, std::int64_t above_seq, std::uint32_t far,
                       std::int64_t ended_rows);

/// Under which identity the numbers of outbox rows were given out: a few rows, however many the
/// outbox has, so that a change of epoch touches none of those. A row that fails its checksum is
/// `data_loss`. [store]
class EpochTable {
 public:
  explicit EpochTable(Database& database) : database_(database) {}
  Result<EpochRanges> load();
  /// Replaces what is there.
  Status store(const EpochRanges& ranges);

 private:
  Database& database_;
};

}  // namespace sluice::storage
