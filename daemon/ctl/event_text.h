#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "sluice/v1/event.pb.h"

// What an event says, for people. Pure.

namespace sluice::ctl {

/// "warn"; the number of one that this version does not know.
std::string severity_text(v1::EventSeverity severity);
/// `info`, `warn`, `error` or `fatal`.
Result<v1::EventSeverity> parse_severity(std::string_view text);
/// "-", "begin", "end"; the number of one that this version does not know.
std::string phase_text(v1::EventPhase phase);
/// "pipeline/stage".
std::string teller_text(const v1::Event& event);
/// The message, and the attributes behind it: "It is too hot. (limit=80 value=81.5)".
std::string message_text(const v1::Event& event);

}  // namespace sluice::ctl
