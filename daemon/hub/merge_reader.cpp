#include <cstdint>
#include <functional>
#include <optional>
#include <set>
#include <string>

#include "hub/hub_reader.h"
#include "hub/hub_schema.h"
#include "hub/merge_query.h"
#include "hub/page_token.h"
#include "hub/plugins_seen.h"
#include "hub/sqlite.h"
#include "sluice/v1/hub.pb.h"

// HubReader::merge_summaries: windows in order of their start, merged as they come.

namespace sluice::hub {
namespace {

constexpr std::int64_t kEveryMin_ns = 1'000'000;
constexpr int kQuantilesMax = 20;

constexpr char kWindows[] =
    "SELECT pane.node_id, node.node, pane.pipeline, pane.spec_hash, series.definition,"
    " pane.start_ns, pane.end_ns, pane.quality, pane.count, pane.sum, pane.min, pane.max,"
    " pane.first, pane.last, pane.m2, pane.first_time_ns, pane.last_time_ns,"
    " pane.largest_gap_ns, pane.time_integral_s, pane.expected_every_ns, pane.extras,"
    " ifnull(boot_time.offset_ns, 0), pane.boot_id"
    " FROM pane JOIN node ON node.id = pane.node_id"
    " JOIN series ON series.node_id = pane.node_id AND series.id = pane.series_id"
    " LEFT JOIN boot_time ON boot_time.node = node.node AND boot_time.boot_id = pane.boot_id"
    // 5 and 6: early and retracted panes count for nothing.
    " WHERE pane.kind = ? AND series.measurement = ? AND pane.quality NOT IN (5, 6)"
    // Nobody knows when a window was whose boot has no time.
    " AND (pane.boot_id = '' OR boot_time.offset_ns IS NOT NULL)";

Status check(const v1::MergeSummariesRequest& request) {
  if (Status s = check_limit(request.limit()); !s.ok()) return s;
  if (Status s = check_range(request.from_ns(), request.to_ns()); !s.ok()) return s;
  if (request.measurement().empty()) {
    return invalid_argument("measurement is empty; name what is to be merged, e.g. temperature");
  }
  if (request.every_ns() < kEveryMin_ns) {
    return invalid_argument("every_ns is " + std::to_string(request.every_ns()) +
                            "; at least 1000000 (1 ms), e.g. 3600000000000 for hours");
  }
  if (request.over_all() && request.by_size() > 0) {
    return invalid_argument("by and over_all exclude each other");
  }
  if (request.quantiles_size() > kQuantilesMax) {
    return invalid_argument("quantiles: " + std::to_string(request.quantiles_size()) +
                            ", at most 20");
  }
  for (const double q : request.quantiles()) {
    if (!(q >= 0 && q <= 1)) {
      return invalid_argument("quantiles: " + std::to_string(q) + " is not from 0 to 1");
    }
  }
  const std::set<std::string> by(request.by().begin(), request.by().end());
  if (static_cast<int>(by.size()) == request.by_size()) return {};
  return invalid_argument("by names a label twice");
}

Result<StoredWindow> read_window(const Statement& row, QueryTypes& types) {
  auto series = decode_series(row.column_bytes(4));
  if (!series.ok()) return series.status();
  StoredWindow window;
  window.node_id = row.column_i64(0);
  window.node = row.column_bytes(1);
  window.pipeline = row.column_bytes(2);
  window.spec_hash = static_cast<std::uint64_t>(row.column_i64(3));
  window.series = *std::move(series);
  window.start_ns = row.column_i64(5);
  window.end_ns = row.column_i64(6);
  window.complete = row.column_i64(7) == static_cast<std::int64_t>(PaneQuality::complete);
  Moments& m = window.moments;
  m.count = static_cast<std::uint64_t>(row.column_i64(8));
  m.sum = row.column_f64(9);
  m.mean = m.count == 0 ? 0 : m.sum / static_cast<double>(m.count);
  m.min = row.column_f64(10);
  m.max = row.column_f64(11);
  m.first = row.column_f64(12);
  m.last = row.column_f64(13);
  m.m2 = row.column_f64(14);
  m.first_time_ns = row.column_i64(15);
  m.last_time_ns = row.column_i64(16);
  if (row.column_i64(17) != kGapUnknown) {
    window.held =
        StoredWindow::Held{static_cast<std::uint64_t>(row.column_i64(17)), row.column_f64(18)};
  }
  window.expected_every_ns = static_cast<std::uint64_t>(row.column_i64(19));
  window.boot_id = row.column_bytes(22);
  if (row.column_bytes(20).empty()) return window;
  ByteReader bytes(row.column_bytes(20));
  auto extras = WindowExtras::restore(bytes);
  if (!extras.ok()) return extras.status();
  window.extras = *std::move(extras);
  if (types) {
    window.extras->open_plugins([&](const PluginAggregateKey& key) { return types.find(key); });
  }
  // The pane has been labelled; what it keeps is as the node sent it.
  if (const std::int64_t moved_by = row.column_i64(21); moved_by != 0) {
    window.extras->move_by(moved_by);
  }
  return window;
}

/// Fills one page, merged window by merged window.
class Page {
 public:
  Page(const v1::MergeSummariesRequest& request, const std::optional<PageEnd>& after,
       const std::function<bool()>& cancelled, v1::MergeSummariesResponse& out)
      : request_(request),
        after_(after),
        cancelled_(cancelled),
        limit_(rows_wanted(request.limit())),
        out_(out) {}

  /// False when the page is full; then it has its token.
  bool add(const MergedWindow& window) {
    const bool goes_on = after_ && after_->time_ns == window.start_ns();
    std::int64_t place = 0;
    for (v1::MergedSummary& row : window.rows(cancelled_)) {
      if (goes_on && place < after_->id) {
        ++place;
        continue;
      }
      bytes_ += row.ByteSizeLong() + 8;
      const auto count = static_cast<std::uint32_t>(out_.rows_size());
      if (count == limit_ || (count > 0 && bytes_ > HubReader::kPageBytesMax)) {
        out_.set_next_page_token(make_page_token(request_, {window.start_ns(), place}));
        return false;
      }
      *out_.add_rows() = std::move(row);
      ++place;
    }
    return true;
  }

 private:
  const v1::MergeSummariesRequest& request_;
  const std::optional<PageEnd>& after_;
  const std::function<bool()>& cancelled_;
  const std::uint32_t limit_;
  v1::MergeSummariesResponse& out_;
  std::size_t bytes_ = 0;
};

std::string windows_sql(const v1::MergeSummariesRequest& request, bool goes_on) {
  std::string sql = kWindows;
  if (!request.node().empty()) sql += " AND node.node = ?";
  if (!request.pipeline().empty()) sql += " AND pane.pipeline = ?";
  if (request.from_ns() != 0) sql += " AND pane.start_ns >= ?";
  if (request.to_ns() != 0) sql += " AND pane.start_ns < ?";
  if (goes_on) sql += " AND pane.start_ns >= ?";
  return sql + " ORDER BY pane.start_ns, pane.id";
}

void bind_filters(Statement& statement, const v1::MergeSummariesRequest& request,
                  const std::optional<PageEnd>& after) {
  int place = 0;
  statement.bind(place++, static_cast<std::int64_t>(WindowKind::tumbling));
  statement.bind_text(place++, request.measurement());
  if (!request.node().empty()) statement.bind_text(place++, request.node());
  if (!request.pipeline().empty()) statement.bind_text(place++, request.pipeline());
  if (request.from_ns() != 0) statement.bind(place++, std::int64_t{request.from_ns()});
  if (request.to_ns() != 0) statement.bind(place++, std::int64_t{request.to_ns()});
  if (after) statement.bind(place, after->time_ns);
}

Status merge_rows(Statement& rows, const MergeRule& rule, QueryTypes& types,
                  const std::function<bool()>& cancelled, Page& page,
                  v1::MergeSummariesResponse& out) {
  std::optional<MergedWindow> merged;
  std::uint64_t left_out = 0;
  while (true) {
    const auto found = rows.step();
    if (!found.ok()) return found.status();
    if (!*found) break;
    if (types && cancelled()) break;
    const auto window = read_window(rows, types);
    if (!window.ok()) return window.status();
    if (!rule.wants(window->series)) continue;
    std::int64_t start_ns = 0;
    const bool whole = rule.place(window->start_ns, window->end_ns, start_ns);
    left_out += whole ? 0 : 1;
    if (!whole) continue;
    if (merged && merged->start_ns() != start_ns) {
      if (!page.add(*merged)) return {};
      merged.reset();
      out.set_left_out(left_out);
    }
    if (!merged) merged.emplace(rule, start_ns);
    merged->add(*window);
  }
  if (merged && !page.add(*merged)) return {};
  out.set_left_out(left_out);
  return {};
}

}  // namespace

Status HubReader::merge_summaries(const v1::MergeSummariesRequest& request,
                                  const std::function<bool()>& cancelled,
                                  v1::MergeSummariesResponse& out) const {
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
  auto rows = database->prepare(windows_sql(request, after.has_value()));
  if (!rows.ok()) return rows.status();
  bind_filters(*rows, request, after);
  Page page(request, after, cancelled, out);
  QueryTypes types(find_aggregate_);
  if (Status s = merge_rows(*rows, MergeRule(request), types, cancelled, page, out); !s.ok()) {
    return s;
  }
  // The database asks while it searches, but a plugin that is slow on what windows hold takes no
  // steps there.
  if (cancelled()) return Status(StatusCode::cancelled, "the caller went away");
  return {};
}

}  // namespace sluice::hub
