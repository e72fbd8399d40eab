#pragma once

namespace sluice {
/// Writes the broken condition to stderr and aborts; the supervisor restarts us from the log.
[[noreturn]] void assertion_failed(const char* condition, const char* file, int line);
}  // namespace sluice

/// For our own bugs only, never for input. Stays on in release.
#define SLUICE_ASSERT(condition) \
  ((condition) ? (void)0 : ::sluice::assertion_failed(#condition, __FILE__, __LINE__))
