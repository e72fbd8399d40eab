#include "schema/json_text.h"

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <map>
#include <optional>

namespace sluice::schema {
namespace {

enum class Style { as_written, canonical };

bool is_digit(char c) { return c >= '0' && c <= '9'; }

std::size_t skip_digits(std::string_view text, std::size_t at) {
  while (at < text.size() && is_digit(text[at])) ++at;
  return at;
}

/// The parts of `[-+]? (digits (. digits?)? | . digits) ([eE] [-+]? digits)?`, the core schema's
/// decimal numbers.
struct Decimal {
  bool negative = false;
  std::string_view whole;
  std::string_view fraction;
  std::string_view exponent;  ///< with its sign
};

std::optional<Decimal> parse_decimal(std::string_view text) {
  Decimal number;
  std::size_t at = 0;
  if (!text.empty() && (text[0] == '-' || text[0] == '+')) number.negative = text[at++] == '-';
  std::size_t end = skip_digits(text, at);
  number.whole = text.substr(at, end - at);
  at = end;
  if (at < text.size() && text[at] == '.') {
    end = skip_digits(text, ++at);
    number.fraction = text.substr(at, end - at);
    at = end;
  }
  if (number.whole.empty() && number.fraction.empty()) return std::nullopt;
  if (at < text.size() && (text[at] == 'e' || text[at] == 'E')) {
    const std::size_t start = ++at;
    if (at < text.size() && (text[at] == '-' || text[at] == '+')) ++at;
    end = skip_digits(text, at);
    if (end == at) return std::nullopt;
    number.exponent = text.substr(start, end - start);
    at = end;
  }
  if (at != text.size()) return std::nullopt;
  return number;
}

std::string to_json_number(const Decimal& number) {
  std::string out = number.negative ? "-" : "";
  out += number.whole.empty() ? "0" : number.whole;
  if (!number.fraction.empty()) out.append(".").append(number.fraction);
  if (!number.exponent.empty()) out.append("e").append(number.exponent);
  return out;
}

/// 0x1F and 0o17.
std::optional<std::uint64_t> parse_based(std::string_view text) {
  const int base = text.starts_with("0x") ? 16 : text.starts_with("0o") ? 8 : 0;
  if (base == 0 || text.size() == 2) return std::nullopt;
  std::uint64_t value = 0;
  const auto [end, error] =
      std::from_chars(text.data() + 2, text.data() + text.size(), value, base);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

bool is_one_of(std::string_view text, std::initializer_list<std::string_view> words) {
  return std::find(words.begin(), words.end(), text) != words.end();
}

bool is_not_finite(std::string_view text) {
  std::string_view unsigned_text = text;
  if (text.starts_with('-') || text.starts_with('+')) unsigned_text.remove_prefix(1);
  return is_one_of(unsigned_text, {".inf", ".Inf", ".INF"}) ||
         is_one_of(text, {".nan", ".NaN", ".NAN"});
}

/// Of a number that a double cannot hold: too large, rather than too close to 0 to tell.
bool is_large(const Decimal& number) {
  std::string_view text = number.exponent;
  if (text.starts_with('+')) text.remove_prefix(1);
  std::int64_t exponent = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), exponent);
  if (error == std::errc::result_out_of_range) return !text.starts_with('-');
  const std::size_t zeros =
      std::min(number.fraction.find_first_not_of('0'), number.fraction.size());
  const bool below_one = number.whole.empty() || number.whole == "0";
  const std::int64_t digits = below_one ? -static_cast<std::int64_t>(zeros)
                                        : static_cast<std::int64_t>(number.whole.size());
  return exponent > -digits;
}

/// Empty: beyond a double's range.
std::optional<double> finite_value(const Decimal& decimal, std::string_view json_number) {
  double value = 0;
  const auto [end, error] =
      std::from_chars(json_number.data(), json_number.data() + json_number.size(), value);
  if (error != std::errc::result_out_of_range) return value;
  return is_large(decimal) ? std::nullopt : std::optional(0.0);
}

std::string shortest(double value) {
  if (value == 0) return "0";
  char text[64];
  // Whole numbers that a double holds exactly are written without a point, as integers are.
  constexpr double kExactMax = 9007199254740992.0;
  if (value == std::floor(value) && std::fabs(value) <= kExactMax) {
    const auto [end, error] =
        std::to_chars(text, text + sizeof text, static_cast<std::int64_t>(value));
    return {text, end};
  }
  const auto [end, error] = std::to_chars(text, text + sizeof text, value);
  return {text, end};
}

class JsonWriter {
 public:
  JsonWriter(Style style, ErrorList& errors) : style_(style), errors_(errors) {}

  void write(const YamlNode& node, const std::string& path) {
    switch (node.kind) {
      case YamlNode::Kind::null:
      case YamlNode::Kind::refused: out_ += "null"; return;
      case YamlNode::Kind::scalar: write_scalar(node, path); return;
      case YamlNode::Kind::sequence: write_items(node, path); return;
      case YamlNode::Kind::mapping: write_entries(node, path); return;
    }
  }

  std::string take() { return std::move(out_); }

 private:
  void write_items(const YamlNode& node, const std::string& path) {
    out_ += '[';
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      if (i > 0) out_ += ',';
      write(node.items[i], child_path(path, i));
    }
    out_ += ']';
  }

  void write_entries(const YamlNode& node, const std::string& path) {
    std::vector<const YamlEntry*> entries;
    for (const YamlEntry& entry : node.entries) entries.push_back(&entry);
    if (style_ == Style::canonical) {
      std::sort(entries.begin(), entries.end(),
                [](const YamlEntry* a, const YamlEntry* b) { return a->key < b->key; });
    }
    out_ += '{';
    for (const YamlEntry* entry : entries) {
      if (entry != entries.front()) out_ += ',';
      out_ += json_string(entry->key) + ':';
      write(entry->value, child_path(path, entry->key));
    }
    out_ += '}';
  }

  void write_scalar(const YamlNode& node, const std::string& path) {
    const std::string& text = node.text;
    if (node.quoted) {
      out_ += json_string(text);
    } else if (is_one_of(text, {"true", "True", "TRUE"})) {
      out_ += "true";
    } else if (is_one_of(text, {"false", "False", "FALSE"})) {
      out_ += "false";
    } else if (is_not_finite(text)) {
      errors_.add(node.place, path, "expected a finite number, got " + quote(text));
    } else if (const auto based = parse_based(text)) {
      out_ += std::to_string(*based);
    } else if (const auto decimal = parse_decimal(text)) {
      write_number(node, *decimal, path);
    } else {
      out_ += json_string(text);
    }
  }

  void write_number(const YamlNode& node, const Decimal& decimal, const std::string& path) {
    const std::string number = to_json_number(decimal);
    const auto value = finite_value(decimal, number);
    if (decimal.whole.size() > 1 && decimal.whole[0] == '0') {
      errors_.add(
          node.place, path,
          "expected a number without leading zeros (or text in quotes), got " + quote(node.text));
    } else if (!value) {
      errors_.add(node.place, path, "expected a finite number, got " + quote(node.text));
    } else {
      const bool whole = decimal.fraction.empty() && decimal.exponent.empty();
      const bool as_is = style_ == Style::as_written || (whole && *value != 0);
      out_ += as_is ? number : shortest(*value);
    }
  }

  const Style style_;
  ErrorList& errors_;
  std::string out_;
};

}  // namespace

std::string json_from_yaml(const YamlNode& node, std::string_view path, ErrorList& errors) {
  JsonWriter writer(Style::as_written, errors);
  writer.write(node, std::string(path));
  return writer.take();
}

std::string canonical_json(std::string_view json) {
  // JSON is YAML in flow style, so the reader of the one serves the other.
  ErrorList errors("");
  const auto tree = parse_yaml(json, errors);
  if (!tree || !errors.empty()) return std::string(json);
  JsonWriter writer(Style::canonical, errors);
  writer.write(*tree, "");
  return errors.empty() ? writer.take() : std::string(json);
}

std::string json_string(std::string_view text) {
  std::string out = "\"";
  for (const char c : text) {
    const auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      out += {'\\', c};
    } else if (byte < 0x20 || byte == 0x7F) {
      char escape[8];
      std::snprintf(escape, sizeof escape, "\\u%04x", byte);
      out += escape;
    } else {
      out += c;
    }
  }
  return out + '"';
}

}  // namespace sluice::schema
