#include "ingest/duplicate_keys.h"

#include <algorithm>

#include "ingest/json_pointer.h"

namespace sluice {

std::optional<std::string> DuplicateKeys::find(simdjson::dom::element root) {
  simdjson::dom::object object;
  if (root.get(object) == simdjson::SUCCESS) return find_in(object);
  simdjson::dom::array array;
  if (root.get(array) == simdjson::SUCCESS) return find_in(array);
  return std::nullopt;
}

std::optional<std::string> DuplicateKeys::find_in(simdjson::dom::object object) {
  keys_.clear();
  for (const auto member : object) keys_.push_back(member.key);
  std::sort(keys_.begin(), keys_.end());
  const auto twice = std::adjacent_find(keys_.begin(), keys_.end());
  if (twice != keys_.end()) return json_pointer_step(*twice);
  for (const auto member : object) {
    if (auto found = find(member.value)) return json_pointer_step(member.key) + *found;
  }
  return std::nullopt;
}

std::optional<std::string> DuplicateKeys::find_in(simdjson::dom::array array) {
  std::size_t index = 0;
  for (const simdjson::dom::element element : array) {
    if (auto found = find(element)) return "/" + std::to_string(index) + *found;
    ++index;
  }
  return std::nullopt;
}

}  // namespace sluice
