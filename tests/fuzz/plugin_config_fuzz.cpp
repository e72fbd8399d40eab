#include <cstddef>
#include <cstdint>
#include <cstdlib>
#include <string_view>

#include "plugin_host/config_schema.h"
#include "plugin_host/json.h"

// Any bytes as JSON, as a plugin's schema, and as a config against a fixed one.
extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  using namespace sluice;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  if (const auto value = parse_json(text); value.ok()) {
    const std::string written = value->text();
    if (written.size() <= 65536) {
      const auto again = parse_json(written);
      if (!again.ok() || again->text() != written) std::abort();
    }
  }
  if (check_schema(text).ok()) (void)apply_schema(text, R"({"a":1,"b":[2],"c":{"d":"e"}})").ok();
  constexpr std::string_view kSchema =
      R"({"type":"object","additionalProperties":false,"properties":{
      "a":{"type":"number","minimum":0,"default":1},
      "l":{"type":"array","items":{"type":"integer"}},"o":{"type":"object"}}})";
  if (const auto config = apply_schema(kSchema, text); config.ok()) {
    const auto again = apply_schema(kSchema, *config);
    if (config->size() <= 65536 && (!again.ok() || *again != *config)) std::abort();
  }
  return 0;
}
