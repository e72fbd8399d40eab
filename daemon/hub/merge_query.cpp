#include "hub/merge_query.h"

#include <algorithm>

#include "sluice/v1/hub.pb.h"

namespace sluice::hub {

MergeRule::MergeRule(const v1::MergeSummariesRequest& request)
    : every_ns_(request.every_ns()),
      labels_(request.labels().begin(), request.labels().end()),
      by_(request.by().begin(), request.by().end()),
      merges_(request.over_all() || request.by_size() > 0) {}

bool MergeRule::wants(const Series& series) const {
  return std::all_of(labels_.begin(), labels_.end(),
                     [&](const auto& label) { return series.label(label.first) == label.second; });
}

bool MergeRule::place(std::int64_t start_ns, std::int64_t end_ns,
                      std::int64_t& merged_start_ns) const {
  std::int64_t left = start_ns % every_ns_;
  if (left < 0) left += every_ns_;
  merged_start_ns = start_ns - left;
  return end_ns - start_ns <= every_ns_ - left;
}

Series MergeRule::named(const Series& series) const {
  if (!merges_) return series;
  Series out{series.measurement, series.unit, {}};
  for (const auto& [name, value] : series.labels) {
    if (std::find(by_.begin(), by_.end(), name) != by_.end()) out.labels.emplace_back(name, value);
  }
  return out;
}

void MergedWindow::Sum::merge(const Sum& other) {
  moments.merge(other.moments);
  windows += other.windows;
  windows_partial += other.windows_partial;
}

void MergedWindow::add(const StoredWindow& window) {
  Series series = rule_.named(window.series);
  Row& row = rows_[{window.pipeline, series.to_string(),
                    rule_.merges_nodes() ? std::string() : window.node}];
  row.series = std::move(series);
  const std::int64_t length_ns = window.end_ns - window.start_ns;
  std::int64_t left = window.start_ns % length_ns;
  if (left < 0) left += length_ns;
  Sum& sum =
      row.parts[{window.node_id, window.spec_hash, window.series.to_string()}][{length_ns, left}];
  sum.merge({window.moments, 1, window.complete ? 0u : 1u});
}

std::vector<v1::MergedSummary> MergedWindow::rows() const {
  std::vector<v1::MergedSummary> out;
  for (const auto& [key, row] : rows_) {
    Sum sum;
    for (const auto& [part, sets] : row.parts) sum.merge(sets.begin()->second);
    v1::MergedSummary& merged = out.emplace_back();
    merged.set_pipeline(std::get<0>(key));
    merged.set_node(std::get<2>(key));
    merged.set_measurement(row.series.measurement);
    merged.set_unit(row.series.unit);
    for (const auto& [name, value] : row.series.labels) (*merged.mutable_labels())[name] = value;
    merged.set_start_ns(start_ns_);
    merged.set_end_ns(start_ns_ + rule_.every_ns());
    merged.set_windows(sum.windows);
    merged.set_windows_partial(sum.windows_partial);
    merged.set_count(sum.moments.count);
    merged.set_sum(sum.moments.total());
    merged.set_mean(sum.moments.average());
    merged.set_min(sum.moments.min);
    merged.set_max(sum.moments.max);
    merged.set_stddev(sum.moments.stddev());
    merged.set_first(sum.moments.first);
    merged.set_last(sum.moments.last);
    merged.set_first_time_ns(sum.moments.first_time_ns);
    merged.set_last_time_ns(sum.moments.last_time_ns);
  }
  return out;
}

}  // namespace sluice::hub
