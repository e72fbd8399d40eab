#pragma once

#include <sys/types.h>

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "e2e/process.h"

namespace sluice::fault {

/// One thread of a process: its name, and its place among those of the same name.
using ThreadName = std::pair<std::string, unsigned>;
std::map<ThreadName, pid_t> threads_of(pid_t process);

/// Where a process can be killed: before the k-th call of `syscall` that the thread makes.
struct KillPoint {
  ThreadName thread;  ///< empty name: whichever thread gets there first
  std::string syscall;
  unsigned k = 0;
  std::string to_string() const;
};

/// The calls that change something outside of the process.
const std::vector<std::string>& write_like();

/// Why strace cannot be used here, as a sentence; empty when it can.
std::string tracing_refused(const std::string& folder);

/// Options of strace that send SIGKILL at `point`.
std::vector<std::string> kill_at(const KillPoint& point);

/// strace on a running process, from the constructor's return to the object's end.
class Tracer {
 public:
  /// `task` is a process with `all_threads`, else one thread.
  Tracer(pid_t task, bool all_threads, const std::vector<std::string>& options,
         const std::string& folder);
  /// Detaches.
  void end();

 private:
  e2e::Process strace_;
};

/// What strace -f wrote to `file`: the kill points that occurred, per thread when `threads` names
/// them and else for all threads together.
std::vector<KillPoint> kill_points(const std::string& file,
                                   const std::map<ThreadName, pid_t>& threads);

}  // namespace sluice::fault
