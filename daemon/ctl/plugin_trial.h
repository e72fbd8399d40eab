#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "base/status.h"
#include "ctl/reading_line.h"
#include "ctl/table.h"
#include "model/ports.h"
#include "model/series.h"

namespace sluice::ctl {

struct TrialOptions {
  std::size_t batch_size = 64;
  std::int64_t max_out_of_order_ns = 0;  ///< the watermark stays this far behind the latest reading
  std::int64_t advance_ns = 0;  ///< at the end it rises to this far after it; 0: not at all
  bool restarts = false;        ///< after every batch a new instance takes over the snapshot
  bool json = false;
  bool of_aggregate = false;  ///< see plugin_aggregate_trial.h; the two times are then not used
};

/// Gives readings to a plugin as the daemon would, and tells of each what became of it: a line per
/// input, settled and derived reading and event, in a table or as JSON.
///
/// All readings count as of one source. An ordered plugin gets them in order of event time, as from
/// the reorder buffer. After each batch time advances (on_time) to the latest event time.
class PluginTrial {
 public:
  /// Makes an instance; asked again for each restart.
  using MakeStage = std::function<Result<std::unique_ptr<Stage>>()>;
  using Put = std::function<void(const std::string& text)>;

  /// `series` is the table of the instances too, and outlives this.
  PluginTrial(const TrialOptions& options, SeriesTable& series, MakeStage make, Put put);

  /// Once. The failure of make() for the first instance. What the plugin does wrong later is told
  /// among the lines, and counted.
  Status run(std::vector<ReadingLine> readings);
  /// Calls, snapshots and restores that failed.
  std::uint64_t failures() const { return failures_; }

 private:
  struct Line;
  void process(const std::vector<ReadingLine>& readings, std::size_t first, std::size_t count);
  void advance(std::int64_t watermark_ns);
  void restart();
  void tell_rows(const ReadingBatch& in, const std::vector<ReadingLine>& readings,
                 std::size_t first);
  void tell_settled();
  void tell_rest();
  void tell_event(const Event& event);
  void tell_failure(const std::string& message);
  void tell(const Line& line);
  void tell_end();
  void flush();

  const TrialOptions options_;
  SeriesTable& series_;
  const MakeStage make_;
  const Put put_;
  std::unique_ptr<Stage> stage_;
  StageOutput out_;
  std::int64_t latest_ns_ = -1;
  std::int64_t watermark_ns_ = -1;
  Table table_;

  std::uint64_t verdicts_[4] = {};  ///< by Verdict
  std::uint64_t readings_ = 0;
  std::uint64_t passed_by_ = 0;
  std::uint64_t settled_passed_ = 0;
  std::uint64_t settled_dropped_ = 0;
  std::uint64_t derived_ = 0;
  std::uint64_t events_ = 0;
  std::uint64_t failures_ = 0;
};

}  // namespace sluice::ctl
