#include "plugin_host/child/sandbox.h"

#include <fcntl.h>
#include <linux/landlock.h>
#include <seccomp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <initializer_list>

#include "base/unique_fd.h"

namespace sluice {
namespace {

constexpr rlim_t kDescriptorsMax = 16;

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
  return internal_error(std::string("sandbox: ") + what + ": " + std::strerror(errno));
}

// --- limits ---

Status limit(int resource, rlim_t value, const char* name) {
  const rlimit both{value, value};
  return ::setrlimit(static_cast<__rlimit_resource_t>(resource), &both) == 0 ? Status()
                                                                             : system_error(name);
}

/// Pages that this process has mapped.
std::uint64_t mapped_bytes() {
  const UniqueFd fd(::open("/proc/self/statm", O_RDONLY | O_CLOEXEC));
  char text[64] = {};
  if (!fd.valid() || ::read(fd.get(), text, sizeof text - 1) <= 0) return 0;
  return std::strtoull(text, nullptr, 10) * static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
}

Status limit_resources(std::uint64_t memory_bytes) {
  if (Status s = limit(RLIMIT_CORE, 0, "RLIMIT_CORE"); !s.ok()) return s;
  if (Status s = limit(RLIMIT_FSIZE, 0, "RLIMIT_FSIZE"); !s.ok()) return s;
  if (Status s = limit(RLIMIT_NOFILE, kDescriptorsMax, "RLIMIT_NOFILE"); !s.ok()) return s;
  if (Status s = limit(RLIMIT_MEMLOCK, 0, "RLIMIT_MEMLOCK"); !s.ok()) return s;
  if (Status s = limit(RLIMIT_MSGQUEUE, 0, "RLIMIT_MSGQUEUE"); !s.ok()) return s;
  if (kIsSanitized || memory_bytes == 0) return {};
  return limit(RLIMIT_AS, mapped_bytes() + memory_bytes, "RLIMIT_AS");
}

/// When memory is short, it goes before the daemon. A system may forbid that; then the limit on its
/// own memory is what there is.
void go_first_when_memory_is_short() {
  const UniqueFd fd(::open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC));
  if (!fd.valid()) return;
  [[maybe_unused]] const auto written = ::write(fd.get(), "1000", 4);
}

// --- landlock; see the kernel's Documentation/userspace-api/landlock.rst ---

int landlock_version() {
  return static_cast<int>(
      ::syscall(SYS_landlock_create_ruleset, nullptr, 0, LANDLOCK_CREATE_RULESET_VERSION));
}

Status allow_reading(int ruleset, const std::string& path) {
  const UniqueFd fd(::open(path.c_str(), O_PATH | O_CLOEXEC));
  if (!fd.valid()) return {};  // a folder that this system does not have
  landlock_path_beneath_attr rule{};
  rule.allowed_access = LANDLOCK_ACCESS_FS_EXECUTE | LANDLOCK_ACCESS_FS_READ_FILE;
  rule.parent_fd = fd.get();
  if (::syscall(SYS_landlock_add_rule, ruleset, LANDLOCK_RULE_PATH_BENEATH, &rule, 0) == 0) {
    return {};
  }
  return system_error("landlock_add_rule");
}

/// All that the first version of landlock knows, and what later ones added, as far as the headers
/// of this build have it.
std::uint64_t handled_access(int version) {
  std::uint64_t access = (LANDLOCK_ACCESS_FS_MAKE_SYM << 1) - 1;
#ifdef LANDLOCK_ACCESS_FS_REFER
  if (version >= 2) access |= LANDLOCK_ACCESS_FS_REFER;
#endif
#ifdef LANDLOCK_ACCESS_FS_TRUNCATE
  if (version >= 3) access |= LANDLOCK_ACCESS_FS_TRUNCATE;
#endif
  (void)version;
  return access;
}

Status lock_files(const std::string& plugin_path) {
  const int version = landlock_version();
  if (version < 1) return {};
  landlock_ruleset_attr attributes{};
  attributes.handled_access_fs = handled_access(version);
  const UniqueFd ruleset(
      static_cast<int>(::syscall(SYS_landlock_create_ruleset, &attributes, sizeof attributes, 0)));
  if (!ruleset.valid()) return system_error("landlock_create_ruleset");
  // A file that has lost its name has no folder either.
  const bool has_name = !plugin_path.starts_with("/proc/");
  const std::string plugin =
      has_name ? std::filesystem::path(plugin_path).parent_path().string() : plugin_path;
  for (const std::string& path :
       {plugin, std::string("/lib"), std::string("/lib64"), std::string("/usr/lib"),
        std::string("/usr/lib64"), std::string("/etc/ld.so.cache")}) {
    if (Status s = allow_reading(ruleset.get(), path); !s.ok()) return s;
  }
  if (::syscall(SYS_landlock_restrict_self, ruleset.get(), 0) != 0) {
    return system_error("landlock_restrict_self");
  }
  return {};
}

// --- seccomp ---

/// A list of what is allowed; all else fails with EPERM, as if the system forbade it.
class Filter {
 public:
  Filter() : context_(seccomp_init(SCMP_ACT_ERRNO(EPERM))) {}
  ~Filter() {
    if (context_ != nullptr) seccomp_release(context_);
  }
  Filter(const Filter&) = delete;
  Filter& operator=(const Filter&) = delete;

  void allow(std::initializer_list<int> calls) {
    for (const int call : calls) add(call, {});
  }
  /// Where the argument of that number has none of `bits`.
  void allow_without(int call, unsigned argument, std::uint64_t bits) {
    add(call, {SCMP_CMP64(argument, SCMP_CMP_MASKED_EQ, bits, 0)});
  }
  void allow_if_equal(int call, unsigned argument, std::uint64_t value) {
    add(call, {SCMP_CMP64(argument, SCMP_CMP_EQ, value)});
  }
  Status load() {
    if (error_ == 0 && context_ != nullptr) error_ = seccomp_load(context_);
    if (error_ == 0 && context_ != nullptr) return {};
    errno = -error_;
    return system_error("seccomp");
  }

 private:
  /// A call that this architecture does not have needs no rule.
  void add(int call, std::initializer_list<scmp_arg_cmp> conditions) {
    if (context_ == nullptr || call < 0) return;
    const int error =
        seccomp_rule_add_array(context_, SCMP_ACT_ALLOW, call,
                               static_cast<unsigned>(conditions.size()), conditions.begin());
    if (error != 0) error_ = error;
  }
  scmp_filter_ctx context_;
  int error_ = 0;
};

/// Memory, time, the futex, and the end: what any C program does without being asked.
void allow_bare_life(Filter& filter) {
  filter.allow({SCMP_SYS(futex),
                SCMP_SYS(exit),
                SCMP_SYS(exit_group),
                SCMP_SYS(munmap),
                SCMP_SYS(mremap),
                SCMP_SYS(madvise),
                SCMP_SYS(brk),
                SCMP_SYS(rt_sigreturn),
                SCMP_SYS(rt_sigprocmask),
                SCMP_SYS(rt_sigaction),
                SCMP_SYS(sigaltstack),
                SCMP_SYS(clock_gettime),
                SCMP_SYS(clock_gettime64),
                SCMP_SYS(gettimeofday),
                SCMP_SYS(time),
                SCMP_SYS(getrandom),
                SCMP_SYS(sched_yield),
                SCMP_SYS(getpid),
                SCMP_SYS(gettid),
                SCMP_SYS(restart_syscall)});
  // abort() sends itself a signal.
  filter.allow_if_equal(SCMP_SYS(tgkill), 0, static_cast<std::uint64_t>(::getpid()));
}

Status filter_for_loading() {
  Filter filter;
  allow_bare_life(filter);
  filter.allow({SCMP_SYS(read),     SCMP_SYS(pread64),    SCMP_SYS(close),     SCMP_SYS(fstat),
                SCMP_SYS(fstat64),  SCMP_SYS(newfstatat), SCMP_SYS(fstatat64), SCMP_SYS(statx),
                SCMP_SYS(lseek),    SCMP_SYS(_llseek),    SCMP_SYS(access),    SCMP_SYS(faccessat),
                SCMP_SYS(readlink), SCMP_SYS(readlinkat), SCMP_SYS(getcwd),    SCMP_SYS(getdents64),
                SCMP_SYS(fcntl),    SCMP_SYS(fcntl64),    SCMP_SYS(seccomp),   SCMP_SYS(prctl)});
  constexpr std::uint64_t kWriting = O_WRONLY | O_RDWR | O_CREAT | O_TRUNC;
  filter.allow_without(SCMP_SYS(openat), 2, kWriting);
  filter.allow_without(SCMP_SYS(open), 1, kWriting);
  // Never writable and executable at once.
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mmap2), SCMP_SYS(mprotect)}) {
    filter.allow_without(call, 2, PROT_EXEC);
    filter.allow_without(call, 2, PROT_WRITE);
  }
  return filter.load();
}

}  // namespace

Status lock_down(const SandboxOptions& options) {
  if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) return system_error("PR_SET_PDEATHSIG");
  // It may have died before that.
  if (static_cast<std::uint64_t>(::getppid()) != options.parent_pid) {
    return unavailable("the daemon is gone");
  }
  if (::prctl(PR_SET_DUMPABLE, 0) != 0) return system_error("PR_SET_DUMPABLE");
  if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0) return system_error("PR_SET_NO_NEW_PRIVS");
  go_first_when_memory_is_short();
  if (Status s = lock_files(options.plugin_path); !s.ok()) return s;
  if (Status s = limit_resources(options.memory_bytes); !s.ok()) return s;
  return filter_for_loading();
}

Status lock_up() {
  Filter filter;
  allow_bare_life(filter);
  for (const int call : {SCMP_SYS(mmap), SCMP_SYS(mmap2)}) {
    filter.allow_without(call, 2, PROT_EXEC);
  }
  filter.allow_without(SCMP_SYS(mprotect), 2, PROT_EXEC);
  return filter.load();
}

}  // namespace sluice
