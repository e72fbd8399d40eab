#include <google/protobuf/util/json_util.h>
#include <gtest/gtest.h>
#include <signal.h>

#include <filesystem>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "e2e/site.h"
#include "fakes/test_certificates.h"
#include "sluice/v1/fleet.pb.h"

namespace sluice::e2e {
namespace {

const std::string kCtl = std::string(SLUICE_BIN_DIR) + "/sluicectl";

/// What a document of a fleet says; the rest is each gateway's own.
std::string document(const std::string& stage) {
  return "sources:\n  - name: plant\n    mqtt: {url: \"tcp://127.0.0.1:@MQTT_PORT@\", topics: "
         "[{pattern: \"plant/{sensor}\"}]}\n    decode: {time: /t, time_format: s, fields: "
         "[{pointer: /v, measurement: v}]}\npipelines:\n  - {name: p, stages: [" +
         stage + "], windows: [{tumbling: 10s}]}\n";
}

/// A hub and gateways of it, each with a certificate, its own folder and its own daemon. gw-1 to
/// gw-3 are of the group north. Root and signer are made as an operator makes them.
class PushTest : public ::testing::Test {
 protected:
  void SetUp() override {
    for (const char* ca : {"ca", "other-ca"}) certificates_.make_ca(ca);
    certificates_.make_leaf("hub", "ca", "hub.test");
    certificates_.make_leaf("operator", "ca", "ops.test");
    certificates_.make_leaf("gateway", "ca", "gateway.test");
    site_.hub_extra = {"--tls-cert",      certificates_.certificate_file("hub"),
                       "--tls-key",       certificates_.key_file("hub"),
                       "--tls-client-ca", certificates_.certificate_file("ca"),
                       "--operator",      "ops.test"};
    ASSERT_NO_FATAL_FAILURE(site_.start_broker());
    ASSERT_NO_FATAL_FAILURE(site_.start_hub());
    std::filesystem::create_directory(trust());
    const std::string root = site_.dir() + "/root";
    ASSERT_EQ(run({kCtl, "keys", "generate", root}).exit_code, 0);
    ASSERT_EQ(run({kCtl, "keys", "generate", signer()}).exit_code, 0);
    ASSERT_EQ(run({kCtl, "keys", "rotate", trust() + "/keys", "--new", "--root", root, "--add",
                   signer() + ".pub"})
                  .exit_code,
              0);
    std::filesystem::copy_file(root + ".pub", trust() + "/root.pub");
  }
  void TearDown() override {
    for (auto& [name, daemon] : daemons_) daemon.end(SIGTERM);
    if (!HasFailure()) return;
    for (auto& [name, daemon] : daemons_) {
      const std::string text = site_.log(name + ".log");
      std::fprintf(stderr, "--- %s\n%s\n", name.c_str(),
                   text.substr(text.size() > 3000 ? text.size() - 3000 : 0).c_str());
    }
  }
  std::string trust() const { return site_.dir() + "/trust"; }
  std::string signer() const { return site_.dir() + "/anna"; }
  std::string folder(const std::string& name) const { return site_.dir() + "/" + name; }

  struct Tls {
    std::string certificate = "gateway";
    std::string ca = "ca";
    std::string server_name = "hub.test";
    bool is_on = true;
  };
  std::string file_of(const std::string& name, const Tls& tls, bool unsigned_push) {
    SiteConfig config;
    config.name = config.machine_id = name;
    config.run_dir = config.state_dir = folder(name);
    std::string yaml = config.yaml();
    const bool is_north = name < "gw-4";
    replace_all(yaml, "  machine_id: ",
                std::string("  groups: [") + (is_north ? "north" : "south") + "]\n  machine_id: ");
    if (tls.is_on) {
      replace_all(yaml, "  backoff_max: 200ms\n",
                  "  backoff_max: 200ms\n  tls: {ca_file: \"" +
                      certificates_.certificate_file(tls.ca) + "\", cert_file: \"" +
                      certificates_.certificate_file(tls.certificate) + "\", key_file: \"" +
                      certificates_.key_file(tls.certificate) +
                      "\", server_name: " + tls.server_name + "}\n");
    }
    yaml += "control: {probation: 3s, rehearsal: 0s, trust_dir: \"" + trust() +
            "\", unsigned_push: " + (unsigned_push ? "true" : "false") + "}\n";
    return site_.write(name + ".yaml", site_.filled_in(yaml));
  }
  void start(const std::string& name) { start(name, Tls()); }
  void start(const std::string& name, const Tls& tls, bool unsigned_push = false) {
    std::filesystem::create_directories(folder(name));
    daemons_[name] = Process(
        {std::string(SLUICE_BIN_DIR) + "/sluiced", "--config", file_of(name, tls, unsigned_push)},
        site_.dir() + "/" + name + ".log");
    ASSERT_TRUE(until(30, [&] { return status(name).sources_size() > 0; })) << name;
  }
  v1::Status status(const std::string& name) {
    v1::Status status;
    const Output output = run({"sh", "-c", "exec \"$@\" 2>/dev/null", "sh", kCtl, "--socket",
                               folder(name) + "/admin.sock", "--json", "status"});
    if (output.exit_code != 0) return status;
    google::protobuf::util::JsonParseOptions lenient;
    lenient.ignore_unknown_fields = true;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(output.text, &status, lenient).ok());
    return status;
  }
  Output hub(std::vector<std::string> words, const std::string& who = "operator") {
    std::vector<std::string> command = {"sh", "-c", "exec \"$@\" 2>&1", "sh", kCtl, "hub"};
    command.insert(command.end(), words.begin(), words.end());
    for (const std::string& word :
         {std::string("--hub"), "127.0.0.1:" + std::to_string(site_.hub_port()),
          std::string("--tls-ca"), certificates_.certificate_file("ca"), std::string("--tls-cert"),
          certificates_.certificate_file(who), std::string("--tls-key"),
          certificates_.key_file(who), std::string("--tls-name"), std::string("hub.test")}) {
      command.push_back(word);
    }
    return run(command);
  }
  /// What the hub says of a node.
  v1::NodeConfigStatus of(const std::string& name) {
    const Output output = hub({"configs", "--node", name, "--json"});
    v1::ListNodeConfigsResponse response;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(output.text, &response).ok())
        << output.text;
    return response.nodes_size() == 1 ? response.nodes(0) : v1::NodeConfigStatus();
  }
  bool agrees(const std::string& name, std::uint64_t version) {
    const v1::NodeConfigStatus node = of(name);
    return node.agreement() == v1::NODE_CONFIG_AGREEMENT_SAME &&
           node.reported().in_effect().signed_version() == version &&
           node.reported().last_offer().state() == v1::OFFER_STATE_APPLIED;
  }
  std::string sign(std::uint64_t version, const std::vector<std::string>& target,
                   const std::string& stage) {
    const std::string file =
        site_.write("fleet-" + std::to_string(version) + ".yaml", site_.filled_in(document(stage)));
    std::vector<std::string> command = {kCtl,    "config", "sign",      file,
                                        "--key", signer(), "--version", std::to_string(version)};
    command.insert(command.end(), target.begin(), target.end());
    const Output output = run(command);
    EXPECT_EQ(output.exit_code, 0) << output.text;
    return file + ".signed";
  }

  TestCertificates certificates_;
  Site site_;
  std::map<std::string, Process> daemons_;
};

TEST_F(PushTest, ReachesTheGatewaysThatItIsMeantForWheneverTheyAndTheHubAreThere) {
  const std::vector<std::string> all = {"gw-1", "gw-2", "gw-3", "gw-4", "gw-5"};
  for (const std::string& name : all) ASSERT_NO_FATAL_FAILURE(start(name));
  for (const std::string& name : all) {
    ASSERT_TRUE(until(20, [&] { return of(name).connected(); })) << name;
  }

  // A group's.
  const Output pushed = hub({"push",
                             sign(1, {"--group", "north"},
                                  "{plugin: range, config: "
                                  "{min: 1}}"),
                             "--wait"});
  EXPECT_EQ(pushed.exit_code, 0) << pushed.text;
  for (const std::string& name : all) {
    EXPECT_EQ(agrees(name, 1), name < "gw-4") << of(name).DebugString();
  }
  EXPECT_EQ(of("gw-4").agreement(), v1::NODE_CONFIG_AGREEMENT_NONE_DESIRED);

  // Everyone's; one is away, and the hub is killed as soon as it has said yes.
  EXPECT_EQ(daemons_["gw-5"].end(SIGKILL), -SIGKILL);
  const Output second = hub({"push", sign(2, {"--everyone"}, "{plugin: range, config: {min: 2}}")});
  EXPECT_EQ(second.exit_code, 0) << second.text;
  site_.hub.end(SIGKILL);
  ASSERT_NO_FATAL_FAILURE(site_.start_hub());
  for (const char* name : {"gw-1", "gw-2", "gw-3", "gw-4"}) {
    EXPECT_TRUE(until(30, [&] { return agrees(name, 2); })) << of(name).DebugString();
  }
  EXPECT_FALSE(of("gw-5").connected());
  EXPECT_EQ(of("gw-5").agreement(), v1::NODE_CONFIG_AGREEMENT_PENDING);
  ASSERT_NO_FATAL_FAILURE(start("gw-5"));
  EXPECT_TRUE(until(30, [&] { return agrees("gw-5", 2); })) << of("gw-5").DebugString();

  // An old one, a gateway's own certificate, and a config of another's.
  EXPECT_EQ(
      hub({"push", sign(1, {"--node", "gw-1"}, "{plugin: range, config: {min: 9}}"), "--wait"})
          .exit_code,
      1);
  EXPECT_EQ(of("gw-1").agreement(), v1::NODE_CONFIG_AGREEMENT_FAILED);
  EXPECT_EQ(of("gw-1").reported().in_effect().signed_version(), 2u);
  const Output thief =
      hub({"push", sign(7, {"--everyone"}, "{plugin: range, config: {min: 9}}")}, "gateway");
  EXPECT_NE(thief.exit_code, 0);
  EXPECT_NE(thief.text.find("--operator"), std::string::npos) << thief.text;
  EXPECT_EQ(hub({"push", "--node", "gw-4",
                 site_.write("plain.yaml",
                             site_.filled_in(document("{plugin: range, config: {min: 3}}"))),
                 "--wait"})
                .exit_code,
            1)
      << "nobody signed it";
  EXPECT_EQ(of("gw-4").reported().in_effect().signed_version(), 2u);
  for (const std::string& name : all) EXPECT_EQ(status(name).ledger_difference(), 0) << name;
}

// While data flows: what drops all of it is rolled back by the gateway, and the hub says so.
TEST_F(PushTest, TellsTheHubWhatWasRolledBackAndPlansOnTheGateway) {
  ASSERT_NO_FATAL_FAILURE(start("gw-1", Tls(), true));
  ASSERT_TRUE(until(20, [&] { return status("gw-1").config().connected(); }));
  const std::string good =
      site_.write("good.yaml", site_.filled_in(document("{plugin: range, config: {min: 0}}")));
  EXPECT_EQ(hub({"push", "--node", "gw-1", good, "--wait"}).exit_code, 0);
  std::string text;
  for (int i = 0; i < 600; ++i) {
    text += std::to_string(1'000 + i) + "\tplant/a\t{\"t\":" + std::to_string(10'000 + i) +
            ",\"v\":1}\n";
  }
  const std::string recording = site_.write("recording.tsv", text);
  Process flow(
      {std::string(SLUICE_BIN_DIR) + "/sluice-replay", "--url",
       "tcp://127.0.0.1:" + std::to_string(site_.mqtt_port()), "--seconds", "20", recording},
      site_.dir() + "/replay.log");
  ASSERT_TRUE(until(20, [&] { return status("gw-1").readings_in() > 20; }));
  const std::string bad =
      site_.write("bad.yaml", site_.filled_in(document("{plugin: range, config: {min: 1000}}")));
  const Output plan = hub({"plan", "--node", "gw-1", bad, "--since", "1h"});
  EXPECT_EQ(plan.exit_code, 0) << plan.text;
  EXPECT_TRUE(plan.text.ends_with("It fits.\n")) << plan.text;
  const Output pushed = hub({"push", "--node", "gw-1", bad, "--wait"});
  EXPECT_EQ(pushed.exit_code, 1) << pushed.text;
  EXPECT_NE(pushed.text.find("rolled back"), std::string::npos) << pushed.text;
  EXPECT_EQ(of("gw-1").agreement(), v1::NODE_CONFIG_AGREEMENT_FAILED);
  EXPECT_EQ(status("gw-1").config().report().last_offer().state(), v1::OFFER_STATE_ROLLED_BACK);
  EXPECT_EQ(status("gw-1").config().report().in_effect().state(), v1::CONFIG_STATE_APPLIED);
  EXPECT_EQ(flow.wait(), 0);
  EXPECT_EQ(status("gw-1").ledger_difference(), 0);
  EXPECT_EQ(hub({"plan", "--node", "gw-2", bad}).exit_code, 3) << "it is not there";
}

TEST_F(PushTest, SaysNothingToAHubThatItDoesNotTrustOrThatDoesNotTrustIt) {
  certificates_.make_leaf("expired", "ca", "gateway.test", -1);
  certificates_.make_leaf("stranger", "other-ca", "gateway.test");
  ASSERT_EQ(hub({"push", sign(1, {"--everyone"}, "{plugin: range, config: {min: 1}}")}).exit_code,
            0);
  const std::map<std::string, Tls> all = {
      {"gw-1", {.ca = "other-ca"}},         {"gw-2", {.server_name = "another.test"}},
      {"gw-3", {.certificate = "expired"}}, {"gw-4", {.certificate = "stranger"}},
      {"gw-5", {.is_on = false}},
  };
  for (const auto& [name, tls] : all) {
    SCOPED_TRACE(name);
    ASSERT_NO_FATAL_FAILURE(start(name, tls));
    EXPECT_TRUE(until(20, [&] { return !status(name).config().link_error().empty(); }));
    EXPECT_FALSE(status(name).config().connected());
    EXPECT_EQ(status(name).config().report().in_effect().number(), 1);
    daemons_[name].end(SIGTERM);
  }
  EXPECT_EQ(site_.log("hub.log").find("node attends"), std::string::npos);
  EXPECT_EQ(of("gw-1").node(), "");
}

}  // namespace
}  // namespace sluice::e2e
