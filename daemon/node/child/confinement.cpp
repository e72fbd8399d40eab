#include "node/child/confinement.h"

#include <fcntl.h>
#include <sched.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <string>

#include "base/unique_fd.h"

namespace sluice {
namespace {

/// Between the signal that says so and the end of a process that does not obey it.
constexpr std::uint64_t kGraceS = 2;
/// See ioprio_set(2): the class "idle", of this process.
constexpr int kIoIdle = 3 << 13;
constexpr int kIoOfProcess = 1;

/// The sanitizers' run-time libraries map terabytes.
#if defined(__SANITIZE_ADDRESS__) || defined(__SANITIZE_THREAD__)
constexpr bool kIsSanitized = true;
#elif defined(__has_feature)
#if __has_feature(address_sanitizer) || __has_feature(thread_sanitizer)
constexpr bool kIsSanitized = true;
#else
constexpr bool kIsSanitized = false;
#endif
#else
constexpr bool kIsSanitized = false;
#endif

Status system_error(const char* what) {
  return internal_error(std::string("confinement: ") + what + ": " + std::strerror(errno));
}

/// Whoever refuses this lets it run beside the daemon as any other process: no reason to stop.
void step_back() {
  const sched_param none{};
  ::sched_setscheduler(0, SCHED_IDLE, &none);
  ::setpriority(PRIO_PROCESS, 0, 19);
  ::syscall(SYS_ioprio_set, kIoOfProcess, 0, kIoIdle);
  const UniqueFd oom(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (oom.valid()) [[maybe_unused]]
    const auto written = ::write(oom.get(), "1000", 4);
}

std::uint64_t mapped_bytes() {
  const UniqueFd fd(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  char text[64] = {};
  if (!fd.valid() || ::read(fd.get(), text, sizeof text - 1) <= 0) return 0;
  return std::strtoull(text, nullptr, 10) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

/// The soft limit of memory alone: a plugin's own process sets one for itself, above or below.
Status limit_resources(const Confinement& to) {
  const rlimit none{0, 0};
  if (::setrlimit(RLIMIT_CORE, &none) != 0) return system_error("RLIMIT_CORE");
  if (to.cpu_s > 0) {
    const rlimit cpu{to.cpu_s, to.cpu_s + kGraceS};
    if (::setrlimit(RLIMIT_CPU, &cpu) != 0) return system_error("RLIMIT_CPU");
  }
  if (to.memory_bytes == 0 || kIsSanitized) return {};
  rlimit memory{};
  if (::getrlimit(RLIMIT_AS, &memory) != 0) return system_error("RLIMIT_AS");
  memory.rlim_cur = mapped_bytes() + to.memory_bytes;
  if (::setrlimit(RLIMIT_AS, &memory) != 0) return system_error("RLIMIT_AS");
  return {};
}

/// All is allowed but a list, which fails with EPERM.
class Denied {
 public:
  Denied() : context_(seccomp_init(SCMP_ACT_ALLOW)) {}
  ~Denied() {
    if (context_ != nullptr) seccomp_release(context_);
  }
  Denied(const Denied&) = delete;
  Denied& operator=(const Denied&) = delete;

  void call(int number) { add(number, nullptr, 0); }
  /// Where the argument of that number has this bit.
  void call_with(int number, unsigned argument, std::uint64_t bit) {
    const scmp_arg_cmp has = SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, bit, bit);
    add(number, &has, 1);
  }
  Status load() {
    if (error_ == 0 && context_ != nullptr) error_ = seccomp_load(context_);
    if (error_ == 0 && context_ != nullptr) return {};
    errno = -error_;
    return system_error("seccomp");
  }

 private:
  /// A call that this architecture does not have needs no rule.
  void add(int number, const scmp_arg_cmp* conditions, unsigned count) {
    if (context_ == nullptr || number < 0) return;
    const int error =
        seccomp_rule_add_array(context_, SCMP_ACT_ERRNO(EPERM), number, count, conditions);
    if (error != 0) error_ = error;
  }
  scmp_filter_ctx context_;
  int error_ = 0;
};

Status deny_traces() {
  Denied denied;
  for (const int number :
       {SCMP_SYS(socket),  SCMP_SYS(connect),        SCMP_SYS(bind),
        SCMP_SYS(listen),  SCMP_SYS(accept),         SCMP_SYS(accept4),
        SCMP_SYS(creat),   SCMP_SYS(openat2),        SCMP_SYS(truncate),
        SCMP_SYS(rename),  SCMP_SYS(renameat),       SCMP_SYS(renameat2),
        SCMP_SYS(unlink),  SCMP_SYS(unlinkat),       SCMP_SYS(mkdir),
        SCMP_SYS(mkdirat), SCMP_SYS(rmdir),          SCMP_SYS(link),
        SCMP_SYS(linkat),  SCMP_SYS(symlink),        SCMP_SYS(symlinkat),
        SCMP_SYS(mknod),   SCMP_SYS(mknodat),        SCMP_SYS(chmod),
        SCMP_SYS(fchmod),  SCMP_SYS(fchmodat),       SCMP_SYS(chown),
        SCMP_SYS(fchown),  SCMP_SYS(fchownat),       SCMP_SYS(mount),
        SCMP_SYS(ptrace),  SCMP_SYS(io_uring_setup), SCMP_SYS(process_vm_writev)}) {
    denied.call(number);
  }
  for (const std::uint64_t bit : {std::uint64_t{O_CREAT}, std::uint64_t{O_TRUNC}}) {
    denied.call_with(SCMP_SYS(open), 1, bit);
    denied.call_with(SCMP_SYS(openat), 2, bit);
  }
  return denied.load();
}

}  // namespace

Status confine(const Confinement& to) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return system_error("PR_SET_PDEATHSIG");
  // It may have died before that.
  if (static_cast<std::uint64_t>(::getppid()) != to.parent_pid) {
    return unavailable("the daemon is gone");
  }
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error("PR_SET_NO_NEW_PRIVS");
  if (to.steps_back) step_back();
  if (Status s = limit_resources(to); !s.ok()) return s;
  return deny_traces();
}

}  // namespace sluice
