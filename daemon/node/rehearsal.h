#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/clock.h"
#include "base/status.h"
#include "model/ledger.h"
#include "model/log.h"
#include "model/series.h"
#include "model/topic_pattern.h"
#include "node/child_times.h"
#include "node/rehearsal_counts.h"
#include "pipeline/commit_builder.h"
#include "pipeline/pipeline_set.h"
#include "pipeline/time_line.h"
#include "sluice/v1/config.pb.h"
#include "sluice/v1/plan.pb.h"

namespace sluice {

/// One config on recorded segments: its pipelines do with them what the daemon's would have done,
/// and what they bring about is counted instead of kept (decisions/0009-rehearsal.md).
///
/// It begins empty: no window is open, and no stage knows anything. Every segment is one commit, as
/// it was. What the running config's stages answered stands in the log and is passed over: the
/// stages here are called. Time passes as recorded, and where the recording is silent in ticks of
/// its own, since another config may have something to do then.
///
/// What it loads runs in this process, so it belongs into one that may die. One thread.
class Rehearsal {
 public:
  /// `config` has passed schema's checks. `recorded_sources` are named by number in the segments.
  Rehearsal(v1::Config config, std::vector<std::string> recorded_sources);
  ~Rehearsal();

  /// What the node calls `id`, in the order of the ids, before a segment that has it.
  /// `data_loss` when it is malformed or another id is due.
  Status define_series(std::uint32_t id, std::string_view bytes);
  Status define_topic(std::uint32_t id, std::string_view bytes);
  /// `data_loss` for readings of series that nobody defined, and for what no decoder lets pass:
  /// nothing is done then.
  Status take(Segment segment);
  /// A segment that could not be read.
  void miss() { ++unreadable_; }
  /// Once, at the end.
  v1::RehearsalReport finish();

  static constexpr std::size_t kNewSeriesMax = 1'000;

 private:
  struct OnePipeline;

  Status check(const Segment& segment) const;
  bool known(const BatchEntry& batch) const;
  void take_entry(StartEntry& start);
  void take_entry(ConnectedEntry& entry);
  void take_entry(DisconnectedEntry& entry);
  void take_entry(SubscribedEntry&) {}
  void take_entry(BrokerDropsEntry&) {}
  void take_entry(TickEntry& tick);
  void take_entry(ClockEntry& clock);
  void take_entry(CallsEntry&) {}
  void take_entry(BatchEntry& batch);
  void pass_time(std::int64_t boottime_ns, bool silence_counts);
  void translate(BatchEntry& batch);
  bool admits(TopicId topic);
  void count_routed(const BatchEntry& batch, const std::vector<bool>& routed);
  void commit(std::int64_t boottime_ns);
  std::string source_name(std::uint32_t source) const;
  template <typename Step>
  void each(Step step);
  void add_calls(std::int64_t boottime_ns);
  void write(OnePipeline& one, v1::RehearsedPipeline& out);
  void write_ledger(const std::string& pipeline, v1::RehearsedPipeline& out) const;
  void write_series(const std::vector<bool>& of_panes, const OnePipeline& one,
                    v1::RehearsedPipeline& out) const;
  void write_budget(v1::CheckpointBudget& out) const;

  const v1::Config config_;
  const std::vector<std::string> recorded_sources_;
  SeriesTable series_;
  TopicTable topics_;
  std::vector<SeriesId> local_series_{0};   ///< by the node's id
  std::vector<std::uint32_t> node_series_;  ///< by ours; 0: the node does not have it
  std::uint32_t topics_defined_ = 0;
  std::vector<std::int8_t> admitted_{-1};                       ///< by topic; -1: not asked yet
  std::vector<std::pair<std::string, TopicPattern>> patterns_;  ///< with the source's name
  CountingEncoder encoder_;
  SystemClock clock_;
  CommitBuilder builder_;
  TimeLine time_line_;
  ChildTimes children_;
  std::vector<std::unique_ptr<OnePipeline>> pipelines_;
  CountedEvents events_;
  Ledger ledger_;  ///< of all commits so far
  v1::RehearsalReport report_;
  std::uint64_t unreadable_ = 0;
  std::int64_t last_boottime_ns_ = -1;
};

}  // namespace sluice
