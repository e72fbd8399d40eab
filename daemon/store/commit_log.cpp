#include "store/commit_log.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/log.h"
#include "store/segment_codec.h"

namespace sluice::storage {
namespace {

// A slice stays near 2 ms, so that a commit never waits long.
constexpr std::int64_t kTrimRows_max = 128;
constexpr std::int64_t kTrimBytes_max = 1 << 20;
constexpr std::string_view kAckedKey = "acked_seq";

}  // namespace

CommitLog::CommitLog(Database& database)
    : database_(database),
      segments_(database),
      outbox_(database),
      checkpoint_(database),
      meta_(database) {}

Status CommitLog::load(Recovered& recovered) {
  auto next = outbox_.next_seq();
  if (!next.ok()) return next.status();
  next_seq_ = start_seq_ = *next;
  auto checkpoint = checkpoint_.load();
  if (!checkpoint.ok()) return checkpoint.status();
  checkpoint_id_ = checkpoint->segment_id;
  total_ = std::move(checkpoint->ledger);
  recovered.checkpoint = std::move(checkpoint->parts);
  if (Status s = load_acked(); !s.ok()) return s;
  return load_segments(recovered);
}

Status CommitLog::load_acked() {
  auto bytes = meta_.get(kAckedKey);
  if (!bytes.ok() || bytes->empty()) return bytes.status();
  ByteReader in(*bytes);
  acked_seq_ = in.i64();
  return in.at_end() ? Status() : data_loss("the highest acknowledged number is malformed");
}

Status CommitLog::write_acked(std::int64_t seq) {
  ByteWriter out;
  out.i64(seq);
  return meta_.put(kAckedKey, out.bytes());
}

Status CommitLog::load_segments(Recovered& recovered) {
  bool last_intact = true;
  if (Status s = segments_.last(last_, last_intact); !s.ok()) return s;
  if (last_.id < checkpoint_id_) return data_loss("the segment of the checkpoint is missing");
  std::uint64_t good = 0;
  std::int64_t log_bytes = 0;
  const Status status = segments_.scan(
      checkpoint_id_, [&](const SegmentTable::Position& at, std::string_view body, bool intact) {
        auto segment = intact ? decode_segment(body) : data_loss("checksum");
        if (!segment.ok()) return;
        total_.add(segment->ledger);
        log_bytes = at.log_bytes;
        ++good;
      });
  if (!status.ok()) return status;
  if (!last_intact) {
    auto rows = outbox_.count();
    if (!rows.ok()) return rows.status();
    last_ = {last_.id, log_bytes, *rows};
  }
  auto start = segments_.start(last_.log_bytes);
  if (!start.ok()) return start.status();
  start_bytes_ = *start;
  recovered.segments_after_checkpoint = good;
  recovered.damaged_segments = static_cast<std::uint64_t>(last_.id - checkpoint_id_) - good;
  if (recovered.damaged_segments > 0) {
    log::error("store", "segments are damaged: their readings are missing from the state",
               {{"segments", recovered.damaged_segments}});
  }
  return {};
}

Status CommitLog::replay(const std::function<Status(const Segment&)>& apply) {
  Status result;
  const Status status = segments_.scan(
      checkpoint_id_, [&](const SegmentTable::Position&, std::string_view body, bool intact) {
        if (!intact || !result.ok()) return;
        auto segment = decode_segment(body);
        if (segment.ok()) result = apply(*segment);
      });
  return status.ok() ? result : status;
}

Result<SegmentSlice> CommitLog::read_segments(std::int64_t after, std::size_t bytes_max,
                                              const std::function<bool()>& enough) {
  SegmentSlice slice;
  const auto oldest = segments_.oldest_id();
  if (!oldest.ok()) return oldest.status();
  slice.oldest_id = *oldest;
  slice.newest_id = last_.id;
  std::size_t bytes = 0;
  const Status status = segments_.scan_while(
      after, [&](const SegmentTable::Position& at, std::string_view body, bool intact) {
        slice.segments.push_back({at.id, std::string(intact ? body : std::string_view())});
        bytes += body.size();
        return bytes < bytes_max && !enough();
      });
  if (!status.ok()) return status;
  return slice;
}

CommitLog::Change CommitLog::begin() const {
  Change change;
  change.position = last_;
  change.position.id = last_.id + 1;
  change.next_seq = next_seq_;
  return change;
}

Status CommitLog::add_row(OutboxRow& row, Change& change) {
  row.seq = change.next_seq++;
  ++change.position.outbox_rows;
  return outbox_.insert(row);
}

Result<CommitLog::Claims> CommitLog::remove_rows(std::span<const std::int64_t> seqs,
                                                 Change& change) {
  Claims claims;
  for (const std::int64_t seq : seqs) {
    auto owner = outbox_.remove(seq);
    if (!owner.ok()) return owner.status();
    if (!*owner) continue;
    --change.position.outbox_rows;
    change.removed_seq = std::max(change.removed_seq, seq);
    const auto [claim, fresh] = claims.emplace((*owner)->pipeline, **owner);
    if (!fresh) claim->second.add(**owner);
  }
  return claims;
}

void CommitLog::count_out(const Claims& claims, Term end, std::string_view cause, Change& change) {
  for (const auto& [pipeline, claim] : claims) {
    change.delta.add(LedgerKind::panes, pipeline, Term::outbox, -std::int64_t{claim.panes});
    change.delta.add(LedgerKind::panes, pipeline, end, claim.panes, cause);
  }
}

Status CommitLog::part_row(OutboxRow& row, std::vector<OutboxRow>& ended, Change& change) {
  if (auto removed = outbox_.remove(row.seq); !removed.ok()) return removed.status();
  const RowSplit split = *std::exchange(row.split, std::nullopt);
  const std::int64_t more = std::int64_t{split.before_panes} + split.since_panes - row.panes;
  for (const Term term : {Term::closed, Term::outbox}) {
    change.delta.add(LedgerKind::panes, row.pipeline, term, more);
  }
  OutboxRow before = row;
  before.panes = split.before_panes;
  before.bytes = split.before;
  ended.push_back(std::move(before));
  if (split.since_panes == 0) {
    --change.position.outbox_rows;
    return {};
  }
  row.panes = split.since_panes;
  row.bytes = split.since;
  return outbox_.insert(row);
}

Status CommitLog::append(std::span<const LogEntry> entries, Change& change) {
  const std::string body = encode_segment(entries, change.delta);
  change.position.log_bytes += SegmentTable::row_bytes(body);
  return segments_.append(change.position, body);
}

Status CommitLog::write_checkpoint(const std::vector<CheckpointPart>& parts, Change& change) {
  Ledger total = total_;
  total.add(change.delta);
  auto known = checkpoint_.replace(change.position.id, total, parts);
  if (!known.ok()) return known.status();
  change.parts = *std::move(known);
  return {};
}

void CommitLog::adopt(Change change) {
  last_ = change.position;
  next_seq_ = change.next_seq;
  total_.add(change.delta);
  delta_.add(change.delta);
  if (!change.parts) return;
  checkpoint_.adopt(*std::move(change.parts));
  checkpoint_id_ = last_.id;
}

Result<bool> CommitLog::trim_slice() {
  Transaction transaction(database_);
  if (Status s = transaction.begin(); !s.ok()) return s;
  auto end = segments_.trim(checkpoint_id_, kTrimRows_max, kTrimBytes_max);
  if (!end.ok()) return end.status();
  if (end->id == 0) return false;
  if (Status s = transaction.commit(); !s.ok()) return s;
  start_bytes_ = std::clamp(end->log_bytes, start_bytes_, last_.log_bytes);
  return true;
}

Status CommitLog::trim_to(double share_bytes) {
  // Down to 15/16 at once: a slice costs a commit, so it must not come with every one of them.
  const auto used_bytes = static_cast<double>(raw_bytes());
  if (used_bytes > share_bytes) trimming_ = true;
  if (used_bytes <= share_bytes * 15 / 16) trimming_ = false;
  if (!trimming_) return {};
  auto trimmed = trim_slice();
  if (!trimmed.ok()) return trimmed.status();
  trimming_ = *trimmed;
  return {};
}

}  // namespace sluice::storage
