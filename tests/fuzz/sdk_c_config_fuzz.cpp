#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <stdexcept>
#include <string>

#include "config.hpp"
#include "sluice_plugin_c.h"
#include "testing/json_members.hpp"

namespace {

using sluice::sdk::Config;

/// Whether the key reads the same for a plugin in C and for one in C++.
void compare(const Config& config, const std::string& text, const char* key) {
  const auto type_of = [&](auto get) {
    try {
      return get().has_value();
    } catch (const std::invalid_argument&) {
      return false;
    }
  };
  double number = 0;
  const bool has_number = sluice_config_number(text.c_str(), key, &number) == 1;
  if (has_number != type_of([&] { return config.number(key); })) std::abort();
  if (has_number && number != *config.number(key)) std::abort();
  int flag = 0;
  const bool has_flag = sluice_config_boolean(text.c_str(), key, &flag) == 1;
  if (has_flag != type_of([&] { return config.boolean(key); })) std::abort();
  if (has_flag && (flag == 1) != *config.boolean(key)) std::abort();
}

}  // namespace

// Any bytes as a config, read by the help for C and by the SDK; and by the test bench.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string text(reinterpret_cast<const char*>(bytes), size);
  double number = 0;
  (void)sluice_config_number(text.c_str(), "a", &number);
  (void)sluice_config_is(text.c_str(), "a", "b");
  try {
    (void)sluice::sdk::test::with_defaults(
        R"({"type":"object","properties":{"a":{"type":"number","default":1}}})", text);
    sluice::sdk::test::check_keywords(text);
  } catch (const std::invalid_argument&) {
  }
  (void)sluice::sdk::test::is_utf8(text);
  if (text.find('\0') != std::string::npos || text.find("\\u") != std::string::npos) return 0;
  try {
    const Config config = Config::parse(text);
    for (const char* key : {"a", "b", "max", "x"}) compare(config, text, key);
  } catch (const std::invalid_argument&) {
  }
  return 0;
}
