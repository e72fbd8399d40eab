#pragma once

#include <istream>

#include "base/status.h"

namespace sluice {

/// Whether a shared object is all there: an interrupted copy has its headers, and the dynamic
/// loader maps pages beyond its end, whose first use is a SIGBUS. `failed_precondition` says how
/// many bytes are missing. What is no ELF file of this machine's word size passes: dlopen() refuses
/// that with a reason. Source: elf(5).
Status check_elf_is_whole(std::istream& file);

}  // namespace sluice
