#include "sync/uplink_session.h"

#include <algorithm>
#include <limits>
#include <string>
#include <utility>

#include "base/crc32c.h"
#include "base/log.h"

namespace sluice {
namespace {

using std::chrono::nanoseconds;

constexpr nanoseconds kHealthyAfter = std::chrono::seconds(10);
constexpr nanoseconds kReadRetry = std::chrono::seconds(1);

std::string seconds_text(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

void set_unread(const v1::UnreadRows& rows, UplinkStats& stats) {
  stats.rows_unread = rows.rows();
  stats.unread =
      rows.rows() == 0 ? std::string() : "row " + std::to_string(rows.seq()) + ": " + rows.text();
}

}  // namespace

UplinkSession::UplinkSession(const SessionContext& context, UplinkTurn turn,
                             std::int64_t& acked_seq)
    : context_(context),
      turn_(std::move(turn)),
      acked_seq_(acked_seq),
      pace_(context.options.unacked_bytes_max),
      batches_(context.source, context.series, acked_seq, turn_.identity),
      events_(context.callbacks.events, context.series, context.topics),
      gaps_(context.callbacks.gaps),
      begun_ns_(context.clock.boottime_ns()),
      progress_ns_(begun_ns_) {}

bool UplinkSession::healthy() const {
  return acked_ || (greeted() && context_.clock.boottime_ns() - begun_ns_ >= kHealthyAfter.count());
}

bool UplinkSession::done() const {
  if (!greeted() || awaits_hub() || !outgoing_.empty()) return false;
  if (batches_.at_other_identity() || (turn_.ended && !more_rows_)) return true;
  return turn_.until_ns != 0 && context_.clock.boottime_ns() >= turn_.until_ns;
}

void UplinkSession::fail(Status why) {
  if (failure_.ok()) failure_ = std::move(why);
}

v1::UplinkRequest UplinkSession::hello() {
  const UplinkOptions& options = context_.options;
  hello_seq_ = context_.callbacks.next_seq();
  hello_boottime_ns_ = context_.clock.boottime_ns();
  writing_ = true;
  v1::UplinkRequest message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_node(turn_.identity.node);
  hello.set_epoch(turn_.identity.epoch);
  hello.set_ended(turn_.ended);
  hello.set_instance(options.instance);
  hello.set_wall_ns(context_.clock.wall_ns());
  hello.set_version(options.version);
  hello.set_next_seq(hello_seq_);
  return message;
}

void UplinkSession::on_response(const v1::UplinkResponse& response) {
  const bool hello = response.has_hello();
  if (!failure_.ok()) return;
  if (response.has_refusal()) return on_refusal(response.refusal());
  const bool ack = response.has_ack() || response.has_gap_ack() || response.has_event_ack();
  if (!hello && !ack) return;  // a newer hub's message
  if (hello != (phase_ == Phase::greeting)) {
    return fail(
        failed_precondition("hub " + context_.options.hub + " " +
                            (hello ? "said hello twice" : "acknowledged before its hello")));
  }
  if (hello) {
    on_hello_reply(response.hello());
  } else if (response.has_ack()) {
    on_ack(response.ack());
  } else if (response.has_event_ack()) {
    on_event_ack(response.event_ack());
  } else {
    on_gap_ack(response.gap_ack());
  }
}

Result<bool> UplinkSession::is_rewound(const v1::HelloReply& reply) const {
  if (turn_.ended) return false;
  const std::int64_t highest = reply.highest_seq();
  if (highest >= hello_seq_) return true;
  if (highest <= 0 || !reply.has_highest_crc32c()) return false;
  auto rows = context_.source.read_outbox(highest - 1, 1);
  if (!rows.ok()) return rows.status();
  return !rows->empty() && rows->front().seq == highest &&
         rows->front().identity == turn_.identity &&
         crc32c(rows->front().bytes) != reply.highest_crc32c();
}

void UplinkSession::on_hello_reply(const v1::HelloReply& reply) {
  cloud_highest_seq_ = reply.highest_seq();
  if (context_.callbacks.heard_time && reply.wall_ns() > 0) {
    context_.callbacks.heard_time(reply.wall_ns(), hello_boottime_ns_,
                                  context_.clock.boottime_ns());
  }
  const auto rewound = is_rewound(reply);
  if (!rewound.ok()) return fail(rewound.status());
  if (*rewound) {
    rewound_ = true;
    return fail(failed_precondition("hub " + context_.options.hub + " holds row " +
                                    std::to_string(reply.highest_seq()) +
                                    " of this epoch and it is none of ours: the database was set "
                                    "back, a new epoch begins"));
  }
  if (Status s = check_acked_held(reply); !s.ok()) return fail(std::move(s));
  phase_ = Phase::exchanging;
  // Gaps and events are told by the node that is, under the epochs they were found in.
  if (reply.takes_events() && !turn_.ended) events_.enable();
  if (reply.takes_gaps() && !turn_.ended) gaps_.enable(reply.takes_events());
  if (!turn_.ended && context_.callbacks.confirm_epoch) context_.callbacks.confirm_epoch();
  context_.stats.update([&reply](UplinkStats& stats) {
    stats.connected = true;
    stats.last_error.clear();
    set_unread(reply.unread(), stats);
  });
  log::info("sync", "connected",
            {{"hub", context_.options.hub},
             {"node", turn_.identity.node},
             {"epoch", turn_.identity.epoch},
             {"ended", turn_.ended}});
}

Status UplinkSession::check_acked_held(const v1::HelloReply& reply) {
  const auto missing = context_.source.misses_acked(turn_.identity, reply.highest_seq());
  if (!missing.ok()) return missing.status();
  if (!*missing) return {};
  acked_seq_ = 0;
  const std::string text = "hub " + context_.options.hub + " holds rows of epoch " +
                           turn_.identity.epoch + " up to " + std::to_string(reply.highest_seq()) +
                           ", and later ones were acknowledged: it is another hub, or its " +
                           "database was lost or set back";
  context_.stats.update([&](UplinkStats& stats) {
    stats.missing_at_hub = text;
    stats.missing_ns = context_.clock.boottime_ns();
  });
  return failed_precondition(text + "; reported as a gap, what is still here goes again");
}

void UplinkSession::on_ack(const v1::BatchAck& ack) {
  const auto seqs = window_.acknowledge(ack.batch_no());
  if (!seqs.ok()) return fail(seqs.status());
  if (seqs->empty()) return;
  pace_.acknowledged(ack.batch_no(), context_.clock.boottime_ns());
  context_.source.acknowledge(*seqs);
  acked_seq_ = seqs->back();
  on_progress();
  context_.stats.update([&](UplinkStats& stats) {
    stats.rows_acked += seqs->size();
    stats.refused.clear();
    if (ack.has_unread()) set_unread(ack.unread(), stats);
  });
  if (!ack.has_unread()) return;
  log::warn("sync", "the hub cannot read a row and keeps it as it is",
            {{"seq", std::int64_t{ack.unread().seq()}},
             {"why", ack.unread().text()},
             {"rows_unread", std::uint64_t{ack.unread().rows()}}});
}

void UplinkSession::on_gap_ack(const v1::GapAck& ack) {
  const auto fresh = gaps_.on_ack(ack);
  if (!fresh.ok()) return fail(fresh.status());
  if (*fresh) on_progress();
}

void UplinkSession::on_event_ack(const v1::EventAck& ack) {
  const auto fresh = events_.on_ack(ack);
  if (!fresh.ok()) return fail(fresh.status());
  if (*fresh) on_progress();
}

void UplinkSession::on_refusal(const v1::Refusal& refusal) {
  const std::string text = "hub " + context_.options.hub + ": " + refusal.text();
  switch (refusal.reason()) {
    case v1::Refusal::LIVE_ELSEWHERE: return fail(already_exists(text));
    case v1::Refusal::SERIES_REDEFINED: return fail(Status(StatusCode::aborted, text));
    default: return fail(unavailable(text));  // a newer hub's reason
  }
}

void UplinkSession::on_progress() {
  acked_ = true;
  progress_ns_ = context_.clock.boottime_ns();
}

void UplinkSession::on_time() {
  const std::int64_t now = context_.clock.boottime_ns();
  const UplinkOptions& options = context_.options;
  if (phase_ == Phase::greeting && now - begun_ns_ >= nanoseconds(options.hello_timeout).count()) {
    fail(Status(StatusCode::deadline_exceeded, "hub " + options.hub + " did not say hello within " +
                                                   seconds_text(options.hello_timeout)));
  } else if (phase_ == Phase::exchanging && awaits_hub() &&
             now - progress_ns_ >= nanoseconds(options.ack_timeout).count()) {
    fail(Status(StatusCode::deadline_exceeded, "hub " + options.hub + " acknowledged nothing for " +
                                                   seconds_text(options.ack_timeout)));
  }
}

nanoseconds UplinkSession::until_due() const {
  constexpr nanoseconds kNever = std::chrono::hours(1);
  const UplinkOptions& options = context_.options;
  std::int64_t due = std::numeric_limits<std::int64_t>::max();
  if (phase_ == Phase::greeting) {
    due = begun_ns_ + nanoseconds(options.hello_timeout).count();
  } else {
    if (awaits_hub()) due = progress_ns_ + nanoseconds(options.ack_timeout).count();
    if (retry_read_ns_ != 0) due = std::min(due, retry_read_ns_);
    if (!writing_)
      due = std::min({due, gaps_.due_ns().value_or(due), events_.due_ns().value_or(due)});
    if (turn_.until_ns != 0 && !awaits_hub()) due = std::min(due, turn_.until_ns);
  }
  const std::int64_t now = context_.clock.boottime_ns();
  if (due <= now) return nanoseconds(0);
  return std::min(kNever, nanoseconds(due - now));
}

bool UplinkSession::fetch() {
  const std::int64_t now = context_.clock.boottime_ns();
  if (!more_rows_ || now < retry_read_ns_) return false;
  retry_read_ns_ = 0;
  auto next = batches_.next(turn_.row_by_row ? 1 : pace_.batch_bytes());
  gaps_.look_again();  // the store may have found damage on the way
  if (next.ok()) {
    outgoing_ = std::move(*next);
    more_rows_ = !outgoing_.empty();
  } else if (next.status().code() == StatusCode::data_loss) {
    fail(next.status());
  } else {
    retry_read_ns_ = now + kReadRetry.count();
    log::warn("sync", "cannot read the outbox", {{"error", next.status().to_string()}});
  }
  return !outgoing_.empty();
}

std::optional<v1::UplinkRequest> UplinkSession::next() {
  if (phase_ != Phase::exchanging || writing_ || !failure_.ok()) return std::nullopt;
  const bool waited = awaits_hub();
  auto message = events_.next(context_.clock.boottime_ns());
  if (!message) message = gaps_.next(context_.clock.boottime_ns());
  if (!message) return next_rows();
  if (!waited) progress_ns_ = context_.clock.boottime_ns();
  begin_write(message->ByteSizeLong(), 0);
  return message;
}

std::optional<v1::UplinkRequest> UplinkSession::next_rows() {
  if (outgoing_.empty() && !fetch()) return std::nullopt;
  Outgoing& next = outgoing_.front();
  const std::size_t rows = next.seqs.size();
  if (next.message.has_batch() && !window_.fits(next.bytes, pace_.bytes())) return std::nullopt;
  if (!awaits_hub()) progress_ns_ = context_.clock.boottime_ns();
  const std::size_t bytes = next.message.ByteSizeLong();
  if (next.message.has_batch()) {
    const std::uint64_t batch_no = window_.add(std::move(next.seqs), next.bytes);
    next.message.mutable_batch()->set_batch_no(batch_no);
    pace_.sent(batch_no, window_.bytes(), context_.clock.boottime_ns());
  }
  std::optional<v1::UplinkRequest> message(std::move(next.message));
  outgoing_.pop_front();
  begin_write(bytes, rows);
  return message;
}

void UplinkSession::begin_write(std::size_t bytes, std::size_t rows) {
  writing_ = true;
  context_.stats.update([bytes, rows](UplinkStats& stats) {
    stats.bytes_sent += bytes;
    stats.rows_sent += rows;
  });
}

}  // namespace sluice
