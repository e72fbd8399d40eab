#include "ingest/decode_plan.h"

#include <algorithm>
#include <set>
#include <utility>

#include "base/shown_text.h"

namespace sluice {
namespace {
Status fault(const std::string& source, const std::string& text) {
  return invalid_argument("source " + shown(source) + ": decode." + text);
}

Status set_pointer(const std::string& source, std::string_view key, const std::string& text,
                   JsonPointer& out) {
  Result<JsonPointer> pointer = JsonPointer::parse(text);
  if (!pointer.ok()) {
    return fault(source, std::string(key) + ": " + std::string(pointer.status().message()));
  }
  out = std::move(*pointer);
  return {};
}

Status set_time(const JsonSource& in, DecodePlan& plan) {
  plan.time_format = in.time_format;
  if (in.time.empty() && in.time_format != TimeFormat::arrival) {
    return fault(in.name, "time_format is set but time is not; say where the event time is");
  }
  if (!in.time.empty() && in.time_format == TimeFormat::arrival) {
    return fault(in.name, "time is set but time_format is not; say s, ms, us, ns or rfc3339");
  }
  return set_pointer(in.name, "time", in.time, plan.time);
}

Status add_field(const std::string& source, std::size_t index, const JsonField& in,
                 DecodePlan& plan) {
  const std::string key = "fields[" + std::to_string(index) + "]";
  DecodePlan::Field field;
  if (Status s = set_pointer(source, key + ".pointer", in.pointer, field.pointer); !s.ok()) {
    return s;
  }
  field.measurement = in.measurement.empty() ? field.pointer.last() : in.measurement;
  field.unit = in.unit;
  if (field.measurement.empty()) {
    return fault(source, key + ".measurement is needed: the pointer " + shown(in.pointer) +
                             " ends in no name");
  }
  if (const std::string why = name_fault(field.measurement, kMeasurementBytesMax); !why.empty()) {
    return fault(source, key + ".measurement " + shown(field.measurement) + " " + why);
  }
  plan.scalar_items = plan.scalar_items || field.pointer.whole_document();
  plan.fields.push_back(std::move(field));
  return {};
}

/// Two fields at one place, or two that would give one series two readings at a time.
Status check_fields_differ(const DecodePlan& plan) {
  std::set<std::string_view> pointers;
  std::set<std::pair<std::string_view, std::string_view>> names;
  for (const DecodePlan::Field& field : plan.fields) {
    if (!pointers.insert(field.pointer.text()).second) {
      return fault(plan.source, "fields: pointer " + shown(field.pointer.text()) +
                                    " is declared twice; remove one");
    }
    if (!names.insert({field.measurement, field.unit}).second) {
      return fault(plan.source, "fields: " + shown(field.pointer.text()) +
                                    " and a field before it are both measurement " +
                                    shown(field.measurement) + " in unit " + shown(field.unit) +
                                    "; give one a measurement of its own");
    }
  }
  return {};
}

Status add_label(const std::string& source, std::size_t index, const JsonLabel& in,
                 DecodePlan& plan) {
  const std::string key = "labels[" + std::to_string(index) + "]";
  DecodePlan::Label label{in.name, {}};
  if (Status s = set_pointer(source, key + ".pointer", in.pointer, label.pointer); !s.ok()) {
    return s;
  }
  if (in.name.empty()) return fault(source, key + ".name is empty");
  if (const std::string why = name_fault(in.name, kMeasurementBytesMax); !why.empty()) {
    return fault(source, key + ".name " + shown(in.name) + " " + why);
  }
  const auto same = [&](const DecodePlan::Label& other) { return other.name == in.name; };
  if (std::any_of(plan.labels.begin(), plan.labels.end(), same)) {
    return fault(source, key + ".name " + shown(in.name) + " is taken by a label before it");
  }
  for (const TopicPattern& pattern : plan.patterns) {
    const auto& names = pattern.names();
    if (std::find(names.begin(), names.end(), in.name) == names.end()) continue;
    return fault(source, key + ".name " + shown(in.name) + " is also captured by topic pattern " +
                             shown(pattern.text()) + "; rename one of them");
  }
  plan.labels.push_back(std::move(label));
  return {};
}
}  // namespace

std::string name_fault(std::string_view text, std::size_t bytes_max) {
  if (text.size() > bytes_max) {
    return "has " + std::to_string(text.size()) + " bytes; at most " + std::to_string(bytes_max) +
           " are kept";
  }
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20 || u == 0x7F) return "has a control character";
  }
  return {};
}

Result<DecodePlan> DecodePlan::make(const JsonSource& source) {
  DecodePlan plan;
  plan.source = source.name;
  plan.patterns = source.patterns;
  if (Status s = set_pointer(source.name, "items", source.items, plan.items); !s.ok()) return s;
  if (Status s = set_time(source, plan); !s.ok()) return s;
  for (std::size_t i = 0; i < source.fields.size(); ++i) {
    if (Status s = add_field(source.name, i, source.fields[i], plan); !s.ok()) return s;
  }
  if (Status s = check_fields_differ(plan); !s.ok()) return s;
  for (std::size_t i = 0; i < source.labels.size(); ++i) {
    if (Status s = add_label(source.name, i, source.labels[i], plan); !s.ok()) return s;
  }
  if (const std::string* key = plan.time.top_level_key()) plan.not_measured.push_back(*key);
  for (const Label& label : plan.labels) {
    if (const std::string* key = label.pointer.top_level_key()) plan.not_measured.push_back(*key);
  }
  return plan;
}

}  // namespace sluice
