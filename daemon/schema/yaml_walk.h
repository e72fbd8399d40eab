#pragma once

#include "schema/config_reader.h"
#include "schema/yaml_tree.h"

namespace sluice::schema {

/// Fills `config` from the tree along the schema: keys, types, forms, bounds, defaults. What is
/// wrong goes to `errors`; the rest is filled in all the same.
void fill_config(YamlNode& root, const Environment& environment, v1::Config& config,
                 KeyPlaces& places, ErrorList& errors);

}  // namespace sluice::schema
