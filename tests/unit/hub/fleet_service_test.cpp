#include "hub/fleet_service.h"

#include <gtest/gtest.h>

#include <thread>

#include "unit/hub/control_client.h"
#include "unit/hub/test_certificates.h"

namespace sluice::hub {
namespace {

const std::string kFirst = "pipelines: []\n";
const std::string kSecond = "pipelines: [] # again\n";

TEST(FleetService, TellsWhetherANodeRunsWhatItShould) {
  TestHub hub;
  TestOperator people(hub.port());
  TestAttendant node(hub.port(), sample_hello());
  EXPECT_EQ(people.connected("gw-1").agreement(), v1::NODE_CONFIG_AGREEMENT_NONE_DESIRED);
  people.pushed(push_to_node("gw-1", kFirst));
  const v1::NodeConfigStatus pending = people.nodes("gw-1").nodes(0);
  EXPECT_EQ(pending.agreement(), v1::NODE_CONFIG_AGREEMENT_PENDING);
  EXPECT_EQ(pending.desired().offer_id(), 1u);
  EXPECT_FALSE(pending.has_reported());
  node.report(1, v1::OFFER_STATE_PROBATION, kFirst);
  people.node_when("gw-1", [](const auto& n) {
    return n.reported().last_offer().state() == v1::OFFER_STATE_PROBATION &&
           n.agreement() == v1::NODE_CONFIG_AGREEMENT_PENDING;
  });
  node.report(1, v1::OFFER_STATE_APPLIED, kFirst);
  people.node_when("gw-1", v1::NODE_CONFIG_AGREEMENT_SAME);
  node.report(1, v1::OFFER_STATE_SUPERSEDED, kSecond);
  people.node_when("gw-1", v1::NODE_CONFIG_AGREEMENT_DRIFTED);
  people.pushed(push_to_node("gw-1", kFirst + "\n"));
  EXPECT_EQ(people.nodes().nodes(0).agreement(), v1::NODE_CONFIG_AGREEMENT_PENDING);
  node.report(2, v1::OFFER_STATE_FAILED, kSecond, "no such plugin");
  const auto failed = people.node_when("gw-1", v1::NODE_CONFIG_AGREEMENT_FAILED);
  EXPECT_EQ(failed.reported().last_offer().message(), "no such plugin");
}

TEST(FleetService, RefusesWhatIsNotWellFormed) {
  TestHub hub;
  TestOperator people(hub.port());
  const auto refusal = [&people](const v1::PushConfigRequest& request) {
    v1::PushConfigResponse response;
    const grpc::Status status = people.push(request, response);
    EXPECT_EQ(status.error_code(), grpc::StatusCode::INVALID_ARGUMENT) << status.error_message();
    return status.error_message();
  };
  refusal({});
  refusal(push_of(kFirst));
  refusal(push_to_node("no name", kFirst));
  refusal(push_to_node("gw-1", ""));
  refusal(push_to_node("gw-1", "a: [1\nb: 2"));
  refusal(push_to_node("gw-1", "a: 1\na: 2\n"));
  refusal(push_to_node("gw-1", std::string((1 << 20) + 1, '#')));
  v1::PushConfigRequest request;
  request.set_signed_config("garbage");
  refusal(request);
  std::string damaged = signed_for("gw-1", 1, kFirst);
  damaged[damaged.find("pipelines")] ^= 1;
  request.set_signed_config(damaged);
  refusal(request);
  request.set_signed_config(signed_for("gw-1", 1, kFirst).substr(1));
  refusal(request);
  request.set_signed_config(signed_for("gw-1", 1, kFirst));
  request.mutable_target()->mutable_everyone();
  EXPECT_NE(refusal(request).find("leave the target out"), std::string::npos);
  v1::PushKeySetResponse keys;
  EXPECT_EQ(people.push_keys("garbage", keys).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(people.push_keys("", keys).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  std::string cut = sample_keys(1);
  cut.pop_back();
  EXPECT_EQ(people.push_keys(cut, keys).error_code(), grpc::StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(people.pushes().pushes_size(), 0);
  EXPECT_EQ(people.withdraw(1).error_code(), grpc::StatusCode::NOT_FOUND);
}

TEST(FleetService, OffersNothingMoreOfWhatWasWithdrawn) {
  TestHub hub;
  TestOperator people(hub.port());
  people.pushed(push_to_everyone(kFirst));
  people.pushed(push_to_everyone(kSecond));
  TestAttendant took_it(hub.port(), sample_hello());
  ASSERT_EQ(took_it.read_offer().offer_id(), 2u);
  took_it.report(2, v1::OFFER_STATE_APPLIED, kSecond);
  people.node_when("gw-1", v1::NODE_CONFIG_AGREEMENT_SAME);
  ASSERT_TRUE(people.withdraw(2).ok());
  EXPECT_TRUE(people.pushes().pushes(0).is_withdrawn());
  // It keeps what it took; who comes now gets the one before.
  EXPECT_EQ(people.nodes("gw-1").nodes(0).agreement(), v1::NODE_CONFIG_AGREEMENT_SAME);
  TestAttendant later(hub.port(), sample_hello("gw-2"));
  EXPECT_EQ(later.read_offer().offer_id(), 1u);
  took_it.end();
  EXPECT_TRUE(took_it.status().ok());
  EXPECT_TRUE(took_it.rest().empty());
}

TEST(FleetService, OffersTheOneBeforeWhenAWithdrawnOneDidNotLast) {
  TestHub hub;
  TestOperator people(hub.port());
  people.pushed(push_to_everyone(kFirst));
  people.pushed(push_to_everyone(kSecond));
  TestAttendant node(hub.port(), sample_hello());
  ASSERT_EQ(node.read_offer().offer_id(), 2u);
  node.report(2, v1::OFFER_STATE_PROBATION, kSecond);
  people.node_when("gw-1", [](const auto& n) { return n.has_reported(); });
  ASSERT_TRUE(people.withdraw(2).ok());
  node.report(2, v1::OFFER_STATE_ROLLED_BACK, "before");
  EXPECT_EQ(node.read_offer().offer_id(), 1u);
}

TEST(FleetService, KeepsAHundredPushesAndNeverLosesADesiredOne) {
  TestHub hub;
  TestOperator people(hub.port());
  for (int i = 0; i < 5; ++i) people.pushed(push_to_node("gw-old", kFirst));
  for (int i = 0; i < 99; ++i) people.pushed(push_to_node("n" + std::to_string(i), kFirst));
  const auto kept = people.pushes(100);
  EXPECT_EQ(kept.pushes_size(), 100);
  EXPECT_EQ(kept.pushes(99).offer_id(), 5u) << "the newest for gw-old";
  v1::PushConfigResponse response;
  EXPECT_EQ(people.push(push_to_node("one-more", kFirst), response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  ASSERT_TRUE(people.withdraw(50).ok());
  EXPECT_GT(people.pushed(push_to_node("one-more", kFirst)).offer_id(), 104u);
  people.pushed(push_to_everyone(kSecond));
  EXPECT_EQ(people.pushes(100).pushes_size(), 100);
  EXPECT_EQ(people.pushes(3).pushes_size(), 3);
  EXPECT_EQ(people.pushes().pushes_size(), 20);
}

TEST(FleetService, HasANodeMakeAPlan) {
  TestHub hub;
  TestOperator people(hub.port());
  TestAttendant node(hub.port(), sample_hello());
  people.connected("gw-1");
  std::thread answerer([&node] {
    for (const bool fits : {true, false}) {
      v1::ControlResponse response;
      ASSERT_TRUE(node.read(response));
      EXPECT_EQ(response.plan().request().config_yaml(), "pipelines: []\n");
      v1::ControlRequest stray;
      stray.mutable_plan()->set_order_id(response.plan().order_id() + 7);
      stray.mutable_plan()->set_error("of nobody's order");
      node.send(stray);
      v1::ControlRequest answer;
      answer.mutable_plan()->set_order_id(response.plan().order_id());
      if (fits) {
        answer.mutable_plan()->mutable_report()->set_fits(true);
        // As large as the server takes.
        answer.mutable_plan()->mutable_report()->add_notes(std::string(15 << 20, 'x'));
      } else {
        answer.mutable_plan()->set_error("nothing was recorded");
      }
      node.send(answer);
    }
  });
  grpc::ChannelArguments arguments;
  arguments.SetMaxReceiveMessageSize(64 << 20);
  TestOperator reader(grpc::CreateCustomChannel("127.0.0.1:" + std::to_string(hub.port()),
                                                grpc::InsecureChannelCredentials(), arguments));
  v1::PlanReport report;
  const grpc::Status made = reader.plan("gw-1", report);
  EXPECT_TRUE(made.ok()) << made.error_message();
  EXPECT_TRUE(report.fits());
  const grpc::Status none = reader.plan("gw-1", report);
  EXPECT_EQ(none.error_code(), grpc::StatusCode::FAILED_PRECONDITION);
  EXPECT_NE(none.error_message().find("nothing was recorded"), std::string::npos);
  answerer.join();
}

// The node has the order, and then is gone, or the hub, or the caller.
TEST(FleetService, FailsAPlanWhoseNodeGoesAway) {
  TestHub hub;
  TestOperator people(hub.port());
  v1::PlanReport report;
  EXPECT_EQ(people.plan("gw-1", report).error_code(), grpc::StatusCode::UNAVAILABLE);
  TestAttendant node(hub.port(), sample_hello());
  people.connected("gw-1");
  std::thread leaver([&node] {
    v1::ControlResponse response;
    EXPECT_TRUE(node.read(response));
    node.cancel();
  });
  const grpc::Status gone = people.plan("gw-1", report);
  EXPECT_EQ(gone.error_code(), grpc::StatusCode::UNAVAILABLE);
  EXPECT_NE(gone.error_message().find("went away"), std::string::npos) << gone.error_message();
  leaver.join();
}

TEST(FleetService, FailsAPlanWhenTheHubStops) {
  TestHub hub;
  TestOperator people(hub.port());
  TestAttendant node(hub.port(), sample_hello());
  people.connected("gw-1");
  std::thread stopper([&] {
    v1::ControlResponse response;
    EXPECT_TRUE(node.read(response));
    hub.stop();
  });
  v1::PlanReport report;
  EXPECT_FALSE(people.plan("gw-1", report).ok());
  stopper.join();
}

TEST(FleetService, LetsAnotherPlanBeMadeWhenTheCallerOfTheFirstHasGone) {
  TestHub hub;
  TestOperator people(hub.port());
  TestAttendant node(hub.port(), sample_hello());
  people.connected("gw-1");
  v1::PlanConfigRequest request;
  request.set_node("gw-1");
  request.mutable_request()->set_config_yaml(kFirst);
  grpc::ClientContext context;
  std::thread caller([&] {
    v1::PlanReport report;
    EXPECT_FALSE(people.stub().PlanConfig(&context, request, &report).ok());
  });
  v1::ControlResponse order;
  ASSERT_TRUE(node.read(order));
  TestOperator second(hub.port());
  v1::PlanReport report;
  EXPECT_EQ(second.plan("gw-1", report).error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  context.TryCancel();
  caller.join();
  std::thread answerer([&node] {
    v1::ControlResponse next;
    EXPECT_TRUE(node.read(next));
    v1::ControlRequest answer;
    answer.mutable_plan()->set_order_id(next.plan().order_id());
    answer.mutable_plan()->mutable_report()->set_fits(true);
    node.send(answer);
  });
  grpc::Status made;
  do {
    made = second.plan("gw-1", report);
  } while (made.error_code() == grpc::StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(made.ok()) << made.error_message();
  answerer.join();
}

TEST(FleetService, GivesAPlanUpAfterItsTime) {
  TestHub hub;
  TestOperator people(hub.port());
  TestAttendant node(hub.port(), sample_hello());
  people.connected("gw-1");
  std::thread clock([&] {
    v1::ControlResponse response;
    EXPECT_TRUE(node.read(response));
    hub.clock.boottime += 221'000'000'000;
  });
  v1::PlanReport report;
  const grpc::Status late = people.plan("gw-1", report);
  EXPECT_EQ(late.error_code(), grpc::StatusCode::DEADLINE_EXCEEDED);
  EXPECT_NE(late.error_message().find("220 s"), std::string::npos) << late.error_message();
  clock.join();
}

TEST(FleetService, IsNotServedInPlaintextToOtherMachines) {
  HubServiceOptions options;
  options.listen.host = "0.0.0.0";
  TestHub hub(options);
  v1::PushConfigResponse response;
  const grpc::Status refused =
      TestOperator(hub.port()).push(push_to_node("gw-1", kFirst), response);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_NE(refused.error_message().find("plaintext"), std::string::npos);
  TestAttendant node(hub.port(), sample_hello());
  node.end();
  EXPECT_TRUE(node.status().ok()) << "nodes are let in as their uplinks are";
}

class FleetServiceTls : public testing::Test {
 protected:
  HubServiceOptions options(std::vector<std::string> operators, bool wants_certificates = true) {
    HubServiceOptions options;
    options.tls = TlsPem{server_.certificate_pem(), server_.key_pem(),
                         wants_certificates ? ca_.certificate_pem() : ""};
    options.operators = std::move(operators);
    return options;
  }
  grpc::Status push(std::uint16_t port, const TestCertificate* certificate) {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = ca_.certificate_pem();
    if (certificate != nullptr) {
      ssl.pem_cert_chain = certificate->certificate_pem();
      ssl.pem_private_key = certificate->key_pem();
    }
    v1::PushConfigResponse response;
    return TestOperator(connect(port, grpc::SslCredentials(ssl)))
        .push(push_to_node("gw-1", kFirst), response);
  }

  TestCertificate ca_{"fleet ca"};
  TestCertificate server_{"hub", &ca_};
  TestCertificate node_{"gw-1", &ca_};
  TestCertificate anna_{"anna", &ca_};
  TestCertificate robot_{"", &ca_, {.alternative_names = "URI:spiffe://fleet/robot"}};
};

TEST_F(FleetServiceTls, IsForThoseWhoseCertificateBearsTheNameOfAnOperator) {
  TestHub hub(options({"anna", "spiffe://fleet/robot"}));
  EXPECT_TRUE(push(hub.port(), &anna_).ok());
  EXPECT_TRUE(push(hub.port(), &robot_).ok());
  const grpc::Status refused = push(hub.port(), &node_);
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::PERMISSION_DENIED);
  EXPECT_NE(refused.error_message().find("'gw-1'"), std::string::npos) << refused.error_message();
  EXPECT_NE(refused.error_message().find("--operator"), std::string::npos);
  EXPECT_EQ(push(hub.port(), nullptr).error_code(), grpc::StatusCode::UNAVAILABLE);
}

TEST_F(FleetServiceTls, IsForNobodyWhenNoOperatorIsNamed) {
  TestHub hub(options({}));
  EXPECT_EQ(push(hub.port(), &anna_).error_code(), grpc::StatusCode::PERMISSION_DENIED);
}

TEST_F(FleetServiceTls, IsForAnyoneWhereNoCertificatesAreAskedFor) {
  TestHub hub(options({}, false));
  EXPECT_TRUE(push(hub.port(), nullptr).ok());
}

}  // namespace
}  // namespace sluice::hub
