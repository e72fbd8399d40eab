#include "hub/merge_query.h"

#include <algorithm>
#include <cstdlib>
#include <iterator>

#include "aggregate/compensated_sum.h"
#include "hub/fill_aggregates.h"
#include "sluice/v1/hub.pb.h"

namespace sluice::hub {

namespace {
std::vector<double> quantiles_of(const v1::MergeSummariesRequest& request) {
  if (request.quantiles_size() == 0) return {std::begin(kQuantiles), std::end(kQuantiles)};
  return {request.quantiles().begin(), request.quantiles().end()};
}
}  // namespace

MergeRule::MergeRule(const v1::MergeSummariesRequest& request)
    : every_ns_(request.every_ns()),
      labels_(request.labels().begin(), request.labels().end()),
      by_(request.by().begin(), request.by().end()),
      quantiles_(quantiles_of(request)),
      merges_(request.over_all() || request.by_size() > 0) {}

bool MergeRule::wants(const Series& series) const {
  return std::all_of(labels_.begin(), labels_.end(),
                     [&](const auto& label) { return series.label(label.first) == label.second; });
}

bool MergeRule::place(std::int64_t start_ns, std::int64_t end_ns,
                      std::int64_t& merged_start_ns) const {
  std::int64_t left = start_ns % every_ns_;
  if (left < 0) left += every_ns_;
  std::int64_t merged_end_ns = 0;
  const bool exists = !__builtin_sub_overflow(start_ns, left, &merged_start_ns) &&
                      !__builtin_add_overflow(merged_start_ns, every_ns_, &merged_end_ns);
  return exists && end_ns <= merged_end_ns;
}

Series MergeRule::named(const Series& series) const {
  if (!merges_) return series;
  Series out{series.measurement, series.unit, {}};
  for (const auto& [name, value] : series.labels) {
    if (std::find(by_.begin(), by_.end(), name) != by_.end()) out.labels.emplace_back(name, value);
  }
  return out;
}

namespace {

/// What series of one row come to together: results are added up, the time between readings of
/// different series says nothing.
class RowSum {
 public:
  explicit RowSum(std::int64_t start_ns, std::int64_t end_ns)
      : start_ns_(start_ns), end_ns_(end_ns) {}

  void add(const MergedContent& series) {
    total_.moments.merge(series.moments);
    total_.windows += series.windows;
    total_.windows_partial += series.windows_partial;
    add_held(series);
    add_expected(series);
    add_extras(series);
    any_ = true;
  }
  void write(const std::vector<double>& quantiles, v1::MergedSummary& out) const {
    const Moments& m = total_.moments;
    out.set_windows(total_.windows);
    out.set_windows_partial(total_.windows_partial);
    out.set_count(m.count);
    out.set_sum(m.total());
    out.set_mean(m.average());
    out.set_min(m.min);
    out.set_max(m.max);
    out.set_stddev(m.stddev());
    out.set_first(m.first);
    out.set_last(m.last);
    out.set_first_time_ns(m.first_time_ns);
    out.set_last_time_ns(m.last_time_ns);
    if (has_held_) {
      out.set_largest_gap_ns(largest_gap_ns_);
      out.set_time_weighted_mean(covered_ns_ == 0 ? m.last
                                                  : integral_s_.total() /
                                                        (static_cast<double>(covered_ns_) / 1e9));
    }
    if (has_expected_ && expected_ > 0) {
      out.set_coverage(static_cast<double>(came_) / static_cast<double>(expected_));
    }
    if (extras_ && !extras_->empty()) write_extras(quantiles, *out.mutable_aggregates());
  }

 private:
  void add_held(const MergedContent& series) {
    has_held_ = has_held_ && series.held.has_value();
    if (!has_held_) return;
    largest_gap_ns_ = std::max(largest_gap_ns_, series.held->coverage.largest_gap_ns());
    integral_s_.add(series.held->mean.integral_s());
    covered_ns_ += series.held->mean.covered_ns();
  }
  void add_expected(const MergedContent& series) {
    has_expected_ = has_expected_ && series.expected_every_ns > 0;
    if (!has_expected_) return;
    const std::uint64_t expected =
        Coverage::expected_count(start_ns_, end_ns_, series.expected_every_ns);
    expected_ += expected;
    came_ += std::min(expected, series.moments.count);
  }
  void add_extras(const MergedContent& series) {
    if (any_ && extras_ && series.extras) {
      extras_->merge(*series.extras);
    } else {
      extras_ = any_ ? std::nullopt : series.extras;
    }
    if (!series.extras) return;
    if (const Counter* counter = series.extras->counter()) {
      increase_.add(counter->increase());
      rate_.add(counter->rate_per_s());
      resets_ += counter->resets();
      wraps_ += counter->wraps();
    }
    if (const StateDuration* states = series.extras->states()) add_states(states->times());
  }
  void add_states(const StateDuration::Times& times) {
    for (const StateDuration::State& state : times.states) states_[state.value] += state.time_ns;
    other_ns_ += times.other_ns;
    changes_ += times.changes;
  }
  void write_extras(const std::vector<double>& quantiles, v1::Aggregates& out) const {
    fill_arrived(*extras_, quantiles, out);
    if (extras_->counter()) {
      out.mutable_counter()->set_increase(increase_.total());
      out.mutable_counter()->set_rate_per_s(rate_.total());
      out.mutable_counter()->set_resets(resets_);
      out.mutable_counter()->set_wraps(wraps_);
    }
    if (!extras_->states()) return;
    StateDuration::Times times{{}, other_ns_, changes_};
    for (const auto& [value, time_ns] : states_) times.states.push_back({value, time_ns});
    fill_states(times, *out.mutable_states());
  }

  const std::int64_t start_ns_;
  const std::int64_t end_ns_;
  bool any_ = false;
  MergedContent total_;  ///< its moments and windows
  bool has_held_ = true;
  std::uint64_t largest_gap_ns_ = 0;
  CompensatedSum integral_s_;
  std::uint64_t covered_ns_ = 0;
  bool has_expected_ = true;
  std::uint64_t expected_ = 0;
  std::uint64_t came_ = 0;
  std::optional<WindowExtras> extras_;  ///< what all series have
  CompensatedSum increase_;
  CompensatedSum rate_;
  std::uint64_t resets_ = 0;
  std::uint64_t wraps_ = 0;
  std::map<double, std::uint64_t> states_;
  std::uint64_t other_ns_ = 0;
  std::uint64_t changes_ = 0;
};

}  // namespace

void MergedWindow::add(const StoredWindow& window) {
  Series series = rule_.named(window.series);
  Row& row = rows_[{window.pipeline, series.to_string(),
                    rule_.merges_nodes() ? std::string() : window.node}];
  row.series = std::move(series);
  if (window.extras) {
    for (const PluginAggregate* plugin : window.extras->plugins()) row.plugins.add(*plugin);
  }
  Sets& sets =
      row.parts[{window.node, window.series.to_string()}][{window.node_id, window.spec_hash}];
  MergedContent& content = set_of(window, sets).content;
  content.merge(MergedContent::of(window));
  content.close_gaps();
}

/// That which goes on with such a window; else, where none does, the one most like it that may hold
/// this one too: by local time that is the one of the days before.
MergedWindow::Set& MergedWindow::set_of(const StoredWindow& window, Sets& sets) {
  Set next{window.end_ns - window.start_ns, 0, {}, std::nullopt, {}};
  next.left_ns = window.start_ns % next.length_ns;
  if (next.left_ns < 0) next.left_ns += next.length_ns;
  if (window.extras) next.keeps = window.extras->spec();
  const auto unlike = [&](const Set& set) {
    const bool goes_on = set.length_ns == next.length_ns && set.left_ns == next.left_ns;
    return std::pair(!goes_on, std::abs(set.length_ns - next.length_ns));
  };
  Set* found = nullptr;
  for (Set& set : sets) {
    const bool is_same = !unlike(set).first;
    const auto end = set.ends_ns.find(window.boot_id);
    const bool is_over = end == set.ends_ns.end() || end->second <= window.start_ns;
    if (!is_over || !(is_same || set.keeps == next.keeps)) continue;
    if (found == nullptr || unlike(set) < unlike(*found)) found = &set;
  }
  if (found == nullptr) found = &sets.emplace_back();
  next.content = std::move(found->content);
  next.ends_ns = std::move(found->ends_ns);
  next.ends_ns[window.boot_id] = window.end_ns;
  return *found = std::move(next);
}

/// Of sets that hold the same readings one counts: that with the most of them. Others may not cover
/// the merged window, or were closed to what came late. Of equals it is the shortest.
const MergedContent& MergedWindow::fullest(const Sets& sets) {
  return std::max_element(sets.begin(), sets.end(),
                          [](const Set& a, const Set& b) {
                            return std::pair(a.content.moments.count, -a.length_ns) <
                                   std::pair(b.content.moments.count, -b.length_ns);
                          })
      ->content;
}

std::vector<v1::MergedSummary> MergedWindow::rows(const std::function<bool()>& cancelled) const {
  std::vector<v1::MergedSummary> out;
  for (const auto& [key, row] : rows_) {
    RowSum sum(start_ns_, start_ns_ + rule_.every_ns());
    for (const auto& [series, parts] : row.parts) {
      if (cancelled()) return out;
      MergedContent all;
      for (const auto& [part, sets] : parts) all.merge(fullest(sets));
      sum.add(all);
    }
    v1::MergedSummary& merged = out.emplace_back();
    merged.set_pipeline(std::get<0>(key));
    merged.set_node(std::get<2>(key));
    merged.set_measurement(row.series.measurement);
    merged.set_unit(row.series.unit);
    for (const auto& [name, value] : row.series.labels) (*merged.mutable_labels())[name] = value;
    merged.set_start_ns(start_ns_);
    merged.set_end_ns(start_ns_ + rule_.every_ns());
    sum.write(rule_.quantiles(), merged);
    if (!row.plugins.empty()) row.plugins.write_unknown(*merged.mutable_aggregates());
  }
  return out;
}

}  // namespace sluice::hub
