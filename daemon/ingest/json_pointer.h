#pragma once

#include <cstddef>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

namespace sluice {

/// A place within a JSON document (RFC 6901), e.g. "/sensors/0/temp". The empty pointer is the
/// whole document. A plain value; any thread may read.
class JsonPointer {
 public:
  /// One step down: the member `key` of an object, or the element `index` of an array.
  struct Step {
    std::string key;
    std::optional<std::size_t> index;  ///< set when the key is an array index of RFC 6901
  };

  JsonPointer() = default;
  /// `invalid_argument` for a pointer that neither is empty nor begins with '/', and for a '~' that
  /// is not ~0 or ~1.
  static Result<JsonPointer> parse(std::string_view text);

  const std::string& text() const { return text_; }
  const std::vector<Step>& steps() const { return steps_; }
  bool whole_document() const { return steps_.empty(); }
  /// The last key, unescaped; empty for the whole document.
  std::string_view last() const {
    return steps_.empty() ? std::string_view() : std::string_view(steps_.back().key);
  }
  /// Set when the pointer names a member of the document's top level.
  const std::string* top_level_key() const {
    return steps_.size() == 1 ? &steps_.front().key : nullptr;
  }

 private:
  std::string text_;
  std::vector<Step> steps_;
};

/// '/' and the key as a pointer writes it.
std::string json_pointer_step(std::string_view key);

}  // namespace sluice
