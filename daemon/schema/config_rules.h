#pragma once

#include "schema/yaml_walk.h"

namespace sluice::schema {

/// Fills in what a key left out takes from another key: a stage's name from its plugin, a
/// measurement from its pointer, `arrival` as the time format where there is no `time`.
void fill_derived(v1::Config& config);

/// The rules that span keys, and the forms the descriptors cannot express: unique names,
/// references, addresses, topic patterns, pairs of files, pointers. `config` went through the walk
/// and `fill_derived`; `places` gives each finding its line. What is left for others to find is
/// what the file alone does not tell: plugins' configs, the files that it names.
void check_rules(const v1::Config& config, const KeyPlaces& places, ErrorList& errors);

}  // namespace sluice::schema
