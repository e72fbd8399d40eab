#include "ingest/fd.h"

#include <poll.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include <cstdint>

#include "base/assert.h"

namespace sluice {

// Without a descriptor left not even the broker could be reached: a restart is the only way on.
WakeFd::WakeFd() : fd_(::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) { SLUICE_ASSERT(fd_.valid()); }

void WakeFd::signal() {
  const std::uint64_t one = 1;
  // Fails only when the counter is full, and then the reader wakes anyway.
  [[maybe_unused]] const auto written = ::write(fd_.get(), &one, sizeof one);
}

void WakeFd::clear() {
  std::uint64_t count = 0;
  [[maybe_unused]] const auto got = ::read(fd_.get(), &count, sizeof count);
}

bool WakeFd::wait_for(std::chrono::milliseconds timeout) const {
  pollfd wake{fd_.get(), POLLIN, 0};
  return ::poll(&wake, 1, static_cast<int>(timeout.count())) > 0;
}

}  // namespace sluice
