#include "pipeline/time_line.h"

#include <algorithm>
#include <cstdlib>
#include <utility>

#include "base/bytes.h"

namespace sluice {
namespace {
constexpr std::uint8_t kFormat = 1;

bool stepped(std::int64_t before_ns, std::int64_t now_ns) {
  std::int64_t step = 0;
  return __builtin_sub_overflow(now_ns, before_ns, &step) || step > TimeLine::kStepNs ||
         step < -TimeLine::kStepNs;
}
}  // namespace

std::optional<ClockEntry> TimeLine::due(const std::string& boot_id, const TrustedTime& now,
                                        std::int64_t boottime_ns,
                                        const std::function<std::int64_t()>& reached) const {
  const std::int64_t now_ns = now.wall_at(boottime_ns);
  const auto is_behind = [&](std::int64_t least_ns) {
    return now_ns < least_ns && least_ns - now_ns > kStandStillMaxNs;
  };
  const bool goes_on = last_ && last_->boot_id == boot_id;
  if (goes_on && !now.trusted()) return std::nullopt;  // what was known in this boot still is
  const bool is_news = !goes_on || now.quality > last_->time.quality ||
                       stepped(last_->time.offset_ns, now.offset_ns);
  const bool may_return = goes_on && last_->in_boot_time && !is_behind(newest_ns_);
  if (!is_news && !may_return) return std::nullopt;
  const std::int64_t least_ns = std::max(newest_ns_, reached());
  const bool in_boot = !now.trusted() || is_behind(least_ns);
  if (!is_news && in_boot) return std::nullopt;
  return ClockEntry{boottime_ns, boot_id, now, in_boot, least_ns};
}

void TimeLine::apply(const ClockEntry& entry) {
  const bool goes_on = stretch_ && entry.in_boot_time && stretch_->boot_id == entry.boot_id;
  if (!entry.in_boot_time) {
    stretch_.reset();
  } else if (!goes_on) {
    std::int64_t since_ns = entry.boottime_ns;
    if (stretch_boot_id_ == entry.boot_id) since_ns = std::max(since_ns, stretch_since_ns_ + 1);
    stretch_boot_id_ = entry.boot_id;
    stretch_since_ns_ = since_ns;
    stretch_ = std::make_shared<BootStretch>(BootStretch{entry.boot_id, since_ns});
  }
  last_ = entry;
  least_ns_ = entry.least_ns;
  if (entry.time.trusted()) floor_ns_ = entry.time.wall_at(entry.boottime_ns);
}

void TimeLine::took(const BatchEntry& batch) {
  if (!last_) return;
  if (stretch_) {
    const auto& topics = batch.readings.topic;
    if (std::any_of(topics.begin(), topics.end(), in_boot_time)) used_boot_id_ = last_->boot_id;
  } else {
    newest_ns_ = std::max(newest_ns_, last_->time.wall_at(batch.boottime_ns));
  }
  if (last_->time.trusted()) floor_ns_ = last_->time.wall_at(batch.boottime_ns);
}

void TimeLine::stamp(std::int64_t boottime_ns, ReadingBatch& readings, std::size_t first) const {
  if (!last_) return;
  const std::int64_t stamp_ns =
      stretch_ ? boottime_ns : std::max(last_->time.wall_at(boottime_ns), least_ns_);
  for (std::size_t i = first; i < readings.size(); ++i) {
    readings.event_time_ns[i] = stamp_ns;
    if (stretch_) readings.topic[i] |= kBootTopic;
  }
}

std::optional<TimeCorrection> TimeLine::correction() const {
  if (!last_ || !last_->time.trusted()) return std::nullopt;
  if (!stretch_ && used_boot_id_ != last_->boot_id) return std::nullopt;
  return TimeCorrection{last_->boot_id, last_->time.offset_ns, last_->time.error_ns,
                        last_->boottime_ns};
}

std::string TimeLine::snapshot() const {
  ByteWriter out;
  out.u8(kFormat);
  out.u8(last_ ? 1 : 0);
  const ClockEntry last = last_.value_or(ClockEntry{});
  out.i64(last.boottime_ns);
  out.string(last.boot_id);
  out.u8(static_cast<std::uint8_t>(last.time.quality));
  out.i64(last.time.offset_ns);
  out.i64(last.time.error_ns);
  out.u8(last.in_boot_time ? 1 : 0);
  out.u8(stretch_ ? 1 : 0);
  out.string(stretch_boot_id_);
  out.i64(stretch_since_ns_);
  out.string(used_boot_id_);
  for (const std::int64_t time_ns : {newest_ns_, least_ns_, floor_ns_}) {
    out.fixed64(static_cast<std::uint64_t>(time_ns));
  }
  return out.take();
}

Status TimeLine::restore(std::string_view bytes) {
  ByteReader in(bytes);
  if (in.u8() != kFormat) return data_loss("state of the clock in an unknown format");
  const bool has_last = in.u8() != 0;
  ClockEntry last;
  last.boottime_ns = in.i64();
  last.boot_id = in.string();
  last.time.quality = static_cast<ClockQuality>(std::min<std::uint8_t>(in.u8(), 2));
  last.time.offset_ns = in.i64();
  last.time.error_ns = in.i64();
  last.in_boot_time = in.u8() != 0;
  const bool in_stretch = in.u8() != 0;
  stretch_boot_id_ = in.string();
  stretch_since_ns_ = in.i64();
  used_boot_id_ = in.string();
  for (std::int64_t* time_ns : {&newest_ns_, &least_ns_, &floor_ns_}) {
    *time_ns = static_cast<std::int64_t>(in.fixed64());
  }
  if (!in.at_end()) return data_loss("malformed state of the clock in a checkpoint");
  last_ = has_last ? std::optional(last) : std::nullopt;
  stretch_ =
      in_stretch
          ? std::make_shared<const BootStretch>(BootStretch{stretch_boot_id_, stretch_since_ns_})
          : nullptr;
  return {};
}

}  // namespace sluice
