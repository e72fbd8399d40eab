#include "sync/event_message.h"

#include <string>

#include "base/shown_text.h"
#include "base/utf8.h"
#include "model/boot_time.h"

namespace sluice {
namespace {

// As event.proto has them.
constexpr std::size_t kMessageBytesMax = 512;
constexpr std::size_t kAttributeBytesMax = 256;
constexpr std::size_t kTopicBytesMax = 65'535;

/// A broker or a plugin's own words may have others, and protobuf takes nothing but UTF-8. Each
/// byte may become four, in quotes and with dots behind; a hub refuses what is too long.
std::string utf8_text(const std::string& text, std::size_t bytes_max) {
  constexpr std::size_t kQuotesAndDots = 5;
  return is_utf8(text) ? text : shown(text, (bytes_max - kQuotesAndDots) / 4);
}

}  // namespace

void write_event(const ToldEvent& told, const TopicTable& topics, v1::Event& out) {
  const Event& event = told.event;
  out.set_pipeline(told.pipeline);
  out.set_stage(told.stage);
  out.set_name(event.name);
  out.set_severity(static_cast<v1::EventSeverity>(event.severity));
  out.set_phase(static_cast<v1::EventPhase>(event.phase));
  out.set_message(utf8_text(event.message, kMessageBytesMax));
  out.set_event_time_ns(event.event_time_ns);
  out.set_in_boot_time(in_boot_time(event.topic));
  out.set_boot_id(told.boot_id);
  for (const auto& [key, value] : event.attributes) {
    v1::EventAttribute& attribute = *out.add_attributes();
    attribute.set_key(key);
    attribute.set_value(utf8_text(value, kAttributeBytesMax));
  }
  if (!topics.contains(plain_topic(event.topic))) return;
  const Topic from = topics.at(plain_topic(event.topic));
  out.set_source(from.source);
  out.set_topic(utf8_text(from.topic, kTopicBytesMax));
}

}  // namespace sluice
