#include "plugin_host/aggregate_ability.h"

#include <algorithm>
#include <cstddef>

#include "model/names.h"
#include "model/series.h"
#include "plugin_host/c_call.h"
#include "plugin_host/config_schema.h"
#include "plugin_host/plugin_text.h"
#include "sluice_aggregate.h"

namespace sluice {
namespace {

constexpr std::size_t kDescriptionBytesMax = 1024;
constexpr std::size_t kResultDescriptionBytesMax = 512;
constexpr std::size_t kUnitBytesMax = 64;
/// As far as version 1 of the ability goes.
constexpr std::size_t kAbilityBytesMin =
    offsetof(sluice_aggregate, result) + sizeof(sluice_aggregate::result);

bool is_utf8(const std::string& text) {
  return bounded_text(text.c_str(), text.size()) == std::string_view(text);
}

Status check_result(const AggregateMetadata::Number& result, std::size_t index) {
  if (!is_word(result.name)) {
    return invalid_argument("result " + std::to_string(index) +
                            " of its aggregate has no name of 1..64 of a-z 0-9 _");
  }
  const std::string which = "the result \"" + result.name + "\" of its aggregate has ";
  if (result.unit.size() > kUnitBytesMax || !is_utf8(result.unit)) {
    return invalid_argument(which + "a unit of more than 64 bytes of UTF-8");
  }
  if (!has_bytes(result.description, kResultDescriptionBytesMax) || !is_utf8(result.description)) {
    return invalid_argument(which + "no description of 1..512 bytes of UTF-8");
  }
  return {};
}

}  // namespace

Status check_aggregate(const AggregateMetadata& m) {
  if (!has_bytes(m.description, kDescriptionBytesMax) || !is_utf8(m.description)) {
    return invalid_argument("its aggregate has no description of 1..1024 bytes of UTF-8");
  }
  if (!has_bytes(m.config_schema, SLUICE_SCHEMA_BYTES_MAX)) {
    return invalid_argument("its aggregate has no config_schema of 1..65536 bytes");
  }
  if (Status s = check_schema(m.config_schema); !s.ok()) {
    return invalid_argument("its aggregate's config_schema: " + std::string(s.message()));
  }
  if (m.results.empty() || m.results.size() > SLUICE_AGGREGATE_RESULTS_MAX) {
    return invalid_argument("its aggregate has " + std::to_string(m.results.size()) +
                            " results, expected 1..16");
  }
  for (std::size_t i = 0; i < m.results.size(); ++i) {
    if (Status s = check_result(m.results[i], i); !s.ok()) return s;
    const auto before = m.results.begin() + static_cast<std::ptrdiff_t>(i);
    if (std::any_of(m.results.begin(), before,
                    [&](const auto& other) { return other.name == m.results[i].name; })) {
      return invalid_argument("its aggregate has the result \"" + m.results[i].name + "\" twice");
    }
  }
  return {};
}

Result<const sluice_aggregate*> find_aggregate(const sluice_plugin_descriptor& plugin) {
  if (plugin.get_extension == nullptr) return nullptr;
  const sluice_aggregate* found = nullptr;
  const std::string outcome = outcome_of([&] {
    found = static_cast<const sluice_aggregate*>(plugin.get_extension(SLUICE_AGGREGATE));
    return SLUICE_OK;
  });
  if (!outcome.empty()) return invalid_argument("get_extension " + outcome);
  if (found == nullptr) return nullptr;
  if (found->struct_size < kAbilityBytesMin) {
    return invalid_argument("its aggregate has " + std::to_string(found->struct_size) +
                            " bytes, expected at least " + std::to_string(kAbilityBytesMin) +
                            " as in version 1; build it against its header or a later one");
  }
  const bool is_whole = found->open && found->close && found->sizes && found->init && found->add &&
                        found->merge && found->save && found->restore && found->result;
  if (!is_whole) return invalid_argument("a function of its aggregate, not move_by, is NULL");
  if (found->result_count == 0 || found->result_count > SLUICE_AGGREGATE_RESULTS_MAX ||
      found->results == nullptr) {
    return invalid_argument("its aggregate has " + std::to_string(found->result_count) +
                            " results, expected 1..16 and a list");
  }
  return found;
}

AggregateMetadata describe_aggregate(const sluice_aggregate& aggregate) {
  AggregateMetadata m;
  m.description = copy_text(aggregate.description, kDescriptionBytesMax);
  m.config_schema = copy_text(aggregate.config_schema, SLUICE_SCHEMA_BYTES_MAX);
  for (std::uint32_t i = 0; i < aggregate.result_count; ++i) {
    const sluice_aggregate_result& result = aggregate.results[i];
    m.results.push_back({copy_text(result.name, SLUICE_NAME_BYTES_MAX),
                         copy_text(result.unit, kUnitBytesMax),
                         copy_text(result.description, kResultDescriptionBytesMax)});
  }
  return m;
}

}  // namespace sluice
