#include "store/outbox_table.h"

#include <algorithm>

namespace sluice::storage {
namespace {

std::int64_t crc_of(const OutboxRow& row) {
  return row_crc({row.seq, row.panes, row.start_ns, row.end_ns}, {row.pipeline, row.bytes});
}

}  // namespace

OutboxTable::OutboxTable(Database& database)
    : database_(database),
      insert_(database,
              "INSERT INTO outbox(seq, pipeline, panes, start_ns, end_ns, crc, bytes)"
              " VALUES(?,?,?,?,?,?,?)"),
      read_(database,
            "SELECT seq, pipeline, panes, start_ns, end_ns, crc, bytes FROM outbox WHERE seq>?"
            " ORDER BY seq"),
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

Status OutboxTable::insert(const OutboxRow& row) {
  return insert_.bind(1, row.seq)
      .bind_text(2, row.pipeline)
      .bind(3, row.panes)
      .bind(4, row.start_ns)
      .bind(5, row.end_ns)
      .bind(6, crc_of(row))
      .bind_blob(7, row.bytes)
      .run();
}

Result<OutboxTable::Page> OutboxTable::read(std::int64_t after_seq, std::size_t bytes_max) {
  Page page;
  std::size_t bytes = 0;
  const Status status = read_.bind(1, after_seq).each([&] {
    OutboxRow row;
    row.seq = read_.integer(0);
    row.pipeline = read_.bytes(1);
    const std::int64_t panes = read_.integer(2);
    row.panes = static_cast<std::uint32_t>(panes);
    row.start_ns = read_.integer(3);
    row.end_ns = read_.integer(4);
    row.bytes = read_.bytes(6);
    if (panes != row.panes || read_.integer(5) != crc_of(row)) {
      page.damaged.push_back(row.seq);
      return true;
    }
    bytes += row.bytes.size();
    if (bytes > bytes_max && !page.rows.empty()) return false;
    page.rows.push_back(std::move(row));
    return bytes < bytes_max;
  });
  if (!status.ok()) return status;
  return page;
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
