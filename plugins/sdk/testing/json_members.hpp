#pragma once

#include <map>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>

namespace sluice::sdk::test {

/// The values of a JSON object by key, as they are written; what is inside them is not looked at.
class JsonMembers {
 public:
  using Map = std::map<std::string, std::string>;

  /// Throws std::invalid_argument when it is no object.
  static Map of(std::string_view json) {
    JsonMembers reader(json);
    Map out;
    reader.take('{');
    if (!reader.accept('}')) {
      do {
        const std::string_view key = reader.value();
        if (key.size() < 2 || key.front() != '"') fail("a key in quotes");
        reader.take(':');
        const bool is_new =
            out.emplace(key.substr(1, key.size() - 2), std::string(reader.value())).second;
        if (!is_new) fail("each key once");
      } while (reader.accept(','));
      reader.take('}');
    }
    if (!reader.rest().empty()) fail("the end");
    return out;
  }

 private:
  explicit JsonMembers(std::string_view text) : text_(text) {}
  [[noreturn]] static void fail(const std::string& expected) {
    throw std::invalid_argument("not a JSON object: expected " + expected);
  }
  std::string_view rest() {
    const std::size_t at = text_.find_first_not_of(" \t\n\r");
    text_.remove_prefix(at == std::string_view::npos ? text_.size() : at);
    return text_;
  }
  bool accept(char c) {
    if (rest().empty() || text_.front() != c) return false;
    text_.remove_prefix(1);
    return true;
  }
  void take(char c) {
    if (!accept(c)) fail(std::string(1, c));
  }
  /// The next value whole.
  std::string_view value() {
    const std::string_view from = rest();
    std::size_t at = 0;
    int depth = 0;
    do {
      if (at >= from.size()) fail("the end of a value");
      const char c = from[at];
      if (c == '"') {
        at = end_of_string(from, at);
      } else if (c == '{' || c == '[') {
        ++depth;
      } else if (c == '}' || c == ']') {
        --depth;
      } else if (depth == 0) {
        at = from.find_first_of(" \t\n\r,:{}[]\"", at);
        if (at == 0) fail("a value");
        if (at == std::string_view::npos) at = from.size();
        --at;
      }
      ++at;
    } while (depth > 0);
    if (depth < 0) fail("a value");
    text_ = from.substr(at);
    return from.substr(0, at);
  }
  static std::size_t end_of_string(std::string_view text, std::size_t at) {
    for (++at; at < text.size() && text[at] != '"'; ++at) {
      if (text[at] == '\\') ++at;
    }
    if (at >= text.size()) fail("'\"'");
    return at;
  }

  std::string_view text_;
};

/// Throws std::invalid_argument for a keyword that the daemon does not check, in a schema or in
/// those inside it, and for a schema without a type.
inline void check_keywords(std::string_view schema_json) {
  constexpr std::string_view kKnown =
      " $schema $id $comment title description unit examples default type properties required "
      "additionalProperties minProperties minimum maximum exclusiveMinimum exclusiveMaximum enum "
      "items minItems maxItems minLength maxLength ";
  const auto schema = JsonMembers::of(schema_json);
  if (!schema.contains("type")) throw std::invalid_argument("a schema without a type");
  for (const auto& [keyword, value] : schema) {
    if (kKnown.find(" " + keyword + " ") == std::string_view::npos) {
      throw std::invalid_argument("the schema's keyword " + keyword + " is not checked");
    }
    if (keyword == "items") check_keywords(value);
    if (keyword != "properties") continue;
    for (const auto& [key, property] : JsonMembers::of(value)) check_keywords(property);
  }
}

/// The config with the defaults of the schema's keys, as create() gets it. Throws
/// std::invalid_argument for a key that the schema has not, where it has all, and for a missing
/// one.
inline std::string with_defaults(std::string_view schema_json, std::string_view config_json) {
  auto schema = JsonMembers::of(schema_json);
  if (schema["type"] != "\"object\"") throw std::invalid_argument("the schema is of no object");
  const std::string& listed = schema["properties"];
  const auto properties = listed.empty() ? JsonMembers::Map() : JsonMembers::of(listed);
  auto config = JsonMembers::of(config_json);
  for (const auto& [key, value] : config) {
    if (schema["additionalProperties"] == "false" && !properties.contains(key)) {
      throw std::invalid_argument("config." + key + ": no such key");
    }
  }
  const std::string& required = schema["required"];
  for (const auto& [key, property] : properties) {
    const auto facts = JsonMembers::of(property);
    if (const auto preset = facts.find("default"); preset != facts.end()) {
      config.emplace(key, preset->second);
    }
    if (required.find('"' + key + '"') != std::string::npos && !config.contains(key)) {
      throw std::invalid_argument("config." + key + ": missing");
    }
  }
  std::string out = "{";
  for (const auto& [key, value] : config) {
    out += (out.size() > 1 ? ",\"" : "\"") + key + "\":" + value;
  }
  return out + "}";
}

/// Well-formed UTF-8 (RFC 3629).
inline bool is_utf8(std::string_view text) {
  while (!text.empty()) {
    const auto first = static_cast<unsigned char>(text.front());
    const std::size_t size = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (text.size() < size || (first >= 0x80 && first < 0xC2) || first > 0xF4) return false;
    for (std::size_t i = 1; i < size; ++i) {
      if ((static_cast<unsigned char>(text[i]) & 0xC0) != 0x80) return false;
    }
    const auto second = static_cast<unsigned char>(size > 1 ? text[1] : 0);
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F) ||
        (first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) {
      return false;
    }
    text.remove_prefix(size);
  }
  return true;
}

}  // namespace sluice::sdk::test
