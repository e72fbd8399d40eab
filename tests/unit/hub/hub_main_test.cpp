// Runs the real program: sluice-hub itself, killed and stopped as an operator would.
#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <signal.h>
#include <sys/wait.h>
#include <unistd.h>

#include <fstream>
#include <sstream>

#include "unit/hub/control_client.h"
#include "unit/hub/test_certificates.h"

namespace sluice::hub {
namespace {

std::string read_text(const std::string& path) {
  std::ostringstream text;
  text << std::ifstream(path).rdbuf();
  return text.str();
}

class HubProcess {
 public:
  HubProcess(const TempDir& dir, std::vector<std::string> arguments) : dir_(dir) {
    arguments.insert(arguments.begin(), SLUICE_HUB_PROGRAM);
    std::vector<char*> raw;
    for (std::string& argument : arguments) raw.push_back(argument.data());
    raw.push_back(nullptr);
    const std::string out = dir.file("out");
    const std::string err = dir.file("err");
    pid_ = ::fork();
    if (pid_ != 0) return;
    ::dup2(::open(out.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 1);
    ::dup2(::open(err.c_str(), O_WRONLY | O_CREAT | O_TRUNC, 0600), 2);
    ::execv(SLUICE_HUB_PROGRAM, raw.data());
    ::_exit(99);
  }
  ~HubProcess() {
    if (pid_ > 0) stop(SIGKILL);
  }
  // 0 when the program ended without writing it.
  std::uint16_t wait_for_port() {
    while (true) {
      if (unsigned port = 0; std::ifstream(dir_.file("port")) >> port) {
        return static_cast<std::uint16_t>(port);
      }
      if (::waitpid(pid_, &status_, WNOHANG) == pid_) return 0;
      ::poll(nullptr, 0, 10);
    }
  }
  // The exit code, or minus the signal.
  int wait() {
    ::waitpid(pid_, &status_, 0);
    pid_ = -1;
    return WIFEXITED(status_) ? WEXITSTATUS(status_) : -WTERMSIG(status_);
  }
  int stop(int signal_number) {
    ::kill(pid_, signal_number);
    return wait();
  }
  std::string out() const { return read_text(dir_.file("out")); }
  std::string err() const { return read_text(dir_.file("err")); }

 private:
  const TempDir& dir_;
  pid_t pid_ = -1;
  int status_ = 0;
};

class HubMain : public testing::Test {
 protected:
  std::vector<std::string> arguments(std::vector<std::string> more = {}) const {
    std::vector<std::string> all = {"--listen", "127.0.0.1:0", "--db",
                                    path_,      "--port-file", dir_.file("port")};
    all.insert(all.end(), more.begin(), more.end());
    return all;
  }
  TempDir dir_;
  std::string path_ = dir_.file("hub.db");
};

TEST_F(HubMain, TellsItsPortAndStopsCleanlyOnBothSignals) {
  for (const int signal_number : {SIGTERM, SIGINT}) {
    std::filesystem::remove(dir_.file("port"));
    HubProcess hub(dir_, arguments());
    const std::uint16_t port = hub.wait_for_port();
    ASSERT_NE(port, 0) << hub.err();
    TestNode node(port);
    EXPECT_EQ(node.greet(), 0);
    EXPECT_EQ(hub.stop(signal_number), 0) << hub.err();
    EXPECT_NE(hub.out().find("listening on 127.0.0.1:" + std::to_string(port)), std::string::npos);
    EXPECT_FALSE(node.status().ok());
  }
}

// The process is killed right after an ack: what it acknowledged must be there for the next one.
TEST_F(HubMain, HoldsWhatItAcknowledgedAfterAKill) {
  constexpr int kRounds = 8;
  for (int round = 1; round <= kRounds; ++round) {
    std::filesystem::remove(dir_.file("port"));
    HubProcess hub(dir_, arguments());
    const std::uint16_t port = hub.wait_for_port();
    ASSERT_NE(port, 0) << hub.err();
    TestNode node(port);
    ASSERT_EQ(node.greet(), round - 1);
    // The row of the last round comes again, as if its ack had been lost.
    if (round > 1) {
      node.send_batch(1, round - 1, sample_block({{1, kNoonNs + kMinuteNs * (round - 1)}}));
      ASSERT_EQ(node.read_ack(), 1u);
    }
    const std::uint64_t batch_no = round > 1 ? 2 : 1;
    node.send_batch(batch_no, round, sample_block({{1, kNoonNs + kMinuteNs * round}}));
    ASSERT_EQ(node.read_ack(), batch_no);
    EXPECT_EQ(hub.stop(SIGKILL), -SIGKILL);
  }
  const TestClock clock;
  ASSERT_TRUE(HubStore::open(path_, clock).ok());
  const auto store = open_store(path_, clock);
  EXPECT_EQ(read_all(path_).size(), static_cast<std::size_t>(kRounds));
}

TEST_F(HubMain, ABusyPortIsOneSentenceAndExitCodeOne) {
  HubProcess first(dir_, arguments());
  const std::uint16_t port = first.wait_for_port();
  ASSERT_NE(port, 0) << first.err();
  const TempDir other;
  HubProcess second(
      other, {"--listen", "127.0.0.1:" + std::to_string(port), "--db", other.file("hub.db")});
  EXPECT_EQ(second.wait(), 1);
  EXPECT_EQ(second.err(), "sluice-hub: cannot listen on 127.0.0.1:" + std::to_string(port) +
                              ": Address already in use\n");
}

TEST_F(HubMain, WrongUsageIsExitCodeTwoAndABadDatabaseOne) {
  EXPECT_EQ(HubProcess(dir_, {"--bogus"}).wait(), 2);
  EXPECT_EQ(HubProcess(dir_, {"--db", path_, "--listen", "0.0.0.0:0"}).wait(), 2);
  HubProcess no_key(dir_,
                    arguments({"--tls-cert", "/nonexistent/c", "--tls-key", "/nonexistent/k"}));
  EXPECT_EQ(no_key.wait(), 2);
  EXPECT_NE(no_key.err().find("/nonexistent/c"), std::string::npos);
  HubProcess no_folder(dir_, {"--db", "/nonexistent/hub.db", "--listen", "127.0.0.1:0"});
  EXPECT_EQ(no_folder.wait(), 1);
  EXPECT_NE(no_folder.err().find("/nonexistent/hub.db"), std::string::npos);
  EXPECT_EQ(HubProcess(dir_, {"--help"}).wait(), 0);
}

TEST_F(HubMain, ServesTlsFromFilesAndLogsJson) {
  const TestCertificate ca("ca");
  const TestCertificate server("hub", &ca);
  HubProcess hub(dir_, arguments({"--log-format", "json", "--tls-cert",
                                  write_file(dir_.file("c"), server.certificate_pem()), "--tls-key",
                                  write_file(dir_.file("k"), server.key_pem()), "--tls-client-ca",
                                  write_file(dir_.file("a"), ca.certificate_pem())}));
  const std::uint16_t port = hub.wait_for_port();
  ASSERT_NE(port, 0) << hub.err();
  const TestCertificate client("plant-7", &ca);
  TestNode node(connect(port, grpc::SslCredentials({ca.certificate_pem(), client.key_pem(),
                                                    client.certificate_pem()})));
  EXPECT_EQ(node.greet(), 0);
  EXPECT_TRUE(node.finish().ok());
  EXPECT_EQ(hub.stop(SIGTERM), 0);
  EXPECT_EQ(hub.out().substr(0, 1), "{");
}

TEST_F(HubMain, KnowsItsOperatorsAndFollowsItsTlsFiles) {
  const TestCertificate ca("ca");
  const TestCertificate later_ca("later ca");
  const TestCertificate server("hub", &ca);
  const TestCertificate renewed("hub", &later_ca);
  const TestCertificate anna("anna", &ca);
  const TestCertificate gateway("gw-1", &ca);
  HubProcess hub(dir_, arguments({"--operator", "anna", "--tls-cert",
                                  write_file(dir_.file("c"), server.certificate_pem()), "--tls-key",
                                  write_file(dir_.file("k"), server.key_pem()), "--tls-client-ca",
                                  write_file(dir_.file("a"), ca.certificate_pem())}));
  const std::uint16_t port = hub.wait_for_port();
  ASSERT_NE(port, 0) << hub.err();
  const auto push = [port](const TestCertificate& authority, const TestCertificate& who) {
    v1::PushConfigResponse response;
    return TestOperator(connect(port, grpc::SslCredentials({authority.certificate_pem(),
                                                            who.key_pem(), who.certificate_pem()})))
        .push(push_to_node("gw-1", "pipelines: []\n"), response)
        .error_code();
  };
  EXPECT_EQ(push(ca, anna), grpc::StatusCode::OK);
  EXPECT_EQ(push(ca, gateway), grpc::StatusCode::PERMISSION_DENIED);
  write_file(dir_.file("c"), renewed.certificate_pem());
  write_file(dir_.file("k"), renewed.key_pem());
  // Within a second or so; the test's time-out bounds it.
  while (push(later_ca, anna) != grpc::StatusCode::OK) ::poll(nullptr, 0, 50);
  EXPECT_EQ(hub.stop(SIGTERM), 0) << hub.err();
  EXPECT_NE(hub.out().find("the TLS files were read again"), std::string::npos) << hub.out();
}

}  // namespace
}  // namespace sluice::hub
