#include "health/readiness.h"

namespace sluice {

std::vector<std::string> readiness_problems(const HealthInput& input) {
  std::vector<std::string> problems;
  if (!input.store_error.empty()) {
    problems.push_back("storage: commits fail, nothing is acknowledged: " + input.store_error);
  }
  for (const HealthInput::Source& source : input.sources) {
    if (source.connected) continue;
    problems.push_back("source " + source.name + ": not connected" +
                       (source.last_error.empty() ? "" : ": " + source.last_error));
  }
  for (const HealthInput::PipelineHealth& pipeline : input.pipelines) {
    if (pipeline.parked.empty()) continue;
    problems.push_back("pipeline " + pipeline.name + ": parked: " + pipeline.parked);
  }
  if (!input.uplink_refused.empty()) {
    problems.push_back("uplink: the hub refuses a summary, and all behind it wait: " +
                       input.uplink_refused);
  }
  if (input.uplink_rows_unread > 0) {
    problems.push_back("uplink: the hub keeps rows that it cannot read, " +
                       std::to_string(input.uplink_rows_unread) +
                       " now; the newest: " + input.uplink_unread);
  }
  if (!input.uplink_missing.empty()) {
    problems.push_back("uplink: what was acknowledged is missing: " + input.uplink_missing);
  }
  if (input.clock_before_certificate) {
    problems.push_back(
        "clock_before_certificate: the system's clock is behind a time that has surely passed, so "
        "TLS takes certificates for not yet valid: set the clock, or let a time server do so");
  }
  return problems;
}

}  // namespace sluice
