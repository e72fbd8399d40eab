#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock.h"
#include "base/mutex.h"

namespace sluice {

/// Why the time of day is believed, if it is. Stored and sent: never change a number.
enum class ClockQuality : std::uint8_t {
  unsynced = 0,  ///< nobody vouches for the wall clock
  rebased = 1,   ///< CLOCK_BOOTTIME plus what the hub said, or the kernel did earlier in this boot
  synced = 2     ///< the kernel says that its clock is kept by a time server
};

constexpr std::string_view clock_quality_name(ClockQuality quality) {
  switch (quality) {
    case ClockQuality::unsynced: return "unsynced";
    case ClockQuality::rebased: return "rebased";
    case ClockQuality::synced: return "synced";
  }
  return "";
}

/// The time of day as far as it is known: CLOCK_BOOTTIME + offset, wrong by `error_ns` at most.
struct TrustedTime {
  ClockQuality quality = ClockQuality::unsynced;
  std::int64_t offset_ns = 0;  ///< this and the error mean nothing while unsynced
  std::int64_t error_ns = 0;

  bool trusted() const { return quality != ClockQuality::unsynced; }
  /// ns since 1970 UTC; saturates.
  std::int64_t wall_at(std::int64_t boottime_ns) const;
  friend bool operator==(const TrustedTime&, const TrustedTime&) = default;
};

/// What the kernel says of CLOCK_REALTIME.
struct KernelSync {
  bool synced = false;
  std::int64_t error_ns = 0;  ///< its bound of the error; meaningless unless synced
};
/// By adjtimex(2), reading only: needs no privilege.
KernelSync read_kernel_sync();
/// The kernel's id of this boot, 32 hex digits; empty where it cannot be read.
std::string read_boot_id();

/// Whether the wall clock can be believed, and what time it is when it cannot (P7).
///
/// The kernel's word counts most, then the hub's, whose error is at most half of the round trip in
/// which it told us. Neither is forgotten before the next boot: CLOCK_BOOTTIME goes on where a time
/// server falls silent, and only the bound of the error grows. So within a boot trust is gained
/// once; a wall clock that is set meanwhile without the kernel vouching for it changes nothing.
///
/// Any thread.
class ClockTrust {
 public:
  /// A kernel or hub that names an earlier time than `floor_ns`, when this program was built, is
  /// not believed. `clock` is borrowed for life.
  ClockTrust(const Clock& clock, std::function<KernelSync()> kernel, std::int64_t floor_ns,
             std::string boot_id = "boot");

  /// Asks the kernel, then says what is known now.
  TrustedTime now();
  /// The hub said that it was `wall_ns`, between these two moments.
  void heard(std::int64_t wall_ns, std::int64_t sent_boottime_ns,
             std::int64_t received_boottime_ns);
  /// What was known at that moment of this boot, as the log has it from before a restart.
  void remember(const TrustedTime& time, std::int64_t boottime_ns);
  std::int64_t floor_ns() const { return floor_ns_; }
  /// Of the boot that all of this is about.
  const std::string& boot_id() const { return boot_id_; }

  /// A bound that kernels and hubs exceed is no knowledge of the time.
  static constexpr std::int64_t kErrorMaxNs = 16'000'000'000;
  /// No clock of a gateway drifts faster: the kernel's own assumption, 500 ppm.
  static constexpr std::int64_t kDriftPpm = 500;

 private:
  struct Measured {
    std::int64_t offset_ns;
    std::int64_t error_ns;
    std::int64_t boottime_ns;
  };
  std::int64_t error_at(const Measured& measured, std::int64_t boottime_ns) const;
  std::optional<Measured> ask_kernel() const;
  void keep_if_better(const Measured& measured) SLUICE_REQUIRES(mutex_);

  const Clock& clock_;
  const std::function<KernelSync()> kernel_;
  const std::int64_t floor_ns_;
  const std::string boot_id_;
  mutable Mutex mutex_;
  std::optional<Measured> held_ SLUICE_GUARDED_BY(mutex_);  ///< the best that is not the kernel's
};

}  // namespace sluice
