#include "plugin_host/isolation.h"

#include <filesystem>
#include <system_error>

namespace sluice {

std::string default_host_program() {
  std::error_code error;
  const std::filesystem::path own = std::filesystem::read_symlink("/proc/self/exe", error);
  const std::filesystem::path beside = own.parent_path() / "sluice-plugin-host";
  const bool is_beside = !error && std::filesystem::exists(beside, error);
  return is_beside ? beside.string() : SLUICE_LIBEXEC_DIR "/sluice-plugin-host";
}

}  // namespace sluice
