#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/status.h"
#include "plugin_host/aggregate_ability.h"

struct sluice_plugin_descriptor;

namespace sluice {

/// What a plugin says of itself; see plugins/api/sluice_plugin.h.
struct PluginMetadata {
  std::string name;
  std::string version;
  std::string description;
  std::string config_schema;  ///< JSON Schema text, checked
  std::vector<std::string> rules;
  std::uint64_t state_bytes_per_series = 0;
  bool ordered = false;            ///< unless an instance says otherwise
  bool ordered_by_config = false;  ///< each instance says whether it is
  bool deterministic = false;
  std::optional<AggregateMetadata> aggregate;  ///< unset: it supplies none
};

/// Whether it is within the contract's bounds, and the plugin of that name. Any thread.
Status check_metadata(const PluginMetadata& metadata, const std::string& name);

/// Absolute path of `dir`/`name`.so. `invalid_argument` for a name that no plugin has, `not_found`
/// when there is no such file.
Result<std::string> plugin_path(const std::string& dir, const std::string& name);

/// One loaded plugin file. The code stays in memory as long as this lives, so instances go first.
///
/// Loading runs the file's static constructors in this process: the folder of the plugins is
/// trusted as the daemon's own binary is. Any thread.
class PluginLibrary {
 public:
  /// Loads `dir`/`name`.so. `not_found` when there is no such file; `failed_precondition` when it
  /// is no plugin for this daemon: the message says which file, what was found and expected.
  static Result<std::unique_ptr<PluginLibrary>> open(const std::string& dir,
                                                     const std::string& name);
  /// The same for a file of any path.
  static Result<std::unique_ptr<PluginLibrary>> open_file(const std::string& path,
                                                          const std::string& name);
  ~PluginLibrary();
  PluginLibrary(const PluginLibrary&) = delete;
  PluginLibrary& operator=(const PluginLibrary&) = delete;

  const std::string& path() const { return path_; }
  const PluginMetadata& metadata() const { return metadata_; }
  const sluice_plugin_descriptor& descriptor() const { return *descriptor_; }
  /// Null when metadata() has none.
  const sluice_aggregate* aggregate() const { return aggregate_; }

 private:
  PluginLibrary(std::string path, void* handle) : path_(std::move(path)), handle_(handle) {}
  Status read_descriptor();
  Status read_metadata(const std::string& name);
  Status bad(const std::string& what) const;

  std::string path_;
  void* handle_;
  const sluice_plugin_descriptor* descriptor_ = nullptr;  ///< in the library's own memory
  const sluice_aggregate* aggregate_ = nullptr;           ///< likewise
  PluginMetadata metadata_;
};

/// Names of the .so files of a folder, sorted. `not_found` without the folder.
Result<std::vector<std::string>> plugin_names(const std::string& dir);

}  // namespace sluice
