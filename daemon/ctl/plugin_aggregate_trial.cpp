#include "ctl/plugin_aggregate_trial.h"

#include <cmath>
#include <map>
#include <optional>
#include <utility>

#include "ctl/format.h"
#include "ctl/json_print.h"
#include "ctl/table.h"
#include "ctl/text.h"

namespace sluice::ctl {
namespace {

/// The windows of one series so far.
struct Folded {
  std::uint64_t readings = 0;
  std::optional<PluginAggregate> merged;  ///< windows that are full
  std::optional<PluginAggregate> open;
};

/// As after the way to a hub. Lost where the plugin does not read again what it wrote.
PluginAggregate by_way_of_its_bytes(const PluginAggregate& window,
                                    const std::shared_ptr<const AggregateType>& type) {
  PluginAggregate sent(std::make_shared<const PluginAggregateIdentity>(window.identity()),
                       window.saved(), window.results());
  const bool is_read = sent.open_with(type);
  if (!is_read || (!window.lost() && sent.saved() != window.saved())) sent.lose();
  return sent;
}

void close_window(Folded& folded, bool restarts, const std::shared_ptr<const AggregateType>& type) {
  if (!folded.open) return;
  PluginAggregate window = restarts ? by_way_of_its_bytes(*folded.open, type) : *folded.open;
  folded.open.reset();
  if (!folded.merged) {
    folded.merged = std::move(window);
  } else if (!folded.merged->merge(window).ok()) {
    folded.merged->lose();
  }
}

std::string series_line_json(const Series& series, const Folded& folded,
                             const std::vector<double>& values) {
  std::string out = "{\"series\":" + series_json(series) +
                    ",\"readings\":" + std::to_string(folded.readings) + ",\"values\":";
  if (values.empty()) return out + "null}\n";
  out += '{';
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (i > 0) out += ',';
    append_json_string(out, folded.merged->identity().result_names[i]);
    out += ':' + (std::isnan(values[i]) ? "null" : exact_text(Value::of(values[i])));
  }
  return out + "}}\n";
}

void add_rows(const Series& series, const Folded& folded, const std::vector<double>& values,
              const AggregateMetadata& metadata, Table& table) {
  std::string shown = series_text(series);
  std::string readings = grouped(folded.readings);
  if (values.empty()) return table.add_row({shown, readings, "FAILED", "", ""});
  for (std::size_t i = 0; i < values.size(); ++i) {
    const AggregateMetadata::Number& result = metadata.results.at(i);
    table.add_row({std::exchange(shown, ""), std::exchange(readings, ""), result.name,
                   std::isnan(values[i]) ? "none" : value_text(values[i]),
                   result.unit.empty() ? series.unit : result.unit});
  }
}

}  // namespace

AggregateAnswer try_aggregate(const TrialOptions& options,
                              const std::shared_ptr<const AggregateType>& type,
                              const AggregateMetadata& metadata,
                              const std::vector<ReadingLine>& readings) {
  std::map<std::string, std::pair<Series, Folded>> all;
  for (const ReadingLine& line : readings) {
    auto& [series, folded] =
        all.try_emplace(line.series.to_string(), line.series, Folded()).first->second;
    if (!folded.open) folded.open.emplace(type);
    folded.open->add(line.reading.event_time_ns, line.reading.value.as_double());
    if (++folded.readings % options.batch_size == 0) close_window(folded, options.restarts, type);
  }
  AggregateAnswer answer;
  Table table({{"SERIES"}, {"READINGS", true}, {"RESULT"}, {"VALUE", true}, {"UNIT"}});
  std::uint64_t failed = 0;
  for (auto& [text, each] : all) {
    auto& [series, folded] = each;
    close_window(folded, options.restarts, type);
    const std::vector<double> values = folded.merged->results();
    failed += values.empty() ? 1 : 0;
    if (options.json) {
      answer.text += series_line_json(series, folded, values);
    } else {
      add_rows(series, folded, values, metadata, table);
    }
  }
  answer.failures = type->failures() + failed;
  const auto count = static_cast<std::uint64_t>(readings.size());
  if (options.json) {
    answer.text += "{\"result\":\"end\",\"readings\":" + std::to_string(count) +
                   ",\"series\":" + std::to_string(all.size()) +
                   ",\"failed\":" + std::to_string(failed) + "}\n";
  } else {
    answer.text += (table.empty() ? "" : table.take()) + "\nreadings " + grouped(count) +
                   ", series " + grouped(static_cast<std::uint64_t>(all.size())) +
                   (failed > 0 ? ", failed " + grouped(failed) : "") + "\n";
  }
  return answer;
}

}  // namespace sluice::ctl
