#include "plugin_host/host_process.h"

#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <filesystem>
#include <optional>
#include <utility>

#include "plugin_host/call_record.h"
#include "plugin_host/process_times.h"

namespace sluice {
namespace {

/// A snapshot or a record is the largest part of a message.
constexpr std::size_t kMessageBytesMax = SLUICE_SNAPSHOT_BYTES_MAX + (std::size_t{1} << 20);
static_assert(kMessageBytesMax > kCallRecordBytesMax);
/// It dies without a word to who waits for it.
constexpr std::chrono::milliseconds kLookInterval{5};
/// A process that gets neither the processor nor its pages is waited for so many deadlines.
constexpr std::int64_t kStarvedMax = 8;
/// The loader's work is not the plugin's, and of what an instance begins with and leaves behind
/// there may be much.
constexpr std::chrono::nanoseconds kWholeStateDeadline = std::chrono::seconds(2);
/// Where the program expects its end of the channel, and a file that has lost its name.
constexpr int kChannelFd = 3;
constexpr int kPluginFd = 4;
constexpr char kPluginFdPath[] = "/proc/self/fd/4";

std::string death_text(int status) {
  if (WIFEXITED(status)) return "exited with " + std::to_string(WEXITSTATUS(status));
  const int signal = WTERMSIG(status);
  return "was killed by signal " + std::to_string(signal) + " (" + strsignal(signal) + ")";
}

std::string plugin_name(const PinnedFile& plugin) {
  return std::filesystem::path(plugin.path()).stem();
}

class SpawnActions {
 public:
  SpawnActions() { ::posix_spawn_file_actions_init(&actions_); }
  ~SpawnActions() { ::posix_spawn_file_actions_destroy(&actions_); }
  SpawnActions(const SpawnActions&) = delete;
  SpawnActions& operator=(const SpawnActions&) = delete;
  /// `plugin_fd` -1: none.
  void only(int channel_fd, int plugin_fd) {
    for (const int fd : {0, 1, 2}) {
      ::posix_spawn_file_actions_addopen(&actions_, fd, "/dev/null", fd == 0 ? O_RDONLY : O_WRONLY,
                                         0);
    }
    ::posix_spawn_file_actions_adddup2(&actions_, channel_fd, kChannelFd);
    if (plugin_fd >= 0) ::posix_spawn_file_actions_adddup2(&actions_, plugin_fd, kPluginFd);
    ::posix_spawn_file_actions_addclosefrom_np(&actions_,
                                               plugin_fd >= 0 ? kPluginFd + 1 : kChannelFd + 1);
  }
  const posix_spawn_file_actions_t* get() const { return &actions_; }

 private:
  posix_spawn_file_actions_t actions_{};
};

/// The daemon blocks signals that it takes by sigwait(); the process must not inherit that.
class SpawnAttributes {
 public:
  SpawnAttributes() {
    ::posix_spawnattr_init(&attributes_);
    sigset_t none;
    sigset_t all;
    sigemptyset(&none);
    sigfillset(&all);
    ::posix_spawnattr_setsigmask(&attributes_, &none);
    ::posix_spawnattr_setsigdefault(&attributes_, &all);
    ::posix_spawnattr_setflags(&attributes_, POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF);
  }
  ~SpawnAttributes() { ::posix_spawnattr_destroy(&attributes_); }
  SpawnAttributes(const SpawnAttributes&) = delete;
  SpawnAttributes& operator=(const SpawnAttributes&) = delete;
  const posix_spawnattr_t* get() const { return &attributes_; }

 private:
  posix_spawnattr_t attributes_{};
};

}  // namespace

/// Waits while the process lives and works on the call, see HostLimits.
class HostProcess::CallPatience final : public Patience {
 public:
  CallPatience(HostProcess& process, std::chrono::nanoseconds deadline)
      : process_(process),
        deadline_ns_(deadline.count()),
        begun_ns_(process.clock_.boottime_ns()) {}

  Status go_on() override {
    if (const std::string death = process_.death(); !death.empty()) {
      return unavailable("its process " + death);
    }
    if (Status s = is_in_time(); !s.ok()) return s;
    const std::int64_t waited = waited_ns();
    if (waited < deadline_ns_ || !is_asleep(process_.pid_)) return {};
    return unavailable("it gave no answer within " + in_ms(waited) + " and does nothing");
  }
  /// As go_on(), of a process that may sleep: it has said something.
  Status is_in_time() {
    const std::int64_t waited = waited_ns();
    // A short call is not worth a question.
    if (waited >= kLookNs && !used_before_ns_) used_before_ns_ = used_ns();
    // It has one thread, so it cannot have used more than has passed.
    if (waited < deadline_ns_) return {};
    if (used_ns() - used_before_ns_.value_or(0) >= deadline_ns_) {
      return unavailable("it used " + in_ms(deadline_ns_) + " of the processor and gave no answer");
    }
    if (waited < kStarvedMax * deadline_ns_) return {};
    return unavailable("it gave no answer within " + in_ms(waited));
  }
  std::chrono::nanoseconds slice() const override { return kLookInterval; }

 private:
  static constexpr std::int64_t kLookNs = std::chrono::nanoseconds(kLookInterval).count();

  std::int64_t waited_ns() const { return process_.clock_.boottime_ns() - begun_ns_; }
  std::int64_t used_ns() const { return processor_time_ns(process_.pid_).value_or(0); }
  static std::string in_ms(std::int64_t ns) { return std::to_string(ns / 1'000'000) + " ms"; }

  HostProcess& process_;
  const std::int64_t deadline_ns_;
  const std::int64_t begun_ns_;
  std::optional<std::int64_t> used_before_ns_;
};

HostProcess::HostProcess(SharedChannel channel, const HostLimits& limits, const Clock& clock)
    : channel_(std::move(channel)), limits_(limits), clock_(clock) {}

Result<std::unique_ptr<HostProcess>> HostProcess::start(const std::string& program,
                                                        const PinnedFile& plugin,
                                                        const HostLimits& limits,
                                                        const Clock& clock,
                                                        PluginMetadata& metadata) {
  Result<SharedChannel> channel = SharedChannel::create();
  if (!channel.ok()) return channel.status();
  std::unique_ptr<HostProcess> process(new HostProcess(*std::move(channel), limits, clock));
  if (Status s = process->spawn(program, plugin); !s.ok()) return s;
  Result<PluginMetadata> loaded = process->await_loaded();
  if (!loaded.ok()) return loaded.status();
  if (const Status s = check_metadata(*loaded, plugin_name(plugin)); !s.ok()) {
    return failed_precondition(plugin.path() + ": " + std::string(s.message()));
  }
  metadata = *std::move(loaded);
  return process;
}

Status HostProcess::spawn(const std::string& program, const PinnedFile& plugin) {
  const bool has_its_name = plugin.has_its_name();
  // Above the numbers that the process gets, or one would be overwritten by the other.
  const UniqueFd file(has_its_name ? -1 : ::fcntl(plugin.fd(), F_DUPFD_CLOEXEC, kPluginFd + 1));
  SpawnActions actions;
  actions.only(channel_.fd(), file.get());
  const SpawnAttributes attributes;
  std::string memory = std::to_string(limits_.memory_bytes);
  std::string parent = std::to_string(::getpid());
  std::string path = has_its_name ? plugin.path() : kPluginFdPath;
  std::string name = plugin_name(plugin);
  std::string self = program;
  char* const arguments[] = {self.data(),   path.data(),   name.data(),
                             memory.data(), parent.data(), nullptr};
  char* const environment[] = {nullptr};
  const int error = ::posix_spawn(&pid_, program.c_str(), actions.get(), attributes.get(),
                                  arguments, environment);
  if (error == 0) return {};
  pid_ = -1;
  return unavailable(program + " cannot be started: " + std::strerror(error));
}

Result<PluginMetadata> HostProcess::await_loaded() {
  CallPatience patience(*this, std::max(limits_.deadline, kWholeStateDeadline));
  if (Status s = channel_.receive(message_, kMessageBytesMax, patience); !s.ok()) {
    return unavailable("loading the plugin: " + std::string(s.message()));
  }
  const Result<HostDone> done = read_done(message_);
  if (!done.ok()) return unavailable("loading the plugin: " + std::string(done.status().message()));
  if (!done->status.ok()) return failed_precondition(std::string(done->status.message()));
  return decode_metadata(done->payload);
}

HostProcess::~HostProcess() {
  if (pid_ < 0 || !death().empty()) return;
  ::kill(pid_, SIGKILL);
  int status = 0;
  while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
  }
}

std::string HostProcess::death() {
  if (!death_.empty()) return death_;
  int status = 0;
  const pid_t ended = ::waitpid(pid_, &status, WNOHANG);
  if (ended == pid_) death_ = death_text(status);
  if (ended < 0 && errno == ECHILD) death_ = "is gone";
  return death_;
}

Result<HostDone> HostProcess::call(std::string_view request, const HostServices& services,
                                   const SeriesTable& series) {
  const HostMessage kind = kind_of(request);
  const bool is_of_readings = kind == HostMessage::process || kind == HostMessage::on_time;
  CallPatience patience(
      *this, is_of_readings ? limits_.deadline : std::max(limits_.deadline, kWholeStateDeadline));
  if (Status s = channel_.send(request, patience); !s.ok()) return s;
  for (;;) {
    if (Status s = channel_.receive(message_, kMessageBytesMax, patience); !s.ok()) {
      return unavailable(std::string(s.message()));
    }
    if (kind_of(message_) == HostMessage::done) break;
    if (Status s = answer(services, series, patience); !s.ok()) {
      return unavailable(std::string(s.message()));
    }
    // A process that asks for ever is not waited for, so nobody else looks. It may have ended the
    // call meanwhile, and sleep.
    if (Status s = patience.is_in_time(); !s.ok()) return s;
  }
  Result<HostDone> done = read_done(message_);
  if (!done.ok()) return unavailable("its answer: " + std::string(done.status().message()));
  return done;
}

Status HostProcess::answer(const HostServices& services, const SeriesTable& series,
                           Patience& patience) {
  if (const Result<SeriesId> id = read_ask_series(message_); id.ok()) {
    return answer_series(*id, series, patience);
  }
  const Result<DeriveAsk> ask = read_ask_derive(message_);
  if (!ask.ok()) return ask.status();
  const auto text = [](const std::optional<std::string>& given) {
    return given ? given->c_str() : nullptr;
  };
  const sluice_host* host = services.host();
  return answer_series(
      host->derive_series(host, ask->base, text(ask->measurement), text(ask->unit)), series,
      patience);
}

Status HostProcess::answer_series(SeriesId id, const SeriesTable& series, Patience& patience) {
  const bool is_known = series.contains(id);
  write_answer({id, is_known ? series.encoded(id) : std::string_view()}, reply_);
  return channel_.send(reply_, patience);
}

}  // namespace sluice
