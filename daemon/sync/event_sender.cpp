#include "sync/event_sender.h"

#include <string>
#include <utility>
#include <vector>

#include "base/log.h"
#include "sync/event_message.h"

namespace sluice {
std::optional<v1::UplinkRequest> EventSender::next(std::int64_t now_ns) {
  if (outgoing_.empty()) fetch(now_ns);
  if (outgoing_.empty()) return std::nullopt;
  v1::UplinkRequest message = std::move(outgoing_.front().message);
  outgoing_.pop_front();
  if (message.has_events()) {
    const v1::EventBatch& batch = message.events();
    under_way_.push_back(batch.events(batch.events_size() - 1).seq());
  }
  return message;
}

void EventSender::fetch(std::int64_t now_ns) {
  if (!may_look() || now_ns < not_before_ns_) return;
  const auto rows = source_->read_events(read_seq_, kBatchMax);
  if (!rows.ok()) {
    log::warn("sync", "cannot read the events", {{"error", rows.status().to_string()}});
    not_before_ns_ = now_ns + kLookAgain_ns;
    return;
  }
  more_ = !rows->empty();
  if (more_) add_batch(*rows);
}

void EventSender::add_batch(const std::vector<EventRow>& rows) {
  Outgoing batch;
  for (const EventRow& row : rows) {
    v1::EventRecord& record = *batch.message.mutable_events()->add_events();
    record.set_epoch(row.epoch);
    record.set_seq(row.seq);
    write_event(row.told, topics_, *record.mutable_event());
    const SeriesId series = row.told.event.series;
    if (definer_.define(series, outgoing_)) record.set_series_id(series);
    read_seq_ = row.seq;
  }
  outgoing_.push_back(std::move(batch));
}

Result<bool> EventSender::on_ack(const v1::EventAck& ack) {
  const std::int64_t seq = ack.seq();
  if (seq <= acked_seq_) return false;  // a repeat
  if (under_way_.empty() || seq > under_way_.back()) {
    return failed_precondition("the hub acknowledged event " + std::to_string(seq) +
                               ", the last one sent is " +
                               std::to_string(under_way_.empty() ? acked_seq_ : under_way_.back()));
  }
  acked_seq_ = seq;
  while (!under_way_.empty() && under_way_.front() <= seq) under_way_.pop_front();
  source_->acknowledge_events(seq);
  return true;
}

std::optional<std::int64_t> EventSender::due_ns() const {
  if (!outgoing_.empty() || may_look()) return not_before_ns_;
  return std::nullopt;
}

}  // namespace sluice
