#include "node/series_growth.h"

#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "aggregate/hyper_log_log.h"
#include "aggregate/space_saving.h"

namespace sluice {
namespace {

/// Names of labels come from configs; what plugins make of them is bounded here.
constexpr std::size_t kLabelNamesMax = 64;
constexpr TopOptions kMeasurements{.capacity = 256, .key_bytes_max = 512};

using Patterns = std::vector<SeriesPatterns::Pattern>;
using CountRows = google::protobuf::RepeatedPtrField<v1::SeriesCount>;

void add_row(CountRows& rows, const std::string& what, std::uint64_t count) {
  v1::SeriesCount& row = *rows.Add();
  row.set_what(what);
  row.set_count(count);
}

void add_patterns(CountRows& rows, const Patterns& patterns) {
  for (const SeriesPatterns::Pattern& pattern : patterns)
    add_row(rows, pattern.text, pattern.count);
}

template <typename Counted>
void add_greatest(CountRows& rows, const std::map<std::string, Counted>& counted, auto count_of,
                  std::size_t rows_max) {
  std::vector<std::pair<std::uint64_t, std::string>> order;
  for (const auto& [what, counts] : counted) order.emplace_back(count_of(counts), what);
  const auto more = [](const auto& a, const auto& b) { return a.first > b.first; };
  std::stable_sort(order.begin(), order.end(), more);
  if (order.size() > rows_max) order.resize(rows_max);
  for (const auto& [count, what] : order) add_row(rows, what, count);
}

std::uint32_t first_of_newest(std::size_t count) {
  return static_cast<std::uint32_t>(count - std::min(count, kGrowthLooksAtMax) + 1);
}

void add_series(const SeriesTable& table, std::size_t rows_max, v1::SeriesGrowth& out) {
  SeriesPatterns patterns;
  SpaceSaving measurements(kMeasurements);
  std::map<std::string, HyperLogLog> labels;
  const auto count = static_cast<std::uint32_t>(table.size());
  for (std::uint32_t id = first_of_newest(count); id <= count; ++id) {
    const Series series = table.at(id);
    patterns.add_series(series);
    measurements.add_key(series.measurement);
    for (const auto& [name, value] : series.labels) {
      if (labels.size() < kLabelNamesMax || labels.count(name) > 0) labels[name].add_key(value);
    }
  }
  out.set_series(count);
  out.set_series_looked_at(count + 1 - first_of_newest(count));
  add_patterns(*out.mutable_series_patterns(), patterns.series(rows_max));
  for (const SpaceSaving::Counter& counter : measurements.top(rows_max)) {
    add_row(*out.mutable_measurements(), counter.key, counter.count);
  }
  const auto values = [&](const HyperLogLog& distinct) {
    return std::min(static_cast<std::uint64_t>(distinct.estimate() + 0.5), out.series_looked_at());
  };
  add_greatest(*out.mutable_label_values(), labels, values, rows_max);
}

void add_topics(const TopicTable& table, std::size_t rows_max, v1::SeriesGrowth& out) {
  SeriesPatterns patterns;
  std::map<std::string, std::uint64_t> sources;
  const auto count = static_cast<std::uint32_t>(table.size());
  for (std::uint32_t id = first_of_newest(count); id <= count; ++id) {
    const Topic topic = table.at(id);
    patterns.add_topic(topic.source, topic.topic);
    ++sources[topic.source];
  }
  out.set_topics(count);
  out.set_topics_looked_at(count + 1 - first_of_newest(count));
  add_patterns(*out.mutable_topic_patterns(), patterns.topics(rows_max));
  add_greatest(
      *out.mutable_sources(), sources, [](std::uint64_t n) { return n; }, rows_max);
}

}  // namespace

v1::SeriesGrowth growth_of(const SeriesTable& series, const TopicTable& topics,
                           const RefusedSeries& refused, std::size_t patterns_max) {
  v1::SeriesGrowth out;
  add_series(series, patterns_max, out);
  add_topics(topics, patterns_max, out);
  const RefusedSeries::View view = refused.view(patterns_max);
  out.set_messages_refused(view.messages);
  add_patterns(*out.mutable_refused_topics(), view.topics);
  add_patterns(*out.mutable_refused_series(), view.series);
  return out;
}

}  // namespace sluice
