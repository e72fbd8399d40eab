#pragma once

#include <cstddef>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "schema/config_error.h"
#include "schema/key_places.h"
#include "sluice/v1/config.pb.h"

namespace sluice {

/// Environment variables by name.
using Environment = std::map<std::string, std::string>;

/// This process's variables.
Environment process_environment();

/// What became of reading a config. `config` is to be used only when `ok()`.
struct LoadResult {
  /// Complete: every key that was not written holds its default, sections too. Unset are only the
  /// `tls` sections that were not written, and texts whose emptiness has a meaning of its own.
  v1::Config config;
  std::vector<ConfigError> errors;  ///< in the order of the file, the first 50
  std::size_t errors_left_out = 0;
  std::vector<std::string> notes;  ///< one line per override from the environment
  std::string file_name;           ///< as errors call it
  schema::KeyPlaces places;        ///< gives what others find wrong with `config` its line

  bool ok() const { return errors.empty(); }
};

/// `mqtt.client_id` of the source, or what it is when left out.
std::string client_id(const v1::Config& config, const v1::SourceConfig& source);

/// A config file's text, or one byte more than a config may have. `unavailable` says why not.
Result<std::string> read_config_text(const std::string& path);

/// Reads and checks a config (DESIGN §10): its YAML, its keys, types and bounds, then the rules
/// that span keys. Goes on after an error and reports all it finds, each with line and key path.
/// Local (bootstrap) keys may hold `${NAME}`, and SLUICE__SECTION__KEY variables replace them. At
/// most 1 MiB. Any thread.
LoadResult load_config_file(const std::string& path, const Environment& environment);

/// The same for text; `file_name` is what messages call it.
LoadResult load_config_text(std::string_view text, const std::string& file_name,
                            const Environment& environment);

/// Whether the text says something of a key, by itself or by one below it.
bool is_written(const schema::KeyPlaces& places, const std::string& key_path);

/// Keys that belong to the machine: the sections node, storage, uplink, log and control,
/// plugins.dir and plugins.host.
std::vector<std::string> local_keys();

/// A config that came to a running node: its local keys are those of `local`. The text may leave
/// them out; what it says of them must be the same, because to change them takes the node's own
/// file and a restart. `environment` is empty for what
/// came from afar.
LoadResult load_document(std::string_view text, const std::string& file_name,
                         const Environment& environment, const v1::Config& local);

/// The same for a config that is only tried: whatever it says of local sections does not count.
LoadResult load_candidate(std::string_view text, const std::string& file_name,
                          const v1::Config& local);

}  // namespace sluice
