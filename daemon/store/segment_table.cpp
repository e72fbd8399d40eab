#include "store/segment_table.h"

#include <utility>

namespace sluice::storage {
namespace {

std::int64_t crc_of(const SegmentTable::Position& p, std::string_view body) {
  return row_crc({p.id, p.log_bytes, p.outbox_rows}, {body});
}

}  // namespace

SegmentTable::SegmentTable(Database& database)
    : append_(database,
              "INSERT INTO segment(id, log_bytes, outbox_rows, crc, body) VALUES(?,?,?,?,?)"),
      scan_(database,
            "SELECT id, log_bytes, outbox_rows, crc, body FROM segment WHERE id>? ORDER BY id"),
      last_(database,
            "SELECT id, log_bytes, outbox_rows, crc, body FROM segment ORDER BY id DESC LIMIT 1"),
      oldest_(database,
              "SELECT id, log_bytes, length(body) FROM segment WHERE id<? ORDER BY id LIMIT ?"),
      trim_(database, "DELETE FROM segment WHERE id<=?") {}

Status SegmentTable::append(const Position& position, std::string_view body) {
  return append_.bind(1, position.id)
      .bind(2, position.log_bytes)
      .bind(3, position.outbox_rows)
      .bind(4, crc_of(position, body))
      .bind_blob(5, body)
      .run();
}

Status SegmentTable::scan(std::int64_t after,
                          const std::function<void(const Position&, std::string_view, bool)>& row) {
  return scan_while(after, [&](const Position& at, std::string_view body, bool intact) {
    row(at, body, intact);
    return true;
  });
}

Status SegmentTable::scan_while(
    std::int64_t after, const std::function<bool(const Position&, std::string_view, bool)>& row) {
  std::int64_t last = after;
  bool rising = true;
  const Status status = scan_.bind(1, after).each([&] {
    const Position p{scan_.integer(0), scan_.integer(1), scan_.integer(2)};
    rising = p.id > std::exchange(last, p.id);
    if (!rising) return false;
    const std::string_view body = scan_.bytes(4);
    return row(p, body, scan_.integer(3) == crc_of(p, body));
  });
  if (!status.ok()) return status;
  return rising ? Status() : data_loss("the segments are out of order");
}

Result<std::int64_t> SegmentTable::oldest_id() {
  std::int64_t id = 0;
  const Status status = oldest_.bind(1, INT64_MAX).bind(2, 1).each([&] {
    id = oldest_.integer(0);
    return false;
  });
  if (!status.ok()) return status;
  return id;
}

Status SegmentTable::last(Position& position, bool& intact) {
  position = {};
  intact = true;
  return last_.each([&] {
    position = {last_.integer(0), last_.integer(1), last_.integer(2)};
    intact = last_.integer(3) == crc_of(position, last_.bytes(4));
    return false;
  });
}

Result<std::int64_t> SegmentTable::start(std::int64_t otherwise) {
  std::int64_t begin = otherwise;
  const Status status = oldest_.bind(1, INT64_MAX).bind(2, 1).each([&] {
    const std::int64_t end = oldest_.integer(1);
    // The row's checksum is not read here: a damaged total must not make us trim too much.
    if (end > 0 && end <= otherwise) begin = end - oldest_.integer(2) - row_bytes({});
    return false;
  });
  if (!status.ok()) return status;
  return begin;
}

Result<SegmentTable::Position> SegmentTable::trim(std::int64_t before, std::int64_t rows_max,
                                                  std::int64_t bytes_max) {
  Position end;
  std::int64_t bytes = 0;
  Status status = oldest_.bind(1, before).bind(2, rows_max).each([&] {
    end = {oldest_.integer(0), oldest_.integer(1), 0};
    bytes += oldest_.integer(2);
    return bytes < bytes_max;
  });
  if (!status.ok()) return status;
  if (end.id == 0) return end;
  if (status = trim_.bind(1, end.id).run(); !status.ok()) return status;
  return end;
}

}  // namespace sluice::storage
