#include "hub/control_service.h"

#include <gtest/gtest.h>

#include <functional>
#include <thread>

#include "unit/hub/control_client.h"

namespace sluice::hub {
namespace {

const std::string kFirst = "pipelines: []\n";
const std::string kSecond = "pipelines: [] # again\n";

TEST(ControlService, OffersWhatWasPushedToANodeThatIsThere) {
  TestHub hub;
  TestOperator people(hub.port());
  TestAttendant node(hub.port(), sample_hello());
  people.connected("gw-1");
  const auto pushed = people.pushed(push_to_node("gw-1", kFirst));
  EXPECT_EQ(pushed.offer_id(), 1u);
  EXPECT_EQ(pushed.nodes(), 1u);
  const v1::ConfigOffer offer = node.read_offer();
  EXPECT_EQ(offer.offer_id(), 1u);
  EXPECT_EQ(offer.document(), kFirst);
  EXPECT_EQ(people.pushed(push_to_node("other", kFirst)).nodes(), 0u);
  EXPECT_EQ(people.pushed(push_to_everyone(kSecond)).nodes(), 1u);
  EXPECT_EQ(node.read_offer().offer_id(), 3u);
}

TEST(ControlService, OffersTheNewestToANodeThatWasAwayAndOnceAStream) {
  TestHub hub;
  TestOperator people(hub.port());
  people.pushed(push_to_node("gw-1", kFirst));
  people.pushed(push_to_group("north", kSecond));
  for (int round = 0; round < 2; ++round) {
    v1::ControlHello hello = sample_hello();
    hello.add_groups("north");
    TestAttendant node(hub.port(), hello);
    const v1::ConfigOffer offer = node.read_offer();
    EXPECT_EQ(offer.offer_id(), 2u);
    EXPECT_EQ(offer.document(), kSecond);
    // Whatever else it says brings no second offer.
    node.report(2, v1::OFFER_STATE_APPLYING, kFirst);
    node.report(2, v1::OFFER_STATE_APPLIED, kSecond);
    people.node_when("gw-1", v1::NODE_CONFIG_AGREEMENT_SAME);
    people.pushed(push_to_group("south", kFirst));
    node.end();
    EXPECT_TRUE(node.status().ok());
    EXPECT_TRUE(node.rest().empty());
    people.away("gw-1");
  }
}

TEST(ControlService, KeepsPushesKeysAndReportsOverARestartOfTheHub) {
  TestHub hub;
  v1::PushKeySetResponse keys;
  const std::string chain = sample_keys(4);
  {
    TestOperator people(hub.port());
    TestAttendant node(hub.port(), sample_hello());
    people.connected("gw-1");
    ASSERT_TRUE(people.push_keys(chain, keys).ok());
    EXPECT_EQ(keys.version(), 4u);
    EXPECT_EQ(keys.nodes(), 1u);
    people.pushed(push_to_node("gw-1", kFirst));
    v1::ControlResponse response;
    ASSERT_TRUE(node.read(response));
    EXPECT_EQ(response.keys().chain(), chain);
    ASSERT_EQ(node.read_offer().offer_id(), 1u);
    node.report(1, v1::OFFER_STATE_APPLIED, kFirst);
    people.node_when("gw-1", v1::NODE_CONFIG_AGREEMENT_SAME);
    hub.stop();
    EXPECT_FALSE(node.status().ok());
  }
  hub.start();
  TestOperator people(hub.port());
  const v1::NodeConfigStatus away = people.nodes().nodes(0);
  EXPECT_FALSE(away.connected());
  EXPECT_EQ(away.version(), "0.1.0");
  EXPECT_EQ(away.last_seen_ns(), kNoonNs);
  EXPECT_EQ(away.agreement(), v1::NODE_CONFIG_AGREEMENT_SAME);
  EXPECT_EQ(away.reported().last_offer().offer_id(), 1u);
  TestAttendant node(hub.port(), sample_hello("gw-1", "i2"));
  v1::ControlResponse response;
  ASSERT_TRUE(node.read(response));
  EXPECT_EQ(response.keys().chain(), chain) << "keys come ahead of what they sign";
  EXPECT_EQ(node.read_offer().offer_id(), 1u);
  EXPECT_EQ(people.pushed(push_to_node("gw-1", kSecond)).offer_id(), 2u);
  EXPECT_EQ(people.push_keys(sample_keys(3), keys).error_code(),
            grpc::StatusCode::FAILED_PRECONDITION);
}

TEST(ControlService, OffersASignedConfigToItsOwnTarget) {
  TestHub hub;
  TestOperator people(hub.port());
  TestAttendant node(hub.port(), sample_hello());
  TestAttendant other(hub.port(), sample_hello("gw-2"));
  people.connected("gw-1");
  people.connected("gw-2");
  v1::PushConfigRequest request;
  request.set_signed_config(signed_for("gw-1", 7, kFirst));
  EXPECT_EQ(people.pushed(request).nodes(), 1u);
  EXPECT_EQ(node.read_offer().signed_config(), request.signed_config());
  const v1::ConfigPush push = people.pushes().pushes(0);
  EXPECT_TRUE(push.is_signed());
  EXPECT_EQ(push.version(), 7u);
  EXPECT_EQ(push.target().node(), "gw-1");
  EXPECT_EQ(push.sha256(), sha256(kFirst));
  other.end();
  EXPECT_TRUE(other.status().ok());
  EXPECT_TRUE(other.rest().empty());
}

TEST(ControlService, GivesTheSameProcessItsPlaceBackAndRefusesAClone) {
  TestHub hub;
  TestOperator people(hub.port());
  TestAttendant old_stream(hub.port(), sample_hello());
  people.connected("gw-1");
  TestAttendant clone(hub.port(), sample_hello("gw-1", "another"));
  const grpc::Status refused = clone.status();
  EXPECT_EQ(refused.error_code(), grpc::StatusCode::ALREADY_EXISTS);
  EXPECT_NE(refused.error_message().find("gw-1 is already connected"), std::string::npos)
      << refused.error_message();
  TestAttendant new_stream(hub.port(), sample_hello());
  EXPECT_EQ(old_stream.status().error_code(), grpc::StatusCode::CANCELLED);
  people.connected("gw-1");
  EXPECT_EQ(people.pushed(push_to_node("gw-1", kFirst)).nodes(), 1u);
  EXPECT_EQ(new_stream.read_offer().offer_id(), 1u);
}

TEST(ControlService, EndsAStreamThatDoesNotKeepTheContract) {
  TestHub hub;
  const auto refusal = [&hub](const std::function<void(TestAttendant&)>& act) {
    TestAttendant node(hub.port());
    act(node);
    return node.status().error_code();
  };
  using grpc::StatusCode;
  const auto hello = [](TestAttendant& n) { n.send_hello(sample_hello()); };
  EXPECT_EQ(refusal([](auto& n) { n.send({}); }), StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refusal([](auto& n) { n.report(1, v1::OFFER_STATE_APPLIED, ""); }),
            StatusCode::INVALID_ARGUMENT);
  EXPECT_EQ(refusal([](auto& n) { n.send_hello(sample_hello("no name")); }),
            StatusCode::INVALID_ARGUMENT);
  const auto after_hello = [&](const v1::ControlRequest& request) {
    return refusal([&](auto& n) {
      hello(n);
      n.send(request);
    });
  };
  EXPECT_EQ(after_hello({}), StatusCode::INVALID_ARGUMENT);
  v1::ControlRequest request;
  *request.mutable_hello() = sample_hello();
  EXPECT_EQ(after_hello(request), StatusCode::INVALID_ARGUMENT);
  request.mutable_report()->set_sha256("short");
  EXPECT_EQ(after_hello(request), StatusCode::INVALID_ARGUMENT);
  request.mutable_report()->set_sha256(std::string(17 << 20, '\0'));
  EXPECT_EQ(after_hello(request), StatusCode::RESOURCE_EXHAUSTED);
  EXPECT_TRUE(TestAttendant(hub.port()).send_hello(sample_hello())) << "the hub did not survive it";
}

TEST(ControlService, CancelsAStreamThatNeverSaysHello) {
  TestHub hub;
  TestAttendant silent(hub.port());
  std::atomic<bool> done{false};
  std::thread clock([&] {
    while (!done) {
      hub.clock.boottime += 1'000'000'000;
      std::this_thread::yield();
    }
  });
  EXPECT_EQ(silent.status().error_code(), grpc::StatusCode::CANCELLED);
  done = true;
  clock.join();
}

TEST(ControlService, SaysSoWhenAllItsStreamsAreTaken) {
  HubServiceOptions options;
  options.streams_max = 1;
  TestHub hub(options);
  TestOperator people(hub.port());
  TestAttendant one(hub.port(), sample_hello());
  people.connected("gw-1");
  TestAttendant two(hub.port(), sample_hello("gw-2"));
  EXPECT_EQ(two.status().error_code(), grpc::StatusCode::RESOURCE_EXHAUSTED);
  // Uplink streams are counted apart.
  TestNode uplink(hub.port());
  EXPECT_EQ(uplink.greet(), 0);
}

// Its window fills up in the middle of an offer. Others are offered what is pushed all the same.
TEST(ControlService, WaitsForNobodyWhoDoesNotRead) {
  TestHub hub;
  TestOperator people(hub.port());
  TestAttendant deaf(hub.port(), sample_hello());
  TestAttendant node(hub.port(), sample_hello("gw-2"));
  people.connected("gw-1");
  people.connected("gw-2");
  const std::string large = "# " + std::string(1'000'000, 'x') + "\npipelines: []\n";
  for (std::uint64_t push = 1; push <= 10; ++push) {
    EXPECT_EQ(people.pushed(push_to_everyone(large)).nodes(), 2u);
    EXPECT_EQ(node.read_offer().offer_id(), push);
  }
  deaf.report(0, v1::OFFER_STATE_UNSPECIFIED, "still heard");
  people.node_when("gw-1", [](const auto& n) { return n.has_reported(); });
  deaf.cancel();
  people.away("gw-1");
}

TEST(ControlService, StopsWithStreamsOpenAndAnOfferThatNobodyReads) {
  TestHub hub;
  TestOperator people(hub.port());
  TestAttendant deaf(hub.port(), sample_hello());
  TestAttendant silent(hub.port());
  people.connected("gw-1");
  for (int i = 0; i < 8; ++i) {
    people.pushed(push_to_everyone("# " + std::string(1'000'000, 'x') + "\npipelines: []\n"));
  }
  hub.stop();
  EXPECT_FALSE(deaf.status().ok());
  EXPECT_FALSE(silent.status().ok());
}

TEST(ControlService, KeepsNoMoreOfAReportThanIsBounded) {
  TestHub hub;
  TestOperator people(hub.port());
  TestAttendant node(hub.port(), sample_hello());
  v1::ControlRequest request;
  request.mutable_report()->mutable_in_effect()->set_document(std::string(1 << 20, 'x'));
  request.mutable_report()->mutable_in_effect()->set_message(std::string(1 << 20, 'x'));
  request.mutable_report()->mutable_last_offer()->set_message(std::string(1 << 20, 'x'));
  request.mutable_report()->set_key_error(std::string(1 << 20, 'x'));
  node.send(request);
  const auto known = people.node_when("gw-1", [](const auto& n) { return n.has_reported(); });
  EXPECT_LT(known.ByteSizeLong(), 16u << 10);
  EXPECT_EQ(known.reported().key_error().size(), 4096u);
}

}  // namespace
}  // namespace sluice::hub
