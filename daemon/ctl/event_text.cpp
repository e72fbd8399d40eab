#include "ctl/event_text.h"

#include <utility>

namespace sluice::ctl {
namespace {

constexpr std::pair<v1::EventSeverity, std::string_view> kSeverities[] = {
    {v1::EVENT_SEVERITY_INFO, "info"},
    {v1::EVENT_SEVERITY_WARN, "warn"},
    {v1::EVENT_SEVERITY_ERROR, "error"},
    {v1::EVENT_SEVERITY_FATAL, "fatal"}};

}  // namespace

std::string severity_text(v1::EventSeverity severity) {
  for (const auto& [known, name] : kSeverities) {
    if (known == severity) return std::string(name);
  }
  return std::to_string(severity);
}

Result<v1::EventSeverity> parse_severity(std::string_view text) {
  for (const auto& [severity, name] : kSeverities) {
    if (name == text) return severity;
  }
  return invalid_argument("expected info, warn, error or fatal, got \"" + std::string(text) + "\"");
}

std::string phase_text(v1::EventPhase phase) {
  switch (phase) {
    case v1::EVENT_PHASE_MOMENT: return "-";
    case v1::EVENT_PHASE_BEGIN: return "begin";
    case v1::EVENT_PHASE_END: return "end";
    default: return std::to_string(phase);
  }
}

std::string teller_text(const v1::Event& event) { return event.pipeline() + "/" + event.stage(); }

std::string message_text(const v1::Event& event) {
  std::string text = event.message();
  for (const v1::EventAttribute& attribute : event.attributes()) {
    text += &attribute == &event.attributes(0) ? " (" : " ";
    text += attribute.key() + "=" + attribute.value();
  }
  return event.attributes().empty() ? text : text + ")";
}

}  // namespace sluice::ctl
