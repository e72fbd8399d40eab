#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "sluice/v1/config.pb.h"

namespace sluice::schema {

/// The schema as people see it in YAML, read off the descriptors of config.proto.

using google::protobuf::Descriptor;
using google::protobuf::EnumDescriptor;
using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

const v1::FieldRule& rule_of(const FieldDescriptor& field);

/// The key in YAML: the field's name without its unit (`quota_bytes` is `quota`).
std::string yaml_key(const FieldDescriptor& field);
std::vector<std::string> yaml_keys(const Descriptor& type);
const FieldDescriptor* find_by_yaml_key(const Descriptor& type, std::string_view key);

/// The words of an enum, e.g. "rfc3339" for TIME_FORMAT_RFC3339 and "3.1.1" for VERSION_3_1_1.
std::vector<std::string> enum_words(const EnumDescriptor& type);

/// What belongs there, in words: `a whole number between 1 and 65535`.
std::string expected(const FieldDescriptor& field);

/// Parses `text` by the field's type and form, checks its bounds, and sets the field, or appends to
/// it when it is a list of text. `invalid_argument` says what was expected and what was found; text
/// fields are set even then, so that references to a badly formed name still resolve.
Status set_from_text(Message& message, const FieldDescriptor& field, std::string_view text);

/// The inverse for a single-valued scalar field: text that set_from_text accepts.
std::string text_of(const Message& message, const FieldDescriptor& field);

/// Whether a count of items lies in the field's bounds.
bool count_in_bounds(const FieldDescriptor& field, std::size_t count);

/// Sets the field to its default; without one it stays zero.
void set_default(Message& message, const FieldDescriptor& field);

inline constexpr std::size_t kTextBytesMax = 4096;
inline constexpr std::size_t kJsonBytesMax = 64 << 10;

}  // namespace sluice::schema
