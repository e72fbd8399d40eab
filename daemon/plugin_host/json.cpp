#include "plugin_host/json.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <cstdint>
#include <utility>

#include "base/utf8.h"

namespace sluice {
namespace {

constexpr std::size_t kBytesMax = 65536;
constexpr int kDepthMax = 32;

Json::Object::const_iterator place_of(const Json::Object& members, std::string_view key) {
  return std::lower_bound(members.begin(), members.end(), key,
                          [](const Json::Member& m, std::string_view k) { return m.key < k; });
}

void append_string(std::string& out, std::string_view text) {
  constexpr char kHex[] = "0123456789abcdef";
  out.push_back('"');
  for (const char c : text) {
    const auto u = static_cast<unsigned char>(c);
    if (u < 0x20) {
      out += "\\u00";
      out.push_back(kHex[u >> 4]);
      out.push_back(kHex[u & 15]);
      continue;
    }
    if (c == '"' || c == '\\') out.push_back('\\');
    out.push_back(c);
  }
  out.push_back('"');
}

void append_json(std::string& out, const Json& json) {
  if (const auto* boolean = json.boolean()) {
    out += *boolean ? "true" : "false";
  } else if (const auto* number = json.number()) {
    out += number_text(*number);
  } else if (const auto* string = json.string()) {
    append_string(out, *string);
  } else if (const auto* array = json.array()) {
    out.push_back('[');
    for (const Json& item : *array) {
      if (out.back() != '[') out.push_back(',');
      append_json(out, item);
    }
    out.push_back(']');
  } else if (const auto* object = json.object()) {
    out.push_back('{');
    for (const auto& [key, item] : *object) {
      if (out.back() != '{') out.push_back(',');
      append_string(out, key);
      out.push_back(':');
      append_json(out, item);
    }
    out.push_back('}');
  } else {
    out += "null";
  }
}

bool is_digit(char c) { return c >= '0' && c <= '9'; }

void append_utf8(std::string& out, std::uint32_t c) {
  const auto put = [&out](std::uint32_t byte) { out.push_back(static_cast<char>(byte)); };
  if (c < 0x80) return put(c);
  if (c < 0x800) {
    put(0xC0 | (c >> 6));
  } else if (c < 0x10000) {
    put(0xE0 | (c >> 12));
    put(0x80 | ((c >> 6) & 0x3F));
  } else {
    put(0xF0 | (c >> 18));
    put(0x80 | ((c >> 12) & 0x3F));
    put(0x80 | ((c >> 6) & 0x3F));
  }
  put(0x80 | (c & 0x3F));
}

/// Recursive descent. Each function is false after a fault; `expected` and `at` then tell it.
class Parser {
 public:
  explicit Parser(std::string_view text) : text_(text) {}

  Result<Json> parse() {
    Json out;
    if (text_.size() > kBytesMax) return invalid_argument("larger than 64 KiB");
    if (value(out, 0)) {
      skip_space();
      if (at_ == text_.size()) return out;
      expected_ = "the end";
    }
    return invalid_argument("not JSON: expected " + expected_ + " at byte " + std::to_string(at_));
  }

 private:
  bool fail(const char* expected) {
    expected_ = expected;
    return false;
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool accept(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void skip_space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

  bool value(Json& out, int depth) {
    if (depth > kDepthMax) return fail("at most 32 levels");
    skip_space();
    if (accept("{")) return object(out.value.emplace<Json::Object>(), depth);
    if (accept("[")) return array(out.value.emplace<Json::Array>(), depth);
    if (peek() == '"') return string(out.value.emplace<std::string>());
    if (peek() == '-' || is_digit(peek())) return number(out);
    if (accept("true")) return out.value.emplace<bool>(true);
    if (accept("false")) return !out.value.emplace<bool>(false);
    return accept("null") || fail("a value");
  }

  bool object(Json::Object& out, int depth) {
    skip_space();
    if (accept("}")) return true;
    do {
      skip_space();
      Json::Member member;
      if (!string(member.key)) return false;
      const auto place = place_of(out, member.key);
      if (place != out.end() && place->key == member.key) return fail("each key once, before");
      skip_space();
      if (!accept(":")) return fail("':'");
      if (!value(member.value, depth + 1)) return false;
      out.insert(place, std::move(member));
      skip_space();
    } while (accept(","));
    return accept("}") || fail("',' or '}'");
  }

  bool array(Json::Array& out, int depth) {
    skip_space();
    if (accept("]")) return true;
    do {
      if (!value(out.emplace_back(), depth + 1)) return false;
      skip_space();
    } while (accept(","));
    return accept("]") || fail("',' or ']'");
  }

  bool digits() {
    if (!is_digit(peek())) return fail("a digit");
    while (is_digit(peek())) ++at_;
    return true;
  }
  bool number(Json& out) {
    const std::size_t start = at_;
    accept("-");
    if (!accept("0") && !digits()) return false;
    if (accept(".") && !digits()) return false;
    if (accept("e") || accept("E")) {
      if (!accept("-")) accept("+");
      if (!digits()) return false;
    }
    out.digits = text_.substr(start, at_ - start);
    const auto result =
        std::from_chars(text_.data() + start, text_.data() + at_, out.value.emplace<double>());
    return result.ec == std::errc() || fail("a number within a double's range before");
  }

  bool string(std::string& out) {
    if (!accept("\"")) return fail("a string");
    while (!accept("\"")) {
      if (accept("\\")) {
        if (!escape(out)) return false;
        continue;
      }
      const std::size_t size = utf8_character_bytes(text_.substr(at_));
      if (size == 0 || static_cast<unsigned char>(peek()) < 0x20) return fail("'\"' or UTF-8");
      out += text_.substr(at_, size);
      at_ += size;
    }
    return true;
  }
  bool escape(std::string& out) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (accept("u")) return code_point(out);
    const auto i = at_ < text_.size() ? kLetters.find(peek()) : std::string_view::npos;
    if (i == std::string_view::npos) return fail("an escape such as \\n");
    out.push_back(kMeanings[i]);
    ++at_;
    return true;
  }
  bool code_point(std::string& out) {
    std::uint32_t first = 0;
    std::uint32_t second = 0;
    if (!hex4(first)) return false;
    if (first < 0xD800 || first > 0xDFFF) {
      append_utf8(out, first);
      return true;
    }
    if (first > 0xDBFF || !accept("\\u") || !hex4(second) || second < 0xDC00 || second > 0xDFFF) {
      return fail("a pair of surrogates");
    }
    append_utf8(out, 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00));
    return true;
  }
  bool hex4(std::uint32_t& out) {
    const std::string_view digits = text_.substr(at_, 4);
    const auto result = std::from_chars(digits.data(), digits.data() + digits.size(), out, 16);
    if (digits.size() != 4 || result.ptr != digits.data() + 4) return fail("4 hex digits");
    at_ += 4;
    return true;
  }

  std::string_view text_;
  std::size_t at_ = 0;
  std::string expected_;
};

}  // namespace

const Json* Json::find(std::string_view key) const {
  const Object* members = object();
  if (members == nullptr) return nullptr;
  const auto place = place_of(*members, key);
  return place != members->end() && place->key == key ? &place->value : nullptr;
}

Json& Json::member(std::string_view key) {
  auto& members = std::get<Object>(value);
  auto place = members.begin() + (place_of(members, key) - members.cbegin());
  if (place == members.end() || place->key != key) {
    place = members.insert(place, Member{std::string(key), Json{}});
  }
  return place->value;
}

std::string Json::text() const {
  std::string out;
  append_json(out, *this);
  return out;
}

Result<Json> parse_json(std::string_view text) { return Parser(text).parse(); }

std::string number_text(double v) {
  std::array<char, 32> text;
  const auto end = std::to_chars(text.data(), text.data() + text.size(), v).ptr;
  return {text.data(), end};
}

}  // namespace sluice
