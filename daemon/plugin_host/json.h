#pragma once

#include <string>
#include <string_view>
#include <variant>
#include <vector>

#include "base/status.h"

namespace sluice {

/// A JSON value (RFC 8259): plugin configs and their schemas, small and read once. Numbers are
/// doubles. Our own, because protobuf's Struct has another layout under ThreadSanitizer than in the
/// distribution's library, and takes what is not quite JSON.
struct Json {
  struct Member;
  using Array = std::vector<Json>;
  using Object = std::vector<Member>;  ///< sorted by key; each key once

  std::variant<std::monostate, bool, double, std::string, Array, Object> value;
  std::string digits;  ///< of a number that was parsed: as it was written, which may say more

  bool is_null() const { return std::holds_alternative<std::monostate>(value); }
  const bool* boolean() const { return std::get_if<bool>(&value); }
  const double* number() const { return std::get_if<double>(&value); }
  const std::string* string() const { return std::get_if<std::string>(&value); }
  const Array* array() const { return std::get_if<Array>(&value); }
  Array* array() { return std::get_if<Array>(&value); }
  const Object* object() const { return std::get_if<Object>(&value); }

  /// Null when this is no object or has no such key.
  const Json* find(std::string_view key) const;
  /// The member of that key, made null when it is not there. Of an object only.
  Json& member(std::string_view key);
  /// Without spaces, keys sorted, numbers as short as they read back the same: equal values are
  /// equal texts.
  std::string text() const;
};

struct Json::Member {
  std::string key;
  Json value;
};

/// At most 64 KiB and 32 levels. Refuses duplicate keys, numbers beyond a double, bad UTF-8 and
/// anything after the value; `invalid_argument` says what was expected at which byte.
Result<Json> parse_json(std::string_view text);

/// A number as short as it reads back the same.
std::string number_text(double v);

}  // namespace sluice
