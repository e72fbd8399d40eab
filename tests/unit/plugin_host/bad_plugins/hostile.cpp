// Tries one way out of its process, or one way to do harm, at the first reading whose value is 666.
// A way out that worked is told by dropping that reading as `escaped`; one that was refused, by
// letting it pass. Config: the way's name; or `name_of`, which is answered with a bad config that
// has the name of that way out.

#include <dirent.h>
#include <dlfcn.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <sys/inotify.h>
#include <sys/ipc.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/msg.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/resource.h>
#include <sys/shm.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>
#include <cstdlib>
#include <ctime>
#include <functional>
#include <map>
#include <vector>

#include "sluice_plugin.hpp"

extern char** environ;

namespace {

using namespace sluice::sdk;

/// Before the plugin's code is locked up, though its files are read by then.
const bool kOpenedInConstructor = ::open("/etc/passwd", O_RDONLY) >= 0;
const bool kWroteInConstructor = ::open("/tmp/sluice-hostile", O_CREAT | O_WRONLY, 0600) >= 0;
const bool kConnectedInConstructor = ::socket(AF_INET, SOCK_STREAM, 0) >= 0;
const bool kForkedInConstructor = [] {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  return pid > 0;
}();

bool connects() {
  const int fd = ::socket(AF_UNIX, SOCK_STREAM, 0);
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  return fd >= 0 && ::connect(fd, reinterpret_cast<sockaddr*>(&address), sizeof address) == 0;
}

bool forks() {
  const pid_t pid = ::fork();
  if (pid == 0) ::_exit(0);
  return pid > 0;
}

bool starts_a_thread() {
  pthread_t thread;
  return ::pthread_create(
             &thread, nullptr, [](void*) -> void* { return nullptr; }, nullptr) == 0;
}

bool executes() {
  char name[] = "/bin/true";
  char* const arguments[] = {name, nullptr};
  ::execve(name, arguments, environ);
  return false;  // else nobody is here to tell
}

bool maps_code(int protection) {
  return ::mmap(nullptr, 4096, protection, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0) != MAP_FAILED;
}

bool makes_its_data_code() {
  void* page = ::mmap(nullptr, 4096, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return page != MAP_FAILED && ::mprotect(page, 4096, PROT_READ | PROT_EXEC) == 0;
}

bool reads_its_parent() {
  char here[8];
  iovec local{here, sizeof here};
  iovec remote{reinterpret_cast<void*>(&environ), sizeof here};
  return ::process_vm_readv(::getppid(), &local, 1, &remote, 1, 0) > 0;
}

bool has_other_descriptors() {
  for (int fd = 4; fd < 256; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1) return true;
  }
  return false;
}

bool raises_its_limit() {
  const rlimit all{RLIM_INFINITY, RLIM_INFINITY};
  return ::setrlimit(RLIMIT_NOFILE, &all) == 0;
}

bool calls(long number, long a = 0, long b = 0, long c = 0, long d = 0) {
  return ::syscall(number, a, b, c, d, 0, 0) != -1;
}

/// Ways out; true: it worked.
const std::map<std::string, std::function<bool()>>& ways_out() {
  static const std::map<std::string, std::function<bool()>> kWays = {
      {"constructor_open", [] { return kOpenedInConstructor; }},
      {"constructor_write", [] { return kWroteInConstructor; }},
      {"constructor_socket", [] { return kConnectedInConstructor; }},
      {"constructor_fork", [] { return kForkedInConstructor; }},
      {"open_passwd", [] { return ::open("/etc/passwd", O_RDONLY) >= 0; }},
      {"open_library", [] { return ::open("/usr/lib/os-release", O_RDONLY) >= 0; }},
      {"list_root", [] { return ::opendir("/") != nullptr; }},
      {"create_file", [] { return ::open("/tmp/sluice-hostile", O_CREAT | O_RDWR, 0600) >= 0; }},
      {"unlink", [] { return ::unlink("/tmp/sluice-hostile-bait") == 0; }},
      {"mkdir", [] { return ::mkdir("/tmp/sluice-hostile-dir", 0700) == 0; }},
      {"chmod", [] { return ::chmod("/tmp", 0777) == 0; }},
      {"symlink", [] { return ::symlink("/etc/passwd", "/tmp/sluice-hostile-link") == 0; }},
      {"memfd", [] { return calls(SYS_memfd_create, reinterpret_cast<long>("x")); }},
      {"proc_mem",
       [] {
         const std::string path = "/proc/" + std::to_string(::getppid()) + "/mem";
         return ::open(path.c_str(), O_RDONLY) >= 0;
       }},
      {"socket_inet", [] { return ::socket(AF_INET, SOCK_STREAM, 0) >= 0; }},
      {"socket_udp", [] { return ::socket(AF_INET6, SOCK_DGRAM, 0) >= 0; }},
      {"socket_netlink", [] { return ::socket(AF_NETLINK, SOCK_RAW, 0) >= 0; }},
      {"connect_unix", connects},
      {"fork", forks},
      {"thread", starts_a_thread},
      {"exec", executes},
      {"ptrace", [] { return ::ptrace(PTRACE_ATTACH, ::getppid(), nullptr, nullptr) == 0; }},
      {"ptrace_me", [] { return ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr) == 0; }},
      {"read_parent", reads_its_parent},
      {"kill_parent", [] { return ::kill(::getppid(), SIGTERM) == 0; }},
      {"kill_all", [] { return ::kill(-1, SIGKILL) == 0; }},
      {"tgkill_parent", [] { return calls(SYS_tgkill, ::getppid(), ::getppid(), SIGKILL); }},
      {"map_code", [] { return maps_code(PROT_READ | PROT_EXEC); }},
      {"map_writable_code", [] { return maps_code(PROT_READ | PROT_WRITE | PROT_EXEC); }},
      {"data_to_code", makes_its_data_code},
      {"descriptors", has_other_descriptors},
      {"read_stdin",
       [] {
         char byte;
         return ::read(0, &byte, 1) >= 0;
       }},
      {"write_stdout", [] { return ::write(1, "x", 1) >= 0; }},
      {"shrink_channel", [] { return ::ftruncate(3, 0) == 0; }},
      {"duplicate_channel", [] { return ::dup(3) >= 0; }},
      {"raise_limit", raises_its_limit},
      {"setuid", [] { return calls(SYS_setuid, 0); }},
      {"unshare", [] { return ::unshare(CLONE_NEWUSER) == 0; }},
      {"mount", [] { return ::mount("none", "/tmp", "tmpfs", 0, nullptr) == 0; }},
      {"chroot", [] { return ::chroot("/") == 0; }},
      {"chdir", [] { return ::chdir("/") == 0; }},
      {"set_time",
       [] {
         const timespec then{0, 0};
         return ::clock_settime(CLOCK_REALTIME, &then) == 0;
       }},
      {"priority", [] { return ::setpriority(PRIO_PROCESS, 0, -20) == 0; }},
      {"scheduler",
       [] {
         const sched_param first{99};
         return ::sched_setscheduler(0, SCHED_FIFO, &first) == 0;
       }},
      {"shared_memory", [] { return ::shmget(IPC_PRIVATE, 4096, IPC_CREAT | 0600) >= 0; }},
      {"message_queue", [] { return ::msgget(IPC_PRIVATE, IPC_CREAT | 0600) >= 0; }},
      {"inotify", [] { return ::inotify_init() >= 0; }},
      {"bpf", [] { return calls(SYS_bpf); }},
      {"io_uring", [] { return calls(425, 4, 0); }},
      {"perf", [] { return calls(SYS_perf_event_open); }},
      {"keyctl", [] { return calls(SYS_keyctl, 0, -3); }},
      {"dumpable", [] { return ::prctl(PR_SET_DUMPABLE, 1) == 0; }},
      {"no_death_with_parent", [] { return ::prctl(PR_SET_PDEATHSIG, 0) == 0; }},
      {"environment", [] { return environ != nullptr && environ[0] != nullptr; }},
      {"load_library", [] { return ::dlopen("libsqlite3.so.0", RTLD_NOW) != nullptr; }},
      {"sleep",
       [] {
         const timespec hour{3600, 0};
         return ::nanosleep(&hour, nullptr) == 0;
       }},
  };
  return kWays;
}

/// Not by a sanitizer's leave: those would stop at the null pointer.
void crash() { ::syscall(SYS_tgkill, ::getpid(), ::syscall(SYS_gettid), SIGSEGV); }

int overflow_the_stack(int depth) {
  volatile char frame[4096];
  frame[0] = static_cast<char>(depth);
  return depth < 0 ? 0 : overflow_the_stack(depth + 1) + frame[0];
}

[[noreturn]] void spin() {
  for (;;) asm volatile("" ::: "memory");
}

/// As a large model that is read, or a large state that is written.
void work_for(std::chrono::milliseconds time) {
  timespec used{};
  do {
    ::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used);
  } while (std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec) < time);
}

/// Ways to do harm, which come back from none of them or leave nonsense behind.
bool do_harm(const std::string& way, const Reading& in, Call& call, Host host) {
  if (way == "segv") crash();
  if (way == "abort") std::abort();
  if (way == "divide") ::raise(SIGFPE);
  if (way == "illegal") __builtin_trap();
  if (way == "stack") overflow_the_stack(0);
  if (way == "exit") std::exit(0);
  if (way == "exit_now") ::_exit(7);
  if (way == "spin") spin();
  if (way == "wait_for_ever") {
    int word = 0;
    ::syscall(SYS_futex, &word, FUTEX_WAIT, 0, nullptr, nullptr, 0);
  }
  if (way == "memory") {
    std::vector<char*> blocks;
    for (;;) {
      blocks.push_back(new char[1 << 20]);
      for (int i = 0; i < 1 << 20; i += 4096) blocks.back()[i] = 1;
    }
  }
  if (way == "throw") throw 42;
  if (way == "emit_millions") {
    for (int i = 0; i < 10'000'000; ++i) call.emit(in);
  }
  if (way == "derive_millions") {
    for (int i = 0;; ++i) host.derive_series(in.series, ("m" + std::to_string(i)).c_str(), nullptr);
  }
  if (way == "derive_once") return host.derive_series(in.series, "once", nullptr) == 0;
  if (way == "log_millions") {
    for (int i = 0; i < 1'000'000; ++i) host.log(SLUICE_LOG_ERROR, "a flood");
  }
  if (way == "nan") {
    Reading reading = in;
    reading.set_value(std::nan(""));
    call.emit(reading);
  }
  return way == "log_millions";
}

class Hostile {
 public:
  static constexpr const char* kRules[] = {"escaped"};
  static constexpr Metadata kMetadata{
      .name = "hostile",
      .version = "6.6.6",
      .description = "Tries one way out.",
      .config_schema = R"({"type":"object","additionalProperties":false,
          "properties":{"way":{"type":"string"},"name_of":{"type":"integer"}}})"};

  Hostile(const Config& config, Host host) : host_(host), way_(config.string("way").value_or("")) {
    if (way_ == "create_segv") crash();
    if (way_ == "create_spin") spin();
    take_time();
    if (const auto index = config.number("name_of")) {
      const auto i = static_cast<std::size_t>(*index);
      if (i >= ways_out().size()) throw std::invalid_argument("no more ways");
      throw std::invalid_argument(std::next(ways_out().begin(), static_cast<long>(i))->first);
    }
  }
  ~Hostile() {
    if (way_ == "destroy_segv") crash();
  }

  void on_time(std::int64_t, Call&) {
    if (way_ == "on_time_segv" && seen_ > 0) crash();
  }

  Verdict on_reading(const Reading& in, Call& call) {
    ++seen_;
    if (in.value() != 666) return pass();
    if (const auto way = ways_out().find(way_); way != ways_out().end()) {
      return way->second() ? drop(0) : pass();
    }
    do_harm(way_, in, call, host_);
    return pass();
  }

  void snapshot(StateWriter& w) const {
    if (way_ == "snapshot_spin") spin();
    take_time();
    w.u64(seen_);
  }
  void restore(StateReader& r, std::string_view) {
    if (way_ == "restore_segv") crash();
    take_time();
    seen_ = r.u64();
  }

 private:
  void take_time() const {
    if (way_ == "takes_time") work_for(std::chrono::milliseconds(500));
  }

  Host host_;
  std::string way_;
  std::uint64_t seen_ = 0;
};

}  // namespace

SLUICE_PLUGIN(Hostile)
