#pragma once

#include <cstdint>
#include <string_view>

namespace sluice {

/// Resident memory of this process, bytes; 0 when /proc cannot be read.
std::uint64_t resident_bytes();

/// Tells the supervisor `state` ("READY=1", "STOPPING=1") over $NOTIFY_SOCKET as sd_notify(3)
/// describes; does nothing where none listens.
void notify_supervisor(std::string_view state);

}  // namespace sluice
