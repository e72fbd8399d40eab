#include "ctl/signing_commands.h"

#include <gtest/gtest.h>

#include <fstream>

#include "control/version_floor.h"
#include "unit/ctl/signing_desk.h"

// sluicectl as one who sends configs runs it, and as one who asks why a gateway does not take them.

namespace sluice::ctl {
namespace {

constexpr const char* kConfig = R"(sources:
  - name: plant
    mqtt:
      url: tcp://localhost:1883
      topics:
        - pattern: site/{site}/telemetry
)";

class SigningCommands : public SigningDesk {
 protected:
  SigningCommands() {
    anna_ = make_key("anna");
    EXPECT_EQ(rotate({"--new", "--add", dir_ / "anna.pub", "--comment", "Anna"}).exit_code, 0);
    EXPECT_EQ(run({"keys", "install", set_, "--trust", trust_}).exit_code, 0);
    std::ofstream(config_) << kConfig;
  }
  Outcome sign(const std::vector<std::string>& more, const std::string& key = "anna") {
    std::vector<std::string> arguments = {"config", "sign", config_, "--key", dir_ / key};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  Outcome verify(const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"config", "verify", config_ + ".signed", "--trust",
                                          trust_};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  void expect_refused(const Outcome& outcome, const std::string& part) {
    EXPECT_EQ(outcome.exit_code, 1) << outcome.out;
    EXPECT_TRUE(has(outcome.err, "refused: ") && has(outcome.err, part)) << outcome.err;
  }

  std::string anna_;
  const std::string config_ = dir_ / "fleet.yaml";
};

TEST_F(SigningCommands, SignAConfigThatAGatewayThenTakes) {
  const Outcome made = sign({"--version", "7", "--node", "gw-1"});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_TRUE(has(made.out, "for         node gw-1\n")) << made.out;
  const Outcome taken = verify({"--node", "gw-1", "--payload", dir_ / "payload"});
  EXPECT_EQ(taken.exit_code, 0) << taken.err;
  EXPECT_TRUE(has(taken.out, "version     7\n")) << taken.out;
  EXPECT_TRUE(has(taken.out, "key         " + anna_ + " (Anna)\n")) << taken.out;
  EXPECT_TRUE(has(taken.out, "verdict     OK\n")) << taken.out;
  EXPECT_EQ(read(dir_ / "payload"), kConfig);
  const Outcome json = verify({"--node", "gw-1", "--json"});
  EXPECT_TRUE(json.out.starts_with(R"({"ok":true,"error":"",)")) << json.out;
  EXPECT_TRUE(has(json.out, R"("version":7,"target":"node gw-1","key_id":")" + anna_ + "\""))
      << json.out;
  EXPECT_TRUE(has(verify({}).out, "OK (for which gateway was not asked: --node)"));
}

TEST_F(SigningCommands, TakeOneKindOfTarget) {
  for (const auto& [target, text, asked] :
       {std::tuple<std::vector<std::string>, const char*, std::vector<std::string>>{
            {"--group", "north"}, "group north", {"--group", "south", "--group", "north"}},
        {{"--label", "site=berlin", "--label", "line=2"},
         "labels line=2, site=berlin",
         {"--label", "line=2", "--label", "site=berlin", "--label", "rack=1"}},
        {{"--everyone"}, "everyone", {"--node", "any"}}}) {
    std::vector<std::string> arguments = target;
    arguments.insert(arguments.end(), {"--version", "1"});
    const Outcome made = sign(arguments);
    EXPECT_EQ(made.exit_code, 0) << made.err;
    EXPECT_TRUE(has(made.out, std::string("for         ") + text + "\n")) << made.out;
    EXPECT_EQ(verify(asked).exit_code, 0) << text;
  }
  for (const std::vector<std::string>& wrong : {std::vector<std::string>{},
                                                {"--node", "a", "--everyone"},
                                                {"--group", "a", "--group", "b"},
                                                {"--label", "berlin"},
                                                {"--node", "a b"},
                                                {"--label", "site="}}) {
    std::vector<std::string> arguments = wrong;
    arguments.insert(arguments.end(), {"--version", "1"});
    EXPECT_EQ(sign(arguments).exit_code, 2);
  }
}

TEST_F(SigningCommands, SayWhyAGatewayWouldNotTakeIt) {
  ASSERT_EQ(sign({"--version", "7", "--node", "gw-1", "--not-before", "2030-01-01"}).exit_code, 0);
  const std::vector<std::string> then = {"--at", "2030-01-02"};
  EXPECT_EQ(verify(then).exit_code, 0);
  expect_refused(verify({"--at", "2029-12-31"}), "is valid only from 2030-01-01T00:00:00Z");
  expect_refused(verify({"--node", "gw-2", "--at", "2030-01-02"}), "is for node gw-1, and this is");
  expect_refused(verify({"--above", "7", "--at", "2030-01-02"}), "is not above 7");
  const Outcome json = verify({"--above", "8", "--at", "2030-01-02", "--json"});
  EXPECT_EQ(json.exit_code, 1);
  EXPECT_TRUE(json.out.starts_with(R"({"ok":false,"error":"config version 7)")) << json.out;
  std::ofstream(config_ + ".signed", std::ios::app) << "x";
  expect_refused(verify(then), "is damaged");
  EXPECT_TRUE(has(verify({"--json"}).out, R"("version":0,"target":"","key_id":"",)"));
}

TEST_F(SigningCommands, JudgeByWhatTheGatewayHasAccepted) {
  ASSERT_EQ(sign({"--version", "7", "--everyone"}).exit_code, 0);
  const TempDir state;
  EXPECT_EQ(verify({"--state", state.path()}).exit_code, 0) << "a new gateway";
  const VersionFloor configs(state.path(), VersionFloor::Kind::config);
  ASSERT_TRUE(configs.raise(6).ok());
  EXPECT_EQ(verify({"--state", state.path()}).exit_code, 0);
  ASSERT_TRUE(configs.raise(7).ok());
  expect_refused(verify({"--state", state.path()}), "is not above 7");
  std::ofstream(configs.path()) << "damaged";
  const Outcome damaged = verify({"--state", state.path()});
  EXPECT_EQ(damaged.exit_code, 1);
  EXPECT_TRUE(has(damaged.err, configs.path() + " is damaged")) << damaged.err;
  const TempDir other;
  ASSERT_TRUE(VersionFloor(other.path(), VersionFloor::Kind::key_set).raise(2).ok());
  const Outcome backup = verify({"--state", other.path()});
  EXPECT_EQ(backup.exit_code, 1);
  EXPECT_TRUE(has(backup.err, "key set version 1 is older than version 2")) << backup.err;
}

TEST_F(SigningCommands, RefuseKeysThatTheSetDoesNotHaveOrRevoked) {
  make_key("ben");
  ASSERT_EQ(sign({"--version", "7", "--everyone"}, "ben").exit_code, 0);
  expect_refused(verify({}), "which key set version 1 does not have");
  ASSERT_EQ(sign({"--version", "7", "--everyone"}).exit_code, 0);
  EXPECT_EQ(verify({}).exit_code, 0);
  ASSERT_EQ(revoke({anna_}).exit_code, 0);
  ASSERT_EQ(run({"keys", "install", set_, "--trust", trust_}).exit_code, 0);
  expect_refused(verify({}), "which was revoked");
}

TEST_F(SigningCommands, SignNoConfigThatDoesNotPass) {
  std::ofstream(config_, std::ios::app) << "bogus: 1\n";
  const Outcome bogus = sign({"--version", "7", "--everyone"});
  EXPECT_EQ(bogus.exit_code, 2);
  EXPECT_TRUE(has(bogus.err, config_ + ":7:1: bogus: ")) << bogus.err;
  EXPECT_FALSE(std::filesystem::exists(config_ + ".signed"));
  std::ofstream(config_) << "node:\n  name: ${NAME}\nuplink:\n  hub: hub:7443\n" << kConfig;
  const Outcome local = sign({"--version", "7", "--everyone"});
  EXPECT_EQ(local.exit_code, 2);
  EXPECT_TRUE(has(local.err, ": node: belongs to the machine")) << local.err;
  EXPECT_TRUE(has(local.err, ": uplink: belongs to the machine")) << local.err;
  std::ofstream(config_) << std::string((1 << 20) + 1, '#');
  EXPECT_TRUE(has(sign({"--version", "7", "--everyone"}).err, "more than 1048576 bytes"));
}

TEST_F(SigningCommands, ShowNoPrivateKeyWhateverHappens) {
  const std::string secret = read(dir_ / "anna").substr(28, 60);
  ASSERT_TRUE(has(read(dir_ / "anna"), secret));
  for (const Outcome& outcome : {sign({"--version", "7", "--everyone"}), sign({"--version", "7"}),
                                 sign({"--version", "7", "--everyone", "-o", dir_ / "none/x"}),
                                 run({"config", "verify", dir_ / "anna", "--trust", trust_}),
                                 run({"keys", "show", dir_ / "anna"}),
                                 run({"config", "sign", dir_ / "anna", "--key", dir_ / "anna.pub",
                                      "--version", "1", "--everyone"})}) {
    EXPECT_FALSE(has(outcome.out + outcome.err, secret)) << outcome.out << outcome.err;
  }
}

}  // namespace
}  // namespace sluice::ctl
