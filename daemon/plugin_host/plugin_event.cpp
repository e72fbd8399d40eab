#include "plugin_host/plugin_event.h"

#include <algorithm>
#include <cstddef>
#include <string>

#include "model/names.h"
#include "plugin_host/plugin_text.h"

namespace sluice {
namespace {

/// As far as version 1 of the contract goes.
constexpr std::size_t kEventBytesMin =
    offsetof(sluice_event, attributes) + sizeof(sluice_event::attributes);

bool is_severity(std::uint8_t severity) {
  return severity == SLUICE_SEVERITY_INFO || severity == SLUICE_SEVERITY_WARN ||
         severity == SLUICE_SEVERITY_ERROR || severity == SLUICE_SEVERITY_FATAL;
}

Status check_fields(const sluice_event& e) {
  if (!is_severity(e.severity)) {
    return invalid_argument("severity " + std::to_string(e.severity) +
                            ", expected 9, 13, 17 or 21");
  }
  if (e.phase > SLUICE_PHASE_END) {
    return invalid_argument("phase " + std::to_string(e.phase) + " does not exist");
  }
  if (e.event_time_ns < 0 || e.event_time_ns > kEventTimeMaxNs) {
    return invalid_argument("event time " + std::to_string(e.event_time_ns) + ", expected 0 to " +
                            std::to_string(kEventTimeMaxNs));
  }
  if (e.attribute_count > SLUICE_ATTRIBUTES_MAX ||
      (e.attribute_count > 0 && e.attributes == nullptr)) {
    return invalid_argument(std::to_string(e.attribute_count) +
                            " attributes, expected at most 16 and a list");
  }
  return {};
}

Status read_texts(const sluice_event& e, Event& out) {
  const auto name = bounded_text(e.name, SLUICE_NAME_BYTES_MAX);
  if (!name || !is_word(*name)) {
    return invalid_argument("the name is not 1..64 of a-z 0-9 _");
  }
  const auto message = bounded_text(e.message, SLUICE_MESSAGE_BYTES_MAX);
  if (!message || message->empty()) {
    return invalid_argument("the message is not 1..512 bytes of UTF-8");
  }
  out.name = *name;
  out.message = *message;
  return {};
}

Status read_attribute(const sluice_attribute& attribute, Event& out) {
  const auto key = bounded_text(attribute.key, SLUICE_NAME_BYTES_MAX);
  if (!key || !is_word(*key)) {
    return invalid_argument("an attribute's key is not 1..64 of a-z 0-9 _");
  }
  const auto value = bounded_text(attribute.value, SLUICE_ATTRIBUTE_BYTES_MAX);
  if (!value) {
    return invalid_argument("attribute " + std::string(*key) +
                            ": the value is not 0..256 bytes of UTF-8");
  }
  for (const auto& [other, unused] : out.attributes) {
    if (other == *key) return invalid_argument("attribute " + other + " stands there twice");
  }
  out.attributes.emplace_back(*key, *value);
  return {};
}

}  // namespace

Result<Event> read_event(const sluice_event* event) {
  if (event == nullptr) return invalid_argument("the event is NULL");
  if (event->struct_size < kEventBytesMin) {
    return invalid_argument("struct_size " + std::to_string(event->struct_size) +
                            ", expected at least " + std::to_string(kEventBytesMin));
  }
  if (Status s = check_fields(*event); !s.ok()) return s;
  Event out;
  out.series = event->series;
  out.topic = event->source;
  out.event_time_ns = event->event_time_ns;
  out.severity = static_cast<Severity>(event->severity);
  out.phase = static_cast<EventPhase>(event->phase);
  if (Status s = read_texts(*event, out); !s.ok()) return s;
  for (std::size_t i = 0; i < event->attribute_count; ++i) {
    if (Status s = read_attribute(event->attributes[i], out); !s.ok()) return s;
  }
  return out;
}

}  // namespace sluice
