#include "schema/schema_fields.h"

#include <algorithm>
#include <cctype>
#include <charconv>
#include <cmath>
#include <limits>

#include "schema/config_error.h"
#include "schema/scalar_forms.h"
#include "schema/utf8.h"

namespace sluice::schema {
namespace {

using v1::FieldRule;
using Kind = FieldDescriptor::CppType;

std::string upper_snake(std::string_view pascal) {
  std::string out;
  for (const char c : pascal) {
    if (std::isupper(static_cast<unsigned char>(c)) != 0 && !out.empty()) out += '_';
    out += static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  }
  return out;
}

/// Numbers of every kind, so that a value and its bounds are compared in one place.
std::optional<std::uint64_t> parse_number(const FieldDescriptor& field, std::string_view text) {
  switch (rule_of(field).form()) {
    case FieldRule::FORM_SIZE: return parse_size_bytes(text);
    case FieldRule::FORM_DURATION: {
      const auto duration_ns = parse_duration_ns(text);
      if (!duration_ns) return std::nullopt;
      return static_cast<std::uint64_t>(*duration_ns);
    }
    default: return parse_whole_number(text);
  }
}

/// A decimal number, as JSON writes it. No hexadecimal, no infinity.
std::optional<double> parse_real(std::string_view text) {
  const auto plain = [](char c) {
    return (c >= '0' && c <= '9') || c == '.' || c == '-' || c == '+' || c == 'e' || c == 'E';
  };
  if (!std::all_of(text.begin(), text.end(), plain)) return std::nullopt;
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  const bool whole = error == std::errc() && end == text.data() + text.size();
  return whole && std::isfinite(value) ? std::optional(value + 0.0) : std::nullopt;
}

bool in_bounds(const FieldDescriptor& field, std::uint64_t value) {
  const FieldRule& rule = rule_of(field);
  const auto min = parse_number(field, rule.min());
  const auto max = parse_number(field, rule.max());
  if (field.cpp_type() == Kind::CPPTYPE_UINT32 &&
      value > std::numeric_limits<std::uint32_t>::max()) {
    return false;
  }
  return (!min || value >= *min) && (!max || value <= *max);
}

/// ` between A and B`, ` of at least A`, ` of at most B` or nothing.
std::string bounds_in_words(const FieldDescriptor& field) {
  const FieldRule& rule = rule_of(field);
  if (!rule.min().empty() && !rule.max().empty()) {
    return " between " + rule.min() + " and " + rule.max();
  }
  if (!rule.min().empty()) return " of at least " + rule.min();
  if (!rule.max().empty()) return " of at most " + rule.max();
  return "";
}

std::string expected_items(const FieldDescriptor& field) {
  const FieldRule& rule = rule_of(field);
  std::string count;
  if (!rule.max().empty()) {
    count = " of " + (rule.min().empty() ? "0" : rule.min()) + " to " + rule.max();
    if (rule.min() == rule.max()) count = " of " + rule.max();
    if (rule.min().empty() && rule.max() == "1") count = " of at most 1";
  }
  if (field.is_map()) return "a mapping" + count + " names to text";
  if (field.cpp_type() != Kind::CPPTYPE_MESSAGE) return "a list" + count + " texts";
  return "a list" + count + " mappings with the keys " + join(yaml_keys(*field.message_type()));
}

/// What is odd about a number that did not parse, when it is one of the usual slips.
std::string number_hint(const FieldDescriptor& field, std::string_view text) {
  const auto digits =
      std::find_if_not(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  const auto count = static_cast<std::size_t>(digits - text.begin());
  if (count == 0) return "";
  if (count > 1 && text[0] == '0') return "; write it without leading zeros";
  const auto form = rule_of(field).form();
  if (form == FieldRule::FORM_DURATION && count == text.size()) {
    return "; a duration needs its unit: ns, us, ms, s, m, h or d";
  }
  if (form == FieldRule::FORM_SIZE && count < text.size()) return "; the units are KiB, MiB, GiB";
  return "";
}

/// Reads back as the same number.
std::string shortest(double value) {
  char text[32];
  return {text, std::to_chars(text, text + sizeof text, value).ptr};
}

Status refuse(const FieldDescriptor& field, std::string_view text, std::string_view hint = "") {
  return invalid_argument("expected " + expected(field) + ", got " + quote(text) +
                          std::string(hint));
}

Status set_number(Message& message, const FieldDescriptor& field, std::string_view text) {
  const auto number = parse_number(field, text);
  if (!number) return refuse(field, text, number_hint(field, text));
  if (!in_bounds(field, *number)) return refuse(field, text);
  const auto& access = *message.GetReflection();
  switch (field.cpp_type()) {
    case Kind::CPPTYPE_UINT32:
      access.SetUInt32(&message, &field, static_cast<std::uint32_t>(*number));
      return {};
    case Kind::CPPTYPE_UINT64: access.SetUInt64(&message, &field, *number); return {};
    case Kind::CPPTYPE_INT64:
      access.SetInt64(&message, &field, static_cast<std::int64_t>(*number));
      return {};
    default: break;
  }
  SLUICE_ASSERT(!"a field type that config.proto does not use yet");
  return {};
}

Status set_real(Message& message, const FieldDescriptor& field, std::string_view text) {
  const auto value = parse_real(text);
  const auto min = parse_real(rule_of(field).min());
  if (!value || (min && *value < *min)) return refuse(field, text);
  message.GetReflection()->SetDouble(&message, &field, *value);
  return {};
}

Status set_enum(Message& message, const FieldDescriptor& field, std::string_view text) {
  const EnumDescriptor& type = *field.enum_type();
  const auto words = enum_words(type);
  const auto it = std::find(words.begin(), words.end(), text);
  if (it == words.end()) return refuse(field, text, did_you_mean(text, words));
  // Value 0, UNSPECIFIED, has no word.
  const auto index = static_cast<int>(it - words.begin()) + 1;
  message.GetReflection()->SetEnumValue(&message, &field, type.value(index)->number());
  return {};
}

Status check_text(const FieldDescriptor& field, std::string_view text) {
  const FieldRule& rule = rule_of(field);
  if (rule.form() == FieldRule::FORM_JSON) {
    if (text.size() <= kJsonBytesMax) return {};
    return invalid_argument("longer than " + std::to_string(kJsonBytesMax) + " bytes as JSON");
  }
  if (text.empty()) {
    if (!rule.required() && !field.is_repeated()) return {};
    return invalid_argument("must not be empty; expected " + expected(field));
  }
  if (rule.form() == FieldRule::FORM_NAME && !is_name(text)) return refuse(field, text);
  if (text.size() > kTextBytesMax) {
    return invalid_argument("longer than " + std::to_string(kTextBytesMax) + " bytes");
  }
  if (first_bad_utf8(text) < text.size()) {
    return refuse(field, text, "; control characters are not accepted");
  }
  return {};
}

Status set_text(Message& message, const FieldDescriptor& field, std::string_view text) {
  const Status status = check_text(field, text);
  // protobuf refuses to serialize text that is not UTF-8.
  const bool storable = status.ok() || first_bad_utf8(text) == text.size();
  if (storable && field.is_repeated()) {
    message.GetReflection()->AddString(&message, &field, std::string(text));
  } else if (storable) {
    message.GetReflection()->SetString(&message, &field, std::string(text));
  }
  return status;
}

}  // namespace

const v1::FieldRule& rule_of(const FieldDescriptor& field) {
  return field.options().GetExtension(v1::rule);
}

std::string yaml_key(const FieldDescriptor& field) {
  constexpr std::string_view kNanoseconds = "_ns";
  constexpr std::string_view kBytes = "_bytes";
  std::string key = field.name();
  const auto form = rule_of(field).form();
  if (form == FieldRule::FORM_DURATION && key.ends_with(kNanoseconds)) {
    key.resize(key.size() - kNanoseconds.size());
  } else if (form == FieldRule::FORM_SIZE) {
    const std::size_t at = key.find(kBytes);
    if (at != std::string::npos) key.erase(at, kBytes.size());
  }
  return key;
}

std::vector<std::string> yaml_keys(const Descriptor& type) {
  std::vector<std::string> keys;
  for (int i = 0; i < type.field_count(); ++i) keys.push_back(yaml_key(*type.field(i)));
  return keys;
}

const FieldDescriptor* find_by_yaml_key(const Descriptor& type, std::string_view key) {
  for (int i = 0; i < type.field_count(); ++i) {
    if (yaml_key(*type.field(i)) == key) return type.field(i);
  }
  return nullptr;
}

std::vector<std::string> enum_words(const EnumDescriptor& type) {
  const std::size_t prefix_size = upper_snake(type.name()).size() + 1;
  std::vector<std::string> words;
  for (int i = 1; i < type.value_count(); ++i) {
    std::string word = type.value(i)->name().substr(prefix_size);
    const bool version = std::isdigit(static_cast<unsigned char>(word[0])) != 0;
    for (char& c : word) {
      c = version && c == '_' ? '.'
                              : static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
    }
    words.push_back(std::move(word));
  }
  return words;
}

std::string expected(const FieldDescriptor& field) {
  if (field.is_repeated()) return expected_items(field);
  switch (rule_of(field).form()) {
    case FieldRule::FORM_DURATION:
      return R"(a duration such as "250ms", "5s", "1h")" + bounds_in_words(field);
    case FieldRule::FORM_SIZE: return R"(a size such as "64KiB", "16MiB")" + bounds_in_words(field);
    case FieldRule::FORM_NAME: return R"(a name of 1 to 64 letters, digits, ".", "_" or "-")";
    case FieldRule::FORM_JSON: return "a mapping";
    default: break;
  }
  switch (field.cpp_type()) {
    case Kind::CPPTYPE_MESSAGE:
      return "a mapping with the keys " + join(yaml_keys(*field.message_type()));
    case Kind::CPPTYPE_ENUM: return "one of " + join(enum_words(*field.enum_type()));
    case Kind::CPPTYPE_BOOL: return "true or false";
    case Kind::CPPTYPE_STRING: return "text";
    case Kind::CPPTYPE_DOUBLE: return "a number such as 0.5" + bounds_in_words(field);
    default: return "a whole number" + bounds_in_words(field);
  }
}

Status set_from_text(Message& message, const FieldDescriptor& field, std::string_view text) {
  switch (field.cpp_type()) {
    case Kind::CPPTYPE_STRING: return set_text(message, field, text);
    case Kind::CPPTYPE_ENUM: return set_enum(message, field, text);
    case Kind::CPPTYPE_BOOL: {
      const auto value = parse_boolean(text);
      if (!value) return refuse(field, text);
      message.GetReflection()->SetBool(&message, &field, *value);
      return {};
    }
    case Kind::CPPTYPE_DOUBLE: return set_real(message, field, text);
    default: return set_number(message, field, text);
  }
}

std::string text_of(const Message& message, const FieldDescriptor& field) {
  const auto& access = *message.GetReflection();
  const auto form = rule_of(field).form();
  switch (field.cpp_type()) {
    case Kind::CPPTYPE_STRING: return access.GetString(message, &field);
    case Kind::CPPTYPE_BOOL: return access.GetBool(message, &field) ? "true" : "false";
    case Kind::CPPTYPE_UINT32: return std::to_string(access.GetUInt32(message, &field));
    case Kind::CPPTYPE_DOUBLE: return shortest(access.GetDouble(message, &field));
    case Kind::CPPTYPE_ENUM: {
      const int index = access.GetEnum(message, &field)->index();
      return index == 0 ? "" : enum_words(*field.enum_type())[static_cast<std::size_t>(index) - 1];
    }
    case Kind::CPPTYPE_UINT64: {
      const std::uint64_t value = access.GetUInt64(message, &field);
      return form == FieldRule::FORM_SIZE ? format_size_bytes(value) : std::to_string(value);
    }
    case Kind::CPPTYPE_INT64: {
      const std::int64_t value = access.GetInt64(message, &field);
      return form == FieldRule::FORM_DURATION ? format_duration_ns(value) : std::to_string(value);
    }
    default: break;
  }
  SLUICE_ASSERT(!"a field type that config.proto does not use yet");
  return "";
}

bool count_in_bounds(const FieldDescriptor& field, std::size_t count) {
  const auto min = parse_whole_number(rule_of(field).min());
  const auto max = parse_whole_number(rule_of(field).max());
  return count >= min.value_or(0) &&
         count <= max.value_or(std::numeric_limits<std::uint64_t>::max());
}

void set_default(Message& message, const FieldDescriptor& field) {
  const std::string& text = rule_of(field).default_();
  if (text.empty()) return;
  const Status status = set_from_text(message, field, text);
  SLUICE_ASSERT(status.ok());
}

}  // namespace sluice::schema
