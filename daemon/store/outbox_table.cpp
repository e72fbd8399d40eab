#include "store/outbox_table.h"

#include <algorithm>
#include <utility>

#include "base/bytes.h"

namespace sluice::storage {
namespace {

std::string encode_split(const RowSplit& split) {
  ByteWriter out;
  out.u64(split.before_panes);
  out.string(split.before);
  out.u64(split.since_panes);
  out.string(split.since);
  return out.take();
}

bool decode_split(std::string_view bytes, RowSplit& split) {
  ByteReader in(bytes);
  split.before_panes = static_cast<std::uint32_t>(in.u64());
  split.before = in.string();
  split.since_panes = static_cast<std::uint32_t>(in.u64());
  split.since = in.string();
  return in.at_end();
}

std::int64_t crc_of(const OutboxRow& row) {
  if (!row.split) {
    return row_crc({row.seq, row.panes, row.start_ns, row.end_ns}, {row.pipeline, row.bytes});
  }
  return row_crc({row.seq, row.panes, row.start_ns, row.end_ns},
                 {row.pipeline, row.bytes, encode_split(*row.split)});
}

/// Columns as the statements below name them. False when the row fails its checksum.
bool read_row(const Statement& from, OutboxRow& row) {
  row.seq = from.integer(0);
  row.pipeline = from.bytes(1);
  const std::int64_t panes = from.integer(2);
  row.panes = static_cast<std::uint32_t>(panes);
  row.start_ns = from.integer(3);
  row.end_ns = from.integer(4);
  row.bytes = from.bytes(6);
  if (const std::string_view split = from.bytes(7); !split.empty()) {
    row.split.emplace();
    if (!decode_split(split, *row.split)) return false;
  }
  return panes == row.panes && from.integer(5) == crc_of(row);
}

}  // namespace

OutboxTable::OutboxTable(Database& database)
    : database_(database),
      insert_(database,
              "INSERT INTO outbox(seq, pipeline, panes, start_ns, end_ns, crc, bytes, split)"
              " VALUES(?,?,?,?,?,?,?,?)"),
      read_(database,
            "SELECT seq, pipeline, panes, start_ns, end_ns, crc, bytes, split FROM outbox"
            " WHERE seq>? ORDER BY seq"),
      read_splits_(database,
                   "SELECT seq, pipeline, panes, start_ns, end_ns, crc, bytes, split FROM outbox"
                   " WHERE seq>=? AND length(split)>0 ORDER BY seq"),
      remove_(database,
              "DELETE FROM outbox WHERE seq=? RETURNING pipeline, panes, start_ns, end_ns") {}

void OutboxTable::Owner::add(const Owner& other) {
  panes += other.panes;  // of a damaged row this may be anything
  start_ns = std::min(start_ns, other.start_ns);
  end_ns = std::max(end_ns, other.end_ns);
}

Result<std::int64_t> OutboxTable::next_seq() {
  // Both: the row of sqlite_sequence has no checksum.
  auto highest = database_.integer(
      "SELECT max(ifnull((SELECT seq FROM sqlite_sequence WHERE name='outbox'), 0),"
      " ifnull((SELECT max(seq) FROM outbox), 0))");
  if (!highest.ok()) return highest.status();
  return *highest + 1;
}

Result<std::int64_t> OutboxTable::count() {
  return database_.integer("SELECT count(*) FROM outbox");
}

Result<std::int64_t> OutboxTable::lowest_seq() {
  return database_.integer("SELECT min(seq) FROM outbox");
}

Result<std::vector<std::int64_t>> OutboxTable::seqs(std::int64_t first_seq, std::int64_t end_seq,
                                                    std::size_t count_max) {
  std::vector<std::int64_t> found;
  Statement query(database_, "SELECT seq FROM outbox WHERE seq>=? AND seq<? ORDER BY seq LIMIT ?");
  query.bind(1, first_seq).bind(2, end_seq).bind(3, static_cast<std::int64_t>(count_max));
  const Status status = query.each([&] {
    found.push_back(query.integer(0));
    return true;
  });
  if (!status.ok()) return status;
  return found;
}

Status OutboxTable::insert(const OutboxRow& row) {
  const std::string split = row.split ? encode_split(*row.split) : std::string();
  return insert_.bind(1, row.seq)
      .bind_text(2, row.pipeline)
      .bind(3, row.panes)
      .bind(4, row.start_ns)
      .bind(5, row.end_ns)
      .bind(6, crc_of(row))
      .bind_blob(7, row.bytes)
      .bind_blob(8, split)
      .run();
}

Result<OutboxTable::Page> OutboxTable::read(std::int64_t after_seq, std::size_t bytes_max) {
  Page page;
  std::size_t bytes = 0;
  std::int64_t last = after_seq;
  bool rising = true;
  const Status status = read_.bind(1, after_seq).each([&] {
    OutboxRow row;
    const bool intact = read_row(read_, row);
    // SQLite finds the first row and then follows its tree: in a damaged one it may go round.
    rising = row.seq > std::exchange(last, row.seq);
    if (!rising) return false;
    if (!intact) {
      page.damaged.push_back(row.seq);
      return true;
    }
    bytes += row.bytes.size();
    if (bytes > bytes_max && !page.rows.empty()) return false;
    page.rows.push_back(std::move(row));
    return bytes < bytes_max;
  });
  if (!status.ok()) return status;
  if (!rising) return data_loss("the rows of the outbox are out of order");
  return page;
}

Result<std::vector<OutboxRow>> OutboxTable::read_splits(std::int64_t from_seq) {
  std::vector<OutboxRow> rows;
  const Status status = read_splits_.bind(1, from_seq).each([&] {
    OutboxRow row;
    if (read_row(read_splits_, row)) rows.push_back(std::move(row));
    return true;
  });
  if (!status.ok()) return status;
  return rows;
}

Result<std::optional<OutboxTable::Owner>> OutboxTable::remove(std::int64_t seq) {
  std::optional<Owner> owner;
  const Status status = remove_.bind(1, seq).each([&] {
    owner = Owner{std::string(remove_.bytes(0)), static_cast<std::uint32_t>(remove_.integer(1)),
                  remove_.integer(2), remove_.integer(3)};
    return true;
  });
  if (!status.ok()) return status;
  return owner;
}

Result<std::map<std::string, std::int64_t>> OutboxTable::panes_by_pipeline() {
  std::map<std::string, std::int64_t> panes;
  Statement query(database_, "SELECT pipeline, sum(panes) FROM outbox GROUP BY pipeline");
  const Status status = query.each([&] {
    panes[std::string(query.bytes(0))] = query.integer(1);
    return true;
  });
  if (!status.ok()) return status;
  return panes;
}

}  // namespace sluice::storage
