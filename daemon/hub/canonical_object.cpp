#include "hub/canonical_object.h"

#include <cstddef>
#include <optional>

#include "base/utf8.h"

namespace sluice {
namespace {

constexpr int kDepthMax = 32;

bool is_digit(char c) { return c >= '0' && c <= '9'; }
bool is_hex(char c) { return is_digit(c) || (c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F'); }

/// They are sorted by what they mean, which is not said here of a key with escapes.
bool comes_before(std::string_view a, std::string_view b) {
  const bool is_plain = a.find('\\') == b.npos && b.find('\\') == b.npos;
  return !is_plain || a < b;
}

/// Recursive descent, without building anything.
class Scanner {
 public:
  explicit Scanner(std::string_view text) : text_(text) {}
  bool is_object() { return accept("{") && object(0) && at_ == text_.size(); }

 private:
  char peek() const { return at_ < text_.size() ? text_[at_] : '\0'; }
  bool accept(std::string_view word) {
    if (text_.substr(at_, word.size()) != word) return false;
    at_ += word.size();
    return true;
  }

  bool value(int depth) {
    if (depth > kDepthMax) return false;
    if (accept("{")) return object(depth);
    if (accept("[")) return array(depth);
    if (peek() == '"') return string();
    return accept("true") || accept("false") || accept("null") || number();
  }
  bool object(int depth) {
    if (accept("}")) return true;
    std::optional<std::string_view> last;
    do {
      const std::size_t start = at_;
      if (!string()) return false;
      const std::string_view key = text_.substr(start + 1, at_ - start - 2);
      if (last && !comes_before(*last, key)) return false;
      last = key;
      if (!accept(":") || !value(depth + 1)) return false;
    } while (accept(","));
    return accept("}");
  }
  bool array(int depth) {
    if (accept("]")) return true;
    do {
      if (!value(depth + 1)) return false;
    } while (accept(","));
    return accept("]");
  }

  bool digits() {
    if (!is_digit(peek())) return false;
    while (is_digit(peek())) ++at_;
    return true;
  }
  bool number() {
    accept("-");
    if (!accept("0") && !digits()) return false;
    if (accept(".") && !digits()) return false;
    if (!accept("e") && !accept("E")) return true;
    if (!accept("-")) accept("+");
    return digits();
  }
  bool string() {
    if (!accept("\"")) return false;
    while (!accept("\"")) {
      if (accept("\\")) {
        if (!escape()) return false;
        continue;
      }
      const std::size_t bytes = utf8_character_bytes(text_.substr(at_));
      if (bytes == 0 || static_cast<unsigned char>(peek()) < 0x20) return false;
      at_ += bytes;
    }
    return true;
  }
  bool escape() {
    if (accept("u")) {
      for (int i = 0; i < 4; ++i, ++at_) {
        if (!is_hex(peek())) return false;
      }
      return true;
    }
    constexpr std::string_view kLetters = "\"\\/bfnrt";
    if (at_ == text_.size() || kLetters.find(peek()) == std::string_view::npos) return false;
    ++at_;
    return true;
  }

  const std::string_view text_;
  std::size_t at_ = 0;
};

}  // namespace

bool is_canonical_object(std::string_view json) { return Scanner(json).is_object(); }

}  // namespace sluice
