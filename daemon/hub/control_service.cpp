#include "hub/control_service.h"

#include <grpcpp/grpcpp.h>

#include "base/log.h"
#include "base/thread.h"
#include "hub/control_messages.h"
#include "hub/control_writer.h"
#include "hub/grpc_status.h"
#include "sluice/v1/control.grpc.pb.h"

namespace sluice::hub {
namespace {

using ControlStream = grpc::ServerReaderWriter<v1::ControlResponse, v1::ControlRequest>;

// For so long a node that ended its side may still read what is being written.
constexpr auto kLastWrite = std::chrono::seconds(5);

// In the registry for as long as it lives.
class Attendance {
 public:
  Attendance(ControlRegistry& registry, const v1::ControlHello& hello, ControlMailbox& mailbox)
      : registry_(registry), node_(hello.node()), mailbox_(mailbox) {
    registry_.attend(hello, mailbox_);
  }
  ~Attendance() { registry_.leave(node_, mailbox_); }
  Attendance(const Attendance&) = delete;
  Attendance& operator=(const Attendance&) = delete;

  Status take(v1::ControlRequest& request) {
    switch (request.message_case()) {
      case v1::ControlRequest::kReport:
        if (Status s = check_report(*request.mutable_report()); !s.ok()) return s;
        registry_.take_report(node_, mailbox_, request.report());
        return {};
      case v1::ControlRequest::kPlan:
        registry_.take_answer(node_, mailbox_, std::move(*request.mutable_plan()));
        return {};
      case v1::ControlRequest::kHello: return invalid_argument("a second Hello on one stream");
      case v1::ControlRequest::MESSAGE_NOT_SET: break;
    }
    return invalid_argument("a message of a kind this hub does not know");
  }

 private:
  ControlRegistry& registry_;
  const std::string node_;
  ControlMailbox& mailbox_;
};

class ControlService final : public v1::Control::Service {
 public:
  ControlService(FleetStore& store, ControlRegistry& registry, StreamRegistry& streams)
      : store_(store), registry_(registry), streams_(streams) {}

  grpc::Status Attend(grpc::ServerContext* context, ControlStream* stream) override {
    const std::string peer = context->peer();  // unknown once the connection is gone
    std::string node;
    Status status;
    if (auto entry = streams_.enter([context] { context->TryCancel(); }); entry.ok()) {
      status = greet_and_serve(*context, *stream, **entry, node);
    } else {
      status = entry.status();
    }
    if (status.ok()) {
      log::info("hub", "control stream ended", {{"node", node}, {"peer", peer}});
    } else {
      log::warn("hub", "control stream refused",
                {{"node", node}, {"peer", peer}, {"why", status.to_string()}});
    }
    return to_grpc(status);
  }

 private:
  // Ok when the node ended the stream or went away; otherwise why the hub ends it.
  Status greet_and_serve(grpc::ServerContext& context, ControlStream& stream,
                         StreamRegistry::Stream& entry, std::string& node) {
    v1::ControlRequest first;
    if (!stream.Read(&first)) return {};
    if (!first.has_hello()) return invalid_argument("the first message must be a Hello");
    if (Status s = check_hello(*first.mutable_hello()); !s.ok()) return s;
    const v1::ControlHello& hello = first.hello();
    if (Status s = entry.greet({hello.node(), ""}, hello.instance()); !s.ok()) return s;
    node = hello.node();
    log::info("hub", "node attends", {{"node", node}, {"version", hello.version()}});
    return serve(context, stream, hello);
  }

  Status serve(grpc::ServerContext& context, ControlStream& stream, const v1::ControlHello& hello) {
    v1::ControlResponse welcome;
    welcome.mutable_welcome();
    if (!stream.Write(welcome)) return {};
    ControlMailbox mailbox;
    ControlWriter writer(mailbox, store_, hello.node(),
                         {[&stream](const v1::ControlResponse& r) { return stream.Write(r); },
                          [&context] { context.TryCancel(); }});
    Status status;
    {
      Attendance attendance(registry_, hello, mailbox);
      v1::ControlRequest request;
      while (status.ok() && stream.Read(&request)) {
        status = attendance.take(request);
        // A large message's buffers are not kept through the quiet time after it.
        request = v1::ControlRequest();
      }
    }
    writer.finish(kLastWrite);
    return status;
  }

  FleetStore& store_;
  ControlRegistry& registry_;
  StreamRegistry& streams_;
};

}  // namespace

std::unique_ptr<grpc::Service> make_control_service(FleetStore& store, ControlRegistry& registry,
                                                    StreamRegistry& streams) {
  return std::make_unique<ControlService>(store, registry, streams);
}

}  // namespace sluice::hub
