#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "ctl/text.h"
#include "sluice/v1/admin.pb.h"
#include "sluice/v1/hub.pb.h"

// What `sluicectl top` has learnt so far: plain values, no clock, no I/O.

namespace sluice::ctl {

/// Change per second of a counter. Empty until there are two answers, and again after the counter
/// went back (a restart, a new database).
class Rate {
 public:
  void sample(std::int64_t boottime_ns, std::uint64_t count);
  void reset();
  std::optional<double> per_second() const { return per_second_; }

 private:
  std::optional<std::int64_t> at_ns_;
  std::uint64_t count_ = 0;
  std::optional<double> per_second_;
};

/// One closed window.
struct WindowResult {
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::uint32_t revision = 0;
  std::uint64_t count = 0;
  double mean = 0;
  double min = 0;
  double max = 0;
};

/// The last windows of the series that were heard of last. Bounded: see the constants.
class WindowHistory {
 public:
  static constexpr std::size_t kSeriesMax = 1000;
  static constexpr std::size_t kWindowsMax = 16;

  struct SeriesWindows {
    std::string name;                   ///< fit for a terminal
    std::vector<WindowResult> windows;  ///< by end, newest last; 1..kWindowsMax
  };

  /// A RecentSummary or a SummaryRecord. A window that is known is replaced by a revision at least
  /// as high; one without readings has nothing to show. `owner` goes before the name of the series;
  /// may be empty.
  template <typename Row>
  void add(const std::string& owner, const Row& row) {
    if (row.count() == 0) return;
    const std::string name = series_text(series_of(row));
    add(owner.empty() ? name : printable(owner) + " " + name,
        WindowResult{row.start_ns(), row.end_ns(), row.revision(), row.count(), row.mean(),
                     row.min(), row.max()});
  }
  void add(const std::string& name, const WindowResult& window);

  /// Newest last window first, then by name. At most `count_max`.
  std::vector<SeriesWindows> newest(std::size_t count_max) const;
  bool empty() const { return series_.empty(); }
  void clear() { series_.clear(); }

 private:
  void make_room();

  std::map<std::string, std::vector<WindowResult>> series_;
};

/// One daemon as seen through its admin socket.
class NodeTop {
 public:
  explicit NodeTop(std::string target) : target_(std::move(target)) {}

  /// An answer came at `boottime_ns`. Another process (pid) than before starts the rates afresh and
  /// forgets the windows.
  void answer(std::int64_t boottime_ns, const v1::Status& status);
  void windows(const v1::ListRecentSummariesResponse& response);
  /// No answer came; the last one stays on show.
  void silence(std::string why);

  const std::string& target() const { return target_; }
  const std::optional<v1::Status>& status() const { return status_; }
  const std::string& trouble() const { return trouble_; }
  const WindowHistory& history() const { return history_; }
  std::optional<double> messages_per_s() const { return messages_.per_second(); }
  std::optional<double> readings_per_s() const { return readings_.per_second(); }
  std::optional<double> bytes_in_per_s() const { return bytes_in_rate_.per_second(); }
  std::optional<double> bytes_up_per_s() const { return bytes_up_rate_.per_second(); }
  /// MQTT bytes taken and summary bytes sent since the daemon's start.
  std::uint64_t bytes_in() const;
  std::uint64_t bytes_up() const;
  /// How many windows to ask for next: what closed since the last answer and some more.
  std::uint32_t windows_wanted() const { return windows_wanted_; }

 private:
  std::string target_;
  std::optional<v1::Status> status_;
  std::string trouble_;
  Rate messages_;
  Rate readings_;
  Rate bytes_in_rate_;
  Rate bytes_up_rate_;
  WindowHistory history_;
  std::uint32_t windows_wanted_ = 2000;
};

/// A fleet as seen through its hub.
class HubTop {
 public:
  struct Node {
    v1::NodeRow row;
    Rate rows;
    Rate bytes;
  };
  explicit HubTop(std::string target) : target_(std::move(target)) {}

  void answer(std::int64_t boottime_ns, const v1::ListNodesResponse& response);
  void windows(const v1::ListSummariesResponse& response);
  void silence(std::string why);

  const std::string& target() const { return target_; }
  bool answered() const { return answered_; }
  const std::string& trouble() const { return trouble_; }
  const WindowHistory& history() const { return history_; }
  /// By (node, epoch).
  const std::map<std::pair<std::string, std::string>, Node>& nodes() const { return nodes_; }

 private:
  std::string target_;
  bool answered_ = false;
  std::string trouble_;
  std::map<std::pair<std::string, std::string>, Node> nodes_;
  WindowHistory history_;
};

}  // namespace sluice::ctl
