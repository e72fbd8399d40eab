#include "node/planner.h"

#include <algorithm>
#include <utility>
#include <variant>

#include "node/compose.h"
#include "node/plan_diff.h"
#include "node/plan_verdict.h"
#include "store/segment_codec.h"

namespace sluice {
namespace {

/// What the store reads at once, and then waits until it was taken in.
constexpr std::size_t kSliceBytes = 128 << 10;
/// Rows without a time that are looked through for one that has it.
constexpr std::size_t kLookBytes = 4096;
constexpr int kLooksMax = 8;

std::int64_t wall_of(const Segment& segment) {
  for (const LogEntry& entry : segment.entries) {
    if (const auto* batch = std::get_if<BatchEntry>(&entry)) return batch->wall_ns;
    if (const auto* connected = std::get_if<ConnectedEntry>(&entry)) return connected->wall_ns;
  }
  return 0;
}

void write_errors(const LoadResult& loaded, v1::PlanReport& out) {
  for (const ConfigError& error : loaded.errors) {
    v1::PlanError& row = *out.add_errors();
    row.set_file(error.file);
    row.set_line(static_cast<std::uint32_t>(error.line));
    row.set_column(static_cast<std::uint32_t>(error.column));
    row.set_key_path(error.key_path);
    row.set_message(error.message);
  }
  out.set_errors_left_out(loaded.errors_left_out);
}

/// "pipelines[0].stages[1] (deadband): config.…": the line of that key stands before it.
std::string with_line(const LoadResult& loaded, const std::string& why) {
  const schema::Place place = loaded.places.find(why.substr(0, why.find(' ')));
  if (!why.starts_with("pipelines[") || place.line == 0) return why;
  return loaded.file_name + ":" + std::to_string(place.line) + ": " + why;
}

/// One plan at a time.
class Turn {
 public:
  explicit Turn(std::atomic<bool>& taken) : taken_(taken), is_ours_(!taken.exchange(true)) {}
  ~Turn() {
    if (is_ours_) taken_ = false;
  }
  Turn(const Turn&) = delete;
  Turn& operator=(const Turn&) = delete;
  bool is_ours() const { return is_ours_; }

 private:
  std::atomic<bool>& taken_;
  const bool is_ours_;
};

}  // namespace

Status Planner::plan(const v1::PlanRequest& request, v1::PlanReport& out) {
  if (request.since_s() > kSinceMaxS) {
    return invalid_argument("expected a recording of at most 7 days, got " +
                            std::to_string(request.since_s()) + " s");
  }
  const Turn turn(planning_);
  if (!turn.is_ours()) {
    return resource_exhausted("another plan is being made; try again when it is done");
  }
  const std::int64_t begun_ns = rooms_.clock.boottime_ns();
  const std::shared_ptr<const v1::Config> running = running_();
  const std::string name = request.file_name().empty() ? "candidate" : request.file_name();
  LoadResult loaded = load_candidate(request.config_yaml(), name, *running);
  if (loaded.ok()) check_sources(loaded, rooms_.clock.wall_ns());
  if (!loaded.ok()) {
    write_errors(loaded, out);
    return {};
  }
  diff_configs(*running, loaded.config, out);
  const std::uint32_t since_s = request.since_s() == 0 ? kSinceDefaultS : request.since_s();
  if (Status s = rehearse(*running, loaded.config, since_s, out); !s.ok()) return s;
  for (v1::RehearsedPipeline& pipeline : *out.mutable_candidate()->mutable_pipelines()) {
    if (!pipeline.parked().empty()) pipeline.set_parked(with_line(loaded, pipeline.parked()));
  }
  judge(*running, loaded.config, rooms_.series, out);
  out.set_took_s(static_cast<double>(rooms_.clock.boottime_ns() - begun_ns) / 1e9);
  return {};
}

Status Planner::rehearse(const v1::Config& running, const v1::Config& candidate,
                         std::uint32_t since_s, v1::PlanReport& out) {
  const std::int64_t deadline_ns = rooms_.clock.boottime_ns() + options_.time_max.count();
  auto pair =
      RehearsalPair::start(options_.program, running, candidate, options_.limits,
                           {rooms_.series, rooms_.topics, rooms_.clock, &stopping_}, deadline_ns);
  if (!pair.ok()) return pair.status();
  if (Status s = feed(**pair, since_s, out); !s.ok()) return s;
  RehearsalPair::Outcomes outcomes = (*pair)->finish();
  if (stopping_) return unavailable("the daemon stops");
  if (outcomes.running.report) *out.mutable_running() = *std::move(outcomes.running.report);
  if (outcomes.candidate.report) *out.mutable_candidate() = *std::move(outcomes.candidate.report);
  out.set_running_error(outcomes.running.error);
  out.set_candidate_error(outcomes.candidate.error);
  const v1::RehearsalReport& seen =
      outcomes.running.error.empty() ? out.running() : out.candidate();
  out.set_span_ns(seen.span_ns());
  out.set_first_wall_ns(seen.first_wall_ns());
  out.set_last_wall_ns(seen.last_wall_ns());
  out.set_readings(seen.readings());
  return {};
}

/// Up to what is there now: the node goes on writing.
Status Planner::feed(RehearsalPair& pair, std::uint32_t since_s, v1::PlanReport& out) {
  const Result<SegmentSlice> kept = rooms_.store.read_segments(INT64_MAX - 1, 1);
  if (!kept.ok()) return kept.status();
  const std::int64_t since_ns = rooms_.clock.wall_ns() - std::int64_t{since_s} * 1'000'000'000;
  const Result<std::int64_t> first = first_since(since_ns, *kept);
  if (!first.ok()) return first.status();
  for (std::int64_t after = *first - 1; after < kept->newest_id;) {
    Result<SegmentSlice> slice = rooms_.store.read_segments(after, kSliceBytes);
    if (!slice.ok()) return slice.status();
    std::erase_if(slice->segments, [&](const auto& one) { return one.id > kept->newest_id; });
    if (slice->segments.empty()) break;
    after = slice->segments.back().id;
    if (pair.feed(slice->segments)) continue;
    if (after < kept->newest_id) {
      const std::int64_t done = after + 1 - *first;
      out.add_notes("the rehearsal ended after " + std::to_string(done) + " of " +
                    std::to_string(kept->newest_id + 1 - *first) +
                    " segments: its time was up, or both sides had ended");
    }
    break;
  }
  return {};
}

/// The first segment from that time on. The wall clock may have been set meanwhile: then it is one
/// of those where the time is passed.
Result<std::int64_t> Planner::first_since(std::int64_t wall_ns, const SegmentSlice& kept) {
  std::int64_t low = std::max<std::int64_t>(kept.oldest_id, 1);
  std::int64_t high = kept.newest_id + 1;
  while (low < high) {
    const std::int64_t middle = low + (high - low) / 2;
    const Result<std::int64_t> then = wall_at(middle);
    if (!then.ok()) return then.status();
    if (*then < wall_ns) {
      low = middle + 1;
    } else {
      high = middle;
    }
  }
  return low;
}

/// Of the segment, or of the next one that tells; INT64_MAX when none does.
Result<std::int64_t> Planner::wall_at(std::int64_t id) {
  std::int64_t after = id - 1;
  for (int i = 0; i < kLooksMax; ++i) {
    const Result<SegmentSlice> slice = rooms_.store.read_segments(after, i == 0 ? 1 : kLookBytes);
    if (!slice.ok()) return slice.status();
    if (slice->segments.empty()) break;
    for (const StoredSegment& stored : slice->segments) {
      const Result<Segment> segment = decode_segment(stored.bytes);
      if (segment.ok() && wall_of(*segment) != 0) return wall_of(*segment);
    }
    after = slice->segments.back().id;
  }
  return INT64_MAX;
}

}  // namespace sluice
