#include "sync/uplink_stream.h"

#include <grpcpp/channel.h>

#include <algorithm>
#include <limits>
#include <utility>

#include "base/crc32c.h"
#include "base/log.h"

namespace sluice {
namespace {

using std::chrono::nanoseconds;

constexpr std::size_t kBatchBytesMax = 256 * 1024;
constexpr std::size_t kBatchesUnderWay = 4;  // so that a long way does not stop the sending
constexpr nanoseconds kHealthyAfter = std::chrono::seconds(10);
constexpr nanoseconds kReadRetry = std::chrono::seconds(1);

std::string seconds_text(std::chrono::milliseconds time) {
  return std::to_string(std::chrono::duration_cast<std::chrono::seconds>(time).count()) + " s";
}

}  // namespace

UplinkStream::UplinkStream(const StreamContext& context, std::shared_ptr<grpc::Channel> channel,
                           std::int64_t& acked_seq)
    : context_(context),
      acked_seq_(acked_seq),
      stub_(v1::Uplink::NewStub(std::move(channel))),
      window_(context.options.unacked_bytes_max),
      batches_(context.source, context.series,
               std::min(kBatchBytesMax, context.options.unacked_bytes_max / kBatchesUnderWay),
               acked_seq),
      begun_ns_(context.clock.boottime_ns()),
      progress_ns_(begun_ns_) {}

StreamEnd UplinkStream::run() {
  stream_ = stub_->PrepareAsyncExchange(&call_, &context_.events.queue());
  stream_->StartCall(begin(kStart));
  const auto any_under_way = [this] {
    return std::find(under_way_.begin(), under_way_.end(), true) != under_way_.end();
  };
  while (!ended_ || any_under_way()) {
    const EventQueue::Event event = context_.events.wait(until_due());
    if (context_.stopping) close(Status(StatusCode::cancelled, "the daemon stops"));
    if (event.kind == EventQueue::Kind::operation) {
      on_operation(static_cast<Operation>(event.operation), event.ok);
    } else if (event.kind == EventQueue::Kind::poke) {
      more_rows_ = true;
    }
    on_time();
    pump();
  }
  return end();
}

StreamEnd UplinkStream::end() const {
  StreamEnd end{why_, rewound_, acked_};
  end.healthy |= greeted_ && context_.clock.boottime_ns() - begun_ns_ >= kHealthyAfter.count();
  if (!end.why.ok()) return end;
  const ChannelOptions hub{context_.options.hub, context_.options.tls};
  if (finish_.ok()) {
    end.why = unavailable("hub " + hub.hub + " ended the stream");
  } else {
    end.why = Status(static_cast<StatusCode>(finish_.error_code()),
                     greeted_ ? "hub " + hub.hub + ": " + finish_.error_message()
                              : explain_failure(hub, finish_.error_message()));
  }
  return end;
}

void* UplinkStream::begin(Operation operation) {
  SLUICE_ASSERT(!under_way_[operation]);
  under_way_[operation] = true;
  return EventQueue::tag(operation);
}

void UplinkStream::on_operation(Operation operation, bool ok) {
  under_way_[operation] = false;
  switch (operation) {
    case kStart:
      if (!ok) return finish();
      read();
      return say_hello();
    case kRead:
      if (!ok) return finish();
      if (phase_ != Phase::closing) on_response();
      return read();
    case kWrite: return;  // a failed one ends the reads too, and the end of the reads says why
    case kFinish: ended_ = true; return;
    case kOperations: break;
  }
  SLUICE_ASSERT(false);
}

void UplinkStream::read() { stream_->Read(&response_, begin(kRead)); }

void UplinkStream::write(const v1::UplinkRequest& message) {
  if (!awaits_hub()) progress_ns_ = context_.clock.boottime_ns();
  stream_->Write(message, begin(kWrite));
}

void UplinkStream::finish() {
  phase_ = Phase::closing;
  stream_->Finish(&finish_, begin(kFinish));
}

void UplinkStream::close(Status why) {
  if (phase_ == Phase::closing) return;
  phase_ = Phase::closing;
  why_ = std::move(why);
  call_.TryCancel();
}

void UplinkStream::say_hello() {
  if (phase_ == Phase::closing) return;
  const UplinkOptions& options = context_.options;
  hello_seq_ = context_.callbacks.next_seq();
  v1::UplinkRequest message;
  v1::Hello& hello = *message.mutable_hello();
  hello.set_node(options.identity.node);
  hello.set_epoch(options.identity.epoch);
  hello.set_instance(options.instance);
  hello.set_wall_ns(context_.clock.wall_ns());
  hello.set_version(options.version);
  hello.set_next_seq(hello_seq_);
  write(message);
}

void UplinkStream::on_response() {
  const bool hello = response_.has_hello();
  if (!hello && !response_.has_ack()) return;  // a newer hub's message
  if (hello != (phase_ == Phase::greeting)) {
    return close(
        failed_precondition("hub " + context_.options.hub + " " +
                            (hello ? "said hello twice" : "acknowledged before its hello")));
  }
  if (hello) {
    on_hello_reply(response_.hello());
  } else {
    on_ack(response_.ack().batch_no());
  }
}

Result<bool> UplinkStream::is_rewound(const v1::HelloReply& reply) const {
  const std::int64_t highest = reply.highest_seq();
  if (highest >= hello_seq_) return true;
  if (highest <= 0 || !reply.has_highest_crc32c()) return false;
  auto rows = context_.source.read_outbox(highest - 1, 1);
  if (!rows.ok()) return rows.status();
  return !rows->empty() && rows->front().seq == highest &&
         crc32c(rows->front().bytes) != reply.highest_crc32c();
}

void UplinkStream::on_hello_reply(const v1::HelloReply& reply) {
  const auto rewound = is_rewound(reply);
  if (!rewound.ok()) return close(rewound.status());
  if (*rewound) {
    rewound_ = true;
    return close(failed_precondition("hub " + context_.options.hub + " holds row " +
                                     std::to_string(reply.highest_seq()) +
                                     " of this epoch and it is none of ours: the database was set "
                                     "back, a new epoch begins"));
  }
  phase_ = Phase::exchanging;
  greeted_ = true;
  context_.stats.update([](UplinkStats& stats) {
    stats.connected = true;
    stats.last_error.clear();
  });
  log::info("sync", "connected", {{"hub", context_.options.hub}});
}

void UplinkStream::on_ack(std::uint64_t batch_no) {
  const auto seqs = window_.acknowledge(batch_no);
  if (!seqs.ok()) return close(seqs.status());
  if (seqs->empty()) return;
  context_.source.acknowledge(*seqs);
  acked_seq_ = seqs->back();
  acked_ = true;
  progress_ns_ = context_.clock.boottime_ns();
  context_.stats.update([&seqs](UplinkStats& stats) { stats.rows_acked += seqs->size(); });
}

void UplinkStream::on_time() {
  const std::int64_t now = context_.clock.boottime_ns();
  const UplinkOptions& options = context_.options;
  if (phase_ == Phase::greeting && now - begun_ns_ >= nanoseconds(options.hello_timeout).count()) {
    close(Status(
        StatusCode::deadline_exceeded,
        "hub " + options.hub + " did not say hello within " + seconds_text(options.hello_timeout)));
  } else if (phase_ == Phase::exchanging && awaits_hub() &&
             now - progress_ns_ >= nanoseconds(options.ack_timeout).count()) {
    close(Status(
        StatusCode::deadline_exceeded,
        "hub " + options.hub + " acknowledged nothing for " + seconds_text(options.ack_timeout)));
  }
}

nanoseconds UplinkStream::until_due() const {
  constexpr nanoseconds kNever = std::chrono::hours(1);
  const UplinkOptions& options = context_.options;
  std::int64_t due = std::numeric_limits<std::int64_t>::max();
  if (phase_ == Phase::greeting) due = begun_ns_ + nanoseconds(options.hello_timeout).count();
  if (phase_ == Phase::exchanging) {
    if (awaits_hub()) due = progress_ns_ + nanoseconds(options.ack_timeout).count();
    if (retry_read_ns_ != 0) due = std::min(due, retry_read_ns_);
  }
  const std::int64_t now = context_.clock.boottime_ns();
  if (due <= now) return nanoseconds(0);
  return std::min(kNever, nanoseconds(due - now));
}

bool UplinkStream::fetch() {
  const std::int64_t now = context_.clock.boottime_ns();
  if (!more_rows_ || now < retry_read_ns_) return false;
  retry_read_ns_ = 0;
  auto next = batches_.next();
  if (next.ok()) {
    outgoing_ = std::move(*next);
    more_rows_ = !outgoing_.empty();
  } else if (next.status().code() == StatusCode::data_loss) {
    close(next.status());
  } else {
    retry_read_ns_ = now + kReadRetry.count();
    log::warn("sync", "cannot read the outbox", {{"error", next.status().to_string()}});
  }
  return !outgoing_.empty();
}

void UplinkStream::pump() {
  if (phase_ != Phase::exchanging || under_way(kWrite)) return;
  if (outgoing_.empty() && !fetch()) return;
  Outgoing& next = outgoing_.front();
  const std::size_t rows = next.seqs.size();
  if (next.message.has_batch() && !window_.fits(next.bytes)) return;
  const std::size_t bytes = next.message.ByteSizeLong();
  if (next.message.has_batch()) {
    if (window_.empty()) progress_ns_ = context_.clock.boottime_ns();
    next.message.mutable_batch()->set_batch_no(window_.add(std::move(next.seqs), next.bytes));
  }
  write(next.message);
  outgoing_.pop_front();
  context_.stats.update([bytes, rows](UplinkStats& stats) {
    stats.bytes_sent += bytes;
    stats.rows_sent += rows;
  });
}

}  // namespace sluice
