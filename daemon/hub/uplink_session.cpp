#include "hub/uplink_session.h"

#include "base/log.h"
#include "hub/uplink_messages.h"
#include "sluice/v1/uplink.pb.h"

namespace sluice::hub {

UplinkSession::Answer UplinkSession::take(v1::UplinkRequest& request) {
  if (!greeted_) {
    if (!request.has_hello()) return invalid_argument("the first message must be a Hello");
    return greet(request.hello());
  }
  switch (request.message_case()) {
    case v1::UplinkRequest::kSeries: return take_series(request.series());
    case v1::UplinkRequest::kBatch: return take_batch(*request.mutable_batch());
    case v1::UplinkRequest::kGaps: return take_gaps(request.gaps());
    case v1::UplinkRequest::kEvents: return take_events(request.events());
    case v1::UplinkRequest::kHello: return invalid_argument("a second Hello on one stream");
    case v1::UplinkRequest::MESSAGE_NOT_SET: break;
  }
  return invalid_argument("a message of a kind this hub does not know");
}

UplinkSession::Answer UplinkSession::greet(const v1::Hello& hello) {
  auto node = read_hello(hello);
  if (!node.ok()) return node.status();
  node_ = *node;
  if (Status s = rooms_.greet(node_, hello.instance()); !s.ok()) return s;
  const Outcome outcome = rooms_.commit({node_, hello.version(), {}, {}});
  if (!outcome.status.ok()) return outcome.status;
  greeted_ = true;
  is_rewound_ = !hello.ended() && hello.next_seq() <= outcome.highest_seq;
  const std::int64_t wall_ns = rooms_.clock.wall_ns();
  log::info("hub", "node connected",
            {{"node", node_.node},
             {"epoch", node_.epoch},
             {"version", hello.version()},
             {"highest_seq", outcome.highest_seq},
             {"next_seq", std::int64_t{hello.next_seq()}},
             {"ended", hello.ended()},
             {"clock_ahead_ms", hello.wall_ns() / 1'000'000 - wall_ns / 1'000'000}});
  v1::UplinkResponse response;
  response.mutable_hello()->set_highest_seq(outcome.highest_seq);
  if (outcome.highest_seq > 0) {
    response.mutable_hello()->set_highest_crc32c(outcome.highest_crc32c);
  }
  if (outcome.unread) write_unread(*outcome.unread, *response.mutable_hello()->mutable_unread());
  response.mutable_hello()->set_wall_ns(wall_ns);
  response.mutable_hello()->set_takes_gaps(true);
  response.mutable_hello()->set_takes_events(true);
  return std::optional(std::move(response));
}

UplinkSession::Answer UplinkSession::take_series(const v1::SeriesDefinitions& definitions) {
  ReadSeries series = read_series(definitions);
  if (series.left_out > 0) {
    log::warn("hub", "series definitions left out, rows that use them stay unread",
              {{"node", node_.node},
               {"epoch", node_.epoch},
               {"definitions", series.left_out},
               {"first", series.why}});
  }
  const Status status = rooms_.commit({node_, std::nullopt, std::move(series.entries), {}}).status;
  if (!status.ok()) return status;
  return std::optional<v1::UplinkResponse>();
}

// Acks are cumulative: after a gap in the numbers they would speak for a batch never seen.
UplinkSession::Answer UplinkSession::take_batch(v1::SummaryBatch& batch) {
  if (batch.batch_no() != batch_no_ + 1) {
    return invalid_argument("batch_no is " + std::to_string(batch.batch_no()) + " where " +
                            std::to_string(batch_no_ + 1) + " comes next in this stream");
  }
  if (is_rewound_) {
    return failed_precondition(
        "the node's next_seq was at or below the hub's highest_seq, so its store was rewound; "
        "take a new epoch before sending");
  }
  auto rows = take_rows(batch);
  if (!rows.ok()) return rows.status();
  const Outcome outcome = rooms_.commit({node_, std::nullopt, {}, std::move(*rows)});
  if (!outcome.status.ok()) return outcome.status;
  batch_no_ = batch.batch_no();
  v1::UplinkResponse response;
  response.mutable_ack()->set_batch_no(batch_no_);
  if (outcome.unread) write_unread(*outcome.unread, *response.mutable_ack()->mutable_unread());
  return std::optional(std::move(response));
}

// Also of a rewound node: a gap's identity is its content too, so nothing is mistaken.
UplinkSession::Answer UplinkSession::take_gaps(const v1::GapBatch& batch) {
  auto gaps = read_gaps(batch);
  if (!gaps.ok()) return gaps.status();
  if (gaps->front().seq <= gap_seq_) {
    return invalid_argument("gap " + std::to_string(gaps->front().seq) + " comes after gap " +
                            std::to_string(gap_seq_) + " in this stream");
  }
  const std::int64_t last = gaps->back().seq;
  const Outcome outcome = rooms_.commit({node_, std::nullopt, {}, {}, *std::move(gaps)});
  if (!outcome.status.ok()) return outcome.status;
  gap_seq_ = last;
  v1::UplinkResponse response;
  response.mutable_gap_ack()->set_seq(last);
  return std::optional(std::move(response));
}

// As gaps, also of a rewound node.
UplinkSession::Answer UplinkSession::take_events(const v1::EventBatch& batch) {
  auto events = read_events(batch);
  if (!events.ok()) return events.status();
  if (events->front().row.seq <= event_seq_) {
    return invalid_argument("event " + std::to_string(events->front().row.seq) +
                            " comes after event " + std::to_string(event_seq_) + " in this stream");
  }
  const std::int64_t last = events->back().row.seq;
  const Outcome outcome = rooms_.commit({node_, std::nullopt, {}, {}, {}, *std::move(events)});
  if (!outcome.status.ok()) return outcome.status;
  event_seq_ = last;
  v1::UplinkResponse response;
  response.mutable_event_ack()->set_seq(last);
  return std::optional(std::move(response));
}

}  // namespace sluice::hub
