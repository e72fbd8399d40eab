#include "store/gap_table.h"

#include <limits>
#include <string>
#include <utility>

namespace sluice::storage {
namespace {

constexpr char kColumns[] = "seq, epoch, kind, owner, cause, from_ns, to_ns, count, crc";

std::int64_t crc_of(const GapRow& row) {
  const Gap& gap = row.gap;
  return row_crc({row.seq, static_cast<std::int64_t>(gap.kind), gap.from_ns, gap.to_ns,
                  static_cast<std::int64_t>(gap.count)},
                 {row.epoch, gap.owner, gap.cause});
}

/// False when the row fails its checksum.
bool decode(const Statement& statement, GapRow& row) {
  row.seq = statement.integer(0);
  row.epoch = statement.bytes(1);
  const std::int64_t kind = statement.integer(2);
  row.gap.kind = static_cast<LedgerKind>(kind);
  row.gap.owner = statement.bytes(3);
  row.gap.cause = statement.bytes(4);
  row.gap.from_ns = statement.integer(5);
  row.gap.to_ns = statement.integer(6);
  row.gap.count = static_cast<std::uint64_t>(statement.integer(7));
  return kind == static_cast<std::int64_t>(row.gap.kind) && statement.integer(8) == crc_of(row);
}

bool follows(const Gap& before, const Gap& gap) {
  const std::int64_t latest = std::numeric_limits<std::int64_t>::max() - GapTable::kTogether_ns;
  return gap.from_ns <= std::min(before.to_ns, latest) + GapTable::kTogether_ns &&
         before.from_ns <= std::min(gap.to_ns, latest) + GapTable::kTogether_ns;
}

}  // namespace

GapTable::GapTable(Database& database)
    : database_(database),
      insert_(database,
              std::string("INSERT INTO gap(") + kColumns + ") VALUES(?1,?2,?3,?4,?5,?6,?7,?8,?9)"),
      widen_(database,
             "UPDATE gap SET epoch=?2, kind=?3, owner=?4, cause=?5, from_ns=?6, to_ns=?7, count=?8,"
             " crc=?9 WHERE seq=?1"),
      find_(database, std::string("SELECT ") + kColumns +
                          " FROM gap WHERE seq>? AND epoch=? AND kind=? AND owner=? AND cause=?"
                          " ORDER BY seq DESC"),
      read_(database, std::string("SELECT ") + kColumns +
                          " FROM (SELECT * FROM gap ORDER BY seq LIMIT " +
                          std::to_string(kGivenOutMax) + ") WHERE seq>? ORDER BY seq LIMIT ?"),
      remove_(database, "DELETE FROM gap WHERE seq=?"),
      remove_up_to_(database, "DELETE FROM gap WHERE seq<=?") {}

Status GapTable::load() {
  auto given_out =
      database_.integer("SELECT max(seq) FROM (SELECT seq FROM gap ORDER BY seq LIMIT " +
                        std::to_string(kGivenOutMax) + ")");
  if (!given_out.ok()) return given_out.status();
  given_out_ = *given_out;
  return {};
}

Status GapTable::add(Gap gap, std::string_view epoch) {
  // The wall clock may have stepped back within the range.
  if (gap.from_ns > gap.to_ns) std::swap(gap.from_ns, gap.to_ns);
  auto growing = find_growing(gap, epoch);
  if (!growing.ok()) return growing.status();
  if (growing->has_value()) {
    auto full = is_full();
    if (!full.ok()) return full.status();
    GapRow& row = **growing;
    if (*full || follows(row.gap, gap)) {
      row.gap.widen(gap);
      return write(widen_, row);
    }
  }
  // Both: the row of sqlite_sequence has no checksum.
  auto highest = database_.integer(
      "SELECT max(ifnull((SELECT seq FROM sqlite_sequence WHERE name='gap'), 0),"
      " ifnull((SELECT max(seq) FROM gap), 0))");
  if (!highest.ok()) return highest.status();
  return write(insert_, {*highest + 1, std::string(epoch), std::move(gap)});
}

Status GapTable::write(Statement& statement, const GapRow& row) {
  const Gap& gap = row.gap;
  return statement.bind(1, row.seq)
      .bind_text(2, row.epoch)
      .bind(3, static_cast<std::int64_t>(gap.kind))
      .bind_text(4, gap.owner)
      .bind_text(5, gap.cause)
      .bind(6, gap.from_ns)
      .bind(7, gap.to_ns)
      .bind(8, static_cast<std::int64_t>(gap.count))
      .bind(9, crc_of(row))
      .run();
}

/// The newest row that `gap` may join. A damaged one stays for read() to find.
Result<std::optional<GapRow>> GapTable::find_growing(const Gap& gap, std::string_view epoch) {
  std::optional<GapRow> found;
  const Status status = find_.bind(1, given_out_)
                            .bind_text(2, epoch)
                            .bind(3, static_cast<std::int64_t>(gap.kind))
                            .bind_text(4, gap.owner)
                            .bind_text(5, gap.cause)
                            .each([&] {
                              GapRow row;
                              if (decode(find_, row)) found = std::move(row);
                              return !found;
                            });
  if (!status.ok()) return status;
  return found;
}

Result<bool> GapTable::is_full() {
  auto rows = count();
  if (!rows.ok()) return rows.status();
  return *rows >= kRowsMax;
}

Result<std::int64_t> GapTable::count() { return database_.integer("SELECT count(*) FROM gap"); }

Result<GapTable::Page> GapTable::read(std::int64_t after_seq, std::size_t count_max) {
  Page page;
  const Status status =
      read_.bind(1, after_seq).bind(2, static_cast<std::int64_t>(count_max)).each([&] {
        GapRow row;
        if (decode(read_, row)) {
          given_out_ = std::max(given_out_, row.seq);
          page.rows.push_back(std::move(row));
        } else {
          page.damaged.push_back(row.seq);
        }
        return true;
      });
  if (!status.ok()) return status;
  return page;
}

Status GapTable::remove(std::int64_t seq) { return remove_.bind(1, seq).run(); }

Status GapTable::remove_up_to(std::int64_t seq) { return remove_up_to_.bind(1, seq).run(); }

}  // namespace sluice::storage
