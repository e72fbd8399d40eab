#include "plugin_host/aggregate_contract.h"

#include <algorithm>
#include <cstddef>
#include <string_view>

#include "aggregate/plugin_aggregate.h"
#include "plugin_host/config_schema.h"
#include "plugin_host/plugin_text.h"
#include "sluice_aggregate.h"

namespace sluice {
namespace {

static_assert(kPluginAggregateBytesMax == SLUICE_AGGREGATE_BYTES_MAX);
static_assert(kPluginAggregateResultsMax == SLUICE_AGGREGATE_RESULTS_MAX);

constexpr std::size_t kDescriptionBytesMax = 1024;
constexpr std::size_t kResultDescriptionBytesMax = 512;
constexpr std::size_t kUnitBytesMax = 64;
/// As far as version 1 of the ability goes.
constexpr std::size_t kBytesMin =
    offsetof(sluice_aggregate, result) + sizeof(sluice_aggregate::result);

/// "" for what is no text of that length.
std::string text_of(const char* text, std::size_t bytes_max) {
  const auto bounded = bounded_text(text, bytes_max);
  return std::string(bounded.value_or(""));
}

const void* extension_of(const sluice_plugin_descriptor& descriptor) {
  if (descriptor.get_extension == nullptr) return nullptr;
  try {
    return descriptor.get_extension(SLUICE_AGGREGATE);
  } catch (...) {
    return nullptr;
  }
}

bool lacks_function(const sluice_aggregate& a) {
  return a.open == nullptr || a.close == nullptr || a.sizes == nullptr || a.init == nullptr ||
         a.add == nullptr || a.merge == nullptr || a.save == nullptr || a.restore == nullptr ||
         a.result == nullptr;
}

Status bad(const std::string& what) { return invalid_argument("its aggregate " + what); }

}  // namespace

Status check_aggregate(const AggregateMetadata& metadata) {
  if (metadata.description.empty()) return bad("has no description of 1..1024 bytes");
  if (metadata.config_schema.empty()) return bad("has no config_schema of 1..65536 bytes");
  if (Status s = check_schema(metadata.config_schema); !s.ok()) {
    return bad("has a config_schema that is none: " + std::string(s.message()));
  }
  const auto& results = metadata.results;
  if (results.empty() || results.size() > SLUICE_AGGREGATE_RESULTS_MAX) {
    return bad("has " + std::to_string(results.size()) + " results, expected 1..16");
  }
  for (auto it = results.begin(); it != results.end(); ++it) {
    if (!is_word(it->name)) return bad("has a result without a name of 1..64 of a-z 0-9 _");
    if (std::any_of(results.begin(), it, [&](const auto& r) { return r.name == it->name; })) {
      return bad("has the result \"" + it->name + "\" twice");
    }
    if (it->description.empty()) {
      return bad("has a result without a description of 1..512 bytes: " + it->name);
    }
  }
  return {};
}

Result<const sluice_aggregate*> read_aggregate(const sluice_plugin_descriptor& descriptor,
                                               AggregateMetadata& metadata) {
  const auto* const table = static_cast<const sluice_aggregate*>(extension_of(descriptor));
  if (table == nullptr) return table;
  if (table->struct_size < kBytesMin) {
    return bad("has a table of " + std::to_string(table->struct_size) +
               " bytes, expected at least " + std::to_string(kBytesMin));
  }
  if (table->flags != 0) return bad("has flags that this version does not know");
  if (lacks_function(*table)) return bad("lacks a function: only move_by may be NULL");
  metadata.description = text_of(table->description, kDescriptionBytesMax);
  metadata.config_schema = text_of(table->config_schema, SLUICE_SCHEMA_BYTES_MAX);
  if (table->result_count > SLUICE_AGGREGATE_RESULTS_MAX || table->results == nullptr) {
    return bad("has " + std::to_string(table->result_count) +
               " results, expected 1..16 and a list");
  }
  for (std::uint32_t i = 0; i < table->result_count; ++i) {
    const sluice_aggregate_result& one = table->results[i];
    if (!bounded_text(one.unit, kUnitBytesMax)) return bad("has a unit of more than 64 bytes");
    metadata.results.push_back({text_of(one.name, SLUICE_NAME_BYTES_MAX),
                                text_of(one.unit, kUnitBytesMax),
                                text_of(one.description, kResultDescriptionBytesMax)});
  }
  if (Status s = check_aggregate(metadata); !s.ok()) return s;
  return table;
}

}  // namespace sluice
