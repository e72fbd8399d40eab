#include "e2e/process.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <utility>

namespace sluice::e2e {
namespace {

[[noreturn]] void execute(const std::vector<std::string>& command) {
  std::vector<char*> argv;
  for (const std::string& word : command) argv.push_back(const_cast<char*>(word.c_str()));
  argv.push_back(nullptr);
  execvp(argv[0], argv.data());
  _exit(127);
}

int decode(int status) { return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status); }

}  // namespace

Process::Process(const std::vector<std::string>& command, const std::string& log_file) {
  pid_ = fork();
  if (pid_ != 0) return;
  prctl(PR_SET_PDEATHSIG, SIGKILL);  // a test that is killed leaves nothing behind
  const int fd = open(log_file.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
  dup2(fd, STDOUT_FILENO);
  dup2(fd, STDERR_FILENO);
  execute(command);
}

Process::Process(Process&& other) noexcept
    : pid_(std::exchange(other.pid_, -1)), result_(other.result_) {}

Process& Process::operator=(Process&& other) noexcept {
  if (pid_ > 0) end(SIGKILL);
  pid_ = std::exchange(other.pid_, -1);
  result_ = other.result_;
  return *this;
}

Process::~Process() {
  if (pid_ > 0) end(SIGTERM);
}

int Process::reap(int options) {
  if (pid_ <= 0) return 1;
  int status = 0;
  const pid_t done = waitpid(pid_, &status, options);
  if (done == 0) return 0;
  result_ = decode(status);
  pid_ = -1;
  return 1;
}

bool Process::running() { return reap(WNOHANG) == 0; }

int Process::end(int signal) {
  if (!running()) return result_;
  kill(pid_, signal);
  if (!until(10, [this] { return !running(); })) {
    kill(pid_, SIGKILL);
    reap(0);
  }
  return result_;
}

int Process::wait() {
  reap(0);
  return result_;
}

Output run(const std::vector<std::string>& command) {
  int fds[2];
  if (pipe2(fds, O_CLOEXEC) != 0) return {-1, "no pipe"};
  const pid_t pid = fork();
  if (pid == 0) {
    dup2(fds[1], STDOUT_FILENO);
    execute(command);
  }
  close(fds[1]);
  Output output;
  char buffer[65536];
  for (ssize_t n; (n = read(fds[0], buffer, sizeof buffer)) > 0;) {
    output.text.append(buffer, static_cast<std::size_t>(n));
  }
  close(fds[0]);
  int status = 0;
  waitpid(pid, &status, 0);
  output.exit_code = decode(status);
  return output;
}

}  // namespace sluice::e2e
