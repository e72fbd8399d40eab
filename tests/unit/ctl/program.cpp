#include "unit/ctl/program.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <termios.h>
#include <unistd.h>

#include <csignal>

namespace sluice::ctl {
namespace {

constexpr int kPatienceMs = 60'000;

std::vector<char*> pointers(std::vector<std::string>& strings) {
  std::vector<char*> out;
  for (std::string& s : strings) out.push_back(s.data());
  out.push_back(nullptr);
  return out;
}

}  // namespace

Program::Program(std::vector<std::string> arguments, bool terminal, Variables environment,
                 const std::string& input_file) {
  arguments.insert(arguments.begin(), SLUICECTL_PATH);
  std::vector<std::string> variables = {"TERM=xterm", "LC_ALL=C.UTF-8"};
  for (const auto& [name, value] : environment) variables.push_back(name + "=" + value);
  posix_spawn_file_actions_t actions;
  posix_spawn_file_actions_init(&actions);
  posix_spawnattr_t attributes;
  posix_spawnattr_init(&attributes);
  int out[2] = {-1, -1};
  int err[2] = {-1, -1};
  if (terminal) {
    out_fd_ = ::posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
    EXPECT_TRUE(::grantpt(out_fd_) == 0 && ::unlockpt(out_fd_) == 0);
    const winsize size{30, 100, 0, 0};
    ::ioctl(out_fd_, TIOCSWINSZ, &size);
    const std::string slave = ::ptsname(out_fd_);
    slave_fd_ = ::open(slave.c_str(), O_RDWR | O_NOCTTY | O_CLOEXEC);
    posix_spawnattr_setflags(&attributes, POSIX_SPAWN_SETSID);
    posix_spawn_file_actions_addopen(&actions, 0, slave.c_str(), O_RDWR, 0);
    posix_spawn_file_actions_adddup2(&actions, 0, 1);
    posix_spawn_file_actions_adddup2(&actions, 0, 2);
  } else {
    EXPECT_EQ(::pipe2(out, O_CLOEXEC) | ::pipe2(err, O_CLOEXEC), 0);
    posix_spawn_file_actions_addopen(&actions, 0, input_file.c_str(), O_RDONLY, 0);
    posix_spawn_file_actions_adddup2(&actions, out[1], 1);
    posix_spawn_file_actions_adddup2(&actions, err[1], 2);
    out_fd_ = out[0];
    err_fd_ = err[0];
  }
  EXPECT_EQ(posix_spawn(&pid_, SLUICECTL_PATH, &actions, &attributes, pointers(arguments).data(),
                        pointers(variables).data()),
            0)
      << SLUICECTL_PATH;
  posix_spawn_file_actions_destroy(&actions);
  posix_spawnattr_destroy(&attributes);
  if (out[1] >= 0) ::close(out[1]);
  if (err[1] >= 0) ::close(err[1]);
}

Program::~Program() {
  if (pid_ > 0) {
    ::kill(pid_, SIGKILL);
    ::waitpid(pid_, nullptr, 0);
  }
  for (const int fd : {out_fd_, err_fd_, slave_fd_}) {
    if (fd >= 0) ::close(fd);
  }
}

bool Program::read_some() {
  pollfd fds[] = {{out_fd_, POLLIN, 0}, {err_fd_, POLLIN, 0}};
  // Our own end of the pseudo terminal keeps it open, so its end shows in the process alone.
  const bool with_terminal = slave_fd_ >= 0;
  const int ready = ::poll(fds, 2, with_terminal ? 20 : kPatienceMs);
  if (ready == 0 && with_terminal) {
    siginfo_t ended{};
    return ::waitid(P_PID, static_cast<id_t>(pid_), &ended, WEXITED | WNOHANG | WNOWAIT) == 0 &&
           ended.si_pid == 0;
  }
  if (ready <= 0) return false;
  char bytes[65536];
  bool open = false;
  for (auto& [fd, events, revents] : fds) {
    if (fd < 0 || revents == 0) continue;
    const ssize_t n = ::read(fd, bytes, sizeof bytes);
    int& ours = fd == out_fd_ ? out_fd_ : err_fd_;
    if (n > 0) {
      (fd == out_fd_ ? out_ : err_).append(bytes, static_cast<std::size_t>(n));
    } else {
      ::close(ours);
      ours = -1;
    }
  }
  open = out_fd_ >= 0 || err_fd_ >= 0;
  return open;
}

bool Program::reads(const std::string& text) {
  for (;;) {
    const std::size_t at = out_.find(text, seen_);
    if (at != std::string::npos) {
      seen_ = at + text.size();
      return true;
    }
    if (!read_some()) return false;
  }
}

int Program::wait() {
  while (read_some()) {
  }
  int state = 0;
  EXPECT_EQ(::waitpid(pid_, &state, 0), pid_);
  pid_ = -1;
  return WIFEXITED(state) ? WEXITSTATUS(state) : 128 + WTERMSIG(state);
}

void Program::signal(int number) const { ::kill(pid_, number); }

bool Program::waits_stopped() const {
  siginfo_t info{};
  return ::waitid(P_PID, static_cast<id_t>(pid_), &info, WSTOPPED | WEXITED | WNOWAIT) == 0 &&
         info.si_code == CLD_STOPPED;
}

bool Program::terminal_is_cooked() const {
  termios mode{};
  return ::tcgetattr(slave_fd_, &mode) == 0 && (mode.c_lflag & ICANON) != 0 &&
         (mode.c_lflag & ECHO) != 0;
}

Outcome run_sluicectl(std::vector<std::string> arguments, Program::Variables environment,
                      const std::string& input_file) {
  Program program(std::move(arguments), false, std::move(environment), input_file);
  const int code = program.wait();
  return {code, program.out(), program.err()};
}

}  // namespace sluice::ctl
