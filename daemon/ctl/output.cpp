#include "ctl/output.h"

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "ctl/text.h"

namespace sluice::ctl {

void put(const std::string& text) { std::fwrite(text.data(), 1, text.size(), stdout); }

ExitCode fail(const Status& status) {
  std::fprintf(stderr, "sluicectl: %s\n", printable(status.message()).c_str());
  switch (status.code()) {
    case StatusCode::unavailable:
    case StatusCode::deadline_exceeded: return kExitUnreachable;
    case StatusCode::invalid_argument:
    case StatusCode::not_found: return kExitUsage;
    default: return kExitBadAnswer;
  }
}

ExitCode finish(ExitCode code) {
  if (std::fflush(stdout) == 0 && std::ferror(stdout) == 0) return code;
  std::fprintf(stderr, "sluicectl: cannot write the answer: %s\n", std::strerror(errno));
  return kExitBadAnswer;
}

}  // namespace sluice::ctl
