#pragma once

#include <sys/types.h>

#include <cstdint>
#include <map>
#include <string>

namespace sluice {

/// Processor time of the processes that this one's thread has started, by what they were started
/// for. Of one that ends between two looks the last moments are missed; where /proc does not name a
/// thread's children it knows of none. One thread.
class ChildTimes {
 public:
  /// What was started since the last look is `owner`'s.
  void look(const std::string& owner);
  /// Nanoseconds, as of the last look.
  std::uint64_t of(const std::string& owner) const;
  std::uint64_t total() const;

 private:
  struct Child {
    std::string owner;
    std::uint64_t used_ns = 0;
  };
  std::map<pid_t, Child> children_;
};

}  // namespace sluice
