#include "hub/hub_options.h"

#include <gtest/gtest.h>

#include <vector>

namespace sluice::hub {
namespace {

ParsedArguments parse(std::vector<const char*> arguments) {
  arguments.insert(arguments.begin(), "sluice-hub");
  return parse_arguments(static_cast<int>(arguments.size()), arguments.data());
}

TEST(HubOptions, ListensOnLoopbackUnlessToldOtherwise) {
  const auto parsed = parse({"--db", "hub.db"});
  ASSERT_TRUE(parsed.options) << parsed.text;
  EXPECT_EQ(to_string(parsed.options->listen), "127.0.0.1:50051");
  EXPECT_EQ(parsed.options->database, "hub.db");
  EXPECT_EQ(parsed.options->log_format, log::Format::logfmt);
}

TEST(HubOptions, TakesEveryOption) {
  const auto parsed = parse({"--listen",
                             "0.0.0.0:0",
                             "--db",
                             "d",
                             "--port-file",
                             "p",
                             "--tls-cert",
                             "c",
                             "--tls-key",
                             "k",
                             "--tls-client-ca",
                             "a",
                             "--log-format",
                             "json",
                             "--plugins",
                             "/",
                             "--operator",
                             "anna",
                             "--operator",
                             "spiffe://fleet/robot"});
  ASSERT_TRUE(parsed.options) << parsed.text;
  EXPECT_EQ(parsed.options->port_file, "p");
  EXPECT_EQ(parsed.options->tls.certificate, "c");
  EXPECT_EQ(parsed.options->tls.key, "k");
  EXPECT_EQ(parsed.options->tls.client_ca, "a");
  EXPECT_EQ(parsed.options->log_format, log::Format::json);
  EXPECT_EQ(parsed.options->plugins, "/");
  EXPECT_EQ(parsed.options->operators, (std::vector<std::string>{"anna", "spiffe://fleet/robot"}));
}

TEST(HubOptions, RefusesPlaintextWhereOthersReachItUnlessAskedForByName) {
  for (const char* address : {"0.0.0.0:50051", "[::]:50051", "192.0.2.7:50051"}) {
    const auto refused = parse({"--db", "d", "--listen", address});
    EXPECT_FALSE(refused.options);
    EXPECT_EQ(refused.exit_code, kExitUsage);
    EXPECT_NE(refused.text.find("--insecure-plaintext"), std::string::npos);
    EXPECT_TRUE(parse({"--db", "d", "--listen", address, "--insecure-plaintext"}).options);
  }
}

TEST(HubOptions, RefusesWrongUsageWithTheUsageCodeAndTheOptionsName) {
  const std::pair<std::vector<const char*>, const char*> wrong[] = {
      {{}, "--db"},
      {{"--db", ""}, "--db"},
      {{"--db", "d", "--listen", "nonsense"}, "--listen"},
      {{"--db", "d", "--bogus"}, "--bogus"},
      {{"--db", "d", "--tls-cert", "c"}, "--tls-key"},
      {{"--db", "d", "--tls-key", "k"}, "--tls-cert"},
      {{"--db", "d", "--tls-client-ca", "a"}, "--tls-client-ca"},
      {{"--db", "d", "--plugins", "/nonexistent"}, "/nonexistent"},
      {{"--db", "d", "--operator", "anna"}, "--tls-client-ca"},
      {{"--db", "d", "--operator", "anna", "--tls-cert", "c", "--tls-key", "k"}, "--operator"},
      {{"--db", "d", "--log-format", "xml"}, "--log-format"}};
  for (const auto& [arguments, name] : wrong) {
    const auto parsed = parse(arguments);
    EXPECT_FALSE(parsed.options) << name;
    EXPECT_EQ(parsed.exit_code, kExitUsage) << name;
    EXPECT_NE(parsed.text.find(name), std::string::npos) << parsed.text;
  }
}

TEST(HubOptions, HelpNamesTheExitCodesAndEndsWell) {
  const auto help = parse({"--help"});
  EXPECT_EQ(help.exit_code, kExitOk);
  EXPECT_NE(help.text.find("Exit codes"), std::string::npos);
  EXPECT_NE(help.text.find("--tls-client-ca"), std::string::npos);
  const auto version = parse({"--version"});
  EXPECT_EQ(version.exit_code, kExitOk);
  EXPECT_NE(version.text.find(SLUICE_VERSION), std::string::npos);
}

}  // namespace
}  // namespace sluice::hub
