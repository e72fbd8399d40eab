#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

/// What readiness is judged by.
struct HealthInput {
  struct Source {
    std::string name;
    bool connected = false;
    std::string last_error;
  };
  struct PipelineHealth {
    std::string name;
    std::string parked;  ///< why it does not run; empty when it does
  };
  std::vector<Source> sources;
  std::vector<PipelineHealth> pipelines;
  std::string store_error;     ///< why commits fail now; empty when they succeed
  std::string uplink_refused;  ///< why the hub does not take what we send; empty when it does
  std::uint64_t uplink_rows_unread = 0;   ///< the hub keeps them, but cannot read them
  std::string uplink_unread;              ///< why not the newest of them
  bool clock_before_certificate = false;  ///< TLS fails, and the wall clock is surely behind
  std::string uplink_missing;  ///< what was acknowledged and is not at the hub; empty: nothing
};

/// Why the node is not ready, in sentences; empty when it is. A dead uplink is an expected state:
/// data waits in the outbox, so it is not among them; a hub that refuses our data will not mend.
std::vector<std::string> readiness_problems(const HealthInput& input);

}  // namespace sluice
