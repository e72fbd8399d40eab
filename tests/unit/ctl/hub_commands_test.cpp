#include "ctl/hub_commands.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <fstream>

#include "unit/control/temp_dir.h"
#include "unit/ctl/certificate.h"
#include "unit/ctl/fake_hub.h"
#include "unit/ctl/program.h"

namespace sluice::ctl {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; at += part.size()) ++n;
  return n;
}

TEST(HubCommands, NameTheKindOfAWindowAndSayNothingOfReadingsThatNeverCame) {
  FakeHub hub(5);
  const Outcome shown = run_sluicectl({"hub", "summaries", "--hub", hub.address()});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  for (const char* kind : {"tumbling ", "hopping ", "sliding ", "session ", "count 1234 "}) {
    EXPECT_EQ(count_of(shown.out, std::string("  ") + kind), 1u) << kind << shown.out;
  }
  const std::size_t empty = shown.out.find("session ");
  const std::string row = shown.out.substr(empty, shown.out.find('\n', empty) - empty);
  EXPECT_TRUE(has(row, " 0     -    -    -       -  ")) << row;
}

TEST(HubCommands, ShowTheFleet) {
  FakeHub hub(0);
  const Outcome shown = run_sluicectl({"hub", "nodes"}, {{"SLUICE_HUB", hub.address()}});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_TRUE(has(shown.out, "gw-1  00112233  connected  2024-05-01 12:00:00Z")) << shown.out;
  const Outcome json = run_sluicectl({"hub", "nodes", "--json", "--hub", hub.address()});
  EXPECT_TRUE(has(json.out, R"("last_seen_ns":1714564800000000000,)")) << json.out;
}

TEST(HubCommands, SayHowFarTheTimeOfAWindowCanBeBelieved) {
  FakeHub hub(3);
  const Outcome shown = run_sluicectl({"hub", "summaries", "--hub", hub.address()});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_TRUE(has(shown.out, "complete  stamped  ")) << shown.out;
  EXPECT_TRUE(has(shown.out, "complete  +-0.25 s  ")) << shown.out;
  EXPECT_TRUE(has(shown.out, "complete  unsynced, boot 01234567  ")) << shown.out;
  EXPECT_TRUE(has(shown.out, "  boot + ")) << shown.out;
}

TEST(HubCommands, ShowWhatTheStagesTold) {
  FakeHub hub(0);
  const Outcome shown = run_sluicectl(
      {"hub", "events", "--severity", "info", "--from", "2024-05-01", "--hub", hub.address()});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_TRUE(has(shown.out,
                  "gw-1  2024-05-01 12:00:00Z  warn      too_hot  begin  room/alert  temperature "
                  "Cel  It is hot.\\x1b (limit=80)"))
      << shown.out;
  EXPECT_EQ(hub.last_from_ns, 1'714'521'600'000'000'000);
  const Outcome none =
      run_sluicectl({"hub", "events", "--severity", "fatal", "--hub", hub.address()});
  EXPECT_EQ(none.out, "No events.\n");
  const Outcome json = run_sluicectl({"hub", "events", "--json", "--hub", hub.address()});
  EXPECT_TRUE(has(json.out, R"({"events":[{"number":1,"node":"gw-1")")) << json.out;
  const Outcome wrong =
      run_sluicectl({"hub", "events", "--severity", "bad", "--hub", hub.address()});
  EXPECT_NE(wrong.exit_code, 0);
  EXPECT_TRUE(has(wrong.err, "--severity expected info, warn, error or fatal, got \"bad\""))
      << wrong.err;
}

TEST(HubCommands, FollowWhatTheStagesTellUntilTheHubIsGone) {
  FakeHub hub(0);
  const Outcome shown = run_sluicectl({"hub", "events", "--follow", "--hub", hub.address()});
  EXPECT_NE(shown.exit_code, 0);
  EXPECT_TRUE(has(shown.err, "enough")) << shown.err;
  EXPECT_EQ(count_of(shown.out, "  begin  "), 1u) << shown.out;
  EXPECT_EQ(count_of(shown.out, "  end  "), 1u) << shown.out;
  EXPECT_EQ(count_of(shown.out, "\n"), 2u) << shown.out;
  EXPECT_EQ(hub.calls, 3);
}

TEST(HubCommands, ShowWhatTheHubCannotRead) {
  FakeHub hub(0);
  const Outcome shown = run_sluicectl({"hub", "unread", "--node", "gw-1", "--hub", hub.address()});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_TRUE(has(shown.out, "gw-1  00112233  4,711  2024-05-01 12:00:00Z")) << shown.out;
  EXPECT_TRUE(has(shown.out, "not a block\\x1b")) << shown.out;
  const Outcome none = run_sluicectl({"hub", "unread", "--hub", hub.address()});
  EXPECT_EQ(none.out, "No unread rows.\n");
  const Outcome json = run_sluicectl({"hub", "unread", "--json", "--hub", hub.address()});
  EXPECT_EQ(json.out, "{\"unread\":[],\"next_page_token\":\"\"}\n");
}

TEST(HubCommands, MergeWindowsIntoLongerOnes) {
  FakeHub hub(0);
  const std::vector<std::string> query = {"hub",  "query",   "--hub", hub.address(), "--series",
                                          "flow", "--every", "1h",    "--label",     "site=a=b"};
  std::vector<std::string> by = query;
  by.insert(by.end(), {"--by", "site,line"});
  const Outcome shown = run_sluicectl(by);
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_EQ(shown.err, "");
  EXPECT_TRUE(has(shown.out, "(all)  room      flow{site=\"a=b\"}  2024-05-01 12:00:00Z"))
      << shown.out;
  std::vector<std::string> over_all = query;
  over_all.push_back("--over-all");
  EXPECT_TRUE(has(run_sluicectl(over_all).err, "3 windows cross a border of --every"));
  std::vector<std::string> json = query;
  json.push_back("--json");
  EXPECT_TRUE(has(run_sluicectl(json).out, R"({"rows":[{"node":"","pipeline":"room",)"));
  const Outcome bad = run_sluicectl(
      {"hub", "query", "--hub", hub.address(), "--series", "x", "--every", "1h", "--label", "=a"});
  EXPECT_TRUE(has(bad.err, "--label \"=a\" is no label: write NAME=VALUE")) << bad.err;
  EXPECT_NE(bad.exit_code, 0);
}

TEST(HubCommands, StopAtTheLimitAndSayThatThereIsMore) {
  FakeHub hub(250);
  const Outcome shown = run_sluicectl({"hub", "summaries", "--hub", hub.address()});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_EQ(count_of(shown.out, "\n"), 101u);
  EXPECT_TRUE(has(shown.err, "more than these 100 (--limit or --all)"));
  EXPECT_TRUE(has(shown.out, "temperature{device=\"\\x1b[31m\"} Cel"));
  EXPECT_EQ(shown.out.find('\x1b'), std::string::npos);
  EXPECT_EQ(hub.calls.load(), 1);
}

TEST(HubCommands, GoThroughPagesUntilTheLimitOrTheEnd) {
  FakeHub hub(250);
  hub.page_rows_max = 40;
  const Outcome some =
      run_sluicectl({"hub", "summaries", "--limit", "100", "--hub", hub.address()});
  EXPECT_EQ(count_of(some.out, "\n"), 101u) << some.err;
  EXPECT_EQ(hub.calls.load(), 3);
  const Outcome all = run_sluicectl({"hub", "summaries", "--all", "--hub", hub.address()});
  EXPECT_EQ(all.exit_code, 0);
  EXPECT_EQ(all.err, "");
  EXPECT_EQ(count_of(all.out, "\n"), 251u);
  EXPECT_EQ(count_of(all.out, "WINDOW START"), 1u);
  EXPECT_EQ(hub.calls.load(), 10);
}

TEST(HubCommands, WriteOneJsonDocumentOverAllPages) {
  FakeHub hub(95);
  hub.page_rows_max = 40;
  const Outcome all =
      run_sluicectl({"hub", "summaries", "--all", "--json", "--hub", hub.address()});
  EXPECT_EQ(all.exit_code, 0) << all.err;
  EXPECT_EQ(count_of(all.out, "\n"), 1u);
  EXPECT_EQ(count_of(all.out, R"({"node":"gw-1",)"), 95u);
  EXPECT_TRUE(all.out.starts_with(R"({"summaries":[{"node":"gw-1",)"));
  EXPECT_TRUE(all.out.ends_with("}],\"next_page_token\":\"\"}\n"));
  EXPECT_TRUE(has(all.out, R"("spec_hash":"0000000000000007")"));
  const Outcome some =
      run_sluicectl({"hub", "summaries", "--limit", "2", "--json", "--hub", hub.address()});
  EXPECT_TRUE(some.out.ends_with("}],\"next_page_token\":\"2\"}\n")) << some.out;
  FakeHub empty(0);
  EXPECT_EQ(run_sluicectl({"hub", "summaries", "--json", "--hub", empty.address()}).out,
            "{\"summaries\":[],\"next_page_token\":\"\"}\n");
  EXPECT_EQ(run_sluicectl({"hub", "summaries", "--hub", empty.address()}).out, "No summaries.\n");
}

TEST(HubCommands, GiveUpOnAHubThatKeepsGivingTheSamePage) {
  FakeHub hub(100);
  hub.page_rows_max = 10;
  hub.repeat_token = true;
  const Outcome shown = run_sluicectl({"hub", "summaries", "--all", "--hub", hub.address()});
  EXPECT_EQ(shown.exit_code, 1);
  EXPECT_TRUE(has(shown.err, "the same page twice")) << shown.err;
}

TEST(HubCommands, PassTimesOn) {
  FakeHub hub(1);
  const Outcome shown = run_sluicectl({"hub", "summaries", "--from", "2024-05-01T12:00:00Z", "--to",
                                       "1714564900000000000", "--hub", hub.address()});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_EQ(hub.last_from_ns.load(), 1'714'564'800'000'000'000);
  EXPECT_EQ(hub.last_to_ns.load(), 1'714'564'900'000'000'000);
}

TEST(HubCommands, ExitWithOneWhenTheHubRefuses) {
  FakeHub hub(1);
  const Outcome shown =
      run_sluicectl({"hub", "summaries", "--node", "forbidden", "--hub", hub.address()});
  EXPECT_EQ(shown.exit_code, 1);
  EXPECT_EQ(shown.err,
            "sluicectl: the hub at " + hub.address() + " refused the request: not for you\\x1b\n");
}

TEST(HubCommands, ExitWithTwoForWrongArguments) {
  const std::vector<std::string> wrong[] = {
      {"hub"},
      {"hub", "nodes"},
      {"hub", "nodes", "--hub", "nowhere"},
      {"hub", "nodes", "--hub", "host:port"},
      {"hub", "nodes", "--hub", "host:1", "--tls-ca", "/nowhere/ca.pem"},
      {"hub", "nodes", "--hub", "host:1", "--tls-ca", "/dev/null"},
      {"hub", "nodes", "--hub", "host:1", "--tls-cert", "/dev/null"},
      {"hub", "summaries", "--hub", "host:1", "--from", "yesterday"},
      {"hub", "summaries", "--hub", "host:1", "--limit", "5", "--all"},
      {"hub", "summaries", "--hub", "host:1", "--limit", "0"}};
  for (const auto& arguments : wrong) {
    const Outcome shown = run_sluicectl(arguments);
    EXPECT_EQ(shown.exit_code, 2) << shown.err;
    EXPECT_EQ(std::count(shown.err.begin(), shown.err.end(), '\n'), 1) << shown.err;
  }
}

TEST(HubCommands, SayWhatALimitMayBe) {
  for (const char* limit : {"0", "abc", "-1", "5x", "1000000001"}) {
    const Outcome shown = run_sluicectl({"hub", "summaries", "--hub", "host:1", "--limit", limit});
    EXPECT_EQ(shown.exit_code, 2);
    EXPECT_TRUE(has(shown.err, "--limit: expected a whole number from 1 to 1000000000, got \"" +
                                   std::string(limit) + "\""))
        << shown.err;
  }
}

TEST(HubCommands, ExitWithThreeWhenThereIsNoHub) {
  std::string address;
  {
    FakeHub hub(0);
    address = hub.address();
  }
  for (const char* command : {"nodes", "summaries"}) {
    const Outcome shown = run_sluicectl({"hub", command, "--hub", address});
    EXPECT_EQ(shown.exit_code, 3);
    EXPECT_TRUE(has(shown.err, "cannot reach the hub at " + address)) << shown.err;
  }
}

TEST(HubCommands, TrustTheGivenCaAloneAndShowTheirCertificate) {
  TempDir dir;
  const Certificate hub_side = make_certificate("hub.test");
  const Certificate our_side = make_certificate("operator");
  const std::pair<const char*, std::string> files[] = {{"ca.pem", hub_side.cert_pem},
                                                       {"other.pem", our_side.cert_pem},
                                                       {"our.pem", our_side.cert_pem},
                                                       {"our.key", our_side.key_pem}};
  for (const auto& [name, text] : files) std::ofstream(dir / name) << text;
  grpc::SslServerCredentialsOptions options(
      GRPC_SSL_REQUEST_AND_REQUIRE_CLIENT_CERTIFICATE_AND_VERIFY);
  options.pem_root_certs = our_side.cert_pem;
  options.pem_key_cert_pairs.push_back({hub_side.key_pem, hub_side.cert_pem});
  FakeHub hub(1, grpc::SslServerCredentials(options));

  const auto nodes = [&](std::vector<std::string> more) {
    std::vector<std::string> arguments = {"hub", "nodes", "--hub", hub.address()};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run_sluicectl(arguments);
  };
  const std::vector<std::string> good = {"--tls-ca",      dir / "ca.pem", "--tls-cert",
                                         dir / "our.pem", "--tls-key",    dir / "our.key",
                                         "--tls-name",    "hub.test"};
  const Outcome served = nodes(good);
  EXPECT_EQ(served.exit_code, 0) << served.err;
  EXPECT_TRUE(has(served.out, "gw-1"));

  auto wrong_ca = good;
  wrong_ca[1] = dir / "other.pem";
  EXPECT_EQ(nodes(wrong_ca).exit_code, 3);
  auto wrong_name = good;
  wrong_name[7] = "elsewhere.test";
  EXPECT_EQ(nodes(wrong_name).exit_code, 3);
  EXPECT_EQ(nodes({"--tls-ca", dir / "ca.pem", "--tls-name", "hub.test"}).exit_code, 3)
      << "no client certificate";
  EXPECT_EQ(nodes({}).exit_code, 3) << "no TLS";
}

}  // namespace
}  // namespace sluice::ctl
