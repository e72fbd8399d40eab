#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "model/log.h"
#include "model/ports.h"
#include "model/series.h"
#include "model/window.h"
#include "pipeline/told_events.h"

namespace sluice {

/// The commit group that is being filled: log entries, closed panes, acks. Thread: [pipeline].
class CommitBuilder {
 public:
  CommitBuilder(const SeriesTable& series, const TopicTable& topics, SummaryEncoder& encoder);

  Ledger& ledger() { return group_.segment.ledger; }
  /// Goes upstream with this group; what is added there is counted in ledger().
  ToldEvents& events() { return events_; }
  void add_entry(LogEntry entry, std::int64_t boottime_ns);
  void add_panes(const std::string& pipeline, std::uint64_t spec_hash, std::vector<Pane> panes);
  /// The epoch ends with this group. Of the panes that wait in it, what was there before the start
  /// stays with the old one; when the rows made since do not go along, all of it does.
  void end_epoch(const EpochEnd& end, std::int64_t boottime_ns);
  /// After end_epoch(): panes of the epoch that ends.
  void add_ended_panes(const std::string& pipeline, std::uint64_t spec_hash,
                       std::vector<Pane> panes);
  /// Goes up as a row of its own.
  void add_correction(const TimeCorrection& correction, std::int64_t boottime_ns);
  void add_dead_letter(DeadLetter letter);
  /// A loss goes upstream with this group. One of the same kind, owner and cause is widened instead
  /// of a second one begun, so that a storm of losses stays a few records.
  void add_gap(const Gap& gap, std::int64_t boottime_ns);
  /// Adds a gap for what the group's ledger counts as lost and no gap speaks of yet. It was lost
  /// between the two, wall clock in ns since 1970 UTC; 0 in `from_ns`: since when is not known.
  void name_losses(std::int64_t from_ns, std::int64_t to_ns, std::int64_t boottime_ns);
  /// The group makes this message durable. Position and size bound the group.
  void add_message(const AckPosition& position, std::size_t bytes, std::int64_t boottime_ns);
  /// This position is released once the group is durable, which is now due: the broker waits for
  /// more than an acknowledgement.
  void add_urgent_ticket(const AckPosition& position);

  bool empty() const;
  bool urgent() const { return urgent_; }
  /// CLOCK_BOOTTIME of its first content; meaningless when empty.
  std::int64_t opened_boottime_ns() const { return opened_boottime_ns_; }
  std::size_t messages() const { return messages_; }
  std::size_t messages_of(std::uint32_t source) const;
  std::size_t bytes() const { return bytes_; }
  /// The open group has so many bytes more, beside its messages.
  void add_bytes(std::size_t bytes) { bytes_ += bytes; }

  /// Adds new definitions, encodes the panes into outbox rows and hands the group over; the
  /// builder starts the next one.
  CommitGroup seal();
  /// Definitions up to here are durable already (after recovery).
  void definitions_are_stored();

 private:
  using PaneOwner = std::pair<std::string, std::uint64_t>;  ///< pipeline, spec hash
  using PanesByPipeline = std::map<PaneOwner, std::vector<Pane>>;

  void add_definitions();
  void add_at_end(const PaneOwner& key, Pane pane);
  void add_outbox();
  void add_rows(const PanesByPipeline& panes, bool of_ended_epoch);
  OutboxRow make_row(const SummaryBlock& block);
  void touch(std::int64_t boottime_ns);

  const SeriesTable& series_;
  const TopicTable& topics_;
  SummaryEncoder& encoder_;
  CommitGroup group_;
  ToldEvents events_;
  PanesByPipeline panes_;
  PanesByPipeline ended_panes_;  ///< of the epoch that ends with this group
  std::map<std::pair<std::uint32_t, std::uint64_t>, std::uint64_t> tickets_;
  std::map<std::uint32_t, std::size_t> messages_by_source_;
  Ledger named_;  ///< losses of this group that have their gap
  std::size_t messages_ = 0;
  std::size_t bytes_ = 0;
  bool urgent_ = false;
  std::int64_t opened_boottime_ns_ = 0;
  std::size_t series_stored_ = 0;
  std::size_t topics_stored_ = 0;
};

}  // namespace sluice
