#include "sync/event_message.h"

#include <string>

#include "base/shown_text.h"
#include "base/utf8.h"
#include "model/boot_time.h"

namespace sluice {
namespace {

/// A broker may let others pass, and protobuf takes nothing but UTF-8.
std::string utf8_text(const std::string& text) { return is_utf8(text) ? text : shown(text); }

}  // namespace

void write_event(const ToldEvent& told, const TopicTable& topics, v1::Event& out) {
  const Event& event = told.event;
  out.set_pipeline(told.pipeline);
  out.set_stage(told.stage);
  out.set_name(event.name);
  out.set_severity(static_cast<v1::EventSeverity>(event.severity));
  out.set_phase(static_cast<v1::EventPhase>(event.phase));
  out.set_message(utf8_text(event.message));
  out.set_event_time_ns(event.event_time_ns);
  out.set_in_boot_time(in_boot_time(event.topic));
  out.set_boot_id(told.boot_id);
  for (const auto& [key, value] : event.attributes) {
    v1::EventAttribute& attribute = *out.add_attributes();
    attribute.set_key(key);
    attribute.set_value(utf8_text(value));
  }
  if (!topics.contains(plain_topic(event.topic))) return;
  const Topic from = topics.at(plain_topic(event.topic));
  out.set_source(from.source);
  out.set_topic(utf8_text(from.topic));
}

}  // namespace sluice
