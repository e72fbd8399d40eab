#include "store/epoch_table.h"

#include <algorithm>
#include <string>

#include "base/assert.h"

namespace sluice::storage {

const Identity& identity_of(const EpochRanges& ranges, std::int64_t seq) {
  SLUICE_ASSERT(!ranges.empty());
  const auto after =
      std::upper_bound(ranges.begin(), ranges.end(), seq,
                       [](std::int64_t s, const EpochRange& range) { return s < range.first_seq; });
  return after == ranges.begin() ? ranges.front().identity : std::prev(after)->identity;
}

std::int64_t end_epoch(EpochRanges& ranges, const Identity& next, std::int64_t moves_from,
                       std::int64_t next_seq, std::int64_t above_seq, std::uint32_t far,
                       std::int64_t ended_rows) {
  SLUICE_ASSERT(!ranges.empty() && moves_from >= ranges.back().first_seq && moves_from <= next_seq);
  const Identity ended = ranges.back().identity;
  const auto begin = [&ranges](std::int64_t first_seq, const Identity& identity) {
    if (ranges.back().first_seq == first_seq) ranges.pop_back();  // nothing was made under it
    ranges.push_back({first_seq, identity});
  };
  if (ended_rows == 0) {
    begin(moves_from, next);
    return next_seq;
  }
  const std::int64_t first_seq = std::max(next_seq, above_seq + 1) + far;
  if (moves_from < next_seq) {
    begin(moves_from, next);
    begin(first_seq, ended);
  }
  begin(first_seq + ended_rows, next);
  return first_seq;
}

Result<EpochRanges> EpochTable::load() {
  EpochRanges ranges;
  bool intact = true;
  Statement query(database_, "SELECT first_seq, node, epoch, crc FROM epoch ORDER BY first_seq");
  const Status status = query.each([&] {
    EpochRange range{query.integer(0), {std::string(query.bytes(1)), std::string(query.bytes(2))}};
    intact =
        query.integer(3) == row_crc({range.first_seq}, {range.identity.node, range.identity.epoch});
    ranges.push_back(std::move(range));
    return intact;
  });
  if (!status.ok()) return status;
  if (!intact) return data_loss("a row of the epochs fails its checksum");
  return ranges;
}

Status EpochTable::store(const EpochRanges& ranges) {
  if (Status s = database_.execute("DELETE FROM epoch"); !s.ok()) return s;
  Statement insert(database_, "INSERT INTO epoch(first_seq, node, epoch, crc) VALUES(?,?,?,?)");
  for (const EpochRange& range : ranges) {
    const Status status =
        insert.bind(1, range.first_seq)
            .bind_text(2, range.identity.node)
            .bind_text(3, range.identity.epoch)
            .bind(4, row_crc({range.first_seq}, {range.identity.node, range.identity.epoch}))
            .run();
    if (!status.ok()) return status;
  }
  return {};
}

}  // namespace sluice::storage
