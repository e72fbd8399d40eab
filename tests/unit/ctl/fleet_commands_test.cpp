#include "ctl/fleet_commands.h"

#include <gtest/gtest.h>

#include <fstream>

#include "unit/ctl/fake_fleet.h"
#include "unit/ctl/signing_desk.h"

// sluicectl as one who changes the configs of a fleet runs it.

namespace sluice::ctl {
namespace {

constexpr const char* kConfig = R"(sources:
  - name: plant
    mqtt:
      url: tcp://localhost:1883
      topics:
        - pattern: site/{site}/telemetry
)";

v1::NodeConfigStatus node_that(v1::OfferState state, const std::string& name = "gw-1",
                               const std::string& message = "") {
  v1::NodeConfigStatus node;
  node.set_node(name);
  node.set_connected(true);
  node.mutable_desired()->set_offer_id(12);
  node.mutable_reported()->mutable_last_offer()->set_offer_id(12);
  node.mutable_reported()->mutable_last_offer()->set_state(state);
  node.mutable_reported()->mutable_last_offer()->set_message(message);
  return node;
}

v1::ListNodeConfigsResponse all_of(const std::vector<v1::NodeConfigStatus>& nodes) {
  v1::ListNodeConfigsResponse response;
  for (const auto& node : nodes) *response.add_nodes() = node;
  return response;
}

class FleetCommands : public SigningDesk {
 protected:
  FleetCommands() { std::ofstream(config_) << kConfig; }
  Outcome hub(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), "hub");
    arguments.insert(arguments.end(), {"--hub", hub_.address()});
    return run(arguments);
  }
  Outcome push(std::vector<std::string> more) {
    more.insert(more.begin(), {"push", config_});
    return hub(more);
  }
  std::string sign(const std::vector<std::string>& target) {
    make_key("anna");
    std::vector<std::string> arguments = {"config",      "sign",      config_, "--key",
                                          dir_ / "anna", "--version", "7"};
    arguments.insert(arguments.end(), target.begin(), target.end());
    const Outcome made = run(arguments);
    EXPECT_EQ(made.exit_code, 0) << made.err;
    return config_ + ".signed";
  }

  FakeFleet hub_;
  const std::string config_ = dir_ / "fleet.yaml";
};

TEST_F(FleetCommands, PushAConfigForAnyKindOfTarget) {
  const Outcome one = push({"--node", "gw-1"});
  EXPECT_EQ(one.exit_code, 0) << one.err;
  EXPECT_TRUE(has(one.out, "offer               12\n")) << one.out;
  EXPECT_TRUE(has(one.out, "for                 node gw-1\n")) << one.out;
  EXPECT_TRUE(has(one.out, "offered at once to  1 node\n")) << one.out;
  EXPECT_EQ(hub_.pushed().document(), kConfig);
  EXPECT_EQ(hub_.pushed().target().node(), "gw-1");
  EXPECT_EQ(push({"--group", "north"}).exit_code, 0);
  EXPECT_EQ(hub_.pushed().target().group(), "north");
  EXPECT_EQ(push({"--labels", "site=a=b", "--label", "line=2"}).exit_code, 0);
  EXPECT_EQ(hub_.pushed().target().labels().labels().at("site"), "a=b");
  EXPECT_EQ(hub_.pushed().target().labels().labels().size(), 2u);
  EXPECT_EQ(push({"--everyone", "--json"}).out, "{\"offer_id\":12,\"nodes\":1}\n");
  EXPECT_TRUE(hub_.pushed().target().has_everyone());
}

TEST_F(FleetCommands, PushASignedConfigForWhomItIs) {
  const std::string file = sign({"--group", "north"});
  const Outcome pushed = hub({"push", file});
  EXPECT_EQ(pushed.exit_code, 0) << pushed.err;
  EXPECT_TRUE(has(pushed.out, "for                 group north\n")) << pushed.out;
  EXPECT_EQ(hub_.pushed().signed_config(), read(file));
  EXPECT_FALSE(hub_.pushed().has_target());
  const Outcome other = hub({"push", file, "--everyone"});
  EXPECT_EQ(other.exit_code, 2);
  EXPECT_TRUE(has(other.err, "is signed for group north")) << other.err;
  std::ofstream(file, std::ios::app) << "x";
  const Outcome damaged = hub({"push", file});
  EXPECT_EQ(damaged.exit_code, 2);
  EXPECT_TRUE(has(damaged.err, "neither YAML nor a signed config")) << damaged.err;
}

TEST_F(FleetCommands, PushNoConfigThatDoesNotPass) {
  std::ofstream(config_, std::ios::app) << "bogus: 1\nuplink:\n  hub: hub:7443\n";
  const Outcome bogus = push({"--node", "gw-1"});
  EXPECT_EQ(bogus.exit_code, 2);
  EXPECT_TRUE(has(bogus.err, config_ + ":7:1: bogus: ")) << bogus.err;
  EXPECT_TRUE(has(bogus.err, ":9:3: uplink: belongs to the machine")) << bogus.err;
  EXPECT_EQ(hub_.pushed().config_case(), v1::PushConfigRequest::CONFIG_NOT_SET);
  const std::vector<std::string> wrong[] = {{},
                                            {"--node", "gw-1", "--everyone"},
                                            {"--node", "no name"},
                                            {"--label", "site"},
                                            {"--everyone", "--timeout", "5m"},
                                            {"--everyone", "--wait", "--timeout", "soon"}};
  std::ofstream(config_) << kConfig;
  for (const auto& arguments : wrong) {
    const Outcome refused = push(arguments);
    EXPECT_EQ(refused.exit_code, 2) << refused.err;
    EXPECT_FALSE(refused.err.empty());
  }
  EXPECT_EQ(hub({"push", dir_ / "none", "--everyone"}).exit_code, 2);
}

TEST_F(FleetCommands, WaitUntilAllThatAreConnectedHaveAppliedIt) {
  v1::NodeConfigStatus away = node_that(v1::OFFER_STATE_UNSPECIFIED, "away");
  away.set_connected(false);
  v1::NodeConfigStatus other = node_that(v1::OFFER_STATE_UNSPECIFIED, "other");
  other.mutable_desired()->set_offer_id(11);
  v1::NodeConfigStatus before = node_that(v1::OFFER_STATE_APPLIED);
  before.mutable_reported()->mutable_last_offer()->set_offer_id(11);
  hub_.will_say({all_of({away, before, other}),
                 all_of({away, node_that(v1::OFFER_STATE_PROBATION), other}), all_of({away, other}),
                 all_of({node_that(v1::OFFER_STATE_APPLIED)})});
  const Outcome pushed = push({"--everyone", "--wait"});
  EXPECT_EQ(pushed.exit_code, 0) << pushed.err;
  EXPECT_TRUE(pushed.out.ends_with("gw-1: probation\ngw-1: applied\n")) << pushed.out;
}

TEST_F(FleetCommands, ExitWithOneWhenANodeDidNotApplyIt) {
  hub_.will_say({all_of({node_that(v1::OFFER_STATE_APPLIED),
                         node_that(v1::OFFER_STATE_ROLLED_BACK, "gw-2", "too many late\x1b")})});
  const Outcome pushed = push({"--everyone", "--wait"});
  EXPECT_EQ(pushed.exit_code, 1);
  EXPECT_TRUE(has(pushed.out, "gw-2: rolled back: too many late\\x1b\n")) << pushed.out;
  v1::NodeConfigStatus overtaken = node_that(v1::OFFER_STATE_APPLYING);
  overtaken.mutable_desired()->set_offer_id(13);
  hub_.will_say({all_of({node_that(v1::OFFER_STATE_APPLYING)}), all_of({overtaken})});
  const Outcome late = push({"--everyone", "--wait"});
  EXPECT_EQ(late.exit_code, 1);
  EXPECT_TRUE(has(late.err, "node gw-1 should run another config")) << late.err;
  hub_.will_say({all_of({node_that(v1::OFFER_STATE_WAITING)})});
  const Outcome patient = push({"--everyone", "--wait", "--timeout", "1ms"});
  EXPECT_EQ(patient.exit_code, 1);
  EXPECT_TRUE(has(patient.err, "nothing has come of it yet at gw-1")) << patient.err;
  hub_.will_say({});
  const Outcome nobody = push({"--everyone", "--wait"});
  EXPECT_EQ(nobody.exit_code, 0);
  EXPECT_TRUE(has(nobody.out, "No node that it is for is connected")) << nobody.out;
}

TEST_F(FleetCommands, ShowWhatWasPushedAndWhatNodesRun) {
  const Outcome pushes = hub({"pushes"});
  EXPECT_EQ(pushes.exit_code, 0) << pushes.err;
  EXPECT_TRUE(has(pushes.out,
                  "   12  group north\\x1b        7  01234567  2024-05-01 12:00:00Z  "
                  "withdrawn"))
      << pushes.out;
  EXPECT_EQ(hub({"pushes", "--limit", "1"}).out, "Nothing was pushed at this hub.\n");
  v1::NodeConfigStatus node = node_that(v1::OFFER_STATE_ROLLED_BACK, "gw-1", "all is late");
  node.set_agreement(v1::NODE_CONFIG_AGREEMENT_FAILED);
  node.mutable_desired()->set_sha256("\x01\x23\x45\x67");
  node.mutable_reported()->set_sha256("\x76\x54\x32\x10");
  node.mutable_reported()->mutable_in_effect()->set_number(5);
  node.mutable_reported()->mutable_in_effect()->set_changed_ns(1'714'564'800'000'000'000);
  node.mutable_reported()->set_key_error("no keys");
  hub_.will_say({all_of({node})});
  const Outcome configs = hub({"configs"});
  EXPECT_EQ(configs.exit_code, 0) << configs.err;
  EXPECT_TRUE(has(configs.out,
                  "gw-1  connected  FAILED  12 (01234567)  revision 5 (76543210)  "
                  "2024-05-01 12:00:00Z  12 rolled back: all is late; keys: no keys"))
      << configs.out;
  EXPECT_TRUE(has(hub({"configs", "--json"}).out, R"({"nodes":[{"node":"gw-1","connected":true,)"));
  const Outcome refused = hub({"configs", "--node", "forbidden"});
  EXPECT_EQ(refused.exit_code, 1);
  EXPECT_TRUE(has(refused.err, "no operator")) << refused.err;
}

TEST_F(FleetCommands, WithdrawAndGiveKeys) {
  EXPECT_EQ(hub({"withdraw", "12"}).exit_code, 0);
  const Outcome none = hub({"withdraw", "13"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_TRUE(has(none.err, "there is no push 13")) << none.err;
  EXPECT_EQ(hub({"withdraw", "0"}).exit_code, 2);
  make_key("anna");
  ASSERT_EQ(rotate({"--new", "--add", dir_ / "anna.pub"}).exit_code, 0);
  const Outcome keys = hub({"keys", set_});
  EXPECT_EQ(keys.exit_code, 0) << keys.err;
  EXPECT_TRUE(has(keys.out, "Key set version 4 was offered to 2 connected nodes")) << keys.out;
  EXPECT_EQ(hub_.chain(), read(set_));
  EXPECT_EQ(hub({"keys", config_}).exit_code, 2);
  EXPECT_EQ(hub({"keys", dir_ / "anna"}).exit_code, 2);
}

TEST_F(FleetCommands, PlanAsTheNodeItselfDoes) {
  v1::PlanReport report;
  report.set_fits(true);
  hub_.will_plan(grpc::Status::OK, report);
  const auto plan = [this](const std::string& file) {
    return hub({"plan", file, "--node", "gw-1", "--since", "2h"});
  };
  const Outcome fits = plan(config_);
  EXPECT_EQ(fits.exit_code, 0) << fits.err;
  EXPECT_TRUE(fits.out.ends_with("It fits.\n")) << fits.out;
  EXPECT_EQ(hub_.planned().node(), "gw-1");
  EXPECT_EQ(hub_.planned().request().config_yaml(), kConfig);
  EXPECT_EQ(hub_.planned().request().since_s(), 7200u);
  const std::string file = sign({"--everyone"});
  EXPECT_EQ(plan(file).exit_code, 0);
  EXPECT_EQ(hub_.planned().signed_config(), read(file));
  EXPECT_EQ(hub_.planned().request().config_yaml(), "");
  report.set_fits(false);
  hub_.will_plan(grpc::Status::OK, report);
  EXPECT_EQ(plan(config_).exit_code, 1);
  report.add_errors()->set_message("expected a list");
  hub_.will_plan(grpc::Status::OK, report);
  EXPECT_EQ(plan(config_).exit_code, 2);
  hub_.will_plan({grpc::StatusCode::UNAVAILABLE, "node gw-1 is not connected to the hub"});
  const Outcome away = plan(config_);
  EXPECT_EQ(away.exit_code, 3);
  EXPECT_TRUE(has(away.err, "no plan of node gw-1 by the hub at ")) << away.err;
  EXPECT_TRUE(has(away.err, ": node gw-1 is not connected to the hub")) << away.err;
  EXPECT_FALSE(has(away.err, "check address")) << away.err;
}

}  // namespace
}  // namespace sluice::ctl
