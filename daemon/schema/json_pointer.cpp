#include "schema/json_pointer.h"

namespace sluice::schema {

bool is_json_pointer(std::string_view text) {
  if (text.empty()) return true;
  if (text[0] != '/') return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '~') continue;
    if (i + 1 >= text.size() || (text[i + 1] != '0' && text[i + 1] != '1')) return false;
  }
  return true;
}

std::string last_part(std::string_view pointer) {
  const std::size_t slash = pointer.rfind('/');
  if (slash == std::string_view::npos) return "";
  std::string out;
  for (std::size_t i = slash + 1; i < pointer.size(); ++i) {
    const bool escape = pointer[i] == '~' && i + 1 < pointer.size();
    out += !escape ? pointer[i] : pointer[++i] == '1' ? '/' : '~';
  }
  return out;
}

}  // namespace sluice::schema
