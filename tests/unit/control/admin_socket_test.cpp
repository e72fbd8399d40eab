#include "control/admin_socket.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <csignal>
#include <cstring>
#include <fstream>

#include "unit/control/temp_dir.h"

namespace sluice {
namespace {

sockaddr_un address_of(const std::string& path) {
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  std::strncpy(address.sun_path, path.c_str(), sizeof address.sun_path - 1);
  return address;
}

/// Binds without our lock, as another program would. Returns the descriptor.
int bind_plainly(const std::string& path, bool listening) {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
  const auto address = address_of(path);
  EXPECT_EQ(::bind(fd, reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  if (listening) {
    EXPECT_EQ(::listen(fd, 4), 0);
  }
  return fd;
}

mode_t mode_of(const std::string& path) {
  struct stat entry {};
  EXPECT_EQ(::lstat(path.c_str(), &entry), 0) << path;
  return entry.st_mode & 07777;
}

bool exists(const std::string& path) {
  struct stat entry {};
  return ::lstat(path.c_str(), &entry) == 0;
}

TEST(AdminSocket, CreatesItsFolderAndFileForOwnerAndGroupAloneWhateverTheUmask) {
  for (const mode_t mask : {mode_t{0}, mode_t{0077}}) {
    TempDir dir;
    const mode_t before = ::umask(mask);
    const auto socket = AdminSocket::open(dir / "run/admin.sock");
    ::umask(before);
    ASSERT_TRUE(socket.ok()) << socket.status().to_string();
    EXPECT_EQ(mode_of(dir / "run"), mode_t{0750});
    EXPECT_EQ(mode_of(dir / "run/admin.sock"), mode_t{0660});
  }
}

TEST(AdminSocket, LeavesTheModeOfAnExistingFolderAlone) {
  TempDir dir;
  ASSERT_EQ(::mkdir((dir / "run").c_str(), 0755), 0);
  ASSERT_EQ(::chmod((dir / "run").c_str(), 0755), 0);
  ASSERT_TRUE(AdminSocket::open(dir / "run/admin.sock").ok());
  EXPECT_EQ(mode_of(dir / "run"), mode_t{0755});
}

TEST(AdminSocket, RefusesASecondOwnerUntilTheFirstIsGone) {
  TempDir dir;
  {
    const auto first = AdminSocket::open(dir / "admin.sock");
    ASSERT_TRUE(first.ok());
    const auto second = AdminSocket::open(dir / "admin.sock");
    EXPECT_EQ(second.status().code(), StatusCode::already_exists);
    EXPECT_NE(second.status().message().find(dir / "admin.sock"), std::string_view::npos);
    EXPECT_TRUE(exists(dir / "admin.sock")) << "the refused one removed the first one's socket";
  }
  EXPECT_FALSE(exists(dir / "admin.sock"));
  EXPECT_TRUE(AdminSocket::open(dir / "admin.sock").ok());
}

// A child takes the socket and is killed: the file stays, the lock goes with the process.
TEST(AdminSocket, ReplacesTheSocketOfAKilledDaemon) {
  TempDir dir;
  const std::string path = dir / "admin.sock";
  int ready[2];
  ASSERT_EQ(::pipe(ready), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto socket = AdminSocket::open(path);
    const char answer = socket.ok() ? 'y' : 'n';
    (void)!::write(ready[1], &answer, 1);
    for (;;) ::pause();
  }
  char answer = 0;
  ASSERT_EQ(::read(ready[0], &answer, 1), 1);
  ASSERT_EQ(answer, 'y');
  EXPECT_EQ(AdminSocket::open(path).status().code(), StatusCode::already_exists);
  ASSERT_EQ(::kill(child, SIGKILL), 0);
  ASSERT_EQ(::waitpid(child, nullptr, 0), child);
  ASSERT_TRUE(exists(path));
  const auto socket = AdminSocket::open(path);
  EXPECT_TRUE(socket.ok()) << socket.status().to_string();
  ::close(ready[0]);
  ::close(ready[1]);
}

TEST(AdminSocket, RefusesASocketThatAnotherProgramListensOn) {
  TempDir dir;
  const int other = bind_plainly(dir / "admin.sock", true);
  EXPECT_EQ(AdminSocket::open(dir / "admin.sock").status().code(), StatusCode::already_exists);
  EXPECT_TRUE(exists(dir / "admin.sock"));
  ::close(other);
  EXPECT_TRUE(AdminSocket::open(dir / "admin.sock").ok());
}

TEST(AdminSocket, DoesNotRemoveAFileThatIsNoSocket) {
  TempDir dir;
  std::ofstream(dir / "admin.sock") << "precious";
  const auto socket = AdminSocket::open(dir / "admin.sock");
  EXPECT_EQ(socket.status().code(), StatusCode::already_exists);
  EXPECT_NE(socket.status().message().find("no socket"), std::string_view::npos);
  EXPECT_EQ(std::filesystem::file_size(dir / "admin.sock"), 8u);
}

TEST(AdminSocket, DoesNotFollowASymlinkInThePlaceOfItsLock) {
  TempDir dir;
  ASSERT_EQ(::symlink((dir / "target").c_str(), (dir / "admin.sock.lock").c_str()), 0);
  EXPECT_EQ(AdminSocket::open(dir / "admin.sock").status().code(), StatusCode::failed_precondition);
  EXPECT_FALSE(exists(dir / "target"));
}

TEST(AdminSocket, SaysHowLongAPathMayBe) {
  TempDir dir;
  const std::string longest = dir / std::string(107 - dir.path().size() - 1, 'a');
  ASSERT_EQ(longest.size(), 107u);
  EXPECT_TRUE(AdminSocket::open(longest).ok());
  for (const std::string& path : {std::string(), longest + "a"}) {
    const auto socket = AdminSocket::open(path);
    EXPECT_EQ(socket.status().code(), StatusCode::invalid_argument);
    EXPECT_NE(socket.status().message().find("1 to 107"), std::string_view::npos);
  }
}

TEST(AdminSocket, NamesTheFolderItCannotCreate) {
  TempDir dir;
  const auto socket = AdminSocket::open(dir / "missing/run/admin.sock");
  EXPECT_EQ(socket.status().code(), StatusCode::failed_precondition);
  EXPECT_NE(socket.status().message().find(dir / "missing/run"), std::string_view::npos);
}

TEST(AdminSocket, TellsThePeerFromTheKernel) {
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM, 0, pair), 0);
  const auto peer = peer_of(pair[0]);
  ASSERT_TRUE(peer.ok());
  EXPECT_EQ(peer->uid, ::geteuid());
  EXPECT_EQ(peer->gid, ::getegid());
  EXPECT_EQ(peer->pid, ::getpid());
  EXPECT_EQ(peer->groups.size(), static_cast<std::size_t>(::getgroups(0, nullptr)));
  ::close(pair[0]);
  ::close(pair[1]);
}

TEST(AdminSocket, HasNoPeerToTellOfAPlainFile) {
  const int fd = ::open("/dev/null", O_RDONLY);
  EXPECT_FALSE(peer_of(fd).ok());
  ::close(fd);
}

TEST(AdminAccess, IsForRootOurUserAndTheSocketsGroup) {
  constexpr uid_t kOwn = 900;
  constexpr gid_t kGroup = 950;
  EXPECT_TRUE(may_use_admin({0, 0, 1, {}}, kOwn, kGroup));
  EXPECT_TRUE(may_use_admin({kOwn, 7, 1, {}}, kOwn, kGroup));
  EXPECT_TRUE(may_use_admin({1000, kGroup, 1, {}}, kOwn, kGroup));
  EXPECT_TRUE(may_use_admin({1000, 7, 1, {8, kGroup, 9}}, kOwn, kGroup));
  EXPECT_FALSE(may_use_admin({1000, 7, 1, {8, 9}}, kOwn, kGroup));
  EXPECT_FALSE(may_use_admin({1000, 0, 1, {0}}, kOwn, kGroup));
}

}  // namespace
}  // namespace sluice
