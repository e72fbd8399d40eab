#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "schema/config_reader.h"
#include "schema/schema_fields.h"
#include "schema/yaml_tree.h"

namespace sluice::schema {

inline constexpr std::string_view kOverridePrefix = "SLUICE__";

/// Replaces each `${NAME}` by the variable's value, which is not looked into again, and `$${` by
/// `${`. Fails on an undefined or badly formed name, and on any `${` when not `allowed`.
Result<std::string> expand(std::string_view text, bool allowed, const Environment& environment);

/// The SLUICE__… variables there are: one for each bootstrap key that holds a single value.
std::vector<std::string> override_names();

/// Puts the values of SLUICE__… variables into the tree, in place of what the file says. An unknown
/// name is an error that lists the accepted ones. Appends one note per override.
void apply_overrides(const Environment& environment, YamlNode& root, ErrorList& errors,
                     std::vector<std::string>& notes);

}  // namespace sluice::schema
