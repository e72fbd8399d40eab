#pragma once

#include <charconv>
#include <cstdint>
#include <map>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <utility>
#include <variant>
#include <vector>

namespace sluice::sdk {

/// The config given to a plugin: one JSON object (RFC 8259), read strictly.
///
/// Values are numbers, strings, booleans, arrays of numbers, and objects of numbers, strings and
/// booleans; null, deeper objects, other arrays, duplicate keys, numbers beyond a double and
/// anything after the object are refused. At most 64 KiB, 256 keys an object, 32 KiB a string,
/// 4,096 numbers an array. The daemon has checked the config against the plugin's schema before; a
/// type that does not fit is then the plugin's bug.
class Config {
 public:
  static constexpr std::size_t kBytesMax = 65536;
  static constexpr std::size_t kKeysMax = 256;
  static constexpr std::size_t kStringBytesMax = 32768;
  static constexpr std::size_t kNumbersMax = 4096;

  using Numbers = std::vector<double>;
  using Scalar = std::variant<bool, double, std::string>;
  using Table = std::map<std::string, Scalar>;
  using Value = std::variant<bool, double, std::string, Numbers, Table>;

  /// Throws std::invalid_argument that says what was expected and at which byte.
  static Config parse(std::string_view json);

  bool has(const std::string& key) const { return values_.contains(key); }
  std::size_t size() const { return values_.size(); }

  /// Empty when the key is not there. Throw std::invalid_argument when it has another type.
  std::optional<double> number(const std::string& key) const {
    return get<double>(key, "a number");
  }
  std::optional<std::string> string(const std::string& key) const {
    return get<std::string>(key, "a string");
  }
  std::optional<bool> boolean(const std::string& key) const {
    return get<bool>(key, "true or false");
  }
  Numbers numbers(const std::string& key) const {
    return get<Numbers>(key, "an array of numbers").value_or(Numbers{});
  }
  Table table(const std::string& key) const {
    return get<Table>(key, "an object").value_or(Table{});
  }

 private:
  template <typename T>
  std::optional<T> get(const std::string& key, const char* expected) const {
    const auto it = values_.find(key);
    if (it == values_.end()) return std::nullopt;
    if (const T* value = std::get_if<T>(&it->second)) return *value;
    throw std::invalid_argument(key + ": expected " + expected);
  }
  std::map<std::string, Value> values_;
};

/// One pass over the text of a Config; every method starts at the next byte and throws on bad text.
class ConfigParser {
 public:
  explicit ConfigParser(std::string_view text) : text_(text) {}

  std::map<std::string, Config::Value> object() {
    if (text_.size() > Config::kBytesMax) fail("at most 64 KiB");
    skip_space();
    auto values = members<Config::Value>([this] { return value(); });
    skip_space();
    if (at_ != text_.size()) fail("the end");
    return values;
  }

 private:
  [[noreturn]] void fail(const std::string& expected) const {
    throw std::invalid_argument("config, byte " + std::to_string(at_) + ": expected " + expected);
  }
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool accept(char c) {
    if (at_ >= text_.size() || text_[at_] != c) return false;
    ++at_;
    return true;
  }
  void take(char c, const char* expected) {
    if (!accept(c)) fail(expected);
  }
  bool accept(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }
  void skip_space() {
    while (peek() == ' ' || peek() == '\t' || peek() == '\n' || peek() == '\r') ++at_;
  }

  /// An object, each value as `read()` reads it.
  template <typename Value, typename Read>
  std::map<std::string, Value> members(Read read) {
    std::map<std::string, Value> values;
    take('{', "'{'");
    skip_space();
    if (accept('}')) return values;
    do {
      skip_space();
      std::string key = string();
      skip_space();
      take(':', "':'");
      skip_space();
      if (values.contains(key)) fail("each key once");
      if (values.size() == Config::kKeysMax) fail("at most 256 keys");
      values.emplace(std::move(key), read());
      skip_space();
    } while (accept(','));
    take('}', "',' or '}'");
    return values;
  }

  Config::Value value() {
    constexpr const char* kExpected =
        "a number, a string, true, false, an array of numbers or an object of scalars";
    if (peek() == '{') {
      return members<Config::Scalar>(
          [this] { return scalar("a number, a string, true or false"); });
    }
    if (accept('[')) return numbers();
    return std::visit([](auto&& v) -> Config::Value { return std::move(v); }, scalar(kExpected));
  }
  Config::Scalar scalar(const char* expected) {
    if (peek() == '"') return string();
    if (accept("true")) return true;
    if (accept("false")) return false;
    if (peek() == '-' || is_digit(peek())) return number();
    fail(expected);
  }

  Config::Numbers numbers() {
    Config::Numbers out;
    skip_space();
    if (accept(']')) return out;
    do {
      skip_space();
      if (out.size() == Config::kNumbersMax) fail("at most 4096 numbers");
      out.push_back(number());
      skip_space();
    } while (accept(','));
    take(']', "',' or ']'");
    return out;
  }

  static bool is_digit(char c) { return c >= '0' && c <= '9'; }
  void digits() {
    if (!is_digit(peek())) fail("a digit");
    while (is_digit(peek())) ++at_;
  }
  double number() {
    const std::size_t start = at_;
    accept('-');
    if (!accept('0')) digits();
    if (accept('.')) digits();
    if (accept('e') || accept('E')) {
      if (!accept('-')) accept('+');
      digits();
    }
    double out = 0;
    const auto result = std::from_chars(text_.data() + start, text_.data() + at_, out);
    if (result.ec != std::errc()) fail("a number within a double's range");
    return out;
  }

  std::string string() {
    take('"', "'\"'");
    std::string out;
    while (!accept('"')) {
      if (at_ >= text_.size()) fail("'\"'");
      if (static_cast<unsigned char>(peek()) < 0x20) fail("no control character");
      if (out.size() >= Config::kStringBytesMax) fail("at most 32768 bytes in a string");
      if (accept('\\')) {
        escape(out);
      } else {
        out.push_back(text_[at_++]);
      }
    }
    return out;
  }
  void escape(std::string& out) {
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    constexpr std::string_view kMeanings = "\"\\/\b\f\n\r\t";
    if (accept('u')) return append_utf8(out, code_point());
    const auto i = kLetters.find(peek());
    if (at_ >= text_.size() || i == std::string_view::npos) fail("an escape such as \\n");
    out.push_back(kMeanings[i]);
    ++at_;
  }
  std::uint32_t hex4() {
    std::uint32_t out = 0;
    for (int i = 0; i < 4; ++i, ++at_) {
      const char c = peek();
      const bool letter = (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F');
      if (!is_digit(c) && !letter) fail("4 hex digits");
      out = out * 16 + static_cast<std::uint32_t>(is_digit(c) ? c - '0' : (c | 0x20) - 'a' + 10);
    }
    return out;
  }
  std::uint32_t code_point() {
    const std::uint32_t first = hex4();
    if (first >= 0xDC00 && first <= 0xDFFF) fail("a high surrogate before a low one");
    if (first < 0xD800 || first > 0xDBFF) return first;
    if (!accept("\\u")) fail("a low surrogate");
    const std::uint32_t second = hex4();
    if (second < 0xDC00 || second > 0xDFFF) fail("a low surrogate");
    return 0x10000 + ((first - 0xD800) << 10) + (second - 0xDC00);
  }
  static void append_utf8(std::string& out, std::uint32_t c) {
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

  std::string_view text_;
  std::size_t at_ = 0;
};

inline Config Config::parse(std::string_view json) {
  Config config;
  config.values_ = ConfigParser(json).object();
  return config;
}

}  // namespace sluice::sdk
