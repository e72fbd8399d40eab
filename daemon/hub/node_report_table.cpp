#include "hub/node_report_table.h"

#include <utility>

namespace sluice::hub {
namespace {

constexpr char kPut[] =
    "INSERT INTO node_config (node, last_seen_ns, hello, report) VALUES (?, ?, ?, ?)"
    " ON CONFLICT (node) DO UPDATE SET last_seen_ns = excluded.last_seen_ns,"
    " hello = excluded.hello, report = excluded.report";
constexpr char kRemove[] = "DELETE FROM node_config WHERE node = ?";
constexpr char kList[] = "SELECT node, last_seen_ns, hello, report FROM node_config ORDER BY node";

}  // namespace

Result<NodeReportTable> NodeReportTable::create(Database& database) {
  NodeReportTable table;
  const std::pair<Statement*, const char*> statements[] = {
      {&table.put_, kPut}, {&table.remove_, kRemove}, {&table.list_, kList}};
  for (const auto& [statement, sql] : statements) {
    auto prepared = database.prepare(sql);
    if (!prepared.ok()) return prepared.status();
    *statement = std::move(*prepared);
  }
  return table;
}

Status NodeReportTable::put(const NodeReport& node) {
  put_.bind_text(0, node.hello.node()).bind(1, node.last_seen_ns);
  put_.bind_blob(2, node.hello.SerializeAsString()).bind_blob(3, node.report.SerializeAsString());
  return put_.run();
}

Status NodeReportTable::remove(const std::string& node) {
  remove_.bind_text(0, node);
  return remove_.run();
}

Result<std::vector<NodeReport>> NodeReportTable::list() {
  const ResetOnExit reset{list_};
  std::vector<NodeReport> nodes;
  while (true) {
    const auto row = list_.step();
    if (!row.ok()) return row.status();
    if (!*row) return nodes;
    NodeReport node;
    node.hello.ParseFromString(std::string(list_.column_bytes(2)));
    node.hello.set_node(std::string(list_.column_bytes(0)));
    node.report.ParseFromString(std::string(list_.column_bytes(3)));
    node.last_seen_ns = list_.column_i64(1);
    nodes.push_back(std::move(node));
  }
}

}  // namespace sluice::hub
