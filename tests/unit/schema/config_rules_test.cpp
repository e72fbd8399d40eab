#include "schema/config_rules.h"

#include "example.h"

namespace sluice {
namespace {

const char* const kTwoSources =
    "sources:\n"
    "  - {name: air, mqtt: {url: 'tcp://h:1883', topics: [{pattern: a}]}}\n"
    "  - {name: office, mqtt: {url: 'tcp://h:1883', topics: [{pattern: b}]}}\n";

std::string two_sources(std::string_view more) {
  return std::string(kNode).append(kTwoSources).append(more);
}

TEST(ConfigRules, RefuseASecondSourceOfTheSameName) {
  EXPECT_EQ(
      load_error(minimal("  - {name: air, mqtt: {url: 'tcp://h:1', topics: [{pattern: b}]}}\n")),
      "test.yaml:4:12: sources[1].name: name \"air\" is taken by sources[0].name at line 3; "
      "expected one that is used once");
}

TEST(ConfigRules, RefuseASecondPipelineOfTheSameName) {
  const std::string error = load_error(minimal("pipelines:\n  - name: p\n  - name: p\n"));
  EXPECT_TRUE(error.starts_with("test.yaml:6:11: pipelines[1].name: name \"p\" is taken")) << error;
}

TEST(ConfigRules, RefuseTwoStagesOfOneNameWhetherWrittenOrTakenFromThePlugin) {
  EXPECT_TRUE(
      contains(load_error(minimal("pipelines:\n  - name: p\n    stages:\n      - plugin: range\n"
                                  "      - plugin: range\n")),
               "test.yaml:8:9: pipelines[0].stages[1].name: name \"range\" is taken by "
               "pipelines[0].stages[0].name at line 7"));
  EXPECT_TRUE(contains(load_error(minimal("pipelines:\n  - name: p\n    stages:\n"
                                          "      - plugin: range\n"
                                          "      - {plugin: scale, name: range}\n")),
                       "pipelines[0].stages[1].name"));
  load_ok(
      minimal("pipelines:\n  - {name: p, stages: [{plugin: range}]}\n"
              "  - {name: q, stages: [{plugin: range}]}\n"));
}

TEST(ConfigRules, RefuseAMatchOfASourceThatDoesNotExist) {
  EXPECT_EQ(load_error(two_sources("pipelines:\n  - name: p\n    match:\n      sources:\n"
                                   "        - office\n        - ari\n")),
            "test.yaml:10:11: pipelines[0].match.sources[1]: expected the name of a source (air, "
            "office), got \"ari\" (did you mean \"air\"?)");
}

TEST(ConfigRules, RefuseAMatchThatNamesOneThingTwice) {
  EXPECT_TRUE(
      contains(load_error(two_sources("pipelines: [{name: p, match: {sources: [air, air]}}]\n")),
               "pipelines[0].match.sources[1]: source \"air\" is taken"));
  EXPECT_TRUE(
      contains(load_error(two_sources("pipelines: [{name: p, match: {measurements: [t, t]}}]\n")),
               "pipelines[0].match.measurements[1]: measurement \"t\" is taken"));
}

TEST(ConfigRules, RefuseOneClientIdTwiceAtOneBroker) {
  const auto with_ids = [](const char* second_url) {
    return std::string(kNode) +
           "sources:\n"
           "  - {name: a, mqtt: {url: 'tcp://h:1883', client_id: x, topics: [{pattern: a}]}}\n"
           "  - {name: b, mqtt: {url: '" +
           second_url + "', client_id: x, topics: [{pattern: b}]}}\n";
  };
  EXPECT_TRUE(contains(load_error(with_ids("tcp://h:1883")),
                       "sources[1].mqtt.client_id: client id \"x\" is taken by"));
  load_ok(with_ids("tcp://other:1883"));
}

TEST(ConfigRules, RefuseAClientIdThatAnotherSourceHasWithoutWritingIt) {
  EXPECT_EQ(load_error(std::string(kNode) +
                       "sources:\n"
                       "  - {name: a, mqtt: {url: 'tcp://h:1', topics: [{pattern: a}]}}\n"
                       "  - name: b\n    mqtt:\n      url: tcp://h:1\n"
                       "      client_id: sluice-gw-1-a\n      topics: [{pattern: b}]\n"),
            "test.yaml:7:18: sources[1].mqtt.client_id: client id \"sluice-gw-1-a\" is taken by "
            "sources[0].mqtt.client_id at line 3; expected one that is used once");
}

TEST(ConfigRules, RefuseAClientIdThatTheHealthClientOfAnotherSourceHas) {
  const auto with = [](const std::string& name, const std::string& more) {
    return std::string(kNode) +
           "sources:\n"
           "  - {name: a, mqtt: {url: 'tcp://h:1', topics: [{pattern: a}]" +
           more + "}}\n  - name: b\n    mqtt:\n      url: tcp://h:1\n      client_id: " + name +
           "\n      topics: [{pattern: b}]\n";
  };
  EXPECT_EQ(load_error(with("'sluice-gw-1-a:health'", "")),
            "test.yaml:3:21: sources[0].mqtt.health_prefix: client id \"sluice-gw-1-a:health\" is "
            "taken by sources[1].mqtt.client_id at line 7; expected one that is used once");
  load_ok(with("'sluice-gw-1-a:health'", ", health_prefix: ''"));
  load_ok(with("sluice-gw-1-a-health", ""));
}

TEST(ConfigRules, AcceptHostAndPortOfTheHubOnly) {
  for (const char* hub : {"hub:7443", "10.0.0.1:1", "[::1]:65535", "hub.example.com:7443", ""}) {
    load_ok(minimal("uplink: {hub: '" + std::string(hub) + "'}\n"));
  }
  for (const char* hub :
       {"hub", "hub:", ":7443", "hub:0", "hub:65536", "hub:07443", "https://hub:7443", "::1:7443",
        "hub:7443/", "hub :7443", "[hub]:7443", "a..b:1", "-a:1"}) {
    const std::string error = load_error(minimal("uplink: {hub: '" + std::string(hub) + "'}\n"));
    EXPECT_TRUE(contains(error, "uplink.hub: expected host:port")) << error;
  }
}

TEST(ConfigRules, WantCertificateAndKeyOfTheUplinkTogether) {
  EXPECT_EQ(load_error(minimal("uplink:\n  tls:\n    cert_file: /c.pem\n")),
            "test.yaml:6:5: uplink.tls.key_file: missing; expected the key that belongs to "
            "cert_file");
  EXPECT_TRUE(contains(load_error(minimal("uplink: {tls: {key_file: /k.pem}}\n")),
                       "uplink.tls.cert_file: missing"));
  load_ok(minimal("uplink: {tls: {cert_file: /c.pem, key_file: /k.pem}}\n"));
}

// The broker ends a connection that is silent for one and a half times keep_alive.
TEST(ConfigRules, WantCommitsTwiceAsOftenAsTheBrokerWantsToHearFromUs) {
  const std::string sources =
      "sources:\n"
      "  - name: air\n"
      "    mqtt:\n"
      "      url: 'tcp://localhost:1883'\n"
      "      topics: [{pattern: 'a/{site}'}]\n";
  const std::string node = std::string(kNode) + "storage: {commit_interval: 3s}\n" + sources;
  EXPECT_EQ(load_error(node + "      keep_alive: 5s\n"),
            "test.yaml:2:28: storage.commit_interval: expected at most half of "
            "sources[0].mqtt.keep_alive, which is 5s at line 8, because pings wait for "
            "acknowledgements, and these for a commit; got 3s");
  load_ok(node + "      keep_alive: 6s\n");
  EXPECT_TRUE(contains(load_error(minimal("storage: {commit_interval: 31s}\n")), "which is 1m"));
  load_ok(minimal("storage: {commit_interval: 30s}\n"));
}

TEST(ConfigRules, WantARunDirThatFitsIntoASocketAddress) {
  EXPECT_TRUE(contains(load_error("node: {name: a, run_dir: /" + std::string(90, 'x') + "}\n" +
                                  std::string(kSources)),
                       "node.run_dir: expected at most 90 bytes"));
}

}  // namespace
}  // namespace sluice
