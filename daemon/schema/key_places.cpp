#include "schema/key_places.h"

namespace sluice::schema {

Place KeyPlaces::find(std::string_view key_path) const {
  while (!key_path.empty()) {
    if (const auto it = places_.find(std::string(key_path)); it != places_.end()) return it->second;
    const std::size_t cut = key_path.find_last_of(".[");
    key_path = key_path.substr(0, cut == std::string_view::npos ? 0 : cut);
  }
  return {};
}

}  // namespace sluice::schema
