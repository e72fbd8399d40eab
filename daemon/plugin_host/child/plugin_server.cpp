#include "plugin_host/child/plugin_server.h"

#include <unistd.h>

#include <cstdlib>
#include <utility>

#include "plugin_host/local_instance.h"

namespace sluice {
namespace {

/// The daemon never sends more than this at once but for a snapshot that it got from here.
constexpr std::size_t kRequestBytesMax = std::size_t{1} << 30;

/// As long as it takes: the kernel ends this process with the daemon.
class Forever final : public Patience {
 public:
  Status go_on() override { return {}; }
  std::chrono::nanoseconds slice() const override { return std::chrono::nanoseconds(-1); }
};

}  // namespace

PluginServer::PluginServer(SharedChannel& channel)
    : channel_(channel), services_([this](const std::string& message) { return ask(message); }) {}

Status PluginServer::receive() {
  Forever forever;
  return channel_.receive(request_, kRequestBytesMax, forever);
}

void PluginServer::tell(HostDone done) {
  done.log = services_.take_log();
  write_done(done, out_);
  Forever forever;
  [[maybe_unused]] const Status sent = channel_.send(out_, forever);  // it waits for ever
}

HostAnswer PluginServer::ask(const std::string& message) {
  Forever forever;
  Status status = channel_.send(message, forever);
  if (status.ok()) status = channel_.receive(answer_, kRequestBytesMax, forever);
  const Result<HostAnswer> answer = status.ok() ? read_answer(answer_) : status;
  // The daemon speaks as agreed, or somebody wrote over the channel: no call can go on.
  if (!answer.ok()) ::_exit(3);
  return *answer;
}

void PluginServer::tell_loaded(const Result<std::unique_ptr<PluginLibrary>>& library) {
  if (!library.ok()) return tell({library.status(), {}, {}});
  tell({{}, encode_metadata((*library)->metadata()), {}});
}

Status PluginServer::serve(std::shared_ptr<PluginLibrary> library) {
  library_ = std::move(library);
  for (;;) {
    if (Status s = receive(); !s.ok()) return s;
    tell(handle());
  }
}

HostDone PluginServer::handle() {
  const HostMessage kind = kind_of(request_);
  if (kind == HostMessage::create) {
    const Result<std::string_view> config = read_create(request_);
    return config.ok() ? create(*config) : HostDone{config.status(), {}, {}};
  }
  if (!instance_) return {failed_precondition("there is no instance"), {}, {}};
  switch (kind) {
    case HostMessage::process: return process();
    case HostMessage::on_time: return on_time();
    case HostMessage::snapshot: return snapshot();
    case HostMessage::restore: return restore();
    default: return {invalid_argument("an unknown request"), {}, {}};
  }
}

HostDone PluginServer::create(std::string_view config) {
  auto instance = LocalInstance::create(library_, services_.host(), std::string(config));
  if (!instance.ok()) return {instance.status(), {}, {}};
  instance_ = *std::move(instance);
  return {{},
          encode_traits({instance_->ordered(), instance_->wants_time(), instance_->keeps_state()}),
          {}};
}

HostDone PluginServer::process() {
  const Result<ProcessRequest> request = read_process(request_);
  if (!request.ok()) return {request.status(), {}, {}};
  const std::uint32_t rows = request->batch.count;
  verdicts_.assign(rows, {SLUICE_VERDICT_NONE, 0, 0});
  recorder_.begin(request->tokens.next, request->tokens.held_max, rows);
  services_.set_in_call(true);
  const Status status = instance_->process(request->batch, verdicts_.data(), recorder_.emit());
  return recorded(status, rows);
}

HostDone PluginServer::on_time() {
  const Result<TimeRequest> request = read_on_time(request_);
  if (!request.ok()) return {request.status(), {}, {}};
  verdicts_.clear();
  recorder_.begin(request->tokens.next, request->tokens.held_max, 0);
  services_.set_in_call(true);
  return recorded(instance_->on_time(request->watermark_ns, recorder_.emit()), 0);
}

HostDone PluginServer::recorded(const Status& status, std::uint32_t rows) {
  services_.set_in_call(false);
  if (!status.ok()) return {status, {}, {}};
  Result<std::string> record = recorder_.finish(verdicts_.data(), rows);
  if (!record.ok()) return {record.status(), {}, {}};
  return {{}, *std::move(record), {}};
}

HostDone PluginServer::snapshot() {
  Result<SavedState> saved = instance_->snapshot();
  if (!saved.ok()) return {saved.status(), {}, {}};
  return {{}, std::move(saved->state), {}};
}

HostDone PluginServer::restore() {
  const Result<RestoreRequest> request = read_restore(request_);
  if (!request.ok()) return {request.status(), {}, {}};
  const SavedState saved{std::string(request->version), std::string(request->state), {}};
  return {instance_->restore(saved), {}, {}};
}

}  // namespace sluice
