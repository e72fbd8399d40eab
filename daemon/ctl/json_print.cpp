#include "ctl/json_print.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <charconv>
#include <cmath>
#include <cstdio>
#include <utility>
#include <vector>

#include "ctl/text.h"

namespace sluice::ctl {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;
using google::protobuf::Reflection;

void append_message(std::string& out, const Message& message);

template <typename T>
void append_number(std::string& out, T value) {
  char text[32];
  const auto end = std::to_chars(text, text + sizeof text, value).ptr;
  out.append(text, end);
}

template <typename T>
void append_real(std::string& out, T value) {
  if (std::isnan(value))
    out += "\"NaN\"";
  else if (std::isinf(value))
    out += value > 0 ? "\"Infinity\"" : "\"-Infinity\"";
  else
    append_number(out, value);
}

void append_hash(std::string& out, std::uint64_t value) {
  char text[24];
  std::snprintf(text, sizeof text, "\"%016llx\"", static_cast<unsigned long long>(value));
  out += text;
}

void append_base64(std::string& out, std::string_view bytes) {
  constexpr char kDigits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  const auto byte = [&](std::size_t i) {
    return i < bytes.size() ? static_cast<unsigned char>(bytes[i]) : 0u;
  };
  out.push_back('"');
  for (std::size_t i = 0; i < bytes.size(); i += 3) {
    const unsigned group = byte(i) << 16 | byte(i + 1) << 8 | byte(i + 2);
    out.push_back(kDigits[group >> 18]);
    out.push_back(kDigits[group >> 12 & 63]);
    out.push_back(i + 1 < bytes.size() ? kDigits[group >> 6 & 63] : '=');
    out.push_back(i + 2 < bytes.size() ? kDigits[group & 63] : '=');
  }
  out.push_back('"');
}

void append_text(std::string& out, const FieldDescriptor& field, const std::string& text) {
  if (field.type() == FieldDescriptor::TYPE_BYTES)
    append_base64(out, text);
  else
    append_json_string(out, text);
}

void append_enum(std::string& out, const FieldDescriptor& field, int number) {
  // proto3 enums are open: a newer peer may send a value that we have no name for.
  const auto* value = field.enum_type()->FindValueByNumber(number);
  if (value != nullptr)
    append_json_string(out, value->name());
  else
    append_number(out, number);
}

/// The field's value, or its entry `i` when it is repeated.
void append_value(std::string& out, const Message& m, const FieldDescriptor* f, int i) {
  const Reflection& r = *m.GetReflection();
  const bool many = f->is_repeated();
  switch (f->cpp_type()) {
    case FieldDescriptor::CPPTYPE_INT32:
      return append_number(out, many ? r.GetRepeatedInt32(m, f, i) : r.GetInt32(m, f));
    case FieldDescriptor::CPPTYPE_INT64:
      return append_number(out, many ? r.GetRepeatedInt64(m, f, i) : r.GetInt64(m, f));
    case FieldDescriptor::CPPTYPE_UINT32:
      return append_number(out, many ? r.GetRepeatedUInt32(m, f, i) : r.GetUInt32(m, f));
    case FieldDescriptor::CPPTYPE_UINT64: {
      const std::uint64_t value = many ? r.GetRepeatedUInt64(m, f, i) : r.GetUInt64(m, f);
      return f->type() == FieldDescriptor::TYPE_FIXED64 ? append_hash(out, value)
                                                        : append_number(out, value);
    }
    case FieldDescriptor::CPPTYPE_DOUBLE:
      return append_real(out, many ? r.GetRepeatedDouble(m, f, i) : r.GetDouble(m, f));
    case FieldDescriptor::CPPTYPE_FLOAT:
      return append_real(out, many ? r.GetRepeatedFloat(m, f, i) : r.GetFloat(m, f));
    case FieldDescriptor::CPPTYPE_BOOL:
      out += (many ? r.GetRepeatedBool(m, f, i) : r.GetBool(m, f)) ? "true" : "false";
      return;
    case FieldDescriptor::CPPTYPE_ENUM:
      return append_enum(out, *f, many ? r.GetRepeatedEnumValue(m, f, i) : r.GetEnumValue(m, f));
    case FieldDescriptor::CPPTYPE_STRING:
      return append_text(out, *f, many ? r.GetRepeatedString(m, f, i) : r.GetString(m, f));
    case FieldDescriptor::CPPTYPE_MESSAGE:
      return append_message(out, many ? r.GetRepeatedMessage(m, f, i) : r.GetMessage(m, f));
  }
}

void append_map(std::string& out, const Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  const auto* key_field = field->message_type()->map_key();
  const auto* value_field = field->message_type()->map_value();
  std::vector<std::pair<std::string, std::string>> entries;
  for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
    const Message& entry = reflection.GetRepeatedMessage(message, field, i);
    std::string key;
    append_value(key, entry, key_field, 0);
    // Keys of JSON objects are strings, whatever the map's are.
    if (key.front() != '"') key = "\"" + key + "\"";
    std::string value;
    append_value(value, entry, value_field, 0);
    entries.emplace_back(std::move(key), std::move(value));
  }
  std::sort(entries.begin(), entries.end());
  out.push_back('{');
  for (std::size_t i = 0; i < entries.size(); ++i) {
    if (i > 0) out.push_back(',');
    out += entries[i].first + ":" + entries[i].second;
  }
  out.push_back('}');
}

void append_field(std::string& out, const Message& message, const FieldDescriptor* field) {
  const Reflection& reflection = *message.GetReflection();
  if (field->is_map()) return append_map(out, message, field);
  if (!field->is_repeated()) {
    if (field->has_presence() && !reflection.HasField(message, field))
      out += "null";
    else
      append_value(out, message, field, 0);
    return;
  }
  out.push_back('[');
  for (int i = 0; i < reflection.FieldSize(message, field); ++i) {
    if (i > 0) out.push_back(',');
    append_value(out, message, field, i);
  }
  out.push_back(']');
}

void append_message(std::string& out, const Message& message) {
  const auto* descriptor = message.GetDescriptor();
  std::vector<const FieldDescriptor*> fields;
  for (int i = 0; i < descriptor->field_count(); ++i) fields.push_back(descriptor->field(i));
  std::sort(fields.begin(), fields.end(),
            [](const auto* a, const auto* b) { return a->number() < b->number(); });
  out.push_back('{');
  for (std::size_t i = 0; i < fields.size(); ++i) {
    if (i > 0) out.push_back(',');
    append_json_string(out, fields[i]->name());
    out.push_back(':');
    append_field(out, message, fields[i]);
  }
  out.push_back('}');
}

}  // namespace

std::string to_json(const google::protobuf::Message& message) {
  std::string out;
  append_message(out, message);
  return out;
}

void append_json_string(std::string& out, std::string_view text) {
  out.push_back('"');
  while (!text.empty()) {
    const CodePoint c = decode_utf8(text);
    if (c.bytes == 0) {
      out += "\\ufffd";
    } else if (c.value == '"' || c.value == '\\') {
      out.push_back('\\');
      out.push_back(text[0]);
    } else if (c.value < 0x20 || (c.value >= 0x7F && c.value < 0xA0)) {
      char escaped[8];
      std::snprintf(escaped, sizeof escaped, "\\u%04x", static_cast<unsigned>(c.value));
      out += escaped;
    } else {
      out += text.substr(0, c.bytes);
    }
    text.remove_prefix(std::max<std::size_t>(c.bytes, 1));
  }
  out.push_back('"');
}

}  // namespace sluice::ctl
