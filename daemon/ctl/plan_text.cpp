#include "ctl/plan_text.h"

#include <algorithm>
#include <cmath>
#include <cstdio>
#include <vector>

#include "ctl/event_text.h"
#include "ctl/format.h"
#include "ctl/table.h"
#include "ctl/text.h"

namespace sluice::ctl {
namespace {

/// Series of one pipeline that are named; the report has more, and --json shows them.
constexpr int kSeriesShown = 5;
/// Keys of one pipeline that are named.
constexpr int kKeysShown = 8;

const char* sign_of(v1::PlanChange change) {
  switch (change) {
    case v1::PLAN_CHANGE_ADDED: return "+";
    case v1::PLAN_CHANGE_CHANGED: return "~";
    case v1::PLAN_CHANGE_REMOVED: return "-";
    default: return "=";
  }
}

template <typename Keys>
std::string keys_text(const Keys& keys) {
  std::string text;
  for (int i = 0; i < std::min(keys.size(), kKeysShown); ++i) {
    text += (i > 0 ? ", " : "") + keys[i];
  }
  if (keys.size() > kKeysShown) text += ", …";
  return text;
}

std::string errors_text(const v1::PlanReport& plan) {
  std::string out;
  for (const v1::PlanError& error : plan.errors()) {
    std::string place = error.file();
    if (error.line() > 0) {
      place += ":" + std::to_string(error.line()) + ":" + std::to_string(error.column());
    }
    const std::string key = error.key_path().empty() ? "" : error.key_path() + ": ";
    out += printable(place + ": " + key + error.message()) + "\n";
  }
  if (plan.errors_left_out() > 0) out += "and " + grouped(plan.errors_left_out()) + " more\n";
  return out;
}

std::string recording_text(const v1::PlanReport& plan) {
  if (plan.readings() == 0) return "no reading";
  return grouped(plan.readings()) + " readings of " +
         duration_text(static_cast<double>(plan.span_ns()) / 1e9) + " until " +
         utc_text(plan.last_wall_ns() / 1'000'000'000 * 1'000'000'000);
}

/// What is the same is not worth a line.
template <typename Rows, typename Line>
std::string changes_text(const char* heading, const Rows& rows, Line line) {
  std::string out;
  int same = 0;
  for (const auto& row : rows) {
    if (row.change() == v1::PLAN_CHANGE_SAME) {
      ++same;
    } else {
      out += std::string("  ") + sign_of(row.change()) + " " + printable(line(row)) + "\n";
    }
  }
  if (same > 0) out += "  = " + std::to_string(same) + " unchanged\n";
  return out.empty() ? out : std::string(heading) + "\n" + out + "\n";
}

std::string pipeline_line(const v1::PipelinePlan& row) {
  if (row.change() != v1::PLAN_CHANGE_CHANGED) return row.name();
  return row.name() + ": " + keys_text(row.changed_keys()) +
         (row.keeps_state() ? "; keeps its windows and state"
                            : "; begins anew, open windows close as partial_config");
}

std::string change_text(double before, double after) {
  if (before == after) return "";
  if (before == 0) return "new";
  const double percent = 100 * (after - before) / before;
  char text[32];
  std::snprintf(text, sizeof text, std::abs(percent) < 10 ? "%+.1f %%" : "%+.0f %%", percent);
  return text;
}

std::string count_text(double count) { return grouped(static_cast<std::uint64_t>(count + 0.5)); }
std::string size_text(double bytes) { return bytes_text(bytes); }
std::string ns_text(double ns) { return count_text(ns) + " ns"; }
std::string keep_text(double seconds) { return seconds == 0 ? "-" : duration_text(seconds); }

std::string figures_text(const v1::PlanReport& plan) {
  Table table({{"FIGURE"}, {"BEFORE", true}, {"AFTER", true}, {"CHANGE", true}});
  const v1::PlanFigures& before = plan.before();
  const v1::PlanFigures& after = plan.after();
  const auto add = [&](const char* name, double old, double next, std::string (*text)(double)) {
    table.add_row({name, text(old), text(next), change_text(old, next)});
  };
  add("summaries/hour", before.summaries_per_hour(), after.summaries_per_hour(), count_text);
  add("uplink/day", before.uplink_bytes_per_day(), after.uplink_bytes_per_day(), size_text);
  add("flash/day", before.flash_bytes_per_day(), after.flash_bytes_per_day(), size_text);
  add("segments kept for", before.retention_s(), after.retention_s(), keep_text);
  add("CPU/reading", before.cpu_ns_per_reading(), after.cpu_ns_per_reading(), ns_text);
  add("state", static_cast<double>(before.state_bytes()), static_cast<double>(after.state_bytes()),
      size_text);
  add("events/hour", before.events_per_hour(), after.events_per_hour(), count_text);
  add("filtered/hour", before.filtered_per_hour(), after.filtered_per_hour(), count_text);
  add("lost/hour", before.lost_per_hour(), after.lost_per_hour(), count_text);
  return table.take() + "\n";
}

const v1::RehearsedPipeline* find(const v1::RehearsalReport& report, const std::string& name) {
  for (const v1::RehearsedPipeline& pipeline : report.pipelines()) {
    if (pipeline.name() == name) return &pipeline;
  }
  return nullptr;
}

template <typename Count>
std::string both(const v1::PlanReport& plan, const std::string& name, Count count) {
  const v1::RehearsedPipeline* old = find(plan.running(), name);
  const v1::RehearsedPipeline* next = find(plan.candidate(), name);
  const std::string before = old == nullptr ? "-" : grouped(count(*old));
  const std::string after = next == nullptr ? "-" : grouped(count(*next));
  return before == after ? before : before + " → " + after;
}

/// In the recording, unscaled.
std::string pipelines_text(const v1::PlanReport& plan) {
  Table table({{"PIPELINE"},
               {"IN", true},
               {"FILTERED", true},
               {"LOST", true},
               {"SUMMARIES", true},
               {"WINDOWS", true},
               {"SERIES", true}});
  const auto sum = [](const auto& rows) {
    std::uint64_t all = 0;
    for (const v1::CauseCount& row : rows) all += row.count();
    return all;
  };
  for (const v1::PipelinePlan& row : plan.pipelines()) {
    const std::string& name = row.name();
    const std::string series =
        grouped(row.series_before()) == grouped(row.series_after())
            ? grouped(row.series_after())
            : grouped(row.series_before()) + " → " + grouped(row.series_after());
    table.add_row({name, both(plan, name, [](const auto& p) { return p.in(); }),
                   both(plan, name, [&](const auto& p) { return sum(p.filtered()); }),
                   both(plan, name, [&](const auto& p) { return sum(p.rejected()) + p.late(); }),
                   both(plan, name, [](const auto& p) { return p.panes(); }),
                   both(plan, name, [](const auto& p) { return p.windows_open_max(); }), series});
  }
  return table.empty() ? "" : "In the recording\n" + table.take() + "\n";
}

std::string events_text(const v1::PlanReport& plan) {
  Table table({{"EVENT"}, {"SEVERITY"}, {"TOLD BY"}, {"BEFORE", true}, {"AFTER", true}});
  for (const v1::EventPlan& event : plan.events()) {
    table.add_row({event.name(), severity_text(event.severity()),
                   event.pipeline() + "/" + event.stage(), grouped(event.before()),
                   grouped(event.after())});
  }
  return table.empty() ? "" : "Events that would have been told\n" + table.take() + "\n";
}

template <typename Names>
std::string names_text(const char* sign, const Names& names, std::uint64_t count) {
  std::string out;
  const int shown = std::min(names.size(), kSeriesShown);
  for (int i = 0; i < shown; ++i) {
    out += std::string("    ") + sign + " " + printable(names[i]) + "\n";
  }
  const std::uint64_t more = count - std::min<std::uint64_t>(count, static_cast<unsigned>(shown));
  if (more > 0) out += std::string("    ") + sign + " and " + grouped(more) + " more\n";
  return out;
}

std::string series_text(const v1::PlanReport& plan) {
  std::string out;
  for (const v1::PipelinePlan& row : plan.pipelines()) {
    if (row.series_gained_count() + row.series_lost_count() == 0) continue;
    out += "  " + printable(row.name()) + "\n";
    out += names_text("+", row.series_gained(), row.series_gained_count());
    out += names_text("-", row.series_lost(), row.series_lost_count());
  }
  return out.empty() ? out : "Series of its summaries\n" + out + "\n";
}

template <typename Sentences>
std::string list_text(const char* heading, const Sentences& sentences) {
  if (sentences.empty()) return "";
  std::string out = std::string(heading) + "\n";
  for (const std::string& sentence : sentences) out += "  " + printable(sentence) + "\n";
  return out + "\n";
}

}  // namespace

std::string plan_text(const std::string& file, const v1::PlanReport& plan) {
  if (!plan.errors().empty()) return errors_text(plan);
  std::string out = "Plan of " + printable(file) + ", rehearsed beside the running config on " +
                    recording_text(plan) + "\n\n";
  out += changes_text("Pipelines", plan.pipelines(), pipeline_line);
  out += changes_text("Plugins", plan.plugins(), [](const auto& row) { return row.name(); });
  if (!plan.changed_keys().empty()) {
    out += "Other keys\n  ~ " + printable(keys_text(plan.changed_keys())) + "\n\n";
  }
  // Beside nothing the other side's figures would all seem lost.
  if (plan.running_error().empty() && plan.candidate_error().empty()) {
    out += figures_text(plan);
    out += pipelines_text(plan);
    out += events_text(plan);
    out += series_text(plan);
  }
  out += list_text("Notes", plan.notes());
  out += list_text("Refused", plan.refusals());
  out += plan.fits() ? "It fits.\n" : "It does not fit.\n";
  return out;
}

}  // namespace sluice::ctl
