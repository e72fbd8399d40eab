#include "plugin_host/plugin_folder.h"

#include <utility>

#include "plugin_host/host_process.h"

namespace sluice {

Result<PluginMetadata> describe_plugin(const std::string& dir, const std::string& name) {
  const auto library = PluginLibrary::open(dir, name);
  if (!library.ok()) return library.status();
  return (*library)->metadata();
}

Result<PluginMetadata> describe_isolated(const IsolationOptions& options, const std::string& dir,
                                         const std::string& name, const Clock& clock) {
  const Result<std::string> path = plugin_path(dir, name);
  if (!path.ok()) return path.status();
  const Result<PinnedFile> file = PinnedFile::open(*path);
  if (!file.ok()) return file.status();
  PluginMetadata metadata;
  const auto process = HostProcess::start(options.program, *file, options.limits, clock, metadata);
  if (!process.ok()) return process.status();
  return metadata;
}

Result<std::vector<PluginFile>> list_plugins(
    const std::string& dir,
    const std::function<Result<PluginMetadata>(const std::string& name)>& describe) {
  const auto names = plugin_names(dir);
  if (!names.ok()) return names.status();
  std::vector<PluginFile> files;
  for (const std::string& name : *names) {
    PluginFile file{dir + "/" + name + ".so", name, {}, {}};
    Result<PluginMetadata> metadata = describe(name);
    file.status = metadata.status();
    if (metadata.ok()) file.metadata = *std::move(metadata);
    files.push_back(std::move(file));
  }
  return files;
}

}  // namespace sluice
