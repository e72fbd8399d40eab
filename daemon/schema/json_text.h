#pragma once

#include <string>
#include <string_view>

#include "schema/yaml_tree.h"

namespace sluice::schema {

/// A YAML value as JSON (RFC 8259) on one line. Quoted scalars are strings; plain ones resolve as
/// in the core schema of YAML 1.2: null, true, false and numbers, anything else (`yes`, `12:30`) is
/// a string. Numbers keep their digits. What JSON cannot say (.inf, .nan, 010) is reported with its
/// key path, which starts with `path`.
std::string json_from_yaml(const YamlNode& node, std::string_view path, ErrorList& errors);

/// One text for all ways to write the same JSON value: keys sorted, no spaces, numbers in their
/// shortest form. Text that is not JSON comes back as it is.
std::string canonical_json(std::string_view json);

/// The string with quotes and escapes.
std::string json_string(std::string_view text);

}  // namespace sluice::schema
