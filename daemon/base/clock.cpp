#include "base/clock.h"

#include <ctime>

namespace sluice {
namespace {
std::int64_t read(clockid_t id) {
  timespec t{};
  clock_gettime(id, &t);
  return static_cast<std::int64_t>(t.tv_sec) * 1'000'000'000 + t.tv_nsec;
}
}  // namespace

std::int64_t SystemClock::boottime_ns() const { return read(CLOCK_BOOTTIME); }
std::int64_t SystemClock::wall_ns() const { return read(CLOCK_REALTIME); }

}  // namespace sluice
