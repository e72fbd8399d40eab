#include "control/control_link.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>

#include <condition_variable>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "sluice/v1/control.grpc.pb.h"
#include "sluice/v1/uplink.grpc.pb.h"
#include "unit/control/intake_rig.h"

namespace sluice {
namespace {

using Stream = grpc::ServerReaderWriter<v1::ControlResponse, v1::ControlRequest>;

/// A hub that welcomes, offers what it was told, and keeps what it hears.
class PlainHub final : public v1::Control::Service {
 public:
  grpc::Status Attend(grpc::ServerContext* context, Stream* stream) override {
    v1::ControlRequest request;
    if (!stream->Read(&request)) return grpc::Status::OK;
    {
      const std::lock_guard lock(mutex_);
      hellos_.push_back(request.hello());
      context_ = context;
    }
    heard_.notify_all();
    v1::ControlResponse welcome;
    welcome.mutable_welcome();
    stream->Write(welcome);
    if (!document.empty()) {
      v1::ControlResponse offer;
      offer.mutable_config()->set_offer_id(5);
      offer.mutable_config()->set_document(document);
      stream->Write(offer);
    }
    while (stream->Read(&request)) {
      const std::lock_guard lock(mutex_);
      reports_.push_back(request.report());
      heard_.notify_all();
    }
    const std::lock_guard lock(mutex_);
    context_ = nullptr;
    return grpc::Status(grpc::StatusCode::UNAVAILABLE, "the hub stops");
  }
  /// Waits until so many have said Hello.
  v1::ControlHello hello(std::size_t count) {
    std::unique_lock lock(mutex_);
    heard_.wait(lock, [&] { return hellos_.size() >= count; });
    return hellos_[count - 1];
  }
  v1::ConfigReport report(const std::function<bool(const v1::ConfigReport&)>& is_it) {
    std::unique_lock lock(mutex_);
    for (std::size_t i = 0;; ++i) {
      heard_.wait(lock, [&] { return reports_.size() > i; });
      if (is_it(reports_[i])) return reports_[i];
    }
  }
  void cut() {
    const std::lock_guard lock(mutex_);
    if (context_ != nullptr) context_->TryCancel();
  }

  std::string document;  ///< to offer; empty: none

 private:
  std::mutex mutex_;
  std::condition_variable heard_;
  std::vector<v1::ControlHello> hellos_;
  std::vector<v1::ConfigReport> reports_;
  grpc::ServerContext* context_ = nullptr;
};

class ControlLinkTest : public ::testing::Test {
 protected:
  void serve(grpc::Service* service = nullptr) {
    grpc::ServerBuilder builder;
    builder.AddListeningPort("127.0.0.1:" + std::to_string(port_),
                             grpc::InsecureServerCredentials(), &port_);
    builder.RegisterService(service == nullptr ? &hub_ : service);
    server_ = builder.BuildAndStart();
    ASSERT_TRUE(server_ != nullptr && port_ != 0);
  }
  void connect() {
    ControlLink::Options options;
    options.hub.hub = "127.0.0.1:" + std::to_string(port_);
    options.backoff_max = std::chrono::milliseconds(100);
    options.hello.set_node("gw-1");
    options.hello.set_instance("here");
    link_ = std::make_unique<ControlLink>(
        options, rig_.intake(), [](const v1::PlanRequest&, v1::PlanReport&) { return Status(); });
    link_->start();
  }
  /// Waits.
  void until(const std::function<bool(const ControlLink::Stats&)>& holds) {
    while (!holds(link_->stats())) std::this_thread::sleep_for(std::chrono::milliseconds(2));
  }
  void TearDown() override {
    if (link_) link_->stop();
    if (server_) server_->Shutdown(std::chrono::system_clock::time_point());
  }

  IntakeRig rig_;
  PlainHub hub_;
  int port_ = 0;
  std::unique_ptr<grpc::Server> server_;
  std::unique_ptr<ControlLink> link_;
};

TEST_F(ControlLinkTest, SaysHelloAndReportsAndBringsAnOfferIntoEffect) {
  hub_.document = "one";
  serve();
  connect();
  EXPECT_EQ(hub_.hello(1).node(), "gw-1");
  hub_.report(
      [](const v1::ConfigReport& r) { return r.last_offer().state() == v1::OFFER_STATE_APPLYING; });
  rig_.keeper().step();
  link_->poke();
  const v1::ConfigReport report = hub_.report(
      [](const v1::ConfigReport& r) { return r.last_offer().state() == v1::OFFER_STATE_APPLIED; });
  EXPECT_EQ(report.last_offer().offer_id(), 5u);
  EXPECT_EQ(report.in_effect().number(), 2);
  until([](const ControlLink::Stats& stats) { return stats.connected; });
}

TEST_F(ControlLinkTest, ComesBackWhenTheStreamWasCut) {
  serve();
  connect();
  hub_.hello(1);
  hub_.cut();
  EXPECT_EQ(hub_.hello(2).instance(), "here");
  hub_.cut();
  hub_.hello(3);
}

TEST_F(ControlLinkTest, WaitsForAHubThatIsNotThereYet) {
  serve();
  server_->Shutdown(std::chrono::system_clock::time_point());
  server_.reset();
  connect();
  until([](const ControlLink::Stats& stats) { return !stats.last_error.empty(); });
  EXPECT_FALSE(link_->stats().connected);
  serve();
  hub_.hello(1);
  until([](const ControlLink::Stats& stats) { return stats.connected; });
  EXPECT_EQ(link_->stats().last_error, "");
}

TEST_F(ControlLinkTest, SaysThatAHubKnowsNothingOfConfigs) {
  v1::Uplink::Service nothing;
  serve(&nothing);
  connect();
  until([](const ControlLink::Stats& stats) {
    return stats.last_error.find("takes no part in changes of config") != std::string::npos;
  });
}

TEST_F(ControlLinkTest, StopsWhileItDialsAndWhileAStreamIsOpen) {
  connect();  // port 0 answers to nobody
  link_->stop();
  link_.reset();
  serve();
  connect();
  hub_.hello(1);
  link_->stop();
}

}  // namespace
}  // namespace sluice
