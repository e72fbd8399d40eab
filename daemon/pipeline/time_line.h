#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include "base/clock_trust.h"
#include "base/status.h"
#include "model/boot_time.h"
#include "model/log.h"

namespace sluice {

/// What the log knows of the time, and by it the stamps of readings that have none of their own.
///
/// While the time is known an arrival is stamped CLOCK_BOOTTIME + offset, the offset being that of
/// the last ClockEntry: stamps step only where an entry stands in the log. While it is not, and
/// where it would fall behind stamps that were given out (the clock was ahead before), the stamp is
/// CLOCK_BOOTTIME alone, in a BootStretch. So no arrival is ever late. Thread: [pipeline].
class TimeLine {
 public:
  /// What must be logged before anything else comes; nothing while the last entry holds. `reached`
  /// tells, where it matters, how far event time has come for topics of arrival-stamped sources:
  /// silence moves it on too.
  std::optional<ClockEntry> due(const std::string& boot_id, const TrustedTime& now,
                                std::int64_t boottime_ns,
                                const std::function<std::int64_t()>& reached) const;
  /// The entry stands in the log.
  void apply(const ClockEntry& entry);
  /// So does this batch.
  void took(const BatchEntry& batch);
  /// Stamps the rows from `first` on, which arrived at this moment. Without any entry they keep
  /// what they have.
  void stamp(std::int64_t boottime_ns, ReadingBatch& readings, std::size_t first) const;

  /// In which arrivals are stamped now; null when in event time.
  const std::shared_ptr<const BootStretch>& stretch() const { return stretch_; }
  /// For the cloud, when the last entry tells what time it was when readings were stamped in boot
  /// time.
  std::optional<TimeCorrection> correction() const;
  const std::optional<ClockEntry>& last() const { return last_; }
  /// The latest time that was ever known; 0: none.
  std::int64_t floor_ns() const { return floor_ns_; }

  std::string snapshot() const;
  Status restore(std::string_view bytes);

  /// Another offset than before by more than this is a step; below, it is how two clocks are read.
  static constexpr std::int64_t kStepNs = 10'000'000;
  /// Stamps stand still for so long at most when the clock turns out to be ahead.
  static constexpr std::int64_t kStandStillMaxNs = 1'000'000'000;

 private:
  std::optional<ClockEntry> last_;
  std::shared_ptr<const BootStretch> stretch_;
  std::string stretch_boot_id_;  ///< of the last stretch
  std::int64_t stretch_since_ns_ = 0;
  std::string used_boot_id_;            ///< the last boot with readings stamped in boot time
  std::int64_t newest_ns_ = INT64_MIN;  ///< no stamp in event time is above
  std::int64_t least_ns_ = INT64_MIN;   ///< none is below, from the last entry on
  std::int64_t floor_ns_ = 0;
};

}  // namespace sluice
