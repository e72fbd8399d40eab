#include "hub/event_table.h"

#include <algorithm>

#include "base/bytes.h"
#include "model/boot_time.h"

namespace sluice::hub {
namespace {

// The columns that are the same however often an event is sent; bound alike in both statements.
constexpr char kFind[] =
    "SELECT 1 FROM event WHERE node_id = ? AND seq = ? AND series_id = ? AND pipeline = ?"
    " AND stage = ? AND name = ? AND severity = ? AND phase = ? AND message = ?"
    " AND event_time_ns = ? AND in_boot_time = ? AND boot_id = ? AND source = ? AND topic = ?"
    " AND attributes = ?";
constexpr char kInsert[] =
    "INSERT INTO event (node_id, seq, series_id, pipeline, stage, name, severity, phase, message,"
    " event_time_ns, in_boot_time, boot_id, source, topic, attributes, series_node_id, time_ns,"
    " received_ns) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)";
constexpr int kContentColumns = 15;

void bind_content(Statement& statement, std::int64_t node_id, const EventEntry& entry) {
  const ToldEvent& told = entry.row.told;
  const Event& event = told.event;
  statement.bind(0, node_id).bind(1, entry.row.seq).bind(2, std::int64_t{event.series});
  statement.bind_text(3, told.pipeline).bind_text(4, told.stage).bind_text(5, event.name);
  statement.bind(6, static_cast<std::int64_t>(event.severity));
  statement.bind(7, static_cast<std::int64_t>(event.phase));
  statement.bind_text(8, event.message).bind(9, event.event_time_ns);
  statement.bind(10, std::int64_t{in_boot_time(event.topic)});
  statement.bind_text(11, told.boot_id);
  statement.bind_text(12, entry.source).bind_text(13, entry.topic);
  statement.bind_blob(14, encode_attributes(event.attributes));
}

}  // namespace

std::string encode_attributes(const Attributes& attributes) {
  ByteWriter out;
  for (const auto& [key, value] : attributes) {
    out.string(key);
    out.string(value);
  }
  return out.take();
}

Attributes decode_attributes(std::string_view bytes) {
  Attributes attributes;
  ByteReader in(bytes);
  while (!in.at_end()) {
    std::string key(in.string());
    std::string value(in.string());
    if (!in.ok()) break;
    attributes.emplace_back(std::move(key), std::move(value));
  }
  return attributes;
}

Result<EventTable> EventTable::create(Database& database) {
  EventTable table;
  const std::pair<Statement*, const char*> statements[] = {{&table.find_, kFind},
                                                           {&table.insert_, kInsert}};
  for (const auto& [statement, sql] : statements) {
    auto prepared = database.prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = std::move(*prepared);
  }
  return table;
}

Result<bool> EventTable::keep(const Owner& owner, const EventEntry& entry, std::int64_t offset_ns,
                              std::int64_t received_ns) {
  const ResetOnExit reset{find_};
  bind_content(find_, owner.node_id, entry);
  const auto found = find_.step();
  if (!found.ok()) return found.status();
  if (*found) return false;
  bind_content(insert_, owner.node_id, entry);
  insert_.bind(kContentColumns, owner.series_node_id);
  insert_.bind(
      kContentColumns + 1,
      std::min(entry.row.told.event.event_time_ns, kEventTimeMaxNs - offset_ns) + offset_ns);
  insert_.bind(kContentColumns + 2, received_ns);
  if (Status s = insert_.run(); !s.ok()) return s;
  return true;
}

}  // namespace sluice::hub
