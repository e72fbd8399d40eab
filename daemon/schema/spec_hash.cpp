#include "schema/spec_hash.h"

#include <algorithm>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/bytes.h"
#include "base/hash.h"
#include "schema/json_text.h"
#include "schema/schema_fields.h"

namespace sluice {
namespace {

using namespace schema;  // NOLINT(google-build-using-namespace)

/// Part of the stored value: a new layout of the bytes below would be a new spec for every
/// pipeline.
constexpr std::uint8_t kSpecLayout = 1;

/// In this order, each preceded by a number that stays its own.
void write_aggregates(ByteWriter& out, const v1::AggregatesConfig& aggregates) {
  if (aggregates.has_histogram()) {
    out.u64(1);
    out.u64(aggregates.histogram().max_size());
    out.u64(aggregates.histogram().max_scale());
    out.f64(aggregates.histogram().zero_threshold());
  }
  if (aggregates.has_distinct()) {
    out.u64(2);
    out.u64(aggregates.distinct().precision());
  }
  if (aggregates.has_top()) {
    out.u64(3);
    out.u64(aggregates.top().capacity());
  }
  if (aggregates.has_counter()) {
    out.u64(4);
    out.u64(aggregates.counter().wrap_bits());
    out.f64(aggregates.counter().wrap_rate_max());
  }
  if (aggregates.has_states()) {
    out.u64(5);
    out.u64(aggregates.states().states_max());
    out.i64(aggregates.states().hold_max_ns());
  }
  // In whatever order they stand.
  std::multimap<std::string, std::string> plugins;
  for (const auto& of : aggregates.plugins())
    plugins.emplace(of.plugin(), canonical_json(of.config()));
  for (const auto& [plugin, config] : plugins) {
    out.u64(6);
    out.string(plugin);
    out.string(config);
  }
  out.u64(0);
}

bool has_later_fields(const v1::WindowConfig& window) {
  return window.has_sliding() || window.has_session() || window.count() != 0 ||
         !window.time_zone().empty() || window.early_every_ns() != 0 || window.empty();
}

void write_later_fields(ByteWriter& out, const v1::WindowConfig& window) {
  for (const std::int64_t v : {window.sliding().size_ns(), window.sliding().every_ns(),
                               std::int64_t{window.sliding().readings_max()},
                               window.session().gap_ns(), std::int64_t{window.count()},
                               window.early_every_ns(), std::int64_t{window.empty() ? 1 : 0}}) {
    out.i64(v);
  }
  out.string(window.time_zone());
}

/// What a window had when there was less to it is written as it was then: tumbling windows without
/// more as their length, others after a 0, those with aggregates after a -1, with what came after
/// that after a -2.
void write_window(ByteWriter& out, const v1::WindowConfig& window) {
  const bool has_later = has_later_fields(window);
  const bool has_more = has_later || window.expected_every_ns() != 0 || window.has_aggregates();
  if (!has_more && !window.has_hopping() && window.offset_ns() == 0 &&
      window.allowed_lateness_ns() == 0) {
    return out.i64(window.tumbling_ns());
  }
  out.i64(has_later ? -2 : has_more ? -1 : 0);
  for (const std::int64_t v :
       {window.tumbling_ns(), window.hopping().size_ns(), window.hopping().every_ns(),
        window.offset_ns(), window.allowed_lateness_ns()}) {
    out.i64(v);
  }
  if (!has_more) return;
  out.i64(window.expected_every_ns());
  write_aggregates(out, window.aggregates());
  if (has_later) write_later_fields(out, window);
}

template <typename Names>
void write_set(ByteWriter& out, const Names& names) {
  const std::set<std::string> sorted(names.begin(), names.end());
  out.u64(sorted.size());
  for (const auto& name : sorted) out.string(name);
}

void write_value(ByteWriter& out, const Message& message, const FieldDescriptor& field) {
  const std::string text = text_of(message, field);
  const bool json = rule_of(field).form() == v1::FieldRule::FORM_JSON;
  out.string(json ? canonical_json(text) : text);
}

/// Every field of the message but the local ones, in the order of their declaration.
void write_message(ByteWriter& out, const Message& message);

void write_items(ByteWriter& out, const Message& message, const FieldDescriptor& field) {
  const auto& access = *message.GetReflection();
  std::vector<std::string> items;
  for (int i = 0; i < access.FieldSize(message, &field); ++i) {
    ByteWriter item;
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      write_message(item, access.GetRepeatedMessage(message, &field, i));
    } else {
      item.string(access.GetRepeatedString(message, &field, i));
    }
    items.push_back(item.take());
  }
  // A map has no order of its own.
  if (field.is_map()) std::sort(items.begin(), items.end());
  out.u64(items.size());
  for (const auto& item : items) out.string(item);
}

void write_message(ByteWriter& out, const Message& message) {
  const auto& access = *message.GetReflection();
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (rule_of(field).bootstrap()) continue;
    out.u64(static_cast<std::uint64_t>(field.number()));
    if (field.is_repeated()) {
      write_items(out, message, field);
    } else if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      write_value(out, message, field);
    } else {
      const bool present = access.HasField(message, &field);
      out.u8(present ? 1 : 0);
      if (present) write_message(out, access.GetMessage(message, &field));
    }
  }
}

}  // namespace

std::uint64_t spec_hash(const v1::PipelineConfig& pipeline) {
  ByteWriter out;
  out.u8(kSpecLayout);
  const auto& match = pipeline.match();
  write_set(out, match.sources());
  write_set(out, match.measurements());
  const std::map<std::string, std::string> labels(match.labels().begin(), match.labels().end());
  out.u64(labels.size());
  for (const auto& [name, value] : labels) {
    out.string(name);
    out.string(value);
  }
  out.u64(static_cast<std::uint64_t>(pipeline.stages_size()));
  for (const auto& stage : pipeline.stages()) {
    out.string(stage.plugin());
    out.string(canonical_json(stage.config()));
    // Where a plugin runs changes nothing; an unusual answer to failure is a new spec.
    if (stage.on_failure() == v1::StageConfig::ON_FAILURE_PASS) out.string("on_failure: pass");
  }
  out.u64(static_cast<std::uint64_t>(pipeline.windows_size()));
  for (const auto& window : pipeline.windows()) write_window(out, window);
  out.i64(pipeline.max_out_of_order_ns());
  if (pipeline.has_key_by()) write_set(out, pipeline.key_by().labels());
  return hash64(out.bytes());
}

std::uint64_t config_hash(const v1::Config& config) {
  ByteWriter out;
  write_message(out, config);
  return hash64(out.bytes());
}

}  // namespace sluice
