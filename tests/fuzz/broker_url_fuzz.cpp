#include <cstddef>
#include <cstdint>
#include <string>

#include "base/assert.h"
#include "ingest/mqtt_options.h"

// A URL is refused with a message, or taken apart into a host and a port that can be dialled.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string url(reinterpret_cast<const char*>(bytes), size);
  const auto address = sluice::parse_broker_url(url);
  if (!address.ok()) {
    SLUICE_ASSERT(!address.status().message().empty());
    return 0;
  }
  SLUICE_ASSERT(!address->host.empty() && address->port != 0);
  SLUICE_ASSERT(address->host.find_first_of("/@?# \t\r\n") == std::string::npos);
  SLUICE_ASSERT(url.find(address->host) != std::string::npos);
  return 0;
}
