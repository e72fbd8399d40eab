#include "hub/unread_table.h"

#include <utility>

namespace sluice::hub {
namespace {

constexpr char kFind[] = "SELECT 1 FROM unread_row WHERE node_id = ? AND seq = ? AND block = ?";
constexpr char kInsert[] =
    "INSERT INTO unread_row (node_id, seq, received_ns, text, block) VALUES (?, ?, ?, ?, ?)";
constexpr char kNext[] =
    "SELECT id, node_id, seq, block, text FROM unread_row WHERE id > ? ORDER BY id LIMIT 1";
constexpr char kRemove[] = "DELETE FROM unread_row WHERE id = ?";
constexpr char kExplain[] = "UPDATE unread_row SET text = ? WHERE id = ?";
constexpr char kCount[] = "SELECT coalesce(sum(unread), 0) FROM node WHERE node = ?";
constexpr char kNewest[] =
    "SELECT seq, text FROM unread_row WHERE id ="
    " (SELECT max(unread_row.id) FROM node JOIN unread_row ON unread_row.node_id = node.id"
    " WHERE node.node = ?)";

}  // namespace

Result<UnreadTable> UnreadTable::create(Database& database) {
  UnreadTable table;
  const std::pair<Statement*, const char*> statements[] = {
      {&table.find_, kFind},     {&table.insert_, kInsert},   {&table.next_, kNext},
      {&table.remove_, kRemove}, {&table.explain_, kExplain}, {&table.count_, kCount},
      {&table.newest_, kNewest}};
  for (const auto& [statement, sql] : statements) {
    auto prepared = database.prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = std::move(*prepared);
  }
  return table;
}

Result<bool> UnreadTable::keep(const Row& row, std::int64_t received_ns) {
  const ResetOnExit reset{find_};
  find_.bind(0, row.node_id).bind(1, row.seq).bind_blob(2, row.block);
  const auto found = find_.step();
  if (!found.ok()) return found.status();
  if (*found) return false;
  insert_.bind(0, row.node_id).bind(1, row.seq).bind(2, received_ns);
  insert_.bind_text(3, row.text).bind_blob(4, row.block);
  if (Status s = insert_.run(); !s.ok()) return s;
  return true;
}

Result<std::optional<UnreadTable::Row>> UnreadTable::next(std::int64_t after_id) {
  const ResetOnExit reset{next_};
  next_.bind(0, after_id);
  const auto found = next_.step();
  if (!found.ok()) return found.status();
  if (!*found) return std::optional<Row>();
  return std::optional<Row>(Row{next_.column_i64(0), next_.column_i64(1), next_.column_i64(2),
                                std::string(next_.column_bytes(3)),
                                std::string(next_.column_bytes(4))});
}

Status UnreadTable::remove(std::int64_t id) {
  remove_.bind(0, id);
  return remove_.run();
}

Status UnreadTable::explain(std::int64_t id, std::string_view text) {
  explain_.bind_text(0, text).bind(1, id);
  return explain_.run();
}

Result<std::optional<UnreadRows>> UnreadTable::of(std::string_view node) {
  const ResetOnExit reset_count{count_};
  count_.bind_text(0, node);
  const auto counted = count_.step();
  if (!counted.ok()) return counted.status();
  UnreadRows rows;
  rows.rows = static_cast<std::uint64_t>(count_.column_i64(0));
  if (rows.rows == 0) return std::optional<UnreadRows>();
  const ResetOnExit reset_newest{newest_};
  newest_.bind_text(0, node);
  const auto found = newest_.step();
  if (!found.ok()) return found.status();
  if (*found) {
    rows.seq = newest_.column_i64(0);
    rows.text = std::string(newest_.column_bytes(1));
  }
  return std::optional<UnreadRows>(std::move(rows));
}

}  // namespace sluice::hub
