#include "control/admin_server.h"

#include <grpcpp/grpcpp.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstring>
#include <memory>
#include <random>
#include <thread>
#include <vector>

#include "fakes/fake_node_view.h"
#include "sluice/v1/admin.grpc.pb.h"
#include "unit/control/temp_dir.h"

namespace sluice {
namespace {

constexpr int kPatienceMs = 20'000;

int connect_to(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (::connect(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0) return fd;
  ::close(fd);
  return -1;
}

/// Reads until the server closes; true when it did. Async-signal-safe, for the forked children.
bool closed_by_server(int fd) {
  for (;;) {
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, kPatienceMs) <= 0) return false;
    char bytes[256];
    if (::read(fd, bytes, sizeof bytes) <= 0) return true;
  }
}

/// True when the server speaks first, as an HTTP/2 server that serves us does.
bool spoken_to(int fd) {
  pollfd wait{fd, POLLIN, 0};
  char byte;
  return ::poll(&wait, 1, kPatienceMs) > 0 && ::read(fd, &byte, 1) == 1;
}

class AdminServerTest : public testing::Test {
 protected:
  void SetUp() override {
    v1::Status status;
    status.set_node("gw-1");
    status.set_ready(true);
    view_.set(status);
  }
  const std::string& path() const { return path_; }
  std::unique_ptr<v1::Admin::Stub> stub() const {
    grpc::ChannelArguments arguments;
    arguments.SetInt(GRPC_ARG_USE_LOCAL_SUBCHANNEL_POOL, 1);
    arguments.SetInt(GRPC_ARG_ENABLE_HTTP_PROXY, 0);
    return v1::Admin::NewStub(
        grpc::CreateCustomChannel("unix:" + path_, grpc::InsecureChannelCredentials(), arguments));
  }
  static grpc::Status ask(v1::Admin::Stub& stub, v1::Status* answer) {
    grpc::ClientContext context;
    context.set_deadline(gpr_time_add(gpr_now(GPR_CLOCK_MONOTONIC),
                                      gpr_time_from_millis(kPatienceMs, GPR_TIMESPAN)));
    return stub.GetStatus(&context, v1::GetStatusRequest(), answer);
  }

  TempDir dir_;
  std::string path_ = dir_ / "run/admin.sock";
  FakeNodeView view_;
};

TEST_F(AdminServerTest, AnswersEveryQuestionFromTheNode) {
  v1::LedgerReport ledger;
  ledger.add_terms()->set_count(-5);
  view_.set(ledger);
  v1::ListPluginsResponse plugins;
  plugins.add_plugins()->set_name("range");
  view_.set(plugins);
  v1::ListSeriesResponse series;
  series.add_series()->set_measurement("temperature");
  series.add_series()->set_measurement("pressure");
  view_.set(series);
  v1::ListRecentSummariesResponse recent;
  recent.add_summaries()->set_pipeline("room");
  view_.set(recent);

  AdminServer server(path(), view_);
  ASSERT_TRUE(server.start().ok());
  const auto admin = stub();
  v1::Status status;
  ASSERT_TRUE(ask(*admin, &status).ok());
  EXPECT_EQ(status.node(), "gw-1");
  v1::LedgerReport ledger_answer;
  grpc::ClientContext c1;
  ASSERT_TRUE(admin->GetLedger(&c1, v1::GetLedgerRequest(), &ledger_answer).ok());
  EXPECT_EQ(ledger_answer.terms(0).count(), -5);
  v1::ListPluginsResponse plugins_answer;
  grpc::ClientContext c2;
  ASSERT_TRUE(admin->ListPlugins(&c2, v1::ListPluginsRequest(), &plugins_answer).ok());
  EXPECT_EQ(plugins_answer.plugins(0).name(), "range");
  v1::ListSeriesRequest series_request;
  series_request.set_measurement("pressure");
  v1::ListSeriesResponse series_answer;
  grpc::ClientContext c3;
  ASSERT_TRUE(admin->ListSeries(&c3, series_request, &series_answer).ok());
  ASSERT_EQ(series_answer.series_size(), 1);
  EXPECT_EQ(series_answer.total(), 2u);
  v1::ListRecentSummariesResponse recent_answer;
  grpc::ClientContext c4;
  ASSERT_TRUE(
      admin->ListRecentSummaries(&c4, v1::ListRecentSummariesRequest(), &recent_answer).ok());
  EXPECT_EQ(recent_answer.summaries(0).pipeline(), "room");
  EXPECT_EQ(server.connections_served(), 1u);
  EXPECT_EQ(server.connections_refused(), 0u);
}

TEST_F(AdminServerTest, BoundsWhatItAsksTheNodeFor) {
  AdminServer server(path(), view_);
  ASSERT_TRUE(server.start().ok());
  const auto admin = stub();
  const std::pair<std::uint32_t, std::uint32_t> series[] = {
      {0, 1000}, {7, 7}, {4'000'000'000u, 100'000}};
  for (const auto& [asked, given] : series) {
    v1::ListSeriesRequest request;
    request.set_limit(asked);
    v1::ListSeriesResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(admin->ListSeries(&context, request, &response).ok());
    EXPECT_EQ(view_.series_limit(), given);
  }
  const std::pair<std::uint32_t, std::uint32_t> recent[] = {{0, 100}, {7, 7}, {5000, 4096}};
  for (const auto& [asked, given] : recent) {
    v1::ListRecentSummariesRequest request;
    request.set_limit(asked);
    v1::ListRecentSummariesResponse response;
    grpc::ClientContext context;
    ASSERT_TRUE(admin->ListRecentSummaries(&context, request, &response).ok());
    EXPECT_EQ(view_.recent_limit(), given);
    v1::ListRecentEventsRequest about_events;
    about_events.set_limit(asked + 1);
    v1::ListRecentEventsResponse events;
    grpc::ClientContext another;
    ASSERT_TRUE(admin->ListRecentEvents(&another, about_events, &events).ok());
    EXPECT_EQ(view_.recent_limit(), asked == 0 ? 1 : std::min(given + 1, 4096u));
  }
}

TEST_F(AdminServerTest, RefusesASecondDaemonAndLeavesTheFirstServing) {
  AdminServer first(path(), view_);
  ASSERT_TRUE(first.start().ok());
  FakeNodeView other_view;
  {
    AdminServer second(path(), other_view);
    EXPECT_EQ(second.start().code(), StatusCode::already_exists);
  }
  v1::Status status;
  ASSERT_TRUE(ask(*stub(), &status).ok());
  EXPECT_EQ(status.node(), "gw-1");
}

TEST_F(AdminServerTest, ServesAgainAfterAStopAndRemovesItsSocket) {
  for (int round = 0; round < 3; ++round) {
    AdminServer server(path(), view_);
    ASSERT_TRUE(server.start().ok());
    v1::Status status;
    ASSERT_TRUE(ask(*stub(), &status).ok());
    server.stop();
    server.stop();
    EXPECT_FALSE(std::filesystem::exists(path()));
    EXPECT_EQ(connect_to(path()), -1);
  }
}

TEST_F(AdminServerTest, StopsWhileConnectionsAreOpen) {
  AdminServer server(path(), view_);
  ASSERT_TRUE(server.start().ok());
  const int fd = connect_to(path());
  ASSERT_TRUE(spoken_to(fd));
  server.stop();
  EXPECT_TRUE(closed_by_server(fd));
  ::close(fd);
}

TEST_F(AdminServerTest, TurnsAwayTheNinthConnectionAndTakesItOnceOneHasLeft) {
  AdminServer server(path(), view_);
  ASSERT_TRUE(server.start().ok());
  std::vector<int> fds;
  for (int i = 0; i < 8; ++i) {
    fds.push_back(connect_to(path()));
    ASSERT_TRUE(spoken_to(fds.back())) << i;
  }
  const int ninth = connect_to(path());
  EXPECT_TRUE(closed_by_server(ninth));
  EXPECT_EQ(server.connections_refused(), 1u);
  ::close(fds[3]);
  fds[3] = connect_to(path());
  EXPECT_TRUE(spoken_to(fds[3]));
  EXPECT_EQ(server.connections_served(), 9u);
  for (const int fd : fds) ::close(fd);
  ::close(ninth);
}

// Far more connections one after the other than there are places: each must find one again.
TEST_F(AdminServerTest, GivesTheirPlacesBackToManyShortConnections) {
  AdminServer server(path(), view_);
  ASSERT_TRUE(server.start().ok());
  for (int i = 0; i < 200; ++i) {
    const int fd = connect_to(path());
    ASSERT_TRUE(spoken_to(fd)) << i;
    ::close(fd);
  }
  EXPECT_EQ(server.connections_served(), 200u);
  EXPECT_EQ(server.connections_refused(), 0u);
}

TEST_F(AdminServerTest, ClosesAConnectionThatAsksNothing) {
  AdminServer server(path(), view_, {.connections_max = 1, .idle_max_ms = 100});
  ASSERT_TRUE(server.start().ok());
  const int silent = connect_to(path());
  EXPECT_TRUE(closed_by_server(silent));
  v1::Status status;
  EXPECT_TRUE(ask(*stub(), &status).ok());
  ::close(silent);
}

TEST_F(AdminServerTest, SurvivesGarbageAndOversizedRequests) {
  AdminServer server(path(), view_);
  ASSERT_TRUE(server.start().ok());
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  for (int i = 0; i < 50; ++i) {
    const int fd = connect_to(path());
    ASSERT_GE(fd, 0);
    std::string bytes = i % 2 == 0 ? "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" : "";
    for (int n = 0; n < 4096; ++n) bytes.push_back(static_cast<char>(random()));
    (void)!::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL);
    ::shutdown(fd, SHUT_WR);
    EXPECT_TRUE(closed_by_server(fd)) << "seed " << seed << " round " << i;
    ::close(fd);
  }
  const auto admin = stub();
  v1::ListSeriesRequest huge;
  huge.set_measurement(std::string(2 << 20, 'x'));
  v1::ListSeriesResponse response;
  grpc::ClientContext context;
  EXPECT_EQ(admin->ListSeries(&context, huge, &response).error_code(),
            grpc::StatusCode::RESOURCE_EXHAUSTED);
  v1::Status status;
  EXPECT_TRUE(ask(*admin, &status).ok()) << "seed " << seed;
}

TEST_F(AdminServerTest, AnswersManyClientsAtOnce) {
  AdminServer server(path(), view_);
  ASSERT_TRUE(server.start().ok());
  std::atomic<int> answered{0};
  std::vector<std::thread> clients;
  for (int i = 0; i < 8; ++i) {
    clients.emplace_back([&] {
      const auto admin = stub();
      for (int n = 0; n < 50; ++n) {
        v1::Status status;
        if (ask(*admin, &status).ok() && status.node() == "gw-1") ++answered;
      }
    });
  }
  for (std::thread& client : clients) client.join();
  EXPECT_EQ(answered.load(), 400);
}

/// What the child of another user sees.
enum Seen : int { kServed = 0, kClosed = 1, kNoAccess = 2, kNothing = 3 };

Seen seen_by(uid_t uid, gid_t gid, const std::vector<gid_t>& groups, const std::string& path) {
  const pid_t child = ::fork();
  if (child == 0) {
    // Plain system calls: the C library's versions would reach for threads that the child lacks.
    ::syscall(SYS_setgroups, groups.size(), groups.data());
    ::syscall(SYS_setresgid, gid, gid, gid);
    ::syscall(SYS_setresuid, uid, uid, uid);
    const int fd = connect_to(path);
    if (fd < 0) ::_exit(errno == EACCES ? kNoAccess : kNothing);
    pollfd wait{fd, POLLIN, 0};
    if (::poll(&wait, 1, kPatienceMs) <= 0) ::_exit(kNothing);
    char byte;
    ::_exit(::read(fd, &byte, 1) == 1 ? kServed : kClosed);
  }
  int state = 0;
  EXPECT_EQ(::waitpid(child, &state, 0), child);
  return WIFEXITED(state) ? static_cast<Seen>(WEXITSTATUS(state)) : kNothing;
}

constexpr uid_t kNobody = 65534;
constexpr gid_t kSocketGroup = 4242;

TEST_F(AdminServerTest, IsOutOfReachOfAForeignUserByItsMode) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  AdminServer server(path(), view_);
  ASSERT_TRUE(server.start().ok());
  EXPECT_EQ(seen_by(kNobody, kNobody, {}, path()), kNoAccess);
  EXPECT_EQ(server.connections_refused(), 0u);
}

// The modes are opened on purpose: the credentials alone must keep the foreign user out.
TEST_F(AdminServerTest, ClosesAForeignUserAndServesAMemberOfTheGroup) {
  if (::geteuid() != 0) GTEST_SKIP() << "only root can become another user";
  ASSERT_EQ(::chmod(dir_.path().c_str(), 0755), 0);
  ASSERT_EQ(::mkdir((dir_ / "run").c_str(), 0755), 0);
  // Files made in a set-group-id folder take its group.
  ASSERT_EQ(::chown((dir_ / "run").c_str(), 0, kSocketGroup), 0);
  ASSERT_EQ(::chmod((dir_ / "run").c_str(), 02755), 0);
  AdminServer server(path(), view_);
  ASSERT_TRUE(server.start().ok());
  ASSERT_EQ(::chmod(path().c_str(), 0666), 0);

  EXPECT_EQ(seen_by(kNobody, kNobody, {}, path()), kClosed);
  EXPECT_EQ(seen_by(kNobody, kNobody, {1, 2, 3}, path()), kClosed);
  EXPECT_EQ(server.connections_refused(), 2u);
  EXPECT_EQ(server.connections_served(), 0u);
  EXPECT_EQ(seen_by(kNobody, kSocketGroup, {}, path()), kServed);
  EXPECT_EQ(seen_by(kNobody, kNobody, {1, kSocketGroup, 3}, path()), kServed);
  std::vector<gid_t> many(200);
  for (std::size_t i = 0; i < many.size(); ++i) many[i] = static_cast<gid_t>(10'000 + i);
  EXPECT_EQ(seen_by(kNobody, kNobody, many, path()), kClosed);
  many.back() = kSocketGroup;
  EXPECT_EQ(seen_by(kNobody, kNobody, many, path()), kServed);
  EXPECT_EQ(seen_by(0, kNobody, {}, path()), kServed);
}

}  // namespace
}  // namespace sluice
