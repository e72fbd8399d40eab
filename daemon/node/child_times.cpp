#include "node/child_times.h"

#include <unistd.h>

#include <algorithm>
#include <fstream>

#include "plugin_host/process_times.h"

namespace sluice {

void ChildTimes::look(const std::string& owner) {
  std::ifstream list("/proc/thread-self/children");
  pid_t pid = 0;
  while (list >> pid) {
    Child& child = children_.try_emplace(pid, Child{owner, 0}).first->second;
    const auto used = static_cast<std::uint64_t>(processor_time_ns(pid).value_or(0));
    child.used_ns = std::max(child.used_ns, used);
  }
}

std::uint64_t ChildTimes::of(const std::string& owner) const {
  std::uint64_t sum = 0;
  for (const auto& [pid, child] : children_) sum += child.owner == owner ? child.used_ns : 0;
  return sum;
}

std::uint64_t ChildTimes::total() const {
  std::uint64_t sum = 0;
  for (const auto& [pid, child] : children_) sum += child.used_ns;
  return sum;
}

}  // namespace sluice
