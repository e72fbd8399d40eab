#include "store/events.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/log.h"

namespace sluice::storage {

Events::Events(Database& database, CommitLog& log, const Epochs& epochs, Losses& losses,
               const Clock& clock, std::uint64_t quota_bytes)
    : database_(database),
      log_(log),
      epochs_(epochs),
      losses_(losses),
      clock_(clock),
      table_(database, quota_bytes) {}

Status Events::load(Recovered& recovered) {
  if (Status s = table_.load(); !s.ok()) return s;
  if (recovered.damaged_segments == 0) return {};
  const std::int64_t last = log_.last_id();
  if (Status s = quarantine({}); !s.ok()) return s;
  if (log_.last_id() > last) ++recovered.segments_after_checkpoint;
  return {};
}

Status Events::add(std::span<const ToldEvent> events, CommitLog::Change& change,
                   EventTable::Size& size) {
  for (const ToldEvent& told : events) {
    if (Status s = table_.add(told, epochs_.current().epoch, size); !s.ok()) return s;
  }
  const auto left = table_.remove_excess(size);
  return left.ok() ? expire(*left, "event_table_full", change) : left.status();
}

Status Events::expire(const EventTable::LeftByPipeline& left, std::string_view cause,
                      CommitLog::Change& change) {
  for (const auto& [pipeline, gone] : left) {
    change.delta.add(LedgerKind::events, pipeline, Term::waiting, -gone.count);
    change.delta.add(LedgerKind::events, pipeline, Term::expired, gone.count, cause);
    const Gap gap{LedgerKind::events, pipeline,   std::string(cause),
                  gone.from_ns,       gone.to_ns, static_cast<std::uint64_t>(gone.count)};
    if (Status s = losses_.add(gap); !s.ok()) return s;
  }
  return {};
}

Result<bool> Events::acknowledge(std::int64_t seq, CommitLog::Change& change,
                                 EventTable::Size& size) {
  const auto left = table_.remove_up_to(seq, size);
  if (!left.ok()) return left.status();
  for (const auto& [pipeline, gone] : *left) {
    change.delta.add(LedgerKind::events, pipeline, Term::waiting, -gone.count);
    change.delta.add(LedgerKind::events, pipeline, Term::acked, gone.count);
  }
  return !left->empty();
}

Result<std::vector<EventRow>> Events::read(std::int64_t after_seq, std::size_t count_max) {
  auto page = table_.read(after_seq, count_max);
  if (!page.ok()) return page.status();
  if (!page->damaged.empty()) {
    const Status status = quarantine(page->damaged);
    log::error("store", "damaged events are given up",
               {{"rows", page->damaged.size()}, {"result", status.to_string()}});
    if (status.code() == StatusCode::data_loss) return status;
  }
  return std::move(page->rows);
}

Status Events::quarantine(std::span<const std::int64_t> damaged) {
  CommitLog::Change change = log_.begin();
  EventTable::Size size = table_.size();
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  for (const std::int64_t seq : damaged) {
    if (Status s = table_.remove_damaged(seq, size); !s.ok()) return s;
  }
  if (Status s = reconcile(change); !s.ok()) return s;
  if (damaged.empty() && change.delta.empty()) return {};
  if (Status s = log_.append({}, change); !s.ok()) return s;
  if (Status s = transaction.commit(); !s.ok()) return s;
  log_.adopt(std::move(change));
  table_.adopt(size);
  return {};
}

/// A damaged row cannot be trusted to say whose it was: what the ledger counts and the remaining
/// rows do not account for is what was lost.
Status Events::reconcile(CommitLog::Change& change) {
  auto held = table_.count_by_pipeline();
  if (!held.ok()) return held.status();
  std::set<std::string> pipelines;
  for (const std::string& owner : log_.total().owners(LedgerKind::events)) pipelines.insert(owner);
  for (const auto& [pipeline, rows] : *held) pipelines.insert(pipeline);
  for (const std::string& pipeline : pipelines) {
    const std::int64_t lost =
        log_.total().get(LedgerKind::events, pipeline, Term::waiting) - (*held)[pipeline];
    if (lost > 0) {
      const EventTable::LeftByPipeline left{{pipeline, {lost, 0, clock_.wall_ns()}}};
      if (Status s = expire(left, "corrupt", change); !s.ok()) return s;
    } else if (lost < 0) {  // their commit's segment is damaged, and with it their `told`
      change.delta.add(LedgerKind::events, pipeline, Term::waiting, -lost);
      change.delta.add(LedgerKind::events, pipeline, Term::told, -lost);
    }
  }
  return {};
}

}  // namespace sluice::storage
