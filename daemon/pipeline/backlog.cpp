#include "pipeline/backlog.h"

#include <algorithm>

namespace sluice {
namespace {

// Bits of one byte of the checkpoint part. Once there was no more than the start.
constexpr std::uint8_t kHasStart = 1;
constexpr std::uint8_t kHasConnections = 2;
constexpr std::uint8_t kHasBoot = 4;
constexpr std::uint8_t kEpochEnded = 8;

/// Where a step's kind stands: the calls of the next step.
constexpr std::uint8_t kCalls = 6;

void write_reading(ByteWriter& out, const Reading& reading) {
  out.u64(reading.series);
  out.u64(reading.topic);
  out.i64(reading.event_time_ns);
  out.u8(static_cast<std::uint8_t>(reading.value.kind));
  out.fixed64(reading.value.bits);
  out.u8(static_cast<std::uint8_t>(reading.quality));
}

Reading read_reading(ByteReader& in) {
  Reading reading;
  reading.series = static_cast<SeriesId>(in.u64());
  reading.topic = static_cast<TopicId>(in.u64());
  reading.event_time_ns = in.i64();
  reading.value.kind = static_cast<ValueKind>(in.u8() & 3);
  reading.value.bits = in.fixed64();
  reading.quality = static_cast<Quality>(std::min<std::uint8_t>(in.u8(), 2));
  return reading;
}

}  // namespace

void Backlog::append(Kind kind, std::int64_t boottime_ns, const ReadingBatch& readings,
                     std::size_t count) {
  ByteWriter out;
  out.u8(static_cast<std::uint8_t>(kind));
  out.i64(boottime_ns);
  out.u64(count);
  for (std::size_t i = 0; i < count; ++i) write_reading(out, readings.at(i));
  bytes_ += out.bytes();
}

void Backlog::append_connection(Kind kind, std::int64_t boottime_ns, const std::string& source) {
  append(kind, boottime_ns, {}, 0);
  ByteWriter out;
  out.string(source);
  bytes_ += out.bytes();
}

void Backlog::add_applied(std::int64_t boottime_ns, const ReadingBatch& readings) {
  SLUICE_ASSERT(is_replay_);
  append(Kind::batch, boottime_ns, readings, readings.size());
  ++applied_;
}

void Backlog::add_calls(const std::vector<StageCall>& calls) {
  SLUICE_ASSERT(is_replay_);
  if (calls.empty()) return;
  ByteWriter out;
  out.u8(kCalls);
  out.u64(calls.size());
  for (const StageCall& call : calls) {
    out.u64(call.stage);
    out.string(call.record);
  }
  bytes_ += out.bytes();
}

void Backlog::add_tick(std::int64_t boottime_ns) {
  if (!is_replay_) return;
  append(Kind::tick, boottime_ns, {}, 0);
  ++applied_;
}

void Backlog::add_start(std::int64_t boottime_ns) {
  if (!is_replay_) {
    start_boottime_ns_ = boottime_ns;
    return;
  }
  append(Kind::start, boottime_ns, {}, 0);
  ++applied_;
}

void Backlog::add_connection(Kind kind, std::int64_t boottime_ns, const std::string& source) {
  if (!is_replay_) {
    connections_[source] = {kind, boottime_ns};
    return;
  }
  append_connection(kind, boottime_ns, source);
  ++applied_;
}

void Backlog::add_boot(std::int64_t boottime_ns, const std::string& stretch) {
  if (!is_replay_) {
    boot_ = {boottime_ns, stretch};
    return;
  }
  append_connection(Kind::boot, boottime_ns, stretch);
  ++applied_;
}

std::size_t Backlog::add_pending(std::int64_t boottime_ns, const ReadingBatch& readings) {
  SLUICE_ASSERT(!is_replay_);
  const std::size_t count =
      std::min<std::size_t>(readings.size(), pending_max_ - std::min(pending_max_, pending_));
  if (count == 0) return 0;
  add_what_stands();
  append(Kind::batch, boottime_ns, readings, count);
  pending_ += count;
  return count;
}

void Backlog::add_what_stands() {
  if (start_boottime_ns_) append(Kind::start, *start_boottime_ns_, {}, 0);
  start_boottime_ns_.reset();
  for (const auto& [source, what] : connections_) {
    append_connection(what.first, what.second, source);
  }
  connections_.clear();
  if (boot_) append_connection(Kind::boot, boot_->first, boot_->second);
  boot_.reset();
}

std::optional<Backlog::Step> Backlog::Reader::next() {
  if (in_.remaining() == 0) return std::nullopt;
  Step step;
  std::uint8_t kind = in_.u8();
  if (kind == kCalls) {
    step.calls = read_calls();
    kind = in_.u8();
  }
  step.kind = static_cast<Kind>(std::min<std::uint8_t>(kind, 5));
  step.boottime_ns = in_.i64();
  for (std::size_t n = in_.count(); n > 0 && in_.ok(); --n) step.readings.append(read_reading(in_));
  if (step.kind >= Kind::disconnected) step.source = in_.string();
  if (!in_.ok()) return std::nullopt;
  step.applied = applied_ > 0;
  if (step.applied) --applied_;
  return step;
}

std::vector<StageCall> Backlog::Reader::read_calls() {
  std::vector<StageCall> calls;
  for (std::size_t n = in_.count(); n > 0 && in_.ok(); --n) {
    const auto stage = static_cast<std::uint32_t>(in_.u64());
    calls.push_back({stage, std::string(in_.string())});
  }
  return calls;
}

void Backlog::snapshot(ByteWriter& out) const {
  out.u64(applied_);
  out.u64(pending_);
  out.u8((start_boottime_ns_ ? kHasStart : 0) | kHasConnections | (boot_ ? kHasBoot : 0) |
         (epoch_ended_ ? kEpochEnded : 0));
  out.i64(start_boottime_ns_.value_or(0));
  out.string(bytes_);
  out.u64(connections_.size());
  for (const auto& [source, what] : connections_) {
    out.string(source);
    out.u8(static_cast<std::uint8_t>(what.first));
    out.i64(what.second);
  }
  out.i64(applied_aggregated_);
  if (!boot_) return;
  out.i64(boot_->first);
  out.string(boot_->second);
}

Status Backlog::restore(ByteReader& in) {
  is_replay_ = false;
  applied_ = in.u64();
  pending_ = in.u64();
  const std::uint8_t has = in.u8();
  epoch_ended_ = (has & kEpochEnded) != 0;
  const std::int64_t start_boottime_ns = in.i64();
  start_boottime_ns_ = (has & kHasStart) != 0 ? std::optional(start_boottime_ns) : std::nullopt;
  bytes_ = in.string();
  connections_.clear();
  applied_aggregated_ = 0;
  const bool ends_here = (has & kHasConnections) == 0;
  for (std::size_t n = ends_here ? 0 : in.count(); n > 0 && in.ok(); --n) {
    std::string source(in.string());
    const Kind kind = in.u8() == static_cast<std::uint8_t>(Kind::connected) ? Kind::connected
                                                                            : Kind::disconnected;
    connections_[std::move(source)] = {kind, in.i64()};
  }
  if (!ends_here) applied_aggregated_ = in.i64();
  boot_.reset();
  if ((has & kHasBoot) != 0) {
    const std::int64_t boottime_ns = in.i64();
    boot_ = {boottime_ns, std::string(in.string())};
  }
  std::uint64_t applied = 0;
  std::uint64_t pending = 0;
  Reader steps(*this);
  while (const std::optional<Step> step = steps.next()) {
    (step->applied ? applied : pending) += step->applied ? 1 : step->readings.size();
  }
  const bool sound = in.ok() && steps.ok() && applied == applied_ && pending == pending_ &&
                     pending_ <= kPendingMax;
  return sound ? Status() : data_loss("malformed backlog in a checkpoint");
}

}  // namespace sluice
