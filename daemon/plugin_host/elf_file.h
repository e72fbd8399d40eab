#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>

#include "base/status.h"

namespace sluice {

/// A file of `size` bytes; `read_at` fills the buffer from `offset`, or answers false.
struct FileBytes {
  std::uint64_t size = 0;
  std::function<bool(std::uint64_t offset, void* out, std::size_t out_size)> read_at;
};

/// Whether a shared object is all there: an interrupted copy has its headers, and the dynamic
/// loader maps pages beyond its end, whose first use is a SIGBUS. `failed_precondition` says how
/// many bytes are missing. What is no ELF file of this machine's word size passes: dlopen() refuses
/// that with a reason. Source: elf(5).
Status check_elf_is_whole(const FileBytes& file);

}  // namespace sluice
