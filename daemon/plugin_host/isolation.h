#pragma once

#include <chrono>
#include <cstdint>
#include <string>

namespace sluice {

/// Bounds of one plugin's process.
struct HostLimits {
  /// Of one call with readings or time, in processor time; also how long the process may do
  /// nothing. One that the system lets wait has eight times as long. To load, create, save and
  /// restore, two seconds at least.
  std::chrono::nanoseconds deadline = std::chrono::milliseconds(250);
  std::uint64_t memory_bytes = std::uint64_t{64} << 20;  ///< of its own, beside the program itself
};

/// How a plugin runs in a process of its own.
struct IsolationOptions {
  std::string program;  ///< path of sluice-plugin-host
  HostLimits limits;
  /// So many failures within `failure_window`, and it is not started again; 0: it always is.
  std::uint32_t failures_max = 5;
  std::chrono::nanoseconds failure_window = std::chrono::minutes(10);
  /// The first failure is mended at once; after each further one within the window it waits twice
  /// as long, from the first to the last of these.
  std::chrono::nanoseconds backoff_min = std::chrono::seconds(1);
  std::chrono::nanoseconds backoff_max = std::chrono::minutes(1);
  /// So long without a call, or before the first one, and the process ends; the next call starts
  /// one that has its state. 0: it stays.
  std::chrono::nanoseconds idle_unload{0};
};

/// A program of ours beside the one that runs, as in a build tree, or where it was installed.
std::string program_beside(const std::string& name);
/// sluice-plugin-host, as program_beside().
std::string default_host_program();

}  // namespace sluice
