#include "plugin_host/elf_file.h"

#include <link.h>

#include <cstdint>
#include <cstring>
#include <string>

namespace sluice {
namespace {

constexpr unsigned char kNativeClass = sizeof(void*) == 8 ? ELFCLASS64 : ELFCLASS32;

template <typename Record>
bool read_at(const FileBytes& file, std::uint64_t offset, Record& record) {
  return file.read_at(offset, &record, sizeof record);
}

Status cut_short(std::uint64_t size, const std::string& needed) {
  return failed_precondition("the file is cut short: it has " + std::to_string(size) +
                             " bytes, its headers name " + needed + "; copy it again");
}

}  // namespace

Status check_elf_is_whole(const FileBytes& file) {
  const std::uint64_t size = file.size;
  ElfW(Ehdr) header{};
  if (!read_at(file, 0, header)) return {};
  if (std::memcmp(header.e_ident, ELFMAG, SELFMAG) != 0) return {};
  if (header.e_ident[EI_CLASS] != kNativeClass) return {};
  for (std::uint64_t i = 0; i < header.e_phnum; ++i) {
    ElfW(Phdr) segment{};
    const std::uint64_t at = header.e_phoff + i * sizeof segment;
    if (at < header.e_phoff || at > size || !read_at(file, at, segment)) {
      return cut_short(size, "more segments");
    }
    const std::uint64_t end = std::uint64_t{segment.p_offset} + segment.p_filesz;
    if (segment.p_type != PT_LOAD || (end >= segment.p_offset && end <= size)) continue;
    return cut_short(size, std::to_string(end));
  }
  return {};
}

}  // namespace sluice
