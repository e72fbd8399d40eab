#include "node/rehearsal_process.h"

#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <spawn.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>
#include <utility>

#include "plugin_host/process_times.h"

namespace sluice {
namespace {

std::string mib(std::uint64_t bytes) { return std::to_string(bytes >> 20) + " MiB"; }
std::string seconds(std::int64_t ns) { return std::to_string(ns / 1'000'000'000) + " s"; }

Status system_error(const char* what) {
  return unavailable(std::string("a rehearsal cannot be started: ") + what + ": " +
                     std::strerror(errno));
}

/// Where the program finds its ends; nothing else is open in it, and no signal is blocked or
/// ignored, whatever is in the daemon.
class Spawn {
 public:
  Spawn(int input_fd, int output_fd) {
    ::posix_spawn_file_actions_init(&actions_);
    ::posix_spawn_file_actions_adddup2(&actions_, input_fd, STDIN_FILENO);
    ::posix_spawn_file_actions_adddup2(&actions_, output_fd, STDOUT_FILENO);
    ::posix_spawn_file_actions_addopen(&actions_, STDERR_FILENO, "/dev/null", O_WRONLY, 0);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_, STDERR_FILENO + 1);
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~Spawn() {
    ::posix_spawn_file_actions_destroy(&actions_);
    ::posix_spawnattr_destroy(&attributes_);
  }
  Spawn(const Spawn&) = delete;
  Spawn& operator=(const Spawn&) = delete;

  int run(pid_t& pid, std::vector<std::string> arguments) const {
    std::vector<char*> argv;
    for (std::string& argument : arguments) argv.push_back(argument.data());
    argv.push_back(nullptr);
    char* const environment[] = {nullptr};
    return ::posix_spawn(&pid, argv[0], &actions_, &attributes_, argv.data(), environment);
  }

 private:
  posix_spawn_file_actions_t actions_{};
  posix_spawnattr_t attributes_{};
};

}  // namespace

Result<std::unique_ptr<RehearsalProcess>> RehearsalProcess::start(const std::string& program,
                                                                  const v1::RehearsalSetup& setup,
                                                                  const RehearsalLimits& limits,
                                                                  const Clock& clock) {
  std::unique_ptr<RehearsalProcess> process(new RehearsalProcess(limits, clock));
  if (Status s = process->spawn(program); !s.ok()) return s;
  process->add(RehearsalFrame::setup, setup.SerializeAsString());
  process->progressed();
  return process;
}

Status RehearsalProcess::spawn(const std::string& program) {
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, ends) != 0) {
    return system_error("socketpair");
  }
  input_fd_ = UniqueFd(ends[0]);
  const UniqueFd its_input(ends[1]);
  if (::pipe2(ends, O_CLOEXEC) != 0) return system_error("pipe");
  output_fd_ = UniqueFd(ends[0]);
  const UniqueFd its_output(ends[1]);
  ::fcntl(output_fd_.get(), F_SETFL, O_NONBLOCK);
  const Spawn spawn(its_input.get(), its_output.get());
  const int error =
      spawn.run(pid_, {program, std::to_string(::getpid()), std::to_string(limits_.memory_bytes),
                       std::to_string(limits_.cpu_s)});
  if (error == 0) return {};
  pid_ = -1;
  errno = error;
  return system_error(program.c_str());
}

RehearsalProcess::~RehearsalProcess() { give_up("it was given up"); }

void RehearsalProcess::add(RehearsalFrame kind, std::string_view payload) {
  if (!done()) append_frame(kind, payload, input_);
}

void RehearsalProcess::define(RehearsalFrame kind, std::uint32_t id, std::string_view bytes) {
  if (!done()) append_definition(kind, id, bytes, input_);
}

void RehearsalProcess::turn() {
  if (done()) return;
  write_some();
  read_some();
  if (!done()) check_progress();
}

void RehearsalProcess::write_some() {
  while (sent_ < input_.size()) {
    const ssize_t n = ::send(input_fd_.get(), input_.data() + sent_, input_.size() - sent_,
                             MSG_DONTWAIT | MSG_NOSIGNAL);
    if (n <= 0) break;  // it is busy, or it has ended, which its output tells
    sent_ += static_cast<std::size_t>(n);
    progressed();
  }
  if (sent_ < input_.size()) return;
  input_.clear();
  sent_ = 0;
}

void RehearsalProcess::read_some() {
  char chunk[64 << 10];
  for (;;) {
    const ssize_t n = ::read(output_fd_.get(), chunk, sizeof chunk);
    if (n < 0 && errno == EINTR) continue;
    if (n < 0 && errno == EAGAIN) return;
    if (n <= 0) return end({std::nullopt, death()});
    answer_.push(std::string_view(chunk, static_cast<std::size_t>(n)));
    take_answer();
    if (done()) return;
  }
}

void RehearsalProcess::take_answer() {
  const auto frame = answer_.next();
  if (frame.ok() && !*frame) return;
  RehearsalOutcome outcome;
  if (frame.ok() && (*frame)->kind == RehearsalFrame::report) {
    outcome.report.emplace();
    const std::string_view payload = (*frame)->payload;
    if (outcome.report->ParseFromArray(payload.data(), static_cast<int>(payload.size()))) {
      return end(std::move(outcome));
    }
    outcome.report.reset();
  }
  const bool tells = frame.ok() && (*frame)->kind == RehearsalFrame::failure;
  outcome.error = tells ? std::string((*frame)->payload) : "its report makes no sense";
  end(std::move(outcome));
}

void RehearsalProcess::progressed() {
  progress_ns_ = clock_.boottime_ns();
  progress_cpu_ns_ = processor_time_ns(pid_).value_or(0);
}

/// One that has all waits for more: that is no hanging.
void RehearsalProcess::check_progress() {
  if (sent_ == input_.size()) return;
  const std::int64_t used_ns = processor_time_ns(pid_).value_or(0) - progress_cpu_ns_;
  if (used_ns > limits_.piece_cpu_ns) {
    return give_up("it used " + seconds(used_ns) +
                   " of the processor on a moment of the recording: a stage hangs");
  }
  // One that gets no processor time is starved by better work, and waits for its turn.
  const std::int64_t waited_ns = clock_.boottime_ns() - progress_ns_;
  if (waited_ns <= limits_.piece_wall_ns || !is_asleep(pid_)) return;
  give_up("it took nothing in for " + seconds(waited_ns) + " and did nothing: a stage hangs");
}

void RehearsalProcess::give_up(std::string why) {
  if (!done()) end({std::nullopt, std::move(why)});
}

void RehearsalProcess::end(RehearsalOutcome outcome) {
  if (pid_ >= 0) {
    ::kill(pid_, SIGKILL);
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
  }
  input_fd_.reset();
  output_fd_.reset();
  input_ = {};
  sent_ = 0;
  outcome_ = std::move(outcome);
}

/// It has closed its output, so it has ended or is about to.
std::string RehearsalProcess::death() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
  pid_ = -1;
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU) {
    return "it used more than " + std::to_string(limits_.cpu_s) + " s of the processor";
  }
  if (WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL) {
    return "it was killed: memory is short, or somebody did it by hand";
  }
  if (WIFSIGNALED(status)) {
    const int signal = WTERMSIG(status);
    return "signal " + std::to_string(signal) + " (" + ::strsignal(signal) +
           ") ended it: a plugin that has no process of its own crashed, and would end the daemon";
  }
  if (WEXITSTATUS(status) == kRehearsalOutOfMemory) {
    return "it needed more than " + mib(limits_.memory_bytes) + " of memory";
  }
  return "its process exited with " + std::to_string(WEXITSTATUS(status)) + " without a report";
}

void await_turn(const std::vector<RehearsalProcess*>& all, std::chrono::milliseconds wait) {
  std::vector<pollfd> fds;
  for (const RehearsalProcess* process : all) {
    fds.push_back({process->input_fd(), POLLOUT, 0});
    fds.push_back({process->output_fd(), POLLIN, 0});
  }
  ::poll(fds.data(), fds.size(), static_cast<int>(wait.count()));
}

}  // namespace sluice
