#include "node/rehearsal_pair.h"

#include <utility>

namespace sluice {
namespace {

/// One that only works says nothing meanwhile; whether it still does is looked at so often.
constexpr auto kLookInterval = std::chrono::milliseconds(50);
/// There may be a million, and they wait in the daemon's memory.
constexpr std::uint32_t kDefinitionsAtOnce = 4096;

v1::RehearsalSetup setup_of(const v1::Config& config, const v1::Config& recorded_by) {
  v1::RehearsalSetup setup;
  *setup.mutable_config() = config;
  for (const v1::SourceConfig& source : recorded_by.sources()) {
    setup.add_recorded_sources(source.name());
  }
  return setup;
}

}  // namespace

Result<std::unique_ptr<RehearsalPair>> RehearsalPair::start(const std::string& program,
                                                            const v1::Config& running,
                                                            const v1::Config& candidate,
                                                            const RehearsalLimits& limits,
                                                            Rooms rooms, std::int64_t deadline_ns) {
  std::unique_ptr<RehearsalPair> pair(new RehearsalPair(limits, rooms, deadline_ns));
  auto first = RehearsalProcess::start(program, setup_of(running, running), limits, rooms.clock);
  if (!first.ok()) return first.status();
  pair->running_ = *std::move(first);
  auto second = RehearsalProcess::start(program, setup_of(candidate, running), limits, rooms.clock);
  if (!second.ok()) return second.status();
  pair->candidate_ = *std::move(second);
  return pair;
}

template <typename Each>
void RehearsalPair::each(Each each) {
  each(*running_);
  each(*candidate_);
}

template <typename Done>
void RehearsalPair::turn_until(std::int64_t deadline_ns, Done done) {
  for (;;) {
    each([](RehearsalProcess& process) { process.turn(); });
    if (done() || is_over(deadline_ns)) return;
    await_turn({running_.get(), candidate_.get()}, kLookInterval);
  }
}

bool RehearsalPair::is_over(std::int64_t deadline_ns) const {
  return rooms_.clock.boottime_ns() >= deadline_ns || (rooms_.stopping && *rooms_.stopping);
}

bool RehearsalPair::drain() {
  turn_until(deadline_ns_, [&] { return running_->drained() && candidate_->drained(); });
  return !is_over(deadline_ns_) && !(running_->done() && candidate_->done());
}

template <typename Table>
bool RehearsalPair::define_new(RehearsalFrame kind, const Table& table, std::uint32_t& defined) {
  const auto size = static_cast<std::uint32_t>(table.size());
  while (defined < size) {
    const std::string_view bytes = table.encoded(++defined);
    each([&](RehearsalProcess& process) { process.define(kind, defined, bytes); });
    if (defined % kDefinitionsAtOnce == 0 && !drain()) return false;
  }
  return true;
}

/// Whatever a segment has was numbered before it was committed.
bool RehearsalPair::feed(const std::vector<StoredSegment>& segments) {
  if (!define_new(RehearsalFrame::series, rooms_.series, series_defined_)) return false;
  if (!define_new(RehearsalFrame::topic, rooms_.topics, topics_defined_)) return false;
  for (const StoredSegment& segment : segments) {
    each([&](auto& process) { process.add(RehearsalFrame::segment, segment.bytes); });
  }
  return drain();
}

RehearsalPair::Outcomes RehearsalPair::finish() {
  each([](RehearsalProcess& process) { process.add(RehearsalFrame::end, {}); });
  turn_until(rooms_.clock.boottime_ns() + limits_.report_wall_ns,
             [&] { return running_->done() && candidate_->done(); });
  each([](RehearsalProcess& process) {
    process.give_up(
        "it gave no report in time: a stage hangs, or this machine has no processor time left");
  });
  return {running_->take_outcome(), candidate_->take_outcome()};
}

}  // namespace sluice
