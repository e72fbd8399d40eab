#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "e2e/reference.h"

namespace sluice::e2e {

/// One line of a recording.
struct Line {
  std::int64_t time_ns = 0;
  std::string payload;
};
std::vector<Line> read_lines(const std::string& path);

/// The windows that config/demo.yaml makes of config/demo/*.tsv, when all was published.
Expected demo_reference();
std::vector<std::string> demo_recordings();
std::uint64_t demo_message_count();

}  // namespace sluice::e2e
