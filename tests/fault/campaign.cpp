#include "fault/campaign.h"

#include <cstdio>
#include <cstdlib>
#include <ctime>

namespace sluice::fault {
namespace {

std::uint64_t from_environment(const char* name, std::uint64_t otherwise) {
  const char* text = std::getenv(name);
  return text != nullptr && *text != '\0' ? std::strtoull(text, nullptr, 10) : otherwise;
}

std::int64_t monotonic_s() {
  timespec now{};
  clock_gettime(CLOCK_MONOTONIC, &now);
  return now.tv_sec;
}

}  // namespace

Campaign::Campaign(std::string name, std::uint64_t short_n)
    : name_(std::move(name)),
      n_(from_environment("SLUICE_FAULT_N", short_n)),
      seed_(from_environment("SLUICE_FAULT_SEED", std::random_device{}())),
      started_s_(monotonic_s()),
      random_(seed_) {
  std::printf("fault %s: seed=%llu n=%llu\n", name_.c_str(), static_cast<unsigned long long>(seed_),
              static_cast<unsigned long long>(n_));
  std::fflush(stdout);
}

std::int64_t Campaign::random(std::int64_t low, std::int64_t high) {
  return std::uniform_int_distribution<std::int64_t>(low, high)(random_);
}

void Campaign::report(std::uint64_t reached, const std::string& figures) const {
  std::printf("fault %s: seed=%llu reached=%llu/%llu %s seconds=%lld\n", name_.c_str(),
              static_cast<unsigned long long>(seed_), static_cast<unsigned long long>(reached),
              static_cast<unsigned long long>(n_), figures.c_str(),
              static_cast<long long>(monotonic_s() - started_s_));
  std::fflush(stdout);
}

std::string repeat_with(std::uint64_t seed) {
  return "repeat with SLUICE_FAULT_N=1 SLUICE_FAULT_SEED=" + std::to_string(seed);
}

void sleep_ms(std::int64_t ms) {
  timespec left{ms / 1000, (ms % 1000) * 1'000'000};
  while (nanosleep(&left, &left) != 0) {
  }
}

}  // namespace sluice::fault
