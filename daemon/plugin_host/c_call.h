#pragma once

#include <array>
#include <exception>
#include <string>

#include "sluice_plugin.h"

namespace sluice {

/// Where a plugin writes why it refuses.
using WhyText = std::array<char, 1024>;

inline std::string text_of(WhyText& why) {
  why.back() = '\0';
  return why.front() == '\0' ? "no reason given" : why.data();
}

/// "" when `call` answered SLUICE_OK, else what it did instead. Nothing that it throws goes on.
template <typename Call>
std::string outcome_of(Call call) {
  try {
    const sluice_result result = call();
    if (result == SLUICE_OK) return "";
    return "answered " + std::to_string(result) +
           (result == SLUICE_FAILED ? " (SLUICE_FAILED)" : "");
  } catch (const std::exception& e) {
    return std::string("threw across the C border: ") + e.what();
  } catch (...) {
    return "threw across the C border";
  }
}

}  // namespace sluice
