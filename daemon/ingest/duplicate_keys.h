#pragma once

#include <simdjson.h>

#include <optional>
#include <string>
#include <string_view>
#include <vector>

namespace sluice {

/// Looks for objects that have a key twice: RFC 8259 leaves open which of the values counts, so two
/// readers of such a message may disagree. Costs O(n log n) of the document whatever its shape.
/// Private to the room: this header brings simdjson along.
class DuplicateKeys {
 public:
  /// The JSON pointer of a member that its object has twice. The document's depth is bounded by its
  /// parser, and this recurses as deep.
  std::optional<std::string> find(simdjson::dom::element root);

 private:
  std::optional<std::string> find_in(simdjson::dom::object object);
  std::optional<std::string> find_in(simdjson::dom::array array);
  std::vector<std::string_view> keys_;  ///< of one object; kept for its memory
};

}  // namespace sluice
