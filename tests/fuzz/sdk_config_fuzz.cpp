#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "../../plugins/sdk/config.hpp"

// Any bytes: either a config within its bounds with finite numbers, or std::invalid_argument.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using sluice::sdk::Config;
  try {
    const Config config =
        Config::parse(std::string_view(reinterpret_cast<const char*>(bytes), size));
    if (config.size() > Config::kKeysMax) std::abort();
    for (const char* key : {"min", "max", "a", ""}) {
      try {
        if (const auto v = config.number(key); v && !std::isfinite(*v)) std::abort();
      } catch (const std::invalid_argument&) {
      }
    }
  } catch (const std::invalid_argument& e) {
    if (std::string_view(e.what()).empty()) std::abort();
  }
  return 0;
}
