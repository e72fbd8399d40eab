#pragma once

#include <cstdint>

#include "base/status.h"

namespace sluice {

/// What a rehearsal may take of the machine and do to it.
struct Confinement {
  std::uint64_t parent_pid = 0;    ///< of the daemon: it dies with it
  std::uint64_t memory_bytes = 0;  ///< address space beside what is mapped now; 0: no bound
  std::uint64_t cpu_s = 0;         ///< processor time; SIGXCPU then. 0: no bound
  bool steps_back = true;          ///< false: it competes for the machine as others do
};

/// The processor and the disk only when nobody else wants them, first to go when memory is short.
/// No network; no file made, changed in length, renamed or removed; no core. Plugins' own processes
/// inherit it, all but the bounds, which are for each. `internal` when the system refuses, and
/// `unavailable` when the daemon is gone.
Status confine(const Confinement& to);

}  // namespace sluice
