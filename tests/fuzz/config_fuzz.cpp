// Any bytes as a config: never a crash, every error has a place and one line, and a config that is
// accepted is the same after it was written out and read again.
#include <google/protobuf/util/message_differencer.h>

#include <cstdint>
#include <string_view>

#include "base/assert.h"
#include "schema/config_reader.h"
#include "schema/config_writer.h"
#include "schema/spec_hash.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  const sluice::Environment environment = {{"HUB", "hub:7443"}, {"SLUICE__NODE__NAME", "gw"}};
  const sluice::LoadResult result = sluice::load_config_text(text, "fuzz.yaml", environment);
  for (const auto& error : result.errors) {
    SLUICE_ASSERT(!error.message.empty());
    SLUICE_ASSERT(error.to_string().find('\n') == std::string::npos);
  }
  if (!result.ok()) return 0;
  const std::string written = sluice::write_config(result.config);
  const sluice::LoadResult again = sluice::load_config_text(written, "written.yaml", {});
  SLUICE_ASSERT(again.ok());
  SLUICE_ASSERT(google::protobuf::util::MessageDifferencer::Equals(result.config, again.config));
  SLUICE_ASSERT(sluice::config_hash(result.config) == sluice::config_hash(again.config));
  return 0;
}
