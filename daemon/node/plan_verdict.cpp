#include "node/plan_verdict.h"

#include <algorithm>
#include <cstdio>
#include <iterator>
#include <map>
#include <set>
#include <string>
#include <tuple>
#include <vector>

#include "node/compose.h"

namespace sluice {
namespace {

constexpr int kSeriesShown = 100;
/// Part of the quota that segments may use, and one message; see StoreOptions and StateBudget.
constexpr std::uint64_t kSegmentsPart = 2;
constexpr std::uint64_t kPayloadPart = 8;
constexpr std::int64_t kNsPerS = 1'000'000'000;

std::string mib(double bytes) {
  char text[32];
  std::snprintf(text, sizeof text, bytes < 10'000 ? "%.0f bytes" : "%.2f MiB",
                bytes < 10'000 ? bytes : bytes / (1 << 20));
  return text;
}

std::string text_of(double value) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f", value);
  return text;
}

std::string text_of(std::uint64_t value) { return std::to_string(value); }

double seconds_of(const v1::RehearsalReport& report) {
  return static_cast<double>(report.span_ns()) / kNsPerS;
}

std::uint64_t sum(const google::protobuf::RepeatedPtrField<v1::CauseCount>& rows,
                  std::string_view ending = {}) {
  std::uint64_t all = 0;
  for (const v1::CauseCount& row : rows) {
    if (std::string_view(row.cause()).ends_with(ending)) all += row.count();
  }
  return all;
}

const v1::RehearsedPipeline* find(const v1::RehearsalReport& report, const std::string& name) {
  for (const v1::RehearsedPipeline& pipeline : report.pipelines()) {
    if (pipeline.name() == name) return &pipeline;
  }
  return nullptr;
}

/// Of one of both sides, counted as nothing where it has no such pipeline.
template <typename Count>
std::uint64_t count_of(const v1::RehearsalReport& report, const std::string& name, Count count) {
  const v1::RehearsedPipeline* pipeline = find(report, name);
  return pipeline == nullptr ? 0 : count(*pipeline);
}

// --- what becomes of the series and the events ---

std::set<std::string> series_names(const v1::RehearsedPipeline* pipeline,
                                   const v1::RehearsedPipeline* beside, const SeriesTable& series) {
  std::set<std::string> names;
  if (pipeline == nullptr) return names;
  std::vector<std::uint32_t> only(pipeline->series().begin(), pipeline->series().end());
  if (beside != nullptr) {
    std::vector<std::uint32_t> own;
    std::set_difference(only.begin(), only.end(), beside->series().begin(), beside->series().end(),
                        std::back_inserter(own));
    only = std::move(own);
  }
  for (const std::uint32_t id : only) {
    if (series.contains(id)) names.insert(series.at(id).to_string());
  }
  names.insert(pipeline->new_series().begin(), pipeline->new_series().end());
  return names;
}

std::uint64_t series_count(const v1::RehearsedPipeline* pipeline) {
  if (pipeline == nullptr) return 0;
  return static_cast<std::uint64_t>(pipeline->series_size()) + pipeline->new_series_count();
}

void compare_series(const SeriesTable& series, v1::PlanReport& plan) {
  for (v1::PipelinePlan& row : *plan.mutable_pipelines()) {
    const v1::RehearsedPipeline* old = find(plan.running(), row.name());
    const v1::RehearsedPipeline* next = find(plan.candidate(), row.name());
    const std::set<std::string> before = series_names(old, next, series);
    const std::set<std::string> after = series_names(next, old, series);
    const auto unnamed = [](const v1::RehearsedPipeline* pipeline) {
      return pipeline == nullptr ? 0
                                 : pipeline->new_series_count() -
                                       static_cast<std::uint64_t>(pipeline->new_series_size());
    };
    std::vector<std::string> gained;
    std::vector<std::string> lost;
    std::set_difference(after.begin(), after.end(), before.begin(), before.end(),
                        std::back_inserter(gained));
    std::set_difference(before.begin(), before.end(), after.begin(), after.end(),
                        std::back_inserter(lost));
    row.set_series_gained_count(gained.size() + unnamed(next));
    row.set_series_lost_count(lost.size() + unnamed(old));
    row.set_series_before(series_count(old));
    row.set_series_after(series_count(next));
    gained.resize(std::min<std::size_t>(gained.size(), kSeriesShown));
    lost.resize(std::min<std::size_t>(lost.size(), kSeriesShown));
    row.mutable_series_gained()->Add(gained.begin(), gained.end());
    row.mutable_series_lost()->Add(lost.begin(), lost.end());
  }
}

void compare_events(v1::PlanReport& plan) {
  using Key = std::tuple<std::string, std::string, std::string, int>;
  std::map<Key, std::pair<std::uint64_t, std::uint64_t>> counts;
  for (const v1::RehearsalReport* report : {&plan.running(), &plan.candidate()}) {
    for (const v1::RehearsedPipeline& pipeline : report->pipelines()) {
      for (const v1::RehearsedEvent& event : pipeline.events()) {
        auto& [before, after] =
            counts[{pipeline.name(), event.stage(), event.name(), event.severity()}];
        (report == &plan.running() ? before : after) += event.count();
      }
    }
  }
  for (const auto& [key, both] : counts) {
    v1::EventPlan& row = *plan.add_events();
    row.set_pipeline(std::get<0>(key));
    row.set_stage(std::get<1>(key));
    row.set_name(std::get<2>(key));
    row.set_severity(static_cast<v1::EventSeverity>(std::get<3>(key)));
    row.set_before(both.first);
    row.set_after(both.second);
  }
}

// --- what speaks against it ---

/// One judgement.
struct Judge {
  const v1::Config& running;
  const v1::Config& candidate;
  v1::PlanReport& plan;

  void refuse(std::string why) { plan.add_refusals(std::move(why)); }
  void note(std::string what) { plan.add_notes(std::move(what)); }

  void processes() {
    if (!plan.candidate_error().empty()) {
      refuse("the rehearsal of the candidate came to no end: " + plan.candidate_error());
    }
    if (!plan.running_error().empty()) {
      note(
          "the running config's own rehearsal came to no end, so there is nothing to compare "
          "with: " +
          plan.running_error());
    }
  }

  void budget() {
    const v1::CheckpointBudget& budget = plan.candidate().budget();
    if (!budget.refusal().empty()) refuse("storage.quota: " + budget.refusal());
    if (!budget.shortage().empty()) note(budget.shortage());
    const std::uint64_t checkpoint = plan.candidate().checkpoint_bytes();
    if (budget.room_bytes() > 0 && checkpoint > budget.room_bytes()) {
      refuse("storage.quota: a checkpoint of the candidate takes " +
             mib(static_cast<double>(checkpoint)) + ", and a sixth of " +
             mib(static_cast<double>(candidate.storage().quota_bytes())) + " leaves " +
             mib(static_cast<double>(budget.room_bytes())));
    }
    const std::uint64_t payload_max = candidate.storage().quota_bytes() / kPayloadPart;
    if (candidate.limits().payload_bytes_max() > payload_max) {
      refuse("limits.payload_max: expected at most an eighth of storage.quota, " +
             mib(static_cast<double>(payload_max)) + ", got " +
             mib(static_cast<double>(candidate.limits().payload_bytes_max())));
    }
  }

  void flash() {
    const double seconds = seconds_of(plan.candidate());
    if (seconds <= 0) return;
    const double per_s = static_cast<double>(plan.candidate().segment_bytes()) / seconds;
    const double room =
        static_cast<double>(candidate.storage().quota_bytes()) / static_cast<double>(kSegmentsPart);
    if (per_s * kProbationS > room) {
      refuse("storage.quota: " + std::to_string(kProbationS) + " s of probation write " +
             mib(per_s * kProbationS) + " of segments (" + text_of(per_s) +
             " bytes/s), and half of " +
             mib(static_cast<double>(candidate.storage().quota_bytes())) + " leaves " + mib(room));
    }
  }

  void pipeline(const v1::RehearsedPipeline& next) {
    if (!next.parked().empty()) refuse("pipeline " + next.name() + " cannot run: " + next.parked());
    windows(next);
    stages(next);
    const auto capped = [](const v1::RehearsedPipeline& of) {
      return sum(of.filtered(), "series_cap") + sum(of.rejected(), "series_cap");
    };
    const std::uint64_t lost = capped(next);
    if (lost > count_of(plan.running(), next.name(), capped)) {
      refuse("pipeline " + next.name() + ": " + text_of(lost) +
             " readings were of series beyond limits.series_max: " +
             text_of(std::uint64_t{candidate.limits().series_max()}) + ", and there are " +
             text_of(plan.candidate().series()));
    }
  }

  void windows(const v1::RehearsedPipeline& next) {
    std::uint64_t early = 0;
    for (const v1::CauseCount& row : next.panes_by_quality()) {
      if (row.cause() == "partial_limit") early += row.count();
    }
    if (early == 0) return;
    // The oldest 16th closes when one more comes.
    if (next.windows_open_max() < next.windows_max() - next.windows_max() / 16) {
      return note("pipeline " + next.name() + ": " + text_of(early) +
                  " panes lack readings, as a sliding window keeps no more than readings_max");
    }
    refuse("pipeline " + next.name() + ": " + text_of(early) + " windows closed early, with " +
           text_of(next.windows_open_max()) + " open at once; it may keep " +
           text_of(next.windows_max()) + ", its part of limits.windows_max: " +
           text_of(std::uint64_t{candidate.limits().windows_max()}));
  }

  void stages(const v1::RehearsedPipeline& next) {
    const auto failed = [](const v1::RehearsedPipeline& of) {
      return sum(of.rejected(), "/stage_failed");
    };
    for (const v1::RehearsedEvent& event : next.events()) {
      if (event.name() == "plugin_quarantined") {
        refuse("pipeline " + next.name() + ": stage " + event.stage() +
               " failed so often that it was quarantined");
      }
    }
    const std::uint64_t lost = failed(next);
    if (lost > count_of(plan.running(), next.name(), failed)) {
      refuse("pipeline " + next.name() + ": calls of its stages failed, and with them " +
             text_of(lost) + " readings");
    }
  }

  /// What a recording of decoded readings cannot show.
  void unseen() {
    for (const v1::SourceConfig& source : candidate.sources()) {
      const auto old = std::find_if(running.sources().begin(), running.sources().end(),
                                    [&](const auto& one) { return one.name() == source.name(); });
      if (old == running.sources().end()) {
        note("source " + source.name() + " is new: nothing of it was recorded");
      } else if (old->decode().SerializeAsString() != source.decode().SerializeAsString()) {
        note("source " + source.name() +
             ": decode changes, and the recording holds readings as they were decoded; the figures "
             "are of those");
      }
    }
    note(
        "both configs began with no window open and no state of stages: what was open when the "
        "recording begins lacks what came before");
    if (plan.candidate().readings() == 0 && plan.candidate_error().empty()) {
      note("no reading was rehearsed: all figures are 0 and prove nothing");
    }
    if (const std::uint64_t damaged = plan.candidate().segments_unreadable(); damaged > 0) {
      note(text_of(damaged) + " segments of the recording could not be read and were left out");
    }
  }

  void long_windows() {
    for (const v1::RehearsedPipeline& next : plan.candidate().pipelines()) {
      if (next.panes() > 0 || next.windows_open() == 0) continue;
      note("pipeline " + next.name() + ": none of its windows ended within the recording of " +
           std::to_string(plan.candidate().span_ns() / kNsPerS) +
           " s, so its summaries are not in the figures");
    }
  }
};

}  // namespace

v1::PlanFigures figures_of(const v1::RehearsalReport& report, const v1::Config& config) {
  v1::PlanFigures out;
  std::uint64_t panes = 0;
  std::uint64_t wire = 0;
  std::uint64_t events = 0;
  std::uint64_t filtered = 0;
  std::uint64_t lost = 0;
  std::uint64_t cpu_ns = 0;
  std::uint64_t state = 0;
  for (const v1::RehearsedPipeline& pipeline : report.pipelines()) {
    panes += pipeline.panes();
    wire += pipeline.row_bytes() + pipeline.event_bytes();
    for (const v1::RehearsedEvent& event : pipeline.events()) events += event.count();
    events += pipeline.events_unlisted();
    filtered += sum(pipeline.filtered());
    lost += sum(pipeline.rejected()) + pipeline.late();
    cpu_ns += pipeline.cpu_ns() + pipeline.plugin_cpu_ns();
    state += pipeline.state_bytes();
  }
  out.set_state_bytes(state);
  const double readings = static_cast<double>(report.readings());
  if (readings > 0) out.set_cpu_ns_per_reading(static_cast<double>(cpu_ns) / readings);
  const double seconds = seconds_of(report);
  if (seconds <= 0) return out;
  const auto per_hour = [&](std::uint64_t n) { return static_cast<double>(n) * 3600 / seconds; };
  const EngineOptions engine = compose_engine(config);
  const double checkpoints = std::max(readings / static_cast<double>(engine.checkpoint_readings),
                                      static_cast<double>(report.segment_bytes()) /
                                          static_cast<double>(engine.checkpoint_log_bytes));
  out.set_summaries_per_hour(per_hour(panes));
  out.set_uplink_bytes_per_day(24 * per_hour(wire));
  out.set_flash_bytes_per_day(24 * per_hour(report.commit_bytes()) +
                              24 * 3600 / seconds * checkpoints *
                                  static_cast<double>(report.checkpoint_bytes()));
  out.set_events_per_hour(per_hour(events));
  out.set_filtered_per_hour(per_hour(filtered));
  out.set_lost_per_hour(per_hour(lost));
  if (report.segment_bytes() > 0) {
    out.set_retention_s(static_cast<double>(config.storage().quota_bytes()) /
                        static_cast<double>(kSegmentsPart) * seconds /
                        static_cast<double>(report.segment_bytes()));
  }
  return out;
}

void judge(const v1::Config& running, const v1::Config& candidate, const SeriesTable& series,
           v1::PlanReport& plan) {
  *plan.mutable_before() = figures_of(plan.running(), running);
  *plan.mutable_after() = figures_of(plan.candidate(), candidate);
  compare_series(series, plan);
  compare_events(plan);
  Judge verdict{running, candidate, plan};
  verdict.processes();
  verdict.budget();
  verdict.flash();
  for (const v1::RehearsedPipeline& next : plan.candidate().pipelines()) verdict.pipeline(next);
  verdict.unseen();
  verdict.long_windows();
  plan.set_fits(plan.refusals().empty());
  // There may be a million of them, and what matters of them has been told.
  for (v1::RehearsalReport* report : {plan.mutable_running(), plan.mutable_candidate()}) {
    for (v1::RehearsedPipeline& pipeline : *report->mutable_pipelines()) pipeline.clear_series();
  }
}

}  // namespace sluice
