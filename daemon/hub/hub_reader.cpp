#include "hub/hub_reader.h"

#include <cmath>
#include <cstdint>
#include <optional>

#include "hub/page_token.h"
#include "hub/sqlite.h"
#include "model/series.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::hub {
namespace {

constexpr std::uint32_t kLimitDefault = 100;
constexpr std::uint32_t kLimitMax = 100'000;

constexpr char kListNodes[] =
    "SELECT node, epoch, version, last_seen_ns, highest_seq, panes, series FROM node"
    " ORDER BY node, id";
constexpr char kListSummaries[] =
    "SELECT pane.id, node.node, node.epoch, pane.pipeline, pane.spec_hash, series.definition,"
    " pane.kind, pane.start_ns, pane.end_ns, pane.revision, pane.quality, pane.count, pane.sum,"
    " pane.min, pane.max, pane.first, pane.last, pane.m2, pane.first_time_ns, pane.last_time_ns"
    " FROM pane JOIN node ON node.id = pane.node_id"
    " JOIN series ON series.node_id = pane.node_id AND series.id = pane.series_id WHERE TRUE";

Status check(const v1::ListSummariesRequest& request) {
  if (request.limit() > kLimitMax) {
    return invalid_argument("limit is " + std::to_string(request.limit()) + "; at most " +
                            std::to_string(kLimitMax) + ", 0 means " +
                            std::to_string(kLimitDefault));
  }
  if (request.from_ns() != 0 && request.to_ns() != 0 && request.from_ns() >= request.to_ns()) {
    return invalid_argument("from_ns " + std::to_string(request.from_ns()) +
                            " is not before to_ns " + std::to_string(request.to_ns()));
  }
  return {};
}

// The filters that are set, as SQL; bound in the same order below.
std::string summaries_sql(const v1::ListSummariesRequest& request, bool has_token) {
  const bool up = request.oldest_first();
  std::string sql = kListSummaries;
  if (!request.node().empty()) sql += " AND node.node = ?";
  if (!request.pipeline().empty()) sql += " AND pane.pipeline = ?";
  if (!request.measurement().empty()) sql += " AND series.measurement = ?";
  if (request.from_ns() != 0) sql += " AND pane.start_ns >= ?";
  if (request.to_ns() != 0) sql += " AND pane.start_ns < ?";
  if (has_token)
    sql += std::string(" AND (pane.start_ns, pane.id) ") + (up ? ">" : "<") + " (?, ?)";
  const char* direction = up ? " ASC" : " DESC";
  return sql + " ORDER BY pane.start_ns" + direction + ", pane.id" + direction + " LIMIT ?";
}

void bind_filters(Statement& statement, const v1::ListSummariesRequest& request,
                  const std::optional<PageEnd>& after, std::uint32_t limit) {
  int place = 0;
  if (!request.node().empty()) statement.bind_text(place++, request.node());
  if (!request.pipeline().empty()) statement.bind_text(place++, request.pipeline());
  if (!request.measurement().empty()) statement.bind_text(place++, request.measurement());
  if (request.from_ns() != 0) statement.bind(place++, std::int64_t{request.from_ns()});
  if (request.to_ns() != 0) statement.bind(place++, std::int64_t{request.to_ns()});
  if (after) {
    statement.bind(place, after->start_ns).bind(place + 1, after->pane_id);
    place += 2;
  }
  // One more than asked for tells whether another page follows.
  statement.bind(place, std::int64_t{limit} + 1);
}

// The wire numbers quality from 1, the model and the database from 0.
v1::PaneQuality wire_quality(std::int64_t stored) {
  return static_cast<v1::PaneQuality>(stored + 1);
}

Status fill(const Statement& row, v1::SummaryRecord& out) {
  const auto series = decode_series(row.column_bytes(5));
  if (!series.ok()) return series.status();
  out.set_node(std::string(row.column_bytes(1)));
  out.set_epoch(std::string(row.column_bytes(2)));
  out.set_pipeline(std::string(row.column_bytes(3)));
  out.set_spec_hash(static_cast<std::uint64_t>(row.column_i64(4)));
  out.set_measurement(series->measurement);
  out.set_unit(series->unit);
  for (const auto& [name, value] : series->labels) (*out.mutable_labels())[name] = value;
  out.set_kind(static_cast<v1::WindowKind>(row.column_i64(6)));
  out.set_start_ns(row.column_i64(7));
  out.set_end_ns(row.column_i64(8));
  out.set_revision(static_cast<std::uint32_t>(row.column_i64(9)));
  out.set_quality(wire_quality(row.column_i64(10)));
  const auto count = static_cast<std::uint64_t>(row.column_i64(11));
  out.set_count(count);
  out.set_sum(row.column_f64(12));
  out.set_mean(row.column_f64(12) / static_cast<double>(count));
  out.set_min(row.column_f64(13));
  out.set_max(row.column_f64(14));
  out.set_first(row.column_f64(15));
  out.set_last(row.column_f64(16));
  out.set_stddev(count < 2 ? 0 : std::sqrt(row.column_f64(17) / static_cast<double>(count - 1)));
  out.set_first_time_ns(row.column_i64(18));
  out.set_last_time_ns(row.column_i64(19));
  return {};
}

Status read_page(Statement& statement, const v1::ListSummariesRequest& request, std::uint32_t limit,
                 v1::ListSummariesResponse& out) {
  std::size_t bytes = 0;
  PageEnd end;
  while (true) {
    const auto row = statement.step();
    if (!row.ok()) return row.status();
    if (!*row) return {};
    v1::SummaryRecord record;
    if (Status s = fill(statement, record); !s.ok()) return s;
    bytes += record.ByteSizeLong() + 8;
    const auto count = static_cast<std::uint32_t>(out.summaries_size());
    if (count == limit || (count > 0 && bytes > HubReader::kPageBytesMax)) {
      out.set_next_page_token(make_page_token(request, end));
      return {};
    }
    end = {record.start_ns(), statement.column_i64(0)};
    *out.add_summaries() = std::move(record);
  }
}

}  // namespace

Status HubReader::list_nodes(v1::ListNodesResponse& out) const {
  auto database = Database::open(path_, Database::Mode::read_only);
  if (!database.ok()) return database.status();
  auto rows = database->prepare(kListNodes);
  if (!rows.ok()) return rows.status();
  while (true) {
    const auto row = rows->step();
    if (!row.ok()) return row.status();
    if (!*row) return {};
    v1::NodeRow& node = *out.add_nodes();
    node.set_node(std::string(rows->column_bytes(0)));
    node.set_epoch(std::string(rows->column_bytes(1)));
    node.set_version(std::string(rows->column_bytes(2)));
    node.set_last_seen_ns(rows->column_i64(3));
    node.set_highest_seq(rows->column_i64(4));
    node.set_panes(static_cast<std::uint64_t>(rows->column_i64(5)));
    node.set_series(static_cast<std::uint64_t>(rows->column_i64(6)));
  }
}

Status HubReader::list_summaries(const v1::ListSummariesRequest& request,
                                 const std::function<bool()>& cancelled,
                                 v1::ListSummariesResponse& out) const {
  if (Status s = check(request); !s.ok()) return s;
  std::optional<PageEnd> after;
  if (!request.page_token().empty()) {
    const auto end = read_page_token(request);
    if (!end.ok()) return end.status();
    after = *end;
  }
  auto database = Database::open(path_, Database::Mode::read_only);
  if (!database.ok()) return database.status();
  database->set_interrupt(cancelled);
  auto statement = database->prepare(summaries_sql(request, after.has_value()));
  if (!statement.ok()) return statement.status();
  const std::uint32_t limit = request.limit() == 0 ? kLimitDefault : request.limit();
  bind_filters(*statement, request, after, limit);
  return read_page(*statement, request, limit, out);
}

}  // namespace sluice::hub
