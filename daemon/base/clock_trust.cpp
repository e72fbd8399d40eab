#include "base/clock_trust.h"

#include <sys/timex.h>

#include <algorithm>
#include <fstream>
#include <limits>
#include <utility>

namespace sluice {
namespace {

std::int64_t add_saturated(std::int64_t a, std::int64_t b) {
  std::int64_t sum = 0;
  if (!__builtin_add_overflow(a, b, &sum)) return sum;
  return a < 0 ? std::numeric_limits<std::int64_t>::min()
               : std::numeric_limits<std::int64_t>::max();
}

constexpr int kTries = 3;
constexpr std::int64_t kPreemptedNs = 1'000'000;

}  // namespace

std::int64_t TrustedTime::wall_at(std::int64_t boottime_ns) const {
  return add_saturated(boottime_ns, offset_ns);
}

KernelSync read_kernel_sync() {
  timex state{};
  const int answer = adjtimex(&state);
  // TIME_ERROR also stands for other troubles of the PLL; the status says which.
  if (answer < 0 || (state.status & STA_UNSYNC) != 0) return {};
  return {true, std::int64_t{state.maxerror} * 1'000};
}

std::string read_boot_id() {
  std::ifstream file("/proc/sys/kernel/random/boot_id");
  std::string id;
  std::getline(file, id);
  std::erase(id, '-');
  return id;
}

ClockTrust::ClockTrust(const Clock& clock, std::function<KernelSync()> kernel,
                       std::int64_t floor_ns, std::string boot_id)
    : clock_(clock),
      kernel_(std::move(kernel)),
      floor_ns_(floor_ns),
      boot_id_(std::move(boot_id)) {}

std::int64_t ClockTrust::error_at(const Measured& measured, std::int64_t boottime_ns) const {
  const std::int64_t age_ns = std::max<std::int64_t>(0, boottime_ns - measured.boottime_ns);
  return add_saturated(measured.error_ns, age_ns / 1'000'000 * kDriftPpm);
}

/// The two clocks cannot be read at one moment: of a few tries the quickest counts.
std::optional<ClockTrust::Measured> ClockTrust::ask_kernel() const {
  const KernelSync kernel = kernel_();
  if (!kernel.synced || kernel.error_ns > kErrorMaxNs) return std::nullopt;
  std::int64_t spread_ns = std::numeric_limits<std::int64_t>::max();
  Measured best{};
  for (int i = 0; i < kTries && spread_ns > kPreemptedNs; ++i) {
    const std::int64_t before = clock_.boottime_ns();
    const std::int64_t wall = clock_.wall_ns();
    const std::int64_t after = clock_.boottime_ns();
    if (after - before >= spread_ns) continue;
    spread_ns = after - before;
    const std::int64_t middle = before + spread_ns / 2;
    best = {wall - middle, kernel.error_ns + spread_ns, middle};
  }
  if (add_saturated(best.boottime_ns, best.offset_ns) < floor_ns_) return std::nullopt;
  return best;
}

TrustedTime ClockTrust::now() {
  const std::optional<Measured> kernel = ask_kernel();
  MutexLock lock(mutex_);
  if (kernel) {
    held_ = kernel;
    return {ClockQuality::synced, kernel->offset_ns, kernel->error_ns};
  }
  if (!held_) return {};
  return {ClockQuality::rebased, held_->offset_ns, error_at(*held_, clock_.boottime_ns())};
}

void ClockTrust::keep_if_better(const Measured& measured) {
  if (measured.error_ns > kErrorMaxNs) return;
  if (add_saturated(measured.boottime_ns, measured.offset_ns) < floor_ns_) return;
  if (held_ && error_at(*held_, measured.boottime_ns) <= measured.error_ns) return;
  held_ = measured;
}

void ClockTrust::heard(std::int64_t wall_ns, std::int64_t sent_boottime_ns,
                       std::int64_t received_boottime_ns) {
  if (received_boottime_ns < sent_boottime_ns) return;
  const std::int64_t half = (received_boottime_ns - sent_boottime_ns + 1) / 2;
  const std::int64_t middle = sent_boottime_ns + half;
  std::int64_t offset = 0;
  if (__builtin_sub_overflow(wall_ns, middle, &offset)) return;
  MutexLock lock(mutex_);
  keep_if_better({offset, half, received_boottime_ns});
}

void ClockTrust::remember(const TrustedTime& time, std::int64_t boottime_ns) {
  if (!time.trusted()) return;
  MutexLock lock(mutex_);
  keep_if_better({time.offset_ns, time.error_ns, boottime_ns});
}

}  // namespace sluice
