#include "plugin_host/isolation.h"

#include <filesystem>
#include <system_error>

namespace sluice {

std::string program_beside(const std::string& name) {
  std::error_code error;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path beside = own.parent_path() / name;
  const bool is_beside = !error && std::filesystem::exists(beside, error);
  return is_beside ? beside.string() : SLUICE_LIBEXEC_DIR "/" + name;
}

std::string default_host_program() { return program_beside("sluice-plugin-host"); }

}  // namespace sluice
