#include "ctl/hub_commands.h"

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <optional>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "ctl/aggregates_text.h"
#include "ctl/event_text.h"
#include "ctl/format.h"
#include "ctl/json_print.h"
#include "ctl/table.h"
#include "ctl/text.h"

namespace sluice::ctl {
namespace {

std::string nodes_text(const v1::ListNodesResponse& response) {
  Table table({{"NODE"},
               {"EPOCH"},
               {"STATE"},
               {"LAST SEEN"},
               {"VERSION"},
               {"SEQ", true},
               {"WINDOWS", true},
               {"SERIES", true},
               {"EVENTS", true},
               {"GAPS", true},
               {"UNREAD", true},
               {"ROWS", true},
               {"REPEATED", true},
               {"BYTES", true}});
  for (const auto& n : response.nodes()) {
    table.add_row({n.node(), n.epoch().substr(0, 8), n.connected() ? "connected" : "away",
                   n.last_seen_ns() == 0 ? "-" : utc_text(n.last_seen_ns()), n.version(),
                   grouped(std::int64_t{n.highest_seq()}), grouped(n.panes()), grouped(n.series()),
                   grouped(n.events()), grouped(n.gaps()), grouped(n.unread()),
                   grouped(n.rows_received()), grouped(n.rows_repeated()),
                   bytes_text(n.bytes_received())});
  }
  return table.empty() ? "The hub knows no node yet.\n" : table.take();
}

std::string kind_text(const v1::SummaryRecord& s) {
  const std::string text = window_kind_text(s.kind());
  return s.kind() == v1::WINDOW_KIND_COUNT ? text + " " + std::to_string(s.ordinal()) : text;
}

/// Of a window that nothing came for there is no number.
template <typename Row>
std::string number_text(const Row& row, double number) {
  return row.count() == 0 ? "-" : value_text(number);
}

/// How far the window's time can be believed.
std::string time_text(const v1::SummaryRecord& s) {
  switch (s.time_quality()) {
    case v1::TIME_QUALITY_STAMPED: return "stamped";
    case v1::TIME_QUALITY_CORRECTED:
      return "+-" + value_text(static_cast<double>(s.time_error_ns()) / 1e9) + " s";
    case v1::TIME_QUALITY_UNSYNCED: return "unsynced, boot " + s.boot_id().substr(0, 8);
    default: return "-";
  }
}

std::string start_text(const v1::SummaryRecord& s) {
  if (s.time_quality() != v1::TIME_QUALITY_UNSYNCED) return utc_text(s.start_ns());
  return "boot + " + duration_text(static_cast<double>(s.start_ns()) / 1e9);
}

std::string time_text(const v1::EventRow& e) {
  const auto seconds = [](std::int64_t ns) { return static_cast<double>(ns) / 1e9; };
  switch (e.time_quality()) {
    case v1::TIME_QUALITY_UNSYNCED: return "boot + " + duration_text(seconds(e.time_ns()));
    case v1::TIME_QUALITY_CORRECTED:
      return utc_text(e.time_ns()) + " +-" + value_text(seconds(e.time_error_ns())) + " s";
    default: return utc_text(e.time_ns());
  }
}

std::string kind_text(v1::GapKind kind) {
  switch (kind) {
    case v1::GAP_KIND_MESSAGES: return "messages";
    case v1::GAP_KIND_SOURCE_READINGS:
    case v1::GAP_KIND_READINGS: return "readings";
    case v1::GAP_KIND_PANES: return "windows";
    case v1::GAP_KIND_EVENTS: return "events";
    default: return "-";
  }
}

template <typename Row>
std::string mean_over_time_text(const Row& row) {
  return row.has_time_weighted_mean() ? number_text(row, row.time_weighted_mean()) : "-";
}

template <typename Row>
std::string gap_text(const Row& row) {
  return row.has_largest_gap_ns() ? seconds_text(row.largest_gap_ns()) : "-";
}

template <typename Row>
std::string coverage_text(const Row& row) {
  return row.has_coverage() ? value_text(row.coverage() * 100) + " %" : "-";
}

/// How the rows of a query are asked for and shown; kName is their key in JSON.
struct SummaryListing {
  using Request = v1::ListSummariesRequest;
  static constexpr const char* kName = "summaries";
  static constexpr const char* kWords = "summaries";
  static Result<v1::ListSummariesResponse> ask(HubClient& client, const Request& request) {
    return client.summaries(request);
  }
  static const auto& rows(const v1::ListSummariesResponse& page) { return page.summaries(); }
  static std::vector<Table::Column> columns() {
    return {{"NODE"},         {"PIPELINE"},      {"SERIES"},     {"KIND"},       {"WINDOW START"},
            {"LENGTH", true}, {"COUNT", true},   {"MEAN", true}, {"MIN", true},  {"MAX", true},
            {"STDDEV", true}, {"TW MEAN", true}, {"GAP", true},  {"CAME", true}, {"REV", true},
            {"QUALITY"},      {"TIME"},          {"AGGREGATES"}};
  }
  static std::vector<std::string> cells(const v1::SummaryRecord& s) {
    return {s.node(),
            s.pipeline(),
            series_text(series_of(s)),
            kind_text(s),
            start_text(s),
            length_text(s),
            grouped(s.count()),
            number_text(s, s.mean()),
            number_text(s, s.min()),
            number_text(s, s.max()),
            number_text(s, s.stddev()),
            mean_over_time_text(s),
            gap_text(s),
            coverage_text(s),
            std::to_string(s.revision()),
            quality_text(s.quality()),
            time_text(s),
            s.count() == 0 ? "-" : aggregates_text(s.aggregates())};
  }
};

struct MergedListing {
  using Request = v1::MergeSummariesRequest;
  static constexpr const char* kName = "rows";
  static constexpr const char* kWords = "tumbling windows to merge";
  static Result<v1::MergeSummariesResponse> ask(HubClient& client, const Request& request) {
    auto page = client.merge(request);
    if (page.ok() && page->left_out() > 0) {
      std::fprintf(
          stderr,
          "sluicectl: %s windows cross a border of --every, counted from 1970 UTC, and are "
          "left out; take a multiple of their length (with offset or time_zone none may "
          "fit)\n",
          grouped(page->left_out()).c_str());
    }
    return page;
  }
  static const auto& rows(const v1::MergeSummariesResponse& page) { return page.rows(); }
  static std::vector<Table::Column> columns() {
    return {{"NODE"},         {"PIPELINE"},      {"SERIES"},        {"START"},
            {"LENGTH", true}, {"COUNT", true},   {"MEAN", true},    {"MIN", true},
            {"MAX", true},    {"STDDEV", true},  {"TW MEAN", true}, {"GAP", true},
            {"CAME", true},   {"WINDOWS", true}, {"PARTIAL", true}, {"AGGREGATES"}};
  }
  static std::vector<std::string> cells(const v1::MergedSummary& m) {
    return {m.node().empty() ? "(all)" : m.node(),
            m.pipeline(),
            series_text(series_of(m)),
            utc_text(m.start_ns()),
            window_text(m.start_ns(), m.end_ns()),
            grouped(m.count()),
            number_text(m, m.mean()),
            number_text(m, m.min()),
            number_text(m, m.max()),
            number_text(m, m.stddev()),
            mean_over_time_text(m),
            gap_text(m),
            coverage_text(m),
            grouped(m.windows()),
            grouped(m.windows_partial()),
            m.count() == 0 ? "-" : aggregates_text(m.aggregates())};
  }
};

struct GapListing {
  using Request = v1::ListGapsRequest;
  static constexpr const char* kName = "gaps";
  static constexpr const char* kWords = "gaps";
  static Result<v1::ListGapsResponse> ask(HubClient& client, const Request& request) {
    return client.gaps(request);
  }
  static const auto& rows(const v1::ListGapsResponse& page) { return page.gaps(); }
  static std::vector<Table::Column> columns() {
    return {{"NODE"}, {"FROM"}, {"TO"}, {"LOST"}, {"OF"}, {"CAUSE"}, {"COUNT", true}};
  }
  static std::vector<std::string> cells(const v1::GapRow& g) {
    return {g.node(),
            g.from_ns() == 0 ? "unknown" : utc_text(g.from_ns()),
            utc_text(g.to_ns()),
            kind_text(g.kind()),
            g.owner().empty() ? "(any)" : g.owner(),
            g.cause(),
            g.count() == 0 ? "unknown" : grouped(g.count())};
  }
};

struct EventListing {
  using Request = v1::ListEventsRequest;
  static constexpr const char* kName = "events";
  static constexpr const char* kWords = "events";
  static Result<v1::ListEventsResponse> ask(HubClient& client, const Request& request) {
    return client.events(request);
  }
  static const auto& rows(const v1::ListEventsResponse& page) { return page.events(); }
  static std::vector<Table::Column> columns() {
    return {{"NODE"},  {"TIME"},    {"SEVERITY"}, {"EVENT"},
            {"PHASE"}, {"TOLD BY"}, {"SERIES"},   {"MESSAGE"}};
  }
  static std::vector<std::string> cells(const v1::EventRow& e) {
    return {e.node(),
            time_text(e),
            severity_text(e.event().severity()),
            e.event().name(),
            phase_text(e.event().phase()),
            teller_text(e.event()),
            e.measurement().empty() ? "-" : series_text(series_of(e)),
            message_text(e.event())};
  }
};

struct UnreadListing {
  using Request = v1::ListUnreadRequest;
  static constexpr const char* kName = "unread";
  static constexpr const char* kWords = "unread rows";
  static Result<v1::ListUnreadResponse> ask(HubClient& client, const Request& request) {
    return client.unread(request);
  }
  static const auto& rows(const v1::ListUnreadResponse& page) { return page.unread(); }
  static std::vector<Table::Column> columns() {
    return {{"NODE"}, {"EPOCH"}, {"SEQ", true}, {"RECEIVED"}, {"BYTES", true}, {"WHY"}};
  }
  static std::vector<std::string> cells(const v1::UnreadRow& r) {
    return {r.node(),
            r.epoch().substr(0, 8),
            grouped(std::int64_t{r.seq()}),
            utc_text(r.received_ns()),
            bytes_text(r.bytes()),
            r.text()};
  }
};

/// Where the rows of one query go, page by page.
template <typename Listing>
class ListPrinter {
 public:
  explicit ListPrinter(bool json) : json_(json), table_(Listing::columns()) {
    if (json_) put(std::string("{\"") + Listing::kName + "\":[");
  }

  template <typename Page>
  void page(const Page& page) {
    for (const auto& row : Listing::rows(page)) {
      if (json_)
        put((rows_ > 0 ? "," : "") + to_json(row));
      else
        table_.add_row(Listing::cells(row));
      ++rows_;
    }
    if (!json_ && !table_.empty()) put(table_.take());
  }

  /// `next_page_token` is empty when nothing was left out.
  void end(const std::string& next_page_token) {
    if (json_) {
      std::string tail = "],\"next_page_token\":";
      append_json_string(tail, next_page_token);
      put(tail + "}\n");
    } else if (rows_ == 0) {
      put(std::string("No ") + Listing::kWords + ".\n");
    } else if (!next_page_token.empty()) {
      std::fprintf(stderr, "sluicectl: there are more than these %s (--limit or --all)\n",
                   grouped(rows_).c_str());
    }
  }

  std::uint64_t rows() const { return rows_; }

 private:
  const bool json_;
  std::uint64_t rows_ = 0;
  Table table_;
};

template <typename Listing>
ExitCode show_list(const HubAddress& hub, typename Listing::Request query, std::uint64_t limit,
                   bool all, bool json) {
  auto client = HubClient::make(hub);
  if (!client.ok()) return fail(client.status());
  std::optional<ListPrinter<Listing>> printer;
  for (;;) {
    const std::uint64_t shown = printer ? printer->rows() : 0;
    const std::uint64_t wanted = all ? kHubPageRows : limit - shown;
    query.set_limit(static_cast<std::uint32_t>(std::min<std::uint64_t>(wanted, kHubPageRows)));
    const auto page = Listing::ask(*client, query);
    if (!page.ok()) return fail(page.status());
    if (!printer) printer.emplace(json);
    printer->page(*page);
    const std::string& next = page->next_page_token();
    if (next.empty() || (!all && printer->rows() >= limit)) {
      printer->end(next);
      return kExitOk;
    }
    // A token that does not move on would keep us here for ever.
    if (next == query.page_token()) {
      return fail(internal_error("the hub at " + hub.address +
                                 " gave the same page twice: update the hub or sluicectl"));
    }
    query.set_page_token(next);
  }
}

void put_event(const v1::EventRow& event, bool json) {
  if (json) return put(to_json(event) + "\n");
  std::string line;
  for (const std::string& cell : EventListing::cells(event)) {
    line += (line.empty() ? "" : "  ") + printable(cell);
  }
  put(line + "\n");
}

/// The newest first, so that the last of them shows where to go on.
ExitCode follow_events(const HubAddress& hub, v1::ListEventsRequest query, std::uint64_t limit,
                       bool json) {
  auto client = HubClient::make(hub);
  if (!client.ok()) return fail(client.status());
  query.set_by_arrival(true);
  query.set_oldest_first(false);
  query.set_limit(static_cast<std::uint32_t>(std::min<std::uint64_t>(limit, kHubPageRows)));
  for (bool is_first = true;; is_first = false) {
    auto page = client->events(query);
    if (!page.ok()) return fail(page.status());
    if (is_first) std::reverse(page->mutable_events()->begin(), page->mutable_events()->end());
    for (const v1::EventRow& event : page->events()) put_event(event, json);
    if (!page->events().empty()) query.set_after_number(page->events().rbegin()->number());
    query.set_oldest_first(true);
    query.set_limit(kHubPageRows);
    if (page->events_size() < static_cast<int>(kHubPageRows)) {
      std::this_thread::sleep_for(std::chrono::seconds(1));
    }
  }
}

}  // namespace

ExitCode show_hub_nodes(const HubAddress& hub, bool json) {
  auto client = HubClient::make(hub);
  if (!client.ok()) return fail(client.status());
  const auto nodes = client->nodes();
  if (!nodes.ok()) return fail(nodes.status());
  put(json ? to_json(*nodes) + "\n" : nodes_text(*nodes));
  return kExitOk;
}

ExitCode show_hub_summaries(const HubAddress& hub, v1::ListSummariesRequest query,
                            std::uint64_t limit, bool all, bool json) {
  return show_list<SummaryListing>(hub, std::move(query), limit, all, json);
}

ExitCode show_hub_merged(const HubAddress& hub, v1::MergeSummariesRequest query,
                         std::uint64_t limit, bool all, bool json) {
  return show_list<MergedListing>(hub, std::move(query), limit, all, json);
}

ExitCode show_hub_gaps(const HubAddress& hub, v1::ListGapsRequest query, std::uint64_t limit,
                       bool all, bool json) {
  return show_list<GapListing>(hub, std::move(query), limit, all, json);
}

ExitCode show_hub_events(const HubAddress& hub, v1::ListEventsRequest query, std::uint64_t limit,
                         bool all, bool follows, bool json) {
  if (!follows) return show_list<EventListing>(hub, std::move(query), limit, all, json);
  return follow_events(hub, std::move(query), limit, json);
}

ExitCode show_hub_unread(const HubAddress& hub, v1::ListUnreadRequest query, std::uint64_t limit,
                         bool all, bool json) {
  return show_list<UnreadListing>(hub, std::move(query), limit, all, json);
}

}  // namespace sluice::ctl
