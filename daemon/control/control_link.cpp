#include "control/control_link.h"

#include <grpcpp/grpcpp.h>

#include <random>
#include <utility>

#include "base/log.h"
#include "base/mutex.h"
#include "base/thread.h"
#include "sluice/v1/control.grpc.pb.h"
#include "sync/backoff.h"

namespace sluice {
namespace {

using Stream = grpc::ClientReaderWriterInterface<v1::ControlRequest, v1::ControlResponse>;

/// A stream that brought something, or held so long, is followed by another one soon.
constexpr std::chrono::seconds kHealthyAfter{30};

}  // namespace

class ControlLink::Runner {
 public:
  Runner(Options options, ConfigIntake& intake, ControlWorker::Plan plan)
      : options_(std::move(options)),
        backoff_(options_.backoff_max, std::random_device{}()),
        worker_(intake, std::move(plan), [this](const v1::ControlRequest& r) { return send(r); }) {}
  ~Runner() { stop(); }

  void start() {
    worker_.start();
    thread_ = Thread("sl-control", [this] { run(); });
  }
  void stop() {
    {
      MutexLock lock(mutex_);
      stopping_ = true;
      if (call_ != nullptr) call_->TryCancel();
    }
    stopped_.notify_all();
    worker_.stop();
    if (thread_.joinable()) thread_.join();
  }
  void poke() { worker_.poke(); }
  Stats stats() const {
    MutexLock lock(mutex_);
    return stats_;
  }

 private:
  void run() {
    for (;;) {
      const auto begun = std::chrono::steady_clock::now();
      const Status why = attend();
      if (std::chrono::steady_clock::now() - begun > kHealthyAfter) backoff_.reset();
      if (!pause(why)) return;
    }
  }

  /// One stream, from dialling to its end; says why that was.
  Status attend() {
    auto channel = make_channel(options_.hub);
    if (!channel.ok()) return channel.status();
    const auto stub = v1::Control::NewStub(*channel);
    grpc::ClientContext call;
    if (!begin(call)) return Status(StatusCode::cancelled, "the daemon stops");
    const std::unique_ptr<Stream> stream = stub->Attend(&call);
    v1::ControlRequest hello;
    *hello.mutable_hello() = options_.hello;
    const bool greets = stream->Write(hello);
    if (greets) open(*stream);
    v1::ControlResponse response;
    while (greets && stream->Read(&response)) {
      came();
      worker_.take(std::move(response));
      response = v1::ControlResponse();
    }
    close();
    return why(stream->Finish());
  }

  Status why(const grpc::Status& end) const {
    const std::string& hub = options_.hub.hub;
    if (end.ok()) return unavailable("hub " + hub + " ended the control stream");
    if (end.error_code() == grpc::StatusCode::UNIMPLEMENTED) {
      return Status(StatusCode::unimplemented,
                    "hub " + hub + " takes no part in changes of config");
    }
    return Status(static_cast<StatusCode>(end.error_code()),
                  explain_failure(options_.hub, end.error_message()));
  }

  // --- the stream, shared with the worker ---

  bool begin(grpc::ClientContext& call) {
    MutexLock lock(mutex_);
    if (stopping_) return false;
    call_ = &call;
    return true;
  }

  /// From here on the worker writes.
  void open(Stream& stream) {
    {
      MutexLock lock(writing_);
      stream_ = &stream;
    }
    worker_.begin_stream();
  }

  void close() {
    {
      MutexLock lock(writing_);
      stream_ = nullptr;
    }
    MutexLock lock(mutex_);
    call_ = nullptr;
    stats_.connected = false;
  }

  /// The hub's first word says that it is there, and takes us.
  void came() {
    MutexLock lock(mutex_);
    stats_.connected = true;
    stats_.last_error.clear();
  }

  /// A write ends when the stream does.
  bool send(const v1::ControlRequest& request) {
    MutexLock lock(writing_);
    return stream_ != nullptr && stream_->Write(request);
  }

  /// False: the daemon stops.
  bool pause(const Status& why) {
    const std::chrono::milliseconds wait = backoff_.next();
    const auto until = std::chrono::steady_clock::now() + wait;
    MutexLock lock(mutex_);
    if (stopping_) return false;
    if (stats_.last_error != why.message()) {
      log::warn("control", "no control stream",
                {{"error", why.to_string()}, {"retry_in_ms", wait.count()}});
    }
    stats_.last_error = std::string(why.message());
    while (!stopping_) {
      const auto left = until - std::chrono::steady_clock::now();
      if (left <= left.zero()) return true;
      stopped_.wait_for(mutex_, left);
    }
    return false;
  }

  const Options options_;
  Backoff backoff_;  ///< [control]
  Mutex writing_;    ///< held over a write
  Stream* stream_ SLUICE_GUARDED_BY(writing_) = nullptr;
  mutable Mutex mutex_;
  CondVar stopped_;
  grpc::ClientContext* call_ SLUICE_GUARDED_BY(mutex_) = nullptr;
  bool stopping_ SLUICE_GUARDED_BY(mutex_) = false;
  Stats stats_ SLUICE_GUARDED_BY(mutex_);
  ControlWorker worker_;
  Thread thread_;
};

ControlLink::ControlLink(Options options, ConfigIntake& intake, ControlWorker::Plan plan)
    : runner_(std::make_unique<Runner>(std::move(options), intake, std::move(plan))) {}
ControlLink::~ControlLink() = default;
void ControlLink::start() { runner_->start(); }
void ControlLink::stop() { runner_->stop(); }
void ControlLink::poke() { runner_->poke(); }
ControlLink::Stats ControlLink::stats() const { return runner_->stats(); }

}  // namespace sluice
