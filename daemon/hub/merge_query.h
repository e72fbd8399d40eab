#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "aggregate/merged_content.h"
#include "hub/plugins_seen.h"
#include "model/series.h"
#include "model/window.h"

namespace sluice::v1 {
class MergeSummariesRequest;
class MergedSummary;
}  // namespace sluice::v1

namespace sluice::hub {

/// A tumbling window as the database has it; of no readings where a node tells of such.
struct StoredWindow : WindowSummary {
  std::int64_t node_id = 0;  ///< of (node, epoch)
  std::string node;
  std::string pipeline;
  std::uint64_t spec_hash = 0;
  Series series;
  std::int64_t start_ns = 0;
  std::int64_t end_ns = 0;
  std::string boot_id;  ///< its readings were stamped in the time of that boot; empty: event time
};

/// Which series go together, and under which name.
class MergeRule {
 public:
  explicit MergeRule(const v1::MergeSummariesRequest& request);

  bool wants(const Series& series) const;
  /// The merged window that holds all of [start_ns, end_ns) begins there; false when none does.
  bool place(std::int64_t start_ns, std::int64_t end_ns, std::int64_t& merged_start_ns) const;
  std::int64_t every_ns() const { return every_ns_; }
  bool merges_nodes() const { return merges_; }
  const std::vector<double>& quantiles() const { return quantiles_; }
  /// The series as the rows name it.
  Series named(const Series& series) const;

 private:
  const std::int64_t every_ns_;
  const std::map<std::string, std::string> labels_;
  const std::vector<std::string> by_;
  const std::vector<double> quantiles_;
  const bool merges_;
};

/// The rows of one merged window. Windows are added in order of their start; none may be added
/// twice.
class MergedWindow {
 public:
  MergedWindow(const MergeRule& rule, std::int64_t start_ns) : rule_(rule), start_ns_(start_ns) {}

  std::int64_t start_ns() const { return start_ns_; }
  void add(const StoredWindow& window);
  /// By pipeline, series and node. `cancelled()` is asked before each series is merged, as a plugin
  /// may be slow on what is stored of it; once it is true, what comes back is of no use.
  std::vector<v1::MergedSummary> rows(const std::function<bool()>& cancelled) const;

 private:
  /// (pipeline, series as text, node)
  using RowKey = std::tuple<std::string, std::string, std::string>;
  /// Windows that share no reading. A pipeline that had several sets of windows has several of
  /// these: they hold the same readings, or some of them. Windows of one set have one length and
  /// what their starts have left of it, but by local time both change with the clock, and in boot
  /// time the latter is another. Those of two boots may overlap.
  struct Set {
    std::int64_t length_ns;  ///< of the last one, and so on
    std::int64_t left_ns;
    std::map<std::string, std::int64_t> ends_ns;  ///< by boot
    std::optional<ExtrasSpec> keeps;
    MergedContent content;
  };
  using Sets = std::vector<Set>;
  /// What never holds a reading of another: a spec of an epoch.
  using PartKey = std::pair<std::int64_t, std::uint64_t>;
  /// A series of a node, whatever its epochs and specs: its windows follow each other in time, and
  /// the time between them counts.
  using SeriesKey = std::pair<std::string, std::string>;
  struct Row {
    Series series;
    std::map<SeriesKey, std::map<PartKey, Sets>> parts;
    PluginsSeen plugins;
  };

  static Set& set_of(const StoredWindow& window, Sets& sets);
  static const MergedContent& fullest(const Sets& sets);

  const MergeRule& rule_;
  const std::int64_t start_ns_;
  std::map<RowKey, Row> rows_;
};

}  // namespace sluice::hub
