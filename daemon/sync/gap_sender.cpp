#include "sync/gap_sender.h"

#include <algorithm>
#include <string>
#include <vector>

#include "base/log.h"

namespace sluice {
namespace {

void write(const GapRow& row, v1::GapRecord& out) {
  out.set_epoch(row.epoch);
  out.set_seq(row.seq);
  out.set_kind(static_cast<v1::GapKind>(row.gap.kind));
  out.set_owner(row.gap.owner);
  out.set_cause(row.gap.cause);
  out.set_from_ns(row.gap.from_ns);
  out.set_to_ns(row.gap.to_ns);
  out.set_count(row.gap.count);
}

/// What stands behind waits too: acks are cumulative.
void cut_at_events(std::vector<GapRow>& rows) {
  const auto is_of_events = [](const GapRow& row) { return row.gap.kind == LedgerKind::events; };
  rows.erase(std::find_if(rows.begin(), rows.end(), is_of_events), rows.end());
}

}  // namespace

std::optional<v1::UplinkRequest> GapSender::next(std::int64_t now_ns) {
  if (unsettled_seq_ != 0 && now_ns >= not_before_ns_) {
    if (source_->acknowledge_gaps(unsettled_seq_).ok()) unsettled_seq_ = 0;
    not_before_ns_ = now_ns + kLookAgain_ns;
  }
  if (!may_look() || now_ns < not_before_ns_) return std::nullopt;
  auto rows = source_->read_gaps(sent_seq_, kBatchMax);
  if (!rows.ok()) {
    log::warn("sync", "cannot read the gaps", {{"error", rows.status().to_string()}});
    not_before_ns_ = now_ns + kLookAgain_ns;
    return std::nullopt;
  }
  if (!takes_events_) cut_at_events(*rows);
  if (rows->empty()) {
    more_ = false;
    pause_ns_ = kPause_ns;
    not_before_ns_ = now_ns + kLookAgain_ns;
    return std::nullopt;
  }
  v1::UplinkRequest message;
  for (const GapRow& row : *rows) write(row, *message.mutable_gaps()->add_gaps());
  sent_seq_ = rows->back().seq;
  not_before_ns_ = now_ns;
  if (rows->size() < kBatchMax) {
    not_before_ns_ += pause_ns_;
    pause_ns_ = std::min(2 * pause_ns_, kPauseMax_ns);
  }
  return message;
}

Result<bool> GapSender::on_ack(const v1::GapAck& ack) {
  const std::int64_t seq = ack.seq();
  if (seq > sent_seq_) {
    return failed_precondition("the hub acknowledged gap " + std::to_string(seq) +
                               ", the last one sent is " + std::to_string(sent_seq_));
  }
  if (seq <= acked_seq_) return false;  // a repeat
  acked_seq_ = seq;
  if (Status s = source_->acknowledge_gaps(seq); !s.ok()) {
    unsettled_seq_ = seq;
    log::warn("sync", "the hub has these gaps, but they stay: tried again, or sent again",
              {{"error", s.to_string()}});
  }
  return true;
}

std::optional<std::int64_t> GapSender::due_ns() const {
  if (!may_look() && unsettled_seq_ == 0) return std::nullopt;
  return not_before_ns_;
}

}  // namespace sluice
