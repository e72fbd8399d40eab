#include <cstddef>
#include <cstdint>
#include <cstring>

#include "plugin_host/elf_file.h"

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  const sluice::FileBytes file{size, [&](std::uint64_t offset, void* out, std::size_t out_size) {
                                 if (offset > size || out_size > size - offset) return false;
                                 std::memcpy(out, data + offset, out_size);
                                 return true;
                               }};
  static_cast<void>(sluice::check_elf_is_whole(file).ok());
  return 0;
}
