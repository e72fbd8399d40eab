#include "hub/fill_aggregates.h"

#include <cmath>
#include <string>
#include <vector>

#include "sluice/v1/hub.pb.h"

namespace sluice::hub {
namespace {

constexpr std::size_t kTopEntries = 10;

void fill(const BucketCounts& buckets, v1::HistogramPoint::Buckets& out) {
  out.set_offset(buckets.empty() ? 0 : buckets.first());
  for (std::size_t i = 0; i < buckets.size(); ++i) {
    out.add_bucket_counts(buckets.at(buckets.first() + static_cast<std::int32_t>(i)));
  }
}

/// Only a call of the hub's own plugin leaves a fault here.
std::string why_unknown(const PluginAggregate& plugin) {
  const std::string ours = "a call of the hub's plugin " + plugin.identity().version + " failed: ";
  if (!plugin.lost()) {
    return plugin.open() ? ours + "result" : "the node had no plugin to read it with";
  }
  if (plugin.fault() == nullptr) return "the plugin failed on the node, whose log says why";
  return ours + *plugin.fault();
}

void fill(const PluginAggregate& plugin, v1::PluginPoint& out) {
  const PluginAggregateIdentity& identity = plugin.identity();
  out.set_plugin(identity.key.plugin);
  out.set_version(identity.version);
  out.set_config(identity.key.config_json);
  const std::vector<double> results = plugin.results();
  for (std::size_t i = 0; i < results.size(); ++i) {
    v1::PluginPoint::Value& value = *out.add_values();
    value.set_name(identity.result_names[i]);
    if (!std::isnan(results[i])) value.set_value(results[i]);
  }
  if (results.empty()) out.set_unknown(why_unknown(plugin));
}

}  // namespace

void fill_arrived(const WindowExtras& extras, std::span<const double> quantiles,
                  v1::Aggregates& out) {
  if (const ExponentialHistogram* histogram = extras.histogram()) {
    v1::HistogramPoint& point = *out.mutable_histogram();
    point.set_scale(histogram->scale());
    point.set_zero_count(histogram->zero_count());
    point.set_zero_threshold(histogram->options().zero_threshold);
    point.set_relative_error(histogram->relative_error());
    if (histogram->count() == 0) quantiles = {};
    for (const double q : quantiles) {
      v1::HistogramPoint::Quantile& quantile = *point.add_quantiles();
      quantile.set_q(q);
      quantile.set_value(histogram->quantile(q));
    }
  }
  if (const HyperLogLog* distinct = extras.distinct()) {
    out.mutable_distinct()->set_estimate(distinct->estimate());
    out.mutable_distinct()->set_standard_error(distinct->standard_error());
  }
  if (const SpaceSaving* top = extras.top()) {
    v1::TopPoint& point = *out.mutable_top();
    for (const SpaceSaving::Counter& counter : top->top(kTopEntries)) {
      v1::TopPoint::Entry& entry = *point.add_entries();
      entry.set_value(counter.key);
      entry.set_count(counter.count);
      entry.set_count_error(counter.error);
    }
  }
  for (const PluginAggregate* plugin : extras.plugins()) fill(*plugin, *out.add_plugins());
}

void fill_buckets(const ExponentialHistogram& histogram, v1::HistogramPoint& out) {
  fill(histogram.positive(), *out.mutable_positive());
  fill(histogram.negative(), *out.mutable_negative());
}

void fill_window(const WindowExtras& extras, v1::Aggregates& out) {
  fill_arrived(extras, kQuantiles, out);
  if (extras.histogram()) fill_buckets(*extras.histogram(), *out.mutable_histogram());
  if (const Counter* counter = extras.counter()) {
    out.mutable_counter()->set_increase(counter->increase());
    out.mutable_counter()->set_rate_per_s(counter->rate_per_s());
    out.mutable_counter()->set_resets(counter->resets());
    out.mutable_counter()->set_wraps(counter->wraps());
  }
  if (extras.states()) fill_states(extras.states()->times(), *out.mutable_states());
}

void fill_states(const StateDuration::Times& times, v1::StatesPoint& out) {
  for (const StateDuration::State& state : times.states) {
    v1::StatesPoint::State& row = *out.add_states();
    row.set_value(state.value);
    row.set_time_ns(state.time_ns);
  }
  out.set_other_ns(times.other_ns);
  out.set_changes(times.changes);
}

}  // namespace sluice::hub
