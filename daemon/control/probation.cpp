#include "control/probation.h"

#include <algorithm>
#include <cstdio>

namespace sluice {
namespace {

std::string percent(double share) {
  char text[32];
  std::snprintf(text, sizeof text, "%.0f %%", 100 * share);
  return text;
}

double share_of(std::int64_t part, std::int64_t whole) {
  return whole <= 0 ? 0 : static_cast<double>(part) / static_cast<double>(whole);
}

PipelineTotals totals_of(const HealthSample& sample, const std::string& name) {
  const auto it = sample.pipelines.find(name);
  return it == sample.pipelines.end() ? PipelineTotals() : it->second;
}

}  // namespace

/// What happened between two samples.
struct Probation::Span {
  PipelineTotals totals;
  std::int64_t ns = 0;

  Span(const HealthSample& from, const HealthSample& to, const std::string& name)
      : totals(totals_of(to, name)), ns(to.boottime_ns - from.boottime_ns) {
    const PipelineTotals was = totals_of(from, name);
    totals.readings -= was.readings;
    totals.rejected -= was.rejected;
    totals.filtered -= was.filtered;
    totals.late -= was.late;
    totals.plugin_failures -= was.plugin_failures;
    totals.busy_ns -= was.busy_ns;
  }
  double share(std::int64_t part) const { return share_of(part, totals.readings); }
  double busy() const { return share_of(totals.busy_ns, ns); }
};

void Probation::remember(const HealthSample& sample) {
  before_.push_back(sample);
  while (before_.size() > 1 && sample.boottime_ns - before_[1].boottime_ns >= length_ns_) {
    before_.pop_front();
  }
}

void Probation::begin(const HealthSample& sample, bool is_new_process) {
  begun_ = sample;
  is_new_process_ = is_new_process;
  if (is_new_process) before_.clear();
}

std::string Probation::judge(const HealthSample& now) const {
  if (!begun_) return {};
  const HealthSample& from = before_.empty() ? *begun_ : before_.front();
  const bool is_last = is_over(now.boottime_ns);
  for (const auto& [name, totals] : now.pipelines) {
    const bool was_parked = totals_of(*begun_, name).parked && totals_of(from, name).parked;
    if (totals.parked && !was_parked) return "pipeline " + name + " does not run any more";
    std::string worse =
        judge_pipeline(name, Span(from, *begun_, name), Span(*begun_, now, name), is_last);
    if (!worse.empty()) return worse;
  }
  const std::int64_t messages = now.messages - begun_->messages;
  const double rejected = share_of(now.messages_rejected - begun_->messages_rejected, messages);
  const double rejected_before = share_of(begun_->messages_rejected - from.messages_rejected,
                                          begun_->messages - from.messages);
  if ((messages >= kReadingsMin || is_last) && rejected > rejected_before + bounds_.share) {
    return percent(rejected) + " of the messages are rejected, before it was " +
           percent(rejected_before);
  }
  const auto allowed =
      static_cast<std::uint64_t>(static_cast<double>(begun_->rss_bytes) * bounds_.rss_factor);
  if (!is_new_process_ && now.rss_bytes > allowed &&
      now.rss_bytes > begun_->rss_bytes + bounds_.rss_bytes) {
    return "resident memory has grown from " + std::to_string(begun_->rss_bytes >> 20) + " to " +
           std::to_string(now.rss_bytes >> 20) + " MiB";
  }
  return {};
}

std::string Probation::judge_pipeline(const std::string& name, const Span& before,
                                      const Span& since, bool is_last) const {
  const std::string who = "pipeline " + name + ": ";
  const PipelineTotals& was = before.totals;
  const PipelineTotals& is = since.totals;
  if (is.plugin_failures > std::max(bounds_.plugin_failures, 2 * was.plugin_failures)) {
    return who + "its plugins have failed " + std::to_string(is.plugin_failures) + " times";
  }
  const double busy_allowed = std::max(bounds_.busy_share, 2 * before.busy());
  if (since.ns >= interval_ns() && since.busy() > busy_allowed) {
    return who + "takes " + percent(since.busy()) + " of the time, before it was " +
           percent(before.busy());
  }
  if (is.readings < kReadingsMin && !is_last) return {};
  const double filtered_before = before.share(was.filtered);
  const struct {
    const char* what;
    std::int64_t is, was;
    double allowed;
  } all[] = {
      {"rejected", is.rejected, was.rejected, before.share(was.rejected) + bounds_.share},
      {"filtered", is.filtered, was.filtered, std::max(bounds_.filtered_share, filtered_before)},
      {"late", is.late, was.late, before.share(was.late) + bounds_.share}};
  for (const auto& part : all) {
    if (since.share(part.is) <= part.allowed) continue;
    return who + percent(since.share(part.is)) + " of the readings are " + part.what +
           ", before it was " + percent(before.share(part.was));
  }
  return {};
}

}  // namespace sluice
