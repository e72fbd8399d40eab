#include "store/event_table.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "base/bytes.h"
#include "model/boot_time.h"

namespace sluice::storage {
namespace {

constexpr std::uint8_t kFormat = 1;
constexpr std::int64_t kReadBytesMax = 64 << 10;
constexpr char kColumns[] = "seq, epoch, pipeline, crc, body";

std::int64_t crc_of(std::int64_t seq, std::string_view epoch, std::string_view pipeline,
                    std::string_view body) {
  return row_crc({seq}, {epoch, pipeline, body});
}

/// False when the row fails its checksum.
bool decode(const Statement& statement, EventRow& row) {
  row.seq = statement.integer(0);
  const std::string_view pipeline = statement.bytes(2);
  const std::string_view body = statement.bytes(4);
  if (statement.integer(3) != crc_of(row.seq, statement.bytes(1), pipeline, body)) return false;
  auto told = decode_event(body);
  if (!told.ok()) return false;
  row.epoch = statement.bytes(1);
  row.told = *std::move(told);
  return row.told.pipeline == pipeline;
}

bool is_severity(std::uint8_t n) {
  return n == static_cast<std::uint8_t>(Severity::info) ||
         n == static_cast<std::uint8_t>(Severity::warn) ||
         n == static_cast<std::uint8_t>(Severity::error) ||
         n == static_cast<std::uint8_t>(Severity::fatal);
}

}  // namespace

std::string encode_event(const ToldEvent& told) {
  const Event& event = told.event;
  ByteWriter out;
  out.u8(kFormat);
  out.string(told.pipeline);
  out.string(told.stage);
  out.string(told.boot_id);
  out.u64(event.series);
  out.u64(event.topic);
  out.i64(event.event_time_ns);
  out.u8(static_cast<std::uint8_t>(event.severity));
  out.u8(static_cast<std::uint8_t>(event.phase));
  out.string(event.name);
  out.string(event.message);
  out.u64(event.attributes.size());
  for (const auto& [key, value] : event.attributes) {
    out.string(key);
    out.string(value);
  }
  return out.take();
}

Result<ToldEvent> decode_event(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kFormat) return data_loss("event of an unknown format");
  ToldEvent told;
  Event& event = told.event;
  told.pipeline = in.string();
  told.stage = in.string();
  told.boot_id = in.string();
  event.series = static_cast<SeriesId>(in.u64());
  event.topic = static_cast<TopicId>(in.u64());
  event.event_time_ns = in.i64();
  const std::uint8_t severity = in.u8();
  const std::uint8_t phase = in.u8();
  if (!is_severity(severity) || phase > static_cast<std::uint8_t>(EventPhase::end)) {
    return data_loss("malformed event");
  }
  event.severity = static_cast<Severity>(severity);
  event.phase = static_cast<EventPhase>(phase);
  event.name = in.string();
  event.message = in.string();
  for (std::size_t n = in.count(); n > 0 && in.ok(); --n) {
    std::string key(in.string());
    event.attributes.emplace_back(std::move(key), in.string());
  }
  if (!in.at_end()) return data_loss("malformed event");
  return told;
}

EventTable::EventTable(Database& database, std::uint64_t quota_bytes)
    : database_(database),
      bytes_max_(std::min(kBytesMax, static_cast<std::int64_t>(quota_bytes) / kQuotaShare)),
      insert_(database, std::string("INSERT INTO event(") + kColumns + ") VALUES(?1,?2,?3,?4,?5)"),
      oldest_(database, std::string("SELECT ") + kColumns + " FROM event ORDER BY seq"),
      up_to_(database, std::string("SELECT ") + kColumns + " FROM event WHERE seq<=? ORDER BY seq"),
      read_(database,
            std::string("SELECT ") + kColumns + " FROM event WHERE seq>? ORDER BY seq LIMIT ?"),
      remove_(database, "DELETE FROM event WHERE seq=? RETURNING length(body)"),
      remove_up_to_(database, "DELETE FROM event WHERE seq<=?") {}

Status EventTable::load() {
  auto rows = database_.integer("SELECT count(*) FROM event");
  if (!rows.ok()) return rows.status();
  auto bytes = database_.integer("SELECT ifnull(sum(length(body)), 0) FROM event");
  if (!bytes.ok()) return bytes.status();
  size_ = {*rows, *bytes};
  return {};
}

/// Both: the row of sqlite_sequence has no checksum.
Result<std::int64_t> EventTable::next_seq() {
  auto highest = database_.integer(
      "SELECT max(ifnull((SELECT seq FROM sqlite_sequence WHERE name='event'), 0),"
      " ifnull((SELECT max(seq) FROM event), 0))");
  if (!highest.ok()) return highest.status();
  return *highest + 1;
}

Status EventTable::add(const ToldEvent& told, std::string_view epoch, Size& size) {
  const auto seq = next_seq();
  if (!seq.ok()) return seq.status();
  const std::string body = encode_event(told);
  ++size.rows;
  size.bytes += static_cast<std::int64_t>(body.size());
  return insert_.bind(1, *seq)
      .bind_text(2, epoch)
      .bind_text(3, told.pipeline)
      .bind(4, crc_of(*seq, epoch, told.pipeline, body))
      .bind_blob(5, body)
      .run();
}

namespace {

constexpr std::int64_t kUnknown_ns = std::numeric_limits<std::int64_t>::max();

void note(EventTable::Left& left, const EventRow* row) {
  const bool known = row != nullptr && !in_boot_time(row->told.event.topic);
  const std::int64_t from_ns = known ? row->told.event.event_time_ns : 0;
  const std::int64_t to_ns = known ? row->told.event.event_time_ns : kUnknown_ns;
  left.from_ns = left.count == 0 ? from_ns : std::min(left.from_ns, from_ns);
  left.to_ns = left.count == 0 ? to_ns : std::max(left.to_ns, to_ns);
  ++left.count;
}

/// Takes the row that `statement` stands at.
void note(const Statement& statement, EventTable::LeftByPipeline& left, EventTable::Size& size) {
  EventRow row;
  const bool intact = decode(statement, row);
  note(left[std::string(statement.bytes(2))], intact ? &row : nullptr);
  --size.rows;
  size.bytes -= static_cast<std::int64_t>(statement.bytes(4).size());
}

}  // namespace

Result<EventTable::LeftByPipeline> EventTable::remove_excess(Size& size) {
  LeftByPipeline left;
  if (size.rows <= kRowsMax && size.bytes <= bytes_max_) return left;
  std::int64_t last = 0;
  const Status status = oldest_.each([&] {
    last = oldest_.integer(0);
    note(oldest_, left, size);
    return size.rows > kRowsMax || size.bytes > bytes_max_;
  });
  if (!status.ok()) return status;
  if (Status s = remove_up_to_.bind(1, last).run(); !s.ok()) return s;
  return left;
}

Result<EventTable::LeftByPipeline> EventTable::remove_up_to(std::int64_t seq, Size& size) {
  LeftByPipeline left;
  const Status status = up_to_.bind(1, seq).each([&] {
    note(up_to_, left, size);
    return true;
  });
  if (!status.ok()) return status;
  if (left.empty()) return left;
  if (Status s = remove_up_to_.bind(1, seq).run(); !s.ok()) return s;
  return left;
}

Status EventTable::remove_damaged(std::int64_t seq, Size& size) {
  return remove_.bind(1, seq).each([&] {
    --size.rows;
    size.bytes -= remove_.integer(0);
    return true;
  });
}

Result<EventTable::Page> EventTable::read(std::int64_t after_seq, std::size_t count_max) {
  Page page;
  std::int64_t bytes = 0;
  const auto limit = static_cast<std::int64_t>(std::min<std::size_t>(count_max, kRowsMax));
  const Status status = read_.bind(1, after_seq).bind(2, limit).each([&] {
    EventRow row;
    if (!decode(read_, row)) {
      page.damaged.push_back(row.seq);
      return true;
    }
    bytes += static_cast<std::int64_t>(read_.bytes(4).size());
    if (!page.rows.empty() && bytes > kReadBytesMax) return false;
    page.rows.push_back(std::move(row));
    return true;
  });
  if (!status.ok()) return status;
  return page;
}

Result<std::map<std::string, std::int64_t>> EventTable::count_by_pipeline() {
  std::map<std::string, std::int64_t> counts;
  Statement rows(database_, "SELECT pipeline, count(*) FROM event GROUP BY pipeline");
  const Status status = rows.each([&] {
    counts[std::string(rows.bytes(0))] = rows.integer(1);
    return true;
  });
  if (!status.ok()) return status;
  return counts;
}

}  // namespace sluice::storage
