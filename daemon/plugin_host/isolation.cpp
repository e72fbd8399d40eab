#include "plugin_host/isolation.h"

#include <filesystem>
#include <system_error>

namespace sluice {

std::string program_beside(const std::string& name) {
  std::error_code error;
  const auto own = std::filesystem::read_symlink("/proc/self/exe", error).parent_path();
  const std::filesystem::path installed = std::filesystem::path(SLUICE_LIBEXEC_DIR) / name;
  if (error) return installed;
  // The prefix may be another than the one that was configured.
  for (const auto& path : {own / name, own.parent_path() / SLUICE_LIBEXEC_IN_PREFIX / name}) {
    if (std::filesystem::exists(path, error)) return path;
  }
  return installed;
}

std::string default_host_program() { return program_beside("sluice-plugin-host"); }

}  // namespace sluice
