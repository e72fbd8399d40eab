#include "plugin_host/shipped_plugins.h"

namespace sluice {

bool is_shipped_plugin(std::string_view name) {
  // One name after the other, each between two spaces.
  constexpr std::string_view kNames = " " SLUICE_SHIPPED_PLUGINS " ";
  if (name.empty() || name.find(' ') != std::string_view::npos) return false;
  for (std::size_t at = kNames.find(name); at != std::string_view::npos;
       at = kNames.find(name, at + 1)) {
    if (kNames[at - 1] == ' ' && kNames[at + name.size()] == ' ') return true;
  }
  return false;
}

}  // namespace sluice
