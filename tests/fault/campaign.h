#pragma once

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <random>
#include <string>

namespace sluice::fault {

inline std::uint64_t number_from_env(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text == nullptr || *text == '\0' ? otherwise : std::strtoull(text, nullptr, 10);
}

/// How often to try and with which randomness. SLUICE_FAULT_N makes a short run long,
/// SLUICE_FAULT_SEED repeats one: history i of a campaign depends on seed + i alone.
struct Campaign {
  explicit Campaign(std::uint64_t short_count)
      : count(number_from_env("SLUICE_FAULT_N", short_count)),
        seed(number_from_env("SLUICE_FAULT_SEED", std::random_device{}())) {
    std::printf("seed %llu, %llu histories\n", static_cast<unsigned long long>(seed),
                static_cast<unsigned long long>(count));
    std::fflush(stdout);
  }
  const std::uint64_t count;
  const std::uint64_t seed;
};

inline std::string repeat_with(std::uint64_t seed) {
  return "repeat with SLUICE_FAULT_N=1 SLUICE_FAULT_SEED=" + std::to_string(seed);
}

}  // namespace sluice::fault
