#include "pipeline/civil_grid.h"

#include <absl/time/time.h>

#include <limits>
#include <utility>

#include "base/assert.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecondNs = 1'000'000'000;

std::int64_t floor_div(std::int64_t a, std::int64_t b) {
  const std::int64_t quotient = a / b;
  return a % b < 0 ? quotient - 1 : quotient;
}

}  // namespace

/// The zone as stretches of time in which its clock runs on without being put forward or back.
class CivilGrid::Zone {
 public:
  struct Stretch {
    std::int64_t start_ns;  ///< the smallest time when there is none before
    std::int64_t end_ns;    ///< the largest when there is none after
    std::int64_t ahead_ns;  ///< local time minus UTC
  };

  explicit Zone(absl::TimeZone zone) : zone_(std::move(zone)) {}

  Stretch stretch_at(std::int64_t time_ns) const {
    const absl::Time time = absl::FromUnixSeconds(floor_div(time_ns, kSecondNs));
    Stretch stretch{std::numeric_limits<std::int64_t>::min(),
                    std::numeric_limits<std::int64_t>::max(),
                    std::int64_t{zone_.At(time).offset} * kSecondNs};
    absl::TimeZone::CivilTransition change;
    if (zone_.PrevTransition(time + absl::Seconds(1), &change))
      stretch.start_ns = moment_of(change);
    if (zone_.NextTransition(time, &change)) stretch.end_ns = moment_of(change);
    return stretch;
  }

 private:
  std::int64_t moment_of(const absl::TimeZone::CivilTransition& change) const {
    const bool forward = change.from < change.to;
    return absl::ToUnixNanos(zone_.At(forward ? change.from : change.to).trans);
  }

  absl::TimeZone zone_;
};

Result<std::shared_ptr<const CivilGrid>> CivilGrid::create(const std::string& zone,
                                                           std::int64_t size_ns,
                                                           std::int64_t offset_ns) {
  SLUICE_ASSERT(size_ns > 0 && offset_ns >= 0 && offset_ns < size_ns);
  absl::TimeZone found;
  if (!absl::LoadTimeZone(zone, &found)) {
    return not_found("the time zone \"" + zone +
                     "\" is not known on this machine; expected a name such as Europe/Berlin, and "
                     "the package tzdata installed");
  }
  return std::shared_ptr<const CivilGrid>(
      new CivilGrid(std::make_unique<const Zone>(std::move(found)), size_ns, offset_ns));
}

CivilGrid::CivilGrid(std::unique_ptr<const Zone> zone, std::int64_t size_ns, std::int64_t offset_ns)
    : zone_(std::move(zone)), size_ns_(size_ns), offset_ns_(offset_ns) {}

CivilGrid::~CivilGrid() = default;

std::int64_t CivilGrid::label_of(std::int64_t local_ns) const {
  return floor_div(local_ns - offset_ns_, size_ns_);
}

CivilGrid::Span CivilGrid::span_at(std::int64_t time_ns) const {
  if (time_ns < last_.start_ns || time_ns >= last_.end_ns) {
    last_ = {start_of(time_ns), end_of(time_ns)};
  }
  return last_;
}

/// Back through stretches that the window runs on across: those where the clock was put to a time
/// of the same window, which was not over.
std::int64_t CivilGrid::start_of(std::int64_t time_ns) const {
  Zone::Stretch stretch = zone_->stretch_at(time_ns);
  const std::int64_t label = label_of(time_ns + stretch.ahead_ns);
  const std::int64_t local_start_ns = label * size_ns_ + offset_ns_;
  while (true) {
    const std::int64_t start_ns = local_start_ns - stretch.ahead_ns;
    if (start_ns > stretch.start_ns) return start_ns;
    const Zone::Stretch before = zone_->stretch_at(stretch.start_ns - 1);
    if (label_of(stretch.start_ns - 1 + before.ahead_ns) != label) return stretch.start_ns;
    const bool was_over = local_start_ns + size_ns_ - before.ahead_ns == stretch.start_ns;
    if (was_over && start_ns == stretch.start_ns) return start_ns;
    stretch = before;
  }
}

std::int64_t CivilGrid::end_of(std::int64_t time_ns) const {
  Zone::Stretch stretch = zone_->stretch_at(time_ns);
  const std::int64_t label = label_of(time_ns + stretch.ahead_ns);
  const std::int64_t local_start_ns = label * size_ns_ + offset_ns_;
  while (true) {
    const std::int64_t end_ns = local_start_ns + size_ns_ - stretch.ahead_ns;
    if (end_ns < stretch.end_ns) return end_ns;
    const Zone::Stretch after = zone_->stretch_at(stretch.end_ns);
    const std::int64_t local_ns = stretch.end_ns + after.ahead_ns;
    const bool begins_anew = end_ns == stretch.end_ns && local_ns == local_start_ns;
    if (label_of(local_ns) != label || begins_anew) return stretch.end_ns;
    stretch = after;
  }
}

}  // namespace sluice
