#pragma once

#include <cstdint>
#include <string>

#include "base/status.h"

namespace sluice {

/// What this process may still do, in two steps, because loading a plugin needs files: lock_down()
/// before the plugin's file is opened, and lock_up() before its code is called. (Its constructors
/// run in between.) Nothing that was given up comes back.
struct SandboxOptions {
  std::string plugin_path;
  std::uint64_t memory_bytes = 0;  ///< address space beside what is mapped now; 0: no bound
  std::uint64_t parent_pid = 0;    ///< of the daemon: without it there is nothing to do here
};

/// No new privileges, no core, no file growth, no more than a few descriptors; dies with its
/// parent, and first of all when memory is short. From the file system, where the kernel has
/// landlock, only the plugin's folder and the system's libraries, to read; else every file, to
/// read. No network, no other process, no memory both writable and executable.
Status lock_down(const SandboxOptions& options);

/// No files, no code beside what is mapped: memory, the channel's futex, and the end.
Status lock_up();

}  // namespace sluice
