#include "ctl/top_screen.h"

#include <algorithm>
#include <utility>

#include "ctl/format.h"
#include "ctl/text.h"

namespace sluice::ctl {
namespace {

constexpr std::size_t kCellWidth = 27;
constexpr std::size_t kCellGap = 3;
constexpr std::size_t kProblemsShown = 3;
constexpr const char* kDaemonSilent = "daemon not answering, retrying";
constexpr const char* kHubSilent = "hub not answering, retrying";

/// Collects lines that fit the screen.
class Screen {
 public:
  explicit Screen(const ScreenSize& size) : size_(size) {}
  void add(const std::string& text, Style style = Style::plain) {
    if (left() > 0) lines_.push_back({fit(text, size_.width), style});
  }
  std::size_t left() const {
    return size_.height > lines_.size() ? size_.height - lines_.size() : 0;
  }
  const ScreenSize& size() const { return size_; }
  std::vector<ScreenLine> take() { return std::move(lines_); }

 private:
  const ScreenSize size_;
  std::vector<ScreenLine> lines_;
};

using Cell = std::pair<std::string, std::string>;

/// Name and value cells side by side, as many as the width takes.
void add_grid(Screen& screen, const std::vector<Cell>& cells) {
  const std::size_t columns =
      std::max<std::size_t>(1, (screen.size().width + kCellGap) / (kCellWidth + kCellGap));
  for (std::size_t i = 0; i < cells.size(); i += columns) {
    std::string line;
    for (std::size_t k = i; k < std::min(i + columns, cells.size()); ++k) {
      const auto& [name, value] = cells[k];
      const std::size_t name_width = display_width(name);
      if (k > i) line.append(kCellGap, ' ');
      line += name + pad_left(value, std::max(kCellWidth - name_width, display_width(value) + 1));
    }
    screen.add(line);
  }
}

struct NumberColumn {
  const char* heading;
  std::size_t width;
  std::size_t screen_min;  ///< screen width from which on it is shown
};
constexpr NumberColumn kWindowColumns[] = {
    {"COUNT", 8, 30}, {"MEAN", 9, 0}, {"MIN", 9, 60}, {"MAX", 9, 60}};

/// How many recent means there is room for.
std::size_t spark_width(std::size_t width) {
  if (width < 78) return 0;
  return width < 100 ? WindowHistory::kWindowsMax / 2 : WindowHistory::kWindowsMax;
}

std::string window_line(const std::string& name, const std::vector<std::string>& numbers,
                        const std::string& spark, std::size_t width) {
  std::string right;
  for (std::size_t i = 0; i < std::size(kWindowColumns); ++i) {
    const NumberColumn& column = kWindowColumns[i];
    if (width >= column.screen_min) right += " " + pad_left(numbers[i], column.width);
  }
  if (spark_width(width) > 0) right += "  " + pad_right(spark, spark_width(width));
  const std::size_t right_width = display_width(right);
  return pad_right(name, width > right_width ? width - right_width : 0) + right;
}

void add_windows(Screen& screen, const WindowHistory& history) {
  if (screen.left() < 3) return;
  screen.add("");
  const std::size_t width = screen.size().width;
  std::vector<std::string> headings;
  for (const NumberColumn& column : kWindowColumns) headings.emplace_back(column.heading);
  screen.add(window_line("LAST WINDOW OF", headings, "RECENT", width), Style::heading);
  if (history.empty()) screen.add("no window has closed yet", Style::dim);
  for (const auto& series : history.newest(screen.left())) {
    const WindowResult& last = series.windows.back();
    std::vector<double> means;
    const std::size_t shown = std::min(series.windows.size(), spark_width(width));
    for (auto w = series.windows.end() - static_cast<std::ptrdiff_t>(shown);
         w != series.windows.end(); ++w) {
      means.push_back(w->mean);
    }
    screen.add(window_line(
        series.name,
        {grouped(last.count), value_text(last.mean), value_text(last.min), value_text(last.max)},
        sparkline(means, screen.size().unicode), width));
  }
}

std::string rate_or_dash(const std::optional<double>& rate) {
  return rate ? rate_text(*rate) : "-";
}

std::string byte_rate(const std::optional<double>& rate) {
  return rate ? bytes_text(*rate) + "/s" : "-";
}

/// MQTT bytes in for one summary byte up.
std::string ratio_text(const NodeTop& top) {
  if (top.bytes_up() == 0) return "-";
  return value_text(static_cast<double>(top.bytes_in() * 10 / top.bytes_up()) / 10) + " : 1";
}

std::vector<Cell> node_cells(const NodeTop& top, const v1::Status& s) {
  return {{"messages/s", rate_or_dash(top.messages_per_s())},
          {"readings/s", rate_or_dash(top.readings_per_s())},
          {"MQTT in", byte_rate(top.bytes_in_per_s())},
          {"messages", grouped(s.messages_received())},
          {"readings in", grouped(s.readings_in())},
          {"MQTT in, total", bytes_text(top.bytes_in())},
          {"filtered", grouped(s.readings_filtered())},
          {"late", grouped(s.readings_late())},
          {"up", byte_rate(top.bytes_up_per_s())},
          {"rejected", grouped(s.readings_rejected() + s.messages_rejected())},
          {"windows closed", grouped(s.panes_closed())},
          {"up, total", bytes_text(top.bytes_up())},
          {"rows delivered", grouped(s.uplink().rows_sent())},
          {"windows acked", grouped(s.panes_acked())},
          {"in : up", ratio_text(top)},
          {"backlog (outbox)", grouped(s.panes_outbox())},
          {"ledger difference", grouped(std::int64_t{s.ledger_difference()})},
          {"memory", bytes_text(s.rss_bytes())}};
}

void add_node_head(Screen& screen, const NodeTop& top, const v1::Status& s) {
  std::string title = printable(s.node()) + "  " + (s.ready() ? "READY" : "NOT READY") + "  up " +
                      duration_text(s.uptime_s()) + "  " + grouped(std::uint64_t{s.series()}) +
                      " series  sluiced " + printable(s.version()) + "  " + printable(top.target());
  screen.add(title, s.ready() ? Style::title : Style::bad);
  if (!top.trouble().empty()) {
    screen.add(std::string(kDaemonSilent) + ": " + printable(top.trouble()), Style::bad);
  }
  const auto& problems = s.problems();
  for (int i = 0; i < problems.size() && i < static_cast<int>(kProblemsShown); ++i) {
    screen.add("! " + printable(problems[i]), Style::bad);
  }
  if (problems.size() > static_cast<int>(kProblemsShown)) {
    screen.add("! and " + std::to_string(problems.size() - static_cast<int>(kProblemsShown)) +
                   " more (sluicectl status)",
               Style::bad);
  }
  if (s.ledger_difference() != 0) {
    screen.add("! the ledger does not balance (sluicectl ledger)", Style::bad);
  }
}

std::string fleet_line(const HubTop::Node& node) {
  const v1::NodeRow& row = node.row;
  return pad_right(printable(row.node()), 20) + " " +
         pad_right(row.connected() ? "connected" : "away", 9) + " " +
         pad_left(rate_or_dash(node.rows.per_second()), 8) + " " +
         pad_left(byte_rate(node.bytes.per_second()), 12) + " " +
         pad_left(grouped(row.panes()), 12) + " " + pad_left(grouped(row.series()), 8) + " " +
         pad_left(grouped(row.rows_repeated()), 9) + "  " + printable(row.version());
}

constexpr const char* kFleetHeading =
    "NODE                 STATE       ROWS/S     BLOCKS/S      WINDOWS   SERIES  REPEATED  VERSION";

}  // namespace

std::vector<ScreenLine> render(const NodeTop& top, const ScreenSize& size) {
  Screen screen(size);
  if (!top.status()) {
    screen.add(std::string(top.trouble().empty() ? "asking the daemon at " : kDaemonSilent) +
                   (top.trouble().empty() ? printable(top.target()) : ""),
               top.trouble().empty() ? Style::dim : Style::bad);
    if (!top.trouble().empty()) screen.add(printable(top.trouble()), Style::dim);
    return screen.take();
  }
  add_node_head(screen, top, *top.status());
  screen.add("");
  add_grid(screen, node_cells(top, *top.status()));
  add_windows(screen, top.history());
  return screen.take();
}

std::vector<ScreenLine> render(const HubTop& top, const ScreenSize& size) {
  Screen screen(size);
  std::size_t connected = 0;
  for (const auto& [key, node] : top.nodes()) connected += node.row.connected() ? 1 : 0;
  screen.add("hub " + printable(top.target()) + "  " + std::to_string(connected) + " of " +
                 std::to_string(top.nodes().size()) + " nodes connected",
             Style::title);
  if (!top.trouble().empty()) {
    screen.add(std::string(kHubSilent) + ": " + printable(top.trouble()), Style::bad);
  }
  if (!top.answered()) return screen.take();
  screen.add("");
  screen.add(kFleetHeading, Style::heading);
  // Half of what is left belongs to the windows.
  std::size_t rows = std::max<std::size_t>(1, screen.left() / 2);
  for (const auto& [key, node] : top.nodes()) {
    if (rows-- == 0) break;
    screen.add(fleet_line(node), node.row.connected() ? Style::plain : Style::dim);
  }
  add_windows(screen, top.history());
  return screen.take();
}

std::string plain_line(const NodeTop& top) {
  if (!top.trouble().empty()) {
    return std::string(kDaemonSilent) + ": " + printable(top.trouble());
  }
  if (!top.status()) return "asking the daemon at " + printable(top.target());
  const v1::Status& s = *top.status();
  std::string line = "node=" + printable(s.node()) + " ready=" + (s.ready() ? "true" : "false");
  line += " uptime_s=" + std::to_string(static_cast<std::int64_t>(s.uptime_s()));
  line += " messages_per_s=" + (top.messages_per_s() ? value_text(*top.messages_per_s()) : "-");
  const std::pair<const char*, std::uint64_t> counts[] = {
      {"messages", s.messages_received()},
      {"readings_in", s.readings_in()},
      {"filtered", s.readings_filtered()},
      {"late", s.readings_late()},
      {"rejected", s.readings_rejected() + s.messages_rejected()},
      {"windows_closed", s.panes_closed()},
      {"rows_delivered", s.uplink().rows_sent()},
      {"windows_acked", s.panes_acked()},
      {"outbox", s.panes_outbox()},
      {"bytes_in", top.bytes_in()},
      {"bytes_up", top.bytes_up()},
      {"rss_bytes", s.rss_bytes()}};
  for (const auto& [name, count] : counts) {
    line += std::string(" ") + name + "=" + std::to_string(count);
  }
  return line + " ledger_difference=" + std::to_string(s.ledger_difference());
}

std::string plain_line(const HubTop& top) {
  if (!top.trouble().empty()) return std::string(kHubSilent) + ": " + printable(top.trouble());
  std::uint64_t connected = 0;
  std::uint64_t panes = 0;
  std::uint64_t rows = 0;
  std::uint64_t repeated = 0;
  for (const auto& [key, node] : top.nodes()) {
    connected += node.row.connected() ? 1 : 0;
    panes += node.row.panes();
    rows += node.row.rows_received();
    repeated += node.row.rows_repeated();
  }
  return "hub=" + printable(top.target()) + " nodes=" + std::to_string(top.nodes().size()) +
         " connected=" + std::to_string(connected) + " windows=" + std::to_string(panes) +
         " rows=" + std::to_string(rows) + " rows_repeated=" + std::to_string(repeated);
}

}  // namespace sluice::ctl
