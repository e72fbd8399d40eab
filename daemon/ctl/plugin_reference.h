#pragma once

#include <string>
#include <vector>

#include "plugin_host/plugin_folder.h"

// What plugins say of themselves, for people and scripts. Pure.

namespace sluice::ctl {

/// A folder's files: a line each, those that cannot be used with the reason.
std::string plugin_list_text(const std::vector<PluginFile>& files);
std::string plugin_list_json(const std::vector<PluginFile>& files);

/// One usable plugin: what it does, its rules, the keys of its config, its aggregate.
std::string plugin_text(const PluginFile& file);
/// `{"name":…,"version":…,"description":…,"file":…,"ordered":…,"ordered_by_config":…,
/// "deterministic":…,"state_bytes_per_series":…,"rules":[…],"config_schema":{…},"aggregate":null,
/// "error":""}`, for an unusable file with its error and the fields that are known. An aggregate:
/// `{"description":…,"results":[{"name":…,"unit":…,"description":…}],"config_schema":{…}}`.
std::string plugin_json(const PluginFile& file);

/// The reference in Markdown: a table of all plugins, then each with its rules and keys. Equal
/// plugins give equal bytes. All files are usable.
std::string plugin_markdown(const std::vector<PluginFile>& files);

}  // namespace sluice::ctl
