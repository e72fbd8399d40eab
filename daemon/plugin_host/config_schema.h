#pragma once

#include <string>
#include <string_view>

#include "base/status.h"
#include "plugin_host/json.h"

namespace sluice {

/// The part of JSON Schema (draft 2020-12) that plugin configs use: type, properties, required,
/// additionalProperties (true or false), minProperties, minimum, maximum, exclusiveMinimum,
/// exclusiveMaximum, enum, items, minItems, maxItems, minLength and maxLength (in bytes), default.
/// Annotations (title, description, unit, examples, $schema, $id, $comment) are skipped.

/// `invalid_argument` unless it is a schema of an object that uses nothing else: a keyword that is
/// not checked would promise the operator more than is kept.
Status check_schema(std::string_view schema_json);

/// The config as JSON text with sorted keys and all defaults filled in; "" counts as {}.
/// `invalid_argument` names the key, what is accepted and what was found, e.g.
/// `config.absolute: expected a number >= 0, got "abc"`. The schema has passed check_schema().
Result<std::string> apply_schema(std::string_view schema_json, std::string_view config_json);

/// What a value must be under this schema, which is of a checked one: `a number > 0 and <= 10`,
/// `one of "drop", "flag"`, `an array, each item a number`.
std::string schema_expectation(const Json& schema);

}  // namespace sluice
