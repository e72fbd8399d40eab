#pragma once

#include <sys/types.h>

#include <cstdint>
#include <optional>

namespace sluice {

/// Processor time that a process has used, ns; empty when it is gone. Any thread.
std::optional<std::int64_t> processor_time_ns(pid_t pid);

/// Whether a process waits by its own will, and not for the processor or a page of memory. False
/// where /proc does not show it. Any thread.
bool is_asleep(pid_t pid);

}  // namespace sluice
