#include "hub/hub_reader.h"

#include <cmath>
#include <cstdint>
#include <optional>
#include <utility>

#include "aggregate/coverage.h"
#include "aggregate/window_extras.h"
#include "hub/event_table.h"
#include "hub/fill_aggregates.h"
#include "hub/hub_schema.h"
#include "hub/page_token.h"
#include "hub/sqlite.h"
#include "model/series.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::hub {
namespace {

constexpr char kListNodes[] =
    "SELECT node, epoch, version, last_seen_ns, highest_seq, panes, series,"
    " (SELECT count(*) FROM gap WHERE gap.node_id = node.id), unread,"
    " (SELECT count(*) FROM event WHERE event.node_id = node.id) FROM node ORDER BY node, id";
constexpr char kListSummaries[] =
    "SELECT pane.id, node.node, node.epoch, pane.pipeline, pane.spec_hash, series.definition,"
    " pane.kind, pane.start_ns, pane.end_ns, pane.revision, pane.quality, pane.count, pane.sum,"
    " pane.min, pane.max, pane.first, pane.last, pane.m2, pane.first_time_ns, pane.last_time_ns,"
    " pane.largest_gap_ns, pane.time_integral_s, pane.expected_every_ns, pane.extras,"
    " pane.boot_id, ifnull(boot_time.error_ns, -1), pane.ordinal"
    " FROM pane JOIN node ON node.id = pane.node_id"
    " JOIN series ON series.node_id = pane.node_id AND series.id = pane.series_id"
    " LEFT JOIN boot_time ON boot_time.node = node.node AND boot_time.boot_id = pane.boot_id"
    // 6: retracted.
    " WHERE pane.quality <> 6";

constexpr char kListGaps[] =
    "SELECT gap.id, node.node, node.epoch, gap.seq, gap.kind, gap.owner, gap.cause, gap.from_ns,"
    " gap.to_ns, gap.count, gap.received_ns FROM gap JOIN node ON node.id = gap.node_id WHERE TRUE";

constexpr char kListEvents[] =
    "SELECT event.id, node.node, node.epoch, event.seq, event.pipeline, event.stage, event.name,"
    " event.severity, event.phase, event.message, event.event_time_ns, event.in_boot_time,"
    " event.boot_id, event.source, event.topic, event.attributes, event.time_ns,"
    " ifnull(boot_time.error_ns, -1), ifnull(series.definition, x''), event.received_ns"
    " FROM event JOIN node ON node.id = event.node_id"
    " LEFT JOIN series ON series.node_id = event.series_node_id AND series.id = event.series_id"
    " LEFT JOIN boot_time ON boot_time.node = node.node AND boot_time.boot_id = event.boot_id"
    " AND event.boot_id <> '' WHERE TRUE";

constexpr char kListUnread[] =
    "SELECT unread_row.id, node.node, node.epoch, unread_row.seq, unread_row.received_ns,"
    " unread_row.text, length(unread_row.block) FROM unread_row"
    " JOIN node ON node.id = unread_row.node_id WHERE TRUE";

template <typename Request>
Status check(const Request& request) {
  if (Status s = check_limit(request.limit()); !s.ok()) return s;
  return check_range(request.from_ns(), request.to_ns());
}

// The rest of a listing: the rows after the page before, in order. Binds its parameters last.
std::string page_sql(const std::string& time, const std::string& id, bool has_token, bool up) {
  const char* direction = up ? " ASC" : " DESC";
  std::string sql;
  if (has_token) sql += " AND (" + time + ", " + id + ") " + (up ? ">" : "<") + " (?, ?)";
  return sql + " ORDER BY " + time + direction + ", " + id + direction + " LIMIT ?";
}

void bind_page(Statement& statement, int place, const std::optional<PageEnd>& after,
               std::uint32_t limit) {
  if (after) {
    statement.bind(place, after->time_ns).bind(place + 1, after->id);
    place += 2;
  }
  // One more than asked for tells whether another page follows.
  statement.bind(place, std::int64_t{limit} + 1);
}

/// Empty for the first page.
template <typename Request>
Result<std::optional<PageEnd>> page_before(const Request& request) {
  if (request.page_token().empty()) return std::optional<PageEnd>();
  const auto end = read_page_token(request);
  if (!end.ok()) return end.status();
  return std::optional<PageEnd>(*end);
}

// The filters that are set, as SQL; bound in the same order below.
std::string summaries_sql(const v1::ListSummariesRequest& request, bool has_token) {
  std::string sql = kListSummaries;
  if (!request.node().empty()) sql += " AND node.node = ?";
  if (!request.pipeline().empty()) sql += " AND pane.pipeline = ?";
  if (!request.measurement().empty()) sql += " AND series.measurement = ?";
  if (request.from_ns() != 0) sql += " AND pane.start_ns >= ?";
  if (request.to_ns() != 0) sql += " AND pane.start_ns < ?";
  return sql + page_sql("pane.start_ns", "pane.id", has_token, request.oldest_first());
}

void bind_filters(Statement& statement, const v1::ListSummariesRequest& request,
                  const std::optional<PageEnd>& after) {
  int place = 0;
  if (!request.node().empty()) statement.bind_text(place++, request.node());
  if (!request.pipeline().empty()) statement.bind_text(place++, request.pipeline());
  if (!request.measurement().empty()) statement.bind_text(place++, request.measurement());
  if (request.from_ns() != 0) statement.bind(place++, std::int64_t{request.from_ns()});
  if (request.to_ns() != 0) statement.bind(place++, std::int64_t{request.to_ns()});
  bind_page(statement, place, after, rows_wanted(request.limit()));
}

std::string gaps_sql(const v1::ListGapsRequest& request, bool has_token) {
  std::string sql = kListGaps;
  if (!request.node().empty()) sql += " AND node.node = ?";
  if (!request.cause().empty()) sql += " AND gap.cause = ?";
  return sql + page_sql("gap.to_ns", "gap.id", has_token, request.oldest_first());
}

void bind_filters(Statement& statement, const v1::ListGapsRequest& request,
                  const std::optional<PageEnd>& after) {
  int place = 0;
  if (!request.node().empty()) statement.bind_text(place++, request.node());
  if (!request.cause().empty()) statement.bind_text(place++, request.cause());
  bind_page(statement, place, after, rows_wanted(request.limit()));
}

std::string events_sql(const v1::ListEventsRequest& request, bool has_token) {
  std::string sql = kListEvents;
  if (!request.node().empty()) sql += " AND node.node = ?";
  if (!request.pipeline().empty()) sql += " AND event.pipeline = ?";
  if (!request.name().empty()) sql += " AND event.name = ?";
  if (request.severity_min() != 0) sql += " AND event.severity >= ?";
  if (request.from_ns() != 0) sql += " AND event.time_ns >= ?";
  if (request.to_ns() != 0) sql += " AND event.time_ns < ?";
  if (request.after_number() != 0) sql += " AND event.id > ?";
  const char* time = request.by_arrival() ? "event.id" : "event.time_ns";
  return sql + page_sql(time, "event.id", has_token, request.oldest_first());
}

void bind_filters(Statement& statement, const v1::ListEventsRequest& request,
                  const std::optional<PageEnd>& after) {
  int place = 0;
  if (!request.node().empty()) statement.bind_text(place++, request.node());
  if (!request.pipeline().empty()) statement.bind_text(place++, request.pipeline());
  if (!request.name().empty()) statement.bind_text(place++, request.name());
  if (request.severity_min() != 0) statement.bind(place++, std::int64_t{request.severity_min()});
  if (request.from_ns() != 0) statement.bind(place++, std::int64_t{request.from_ns()});
  if (request.to_ns() != 0) statement.bind(place++, std::int64_t{request.to_ns()});
  if (request.after_number() != 0) {
    statement.bind(place++, static_cast<std::int64_t>(request.after_number()));
  }
  bind_page(statement, place, after, rows_wanted(request.limit()));
}

std::string unread_sql(const v1::ListUnreadRequest& request, bool has_token) {
  std::string sql = kListUnread;
  if (!request.node().empty()) sql += " AND node.node = ?";
  return sql +
         page_sql("unread_row.received_ns", "unread_row.id", has_token, request.oldest_first());
}

void bind_filters(Statement& statement, const v1::ListUnreadRequest& request,
                  const std::optional<PageEnd>& after) {
  int place = 0;
  if (!request.node().empty()) statement.bind_text(place++, request.node());
  bind_page(statement, place, after, rows_wanted(request.limit()));
}

// The wire numbers quality from 1, the model and the database from 0.
v1::PaneQuality wire_quality(std::int64_t stored) {
  return static_cast<v1::PaneQuality>(stored + 1);
}

/// From the first reading to the last; 0 without any.
std::uint64_t span_ns(const v1::SummaryRecord& pane) {
  return static_cast<std::uint64_t>(pane.last_time_ns()) -
         static_cast<std::uint64_t>(pane.first_time_ns());
}

/// Share of the readings that were expected. How long a session is its readings say.
double coverage_of(const v1::SummaryRecord& pane, std::uint64_t every_ns) {
  const std::uint64_t expected =
      pane.kind() == v1::WINDOW_KIND_SESSION
          ? span_ns(pane) / every_ns + 1
          : Coverage::expected_count(pane.start_ns(), pane.end_ns(), every_ns);
  if (pane.count() >= expected) return 1;
  return static_cast<double>(pane.count()) / static_cast<double>(expected);
}

/// What a pane tells of the time between its readings, and what its config asked for beyond.
Status fill_rest(const Statement& row, v1::SummaryRecord& out) {
  if (out.count() > 0 && row.column_i64(20) != kGapUnknown) {
    out.set_largest_gap_ns(static_cast<std::uint64_t>(row.column_i64(20)));
    const std::uint64_t span = span_ns(out);
    out.set_time_weighted_mean(span == 0 ? out.last()
                                         : row.column_f64(21) / static_cast<double>(span) * 1e9);
  }
  if (const std::int64_t every_ns = row.column_i64(22); every_ns > 0) {
    out.set_coverage(coverage_of(out, static_cast<std::uint64_t>(every_ns)));
  }
  if (row.column_bytes(23).empty()) return {};
  ByteReader bytes(row.column_bytes(23));
  const auto extras = WindowExtras::restore(bytes);
  if (!extras.ok()) return extras.status();
  fill_window(*extras, *out.mutable_aggregates());
  return {};
}

v1::TimeQuality time_quality(const Statement& row) {
  if (row.column_bytes(24).empty()) return v1::TIME_QUALITY_STAMPED;
  return row.column_i64(25) < 0 ? v1::TIME_QUALITY_UNSYNCED : v1::TIME_QUALITY_CORRECTED;
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
  out.set_mean(count == 0 ? 0 : row.column_f64(12) / static_cast<double>(count));
  out.set_min(row.column_f64(13));
  out.set_max(row.column_f64(14));
  out.set_first(row.column_f64(15));
  out.set_last(row.column_f64(16));
  out.set_stddev(count < 2 ? 0 : std::sqrt(row.column_f64(17) / static_cast<double>(count - 1)));
  out.set_first_time_ns(row.column_i64(18));
  out.set_last_time_ns(row.column_i64(19));
  out.set_boot_id(std::string(row.column_bytes(24)));
  out.set_ordinal(static_cast<std::uint64_t>(row.column_i64(26)));
  out.set_time_quality(time_quality(row));
  if (out.time_quality() == v1::TIME_QUALITY_CORRECTED) out.set_time_error_ns(row.column_i64(25));
  return fill_rest(row, out);
}

Status fill(const Statement& row, v1::GapRow& out) {
  out.set_node(std::string(row.column_bytes(1)));
  out.set_epoch(std::string(row.column_bytes(2)));
  out.set_seq(row.column_i64(3));
  out.set_kind(static_cast<v1::GapKind>(row.column_i64(4)));
  out.set_owner(std::string(row.column_bytes(5)));
  out.set_cause(std::string(row.column_bytes(6)));
  out.set_from_ns(row.column_i64(7));
  out.set_to_ns(row.column_i64(8));
  out.set_count(static_cast<std::uint64_t>(row.column_i64(9)));
  out.set_received_ns(row.column_i64(10));
  return {};
}

void fill_told(const Statement& row, v1::Event& out) {
  out.set_pipeline(std::string(row.column_bytes(4)));
  out.set_stage(std::string(row.column_bytes(5)));
  out.set_name(std::string(row.column_bytes(6)));
  out.set_severity(static_cast<v1::EventSeverity>(row.column_i64(7)));
  out.set_phase(static_cast<v1::EventPhase>(row.column_i64(8)));
  out.set_message(std::string(row.column_bytes(9)));
  out.set_event_time_ns(row.column_i64(10));
  out.set_in_boot_time(row.column_i64(11) != 0);
  out.set_boot_id(std::string(row.column_bytes(12)));
  out.set_source(std::string(row.column_bytes(13)));
  out.set_topic(std::string(row.column_bytes(14)));
  for (auto& [key, value] : decode_attributes(row.column_bytes(15))) {
    v1::EventAttribute& attribute = *out.add_attributes();
    attribute.set_key(std::move(key));
    attribute.set_value(std::move(value));
  }
}

void fill_time(const Statement& row, v1::EventRow& out) {
  out.set_time_ns(row.column_i64(16));
  const std::int64_t error_ns = row.column_i64(17);
  if (!out.event().in_boot_time()) {
    out.set_time_quality(v1::TIME_QUALITY_STAMPED);
  } else if (error_ns < 0) {
    out.set_time_quality(v1::TIME_QUALITY_UNSYNCED);
  } else {
    out.set_time_quality(v1::TIME_QUALITY_CORRECTED);
    out.set_time_error_ns(error_ns);
  }
}

Status fill(const Statement& row, v1::EventRow& out) {
  out.set_number(static_cast<std::uint64_t>(row.column_i64(0)));
  out.set_node(std::string(row.column_bytes(1)));
  out.set_epoch(std::string(row.column_bytes(2)));
  out.set_seq(row.column_i64(3));
  fill_told(row, *out.mutable_event());
  fill_time(row, out);
  out.set_received_ns(row.column_i64(19));
  if (row.column_bytes(18).empty()) return {};
  const auto series = decode_series(row.column_bytes(18));
  if (!series.ok()) return series.status();
  out.set_measurement(series->measurement);
  out.set_unit(series->unit);
  for (const auto& [name, value] : series->labels) (*out.mutable_labels())[name] = value;
  return {};
}

Status fill(const Statement& row, v1::UnreadRow& out) {
  out.set_node(std::string(row.column_bytes(1)));
  out.set_epoch(std::string(row.column_bytes(2)));
  out.set_seq(row.column_i64(3));
  out.set_received_ns(row.column_i64(4));
  out.set_text(std::string(row.column_bytes(5)));
  out.set_bytes(static_cast<std::uint64_t>(row.column_i64(6)));
  return {};
}

/// Where a row stands in the order that its request asked for.
std::int64_t place_of(const v1::ListSummariesRequest&, const v1::SummaryRecord& record) {
  return record.start_ns();
}
std::int64_t place_of(const v1::ListGapsRequest&, const v1::GapRow& row) { return row.to_ns(); }
std::int64_t place_of(const v1::ListUnreadRequest&, const v1::UnreadRow& row) {
  return row.received_ns();
}
std::int64_t place_of(const v1::ListEventsRequest& request, const v1::EventRow& row) {
  return request.by_arrival() ? static_cast<std::int64_t>(row.number()) : row.time_ns();
}

/// Fills `rows` with one page; the token of the next one, empty on the last.
template <typename Row, typename Request>
Result<std::string> read_page(Statement& statement, const Request& request,
                              google::protobuf::RepeatedPtrField<Row>& rows) {
  const std::uint32_t limit = rows_wanted(request.limit());
  std::size_t bytes = 0;
  PageEnd end;
  while (true) {
    const auto found = statement.step();
    if (!found.ok()) return found.status();
    if (!*found) return std::string();
    Row row;
    if (Status s = fill(statement, row); !s.ok()) return s;
    bytes += row.ByteSizeLong() + 8;
    const auto count = static_cast<std::uint32_t>(rows.size());
    if (count == limit || (count > 0 && bytes > HubReader::kPageBytesMax)) {
      return make_page_token(request, end);
    }
    end = {place_of(request, row), statement.column_i64(0)};
    *rows.Add() = std::move(row);
  }
}

/// One page of what `sql` selects.
template <typename Row, typename Request>
Result<std::string> list(const std::string& path, const Request& request,
                         std::string (*sql)(const Request&, bool has_token),
                         const std::function<bool()>& cancelled,
                         google::protobuf::RepeatedPtrField<Row>& rows) {
  const auto after = page_before(request);
  if (!after.ok()) return after.status();
  auto database = Database::open(path, Database::Mode::read_only);
  if (!database.ok()) return database.status();
  database->set_interrupt(cancelled);
  auto statement = database->prepare(sql(request, after->has_value()));
  if (!statement.ok()) return statement.status();
  bind_filters(*statement, request, *after);
  return read_page(*statement, request, rows);
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
    node.set_gaps(static_cast<std::uint64_t>(rows->column_i64(7)));
    node.set_unread(static_cast<std::uint64_t>(rows->column_i64(8)));
    node.set_events(static_cast<std::uint64_t>(rows->column_i64(9)));
  }
}

Status HubReader::list_summaries(const v1::ListSummariesRequest& request,
                                 const std::function<bool()>& cancelled,
                                 v1::ListSummariesResponse& out) const {
  if (Status s = check(request); !s.ok()) return s;
  auto next = list(path_, request, summaries_sql, cancelled, *out.mutable_summaries());
  if (!next.ok()) return next.status();
  out.set_next_page_token(*std::move(next));
  return {};
}

Status HubReader::list_gaps(const v1::ListGapsRequest& request,
                            const std::function<bool()>& cancelled,
                            v1::ListGapsResponse& out) const {
  if (Status s = check_limit(request.limit()); !s.ok()) return s;
  auto next = list(path_, request, gaps_sql, cancelled, *out.mutable_gaps());
  if (!next.ok()) return next.status();
  out.set_next_page_token(*std::move(next));
  return {};
}

Status HubReader::list_events(const v1::ListEventsRequest& request,
                              const std::function<bool()>& cancelled,
                              v1::ListEventsResponse& out) const {
  if (Status s = check(request); !s.ok()) return s;
  auto next = list(path_, request, events_sql, cancelled, *out.mutable_events());
  if (!next.ok()) return next.status();
  out.set_next_page_token(*std::move(next));
  return {};
}

Status HubReader::list_unread(const v1::ListUnreadRequest& request,
                              const std::function<bool()>& cancelled,
                              v1::ListUnreadResponse& out) const {
  if (Status s = check_limit(request.limit()); !s.ok()) return s;
  auto next = list(path_, request, unread_sql, cancelled, *out.mutable_unread());
  if (!next.ok()) return next.status();
  out.set_next_page_token(*std::move(next));
  return {};
}

}  // namespace sluice::hub
