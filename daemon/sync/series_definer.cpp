#include "sync/series_definer.h"

#include <utility>

namespace sluice {
namespace {

constexpr std::size_t kDefinitionsBytes = 64 * 1024;  // a message of them ends past this

v1::SeriesDefinition definition_of(std::uint32_t id, const Series& series) {
  v1::SeriesDefinition out;
  out.set_id(id);
  out.set_measurement(series.measurement);
  out.set_unit(series.unit);
  for (const auto& [name, value] : series.labels) (*out.mutable_labels())[name] = value;
  return out;
}

}  // namespace

bool SeriesDefiner::define(std::uint32_t id, std::deque<Outgoing>& out) {
  if (id < defined_.size() && defined_[id]) return true;
  if (!series_.contains(id)) return false;
  if (out.empty() || out.back().bytes > kDefinitionsBytes) out.emplace_back();
  v1::SeriesDefinition definition = definition_of(id, series_.at(id));
  out.back().bytes += definition.ByteSizeLong();
  *out.back().message.mutable_series()->add_definitions() = std::move(definition);
  if (id >= defined_.size()) defined_.resize(std::size_t{id} + 1);
  defined_[id] = true;
  return true;
}

}  // namespace sluice
