#pragma once

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "aggregate/time_parts.h"

namespace sluice {

/// One expected result of a Prometheus test script: function(series[range]) at a time.
struct PromqlCase {
  std::string function;
  std::string series;  ///< with labels
  std::int64_t at_ns = 0;
  std::int64_t range_ns = 0;  ///< readings in (at - range, at]
  double expected = 0;
  std::vector<Stamped> readings;  ///< those in range
};

/// The cases of a script (`load`, `eval instant at T f(name[R])`, `clear`) whose series are plain
/// numbers and whose query is nothing but that. Everything else is left out.
std::vector<PromqlCase> read_promql_cases(const std::string& path,
                                          const std::vector<std::string>& functions);

}  // namespace sluice
