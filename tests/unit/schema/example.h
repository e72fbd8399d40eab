#pragma once

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "schema/config_reader.h"

namespace sluice {

/// The least that is a config, and parts of it for tests that write the rest themselves.
inline constexpr std::string_view kNode = "node: {name: gw-1}\n";
inline constexpr std::string_view kSources =
    "sources:\n"
    "  - {name: air, mqtt: {url: 'tcp://localhost:1883', topics: [{pattern: 'a/{site}'}]}}\n";

inline std::string minimal(std::string_view more = "") {
  return std::string(kNode).append(kSources).append(more);
}

inline std::string errors_of(const LoadResult& result) {
  std::string out;
  for (const auto& error : result.errors) out += error.to_string() + "\n";
  return out;
}

/// Loads what must be right.
inline v1::Config load_ok(const std::string& text, const Environment& environment = {}) {
  const LoadResult result = load_config_text(text, "test.yaml", environment);
  EXPECT_TRUE(result.ok()) << errors_of(result) << "in\n" << text;
  return result.config;
}

/// Loads what must be refused once; the error as people see it.
inline std::string load_error(const std::string& text, const Environment& environment = {}) {
  const LoadResult result = load_config_text(text, "test.yaml", environment);
  EXPECT_EQ(result.errors.size(), 1u) << errors_of(result) << "in\n" << text;
  return result.errors.empty() ? "" : result.errors[0].to_string();
}

inline bool contains(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

}  // namespace sluice
