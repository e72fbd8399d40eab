#pragma once

#include <string>

#include "base/status.h"

namespace sluice::ctl {

/// What scripts may rely on; `--help` tells them.
enum ExitCode : int {
  kExitOk = 0,
  kExitBadAnswer = 1,    ///< an answer came and it is bad, or it could not be written
  kExitUsage = 2,        ///< wrong arguments, or a config that does not pass
  kExitUnreachable = 3,  ///< no answer from the daemon or the hub
};

/// Writes to stdout. Failures stick to the stream: finish() tells them.
void put(const std::string& text);

/// Says on stderr, in one line, what is wrong. Returns the code to exit with.
ExitCode fail(const Status& status);

/// Flushes stdout. `code`, or kExitBadAnswer with a word on stderr when not all could be written.
ExitCode finish(ExitCode code);

}  // namespace sluice::ctl
