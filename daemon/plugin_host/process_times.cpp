#include "plugin_host/process_times.h"

#include <fcntl.h>
#include <time.h>
#include <unistd.h>

#include <string>
#include <string_view>

#include "base/unique_fd.h"

namespace sluice {

std::optional<std::int64_t> processor_time_ns(pid_t pid) {
  clockid_t clock{};
  timespec used{};
  if (::clock_getcpuclockid(pid, &clock) != 0 || ::clock_gettime(clock, &used) != 0) return {};
  return std::int64_t{used.tv_sec} * 1'000'000'000 + used.tv_nsec;
}

/// See proc_pid_stat(5): the state stands behind the name, which ends with the last parenthesis.
bool is_asleep(pid_t pid) {
  const std::string path = "/proc/" + std::to_string(pid) + "/stat";
  const UniqueFd fd(::open(path.c_str(), O_RDONLY | O_CLOEXEC));
  char text[256];
  const ssize_t size = fd.valid() ? ::read(fd.get(), text, sizeof text) : -1;
  if (size <= 0) return false;
  const std::string_view stat(text, static_cast<std::size_t>(size));
  const std::size_t name_end = stat.rfind(") ");
  return name_end != std::string_view::npos && stat.substr(name_end).starts_with(") S");
}

}  // namespace sluice
