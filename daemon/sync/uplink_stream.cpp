#include "sync/uplink_stream.h"

#include <grpcpp/channel.h>

#include <algorithm>
#include <chrono>
#include <utility>

namespace sluice {
namespace {
constexpr std::chrono::nanoseconds kNever = std::chrono::hours(1);

/// What the node draws consequences from, the hub says in a message of its own: another program's
/// status of the same code is only a failure.
StatusCode code_of(const grpc::Status& status) {
  const auto code = static_cast<StatusCode>(status.error_code());
  const bool reserved = code == StatusCode::already_exists || code == StatusCode::aborted;
  return reserved ? StatusCode::unavailable : code;
}

}  // namespace

UplinkStream::UplinkStream(const SessionContext& context, EventQueue& events,
                           const std::atomic<bool>& stopping,
                           std::shared_ptr<grpc::Channel> channel, UplinkTurn turn,
                           std::int64_t& acked_seq)
    : context_(context),
      events_(events),
      stopping_(stopping),
      stub_(v1::Uplink::NewStub(std::move(channel))),
      session_(context, std::move(turn), acked_seq) {}

StreamEnd UplinkStream::run() {
  stream_ = stub_->PrepareAsyncExchange(&call_, &events_.queue());
  stream_->StartCall(begin(kStart));
  const auto any_under_way = [this] {
    return std::find(under_way_.begin(), under_way_.end(), true) != under_way_.end();
  };
  while (!ended_ || any_under_way()) {
    const EventQueue::Event event = events_.wait(closing_ ? kNever : session_.until_due());
    if (stopping_) close(Status(StatusCode::cancelled, "the daemon stops"));
    if (event.kind == EventQueue::Kind::operation) {
      on_operation(static_cast<Operation>(event.operation), event.ok);
    } else if (event.kind == EventQueue::Kind::poke) {
      session_.on_outbox_grew();
    }
    pump();
  }
  return end();
}

void UplinkStream::pump() {
  if (closing_) return;
  session_.on_time();
  if (!under_way(kWrite) && !under_way(kStart)) {
    if (auto message = session_.next()) write(*message);
  }
  if (!session_.failure().ok()) close(session_.failure());
  if (!closing_ && session_.done()) {
    done_ = true;
    close({});
  }
}

StreamEnd UplinkStream::end() const {
  StreamEnd end{.why = why_,
                .rewound = session_.rewound(),
                .cloud_highest_seq = session_.cloud_highest_seq(),
                .healthy = session_.healthy()};
  if (!end.why.ok() || done_) return end;
  const ChannelOptions hub{context_.options.hub, context_.options.tls};
  if (finish_.ok()) {
    end.why = unavailable("hub " + hub.hub + " ended the stream");
  } else {
    end.refused = finish_.error_code() == grpc::StatusCode::INVALID_ARGUMENT;
    end.why = Status(code_of(finish_), session_.greeted()
                                           ? "hub " + hub.hub + ": " + finish_.error_message()
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
      if (!closing_) write(session_.hello());
      return;
    case kRead:
      if (!ok) return finish();
      if (!closing_) session_.on_response(response_);
      return read();
    case kWrite:
      // A failed one ends the reads too, and the end of the reads says why.
      return session_.written();
    case kFinish: ended_ = true; return;
    case kOperations: break;
  }
  SLUICE_ASSERT(false);
}

void UplinkStream::read() { stream_->Read(&response_, begin(kRead)); }

void UplinkStream::write(const v1::UplinkRequest& message) {
  stream_->Write(message, begin(kWrite));
}

void UplinkStream::finish() {
  closing_ = true;
  stream_->Finish(&finish_, begin(kFinish));
}

void UplinkStream::close(Status why) {
  if (closing_) return;
  closing_ = true;
  why_ = std::move(why);
  call_.TryCancel();
}

}  // namespace sluice
