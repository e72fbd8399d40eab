#include <cstddef>
#include <cstdint>
#include <sstream>
#include <string>

#include "plugin_host/elf_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  std::istringstream file(std::string(reinterpret_cast<const char*>(data), size));
  static_cast<void>(sluice::check_elf_is_whole(file).ok());
  return 0;
}
