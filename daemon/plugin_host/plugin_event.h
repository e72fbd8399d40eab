#pragma once

#include "base/status.h"
#include "model/event.h"
#include "sluice_plugin.h"

namespace sluice {

/// The event that a plugin tells of, all but whether its series and its source exist.
/// `invalid_argument` names the field, what is accepted and what was found.
Result<Event> read_event(const sluice_event* event);

}  // namespace sluice
