#include "store/losses.h"

#include <algorithm>
#include <set>
#include <string>
#include <utility>

#include "base/bytes.h"
#include "base/log.h"

namespace sluice::storage {
namespace {

constexpr std::string_view kDamageKey = "damage";
// A slice stays near 2 ms, so that a commit never waits long.
constexpr std::size_t kGiveUpRows_max = 128;

}  // namespace

Losses::Losses(Database& database, CommitLog& log, const Epochs& epochs, const Clock& clock)
    : database_(database),
      log_(log),
      epochs_(epochs),
      clock_(clock),
      gaps_(database),
      meta_(database) {}

Status Losses::load() { return gaps_.load(); }

Status Losses::add(Gap gap) { return gaps_.add(std::move(gap), epochs_.current().epoch); }

Status Losses::add_unknown(LedgerKind kind, std::string_view cause) {
  return add({kind, {}, std::string(cause), 0, clock_.wall_ns(), 0});
}

Status Losses::report_damaged_segments(Recovered& recovered) {
  if (recovered.damaged_segments == 0) return {};
  // What they changed in the ledger is gone, and with it what they say of the outbox.
  const std::int64_t last = log_.last_id();
  if (Status s = quarantine({}); !s.ok()) return s;
  if (log_.last_id() > last) ++recovered.segments_after_checkpoint;
  auto known = meta_.get(kDamageKey);
  if (!known.ok()) return known.status();
  ByteReader in(*known);
  if (in.i64() == log_.checkpoint_id() && in.u64() >= recovered.damaged_segments) return {};
  ByteWriter out;
  out.i64(log_.checkpoint_id());
  out.u64(recovered.damaged_segments);
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  if (Status s = add_unknown(LedgerKind::readings, "segment_corrupt"); !s.ok()) return s;
  if (Status s = meta_.put(kDamageKey, out.bytes()); !s.ok()) return s;
  return transaction.commit();
}

Status Losses::quarantine(std::span<const std::int64_t> seqs) {
  CommitLog::Change change = log_.begin();
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  const auto claims = log_.remove_rows(seqs, change);
  if (!claims.ok()) return claims.status();
  if (Status s = reconcile(change, *claims); !s.ok()) return s;
  if (seqs.empty() && change.delta.empty()) return {};
  if (Status s = log_.append({}, change); !s.ok()) return s;
  if (Status s = transaction.commit(); !s.ok()) return s;
  log_.adopt(std::move(change));
  return {};
}

/// A damaged row cannot be trusted to say whose panes it held. The ledger knows what should be
/// there, so what the remaining rows do not account for is what was lost. Where it confirms what
/// the rows say of a pipeline's panes, their time range is taken for true as well.
Status Losses::reconcile(CommitLog::Change& change, const CommitLog::Claims& claims) {
  auto held = log_.outbox().panes_by_pipeline();
  if (!held.ok()) return held.status();
  std::set<std::string> pipelines;
  for (const std::string& owner : log_.total().owners(LedgerKind::panes)) pipelines.insert(owner);
  for (const auto& [pipeline, panes] : *held) pipelines.insert(pipeline);
  bool reported = false;
  for (const std::string& pipeline : pipelines) {
    const std::int64_t lost =
        log_.total().get(LedgerKind::panes, pipeline, Term::outbox) - (*held)[pipeline];
    change.delta.add(LedgerKind::panes, pipeline, Term::outbox, -lost);
    // More rows than counted: their commit's segment is damaged, and with it their `closed`.
    if (lost < 0) change.delta.add(LedgerKind::panes, pipeline, Term::closed, -lost);
    if (lost <= 0) continue;
    change.delta.add(LedgerKind::panes, pipeline, Term::expired, lost, "corrupt");
    Gap gap{LedgerKind::panes, pipeline,
            "corrupt",         0,
            clock_.wall_ns(),  static_cast<std::uint64_t>(lost)};
    const auto claim = claims.find(pipeline);
    if (claim != claims.end() && claim->second.panes == lost) {
      gap.from_ns = claim->second.start_ns;
      gap.to_ns = claim->second.end_ns;
    }
    if (Status s = add(std::move(gap)); !s.ok()) return s;
    reported = true;
  }
  const bool nothing = claims.empty() && change.delta.empty();
  return reported || nothing ? Status() : add_unknown(LedgerKind::panes, "corrupt");
}

Result<bool> Losses::misses_acked(const Identity& of, std::int64_t highest_seq) {
  const std::int64_t acked_seq = log_.acked_seq();
  // Of identities whose rows have all left, the ranges are not kept.
  const bool known = acked_seq >= epochs_.ranges().front().first_seq && epochs_.of(acked_seq) == of;
  if (!known || highest_seq >= acked_seq) return false;
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  if (Status s = add_unknown(LedgerKind::panes, "missing_at_hub"); !s.ok()) return s;
  if (Status s = log_.write_acked(highest_seq); !s.ok()) return s;
  if (Status s = transaction.commit(); !s.ok()) return s;
  log_.adopt_acked(highest_seq);
  return true;
}

Result<bool> Losses::give_up_slice(const Identity& of, std::int64_t first_seq,
                                   std::int64_t last_seq, GiveUp why) {
  if (of == epochs_.current())
    return failed_precondition("rows of the current epoch are not given up");
  const auto seqs = rows_of_ended(of, first_seq, last_seq);
  if (!seqs.ok()) return seqs.status();
  if (seqs->empty()) return false;
  CommitLog::Change change = log_.begin();
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  const auto claims = log_.remove_rows(*seqs, change);
  if (!claims.ok()) return claims.status();
  const std::string cause = why == GiveUp::other_life ? "other_life" : "live_elsewhere";
  CommitLog::count_out(*claims, Term::expired, cause, change);
  if (why == GiveUp::other_life) {
    for (const auto& [pipeline, claim] : *claims) {
      if (claim.panes == 0) continue;  // a correction of the time
      const Gap gap{LedgerKind::panes, pipeline, cause, claim.start_ns, claim.end_ns, claim.panes};
      if (Status s = add(gap); !s.ok()) return s;
    }
  }
  if (Status s = log_.append({}, change); !s.ok()) return s;
  if (Status s = transaction.commit(); !s.ok()) return s;
  log_.adopt(std::move(change));
  return true;
}

/// Of the oldest range that has any.
Result<std::vector<std::int64_t>> Losses::rows_of_ended(const Identity& of, std::int64_t first_seq,
                                                        std::int64_t last_seq) {
  const EpochRanges& ranges = epochs_.ranges();
  for (std::size_t i = 0; i + 1 < ranges.size(); ++i) {
    if (!(ranges[i].identity == of)) continue;
    const std::int64_t from_seq = std::max(first_seq, ranges[i].first_seq);
    const std::int64_t to_seq = std::min(last_seq, ranges[i + 1].first_seq - 1);
    auto seqs = log_.outbox().seqs(from_seq, to_seq + 1, kGiveUpRows_max);
    if (!seqs.ok() || !seqs->empty()) return seqs;
  }
  return std::vector<std::int64_t>();
}

Result<std::vector<GapRow>> Losses::read_gaps(std::int64_t after_seq, std::size_t count_max) {
  auto page = gaps_.read(after_seq, count_max);
  if (!page.ok()) return page.status();
  if (page->damaged.empty()) return std::move(page->rows);
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  for (const std::int64_t seq : page->damaged) {
    if (Status s = gaps_.remove(seq); !s.ok()) return s;
  }
  if (Status s = add_unknown(LedgerKind::messages, "gap_corrupt"); !s.ok()) return s;
  if (Status s = transaction.commit(); !s.ok()) return s;
  log::error("store", "damaged gap records are replaced by one that says so",
             {{"rows", page->damaged.size()}});
  page = gaps_.read(after_seq, count_max);
  if (!page.ok()) return page.status();
  return std::move(page->rows);
}

Status Losses::acknowledge_gaps(std::int64_t seq) {
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  if (Status s = gaps_.remove_up_to(seq); !s.ok()) return s;
  return transaction.commit();
}

}  // namespace sluice::storage
