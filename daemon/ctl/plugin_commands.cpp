#include "ctl/plugin_commands.h"

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "base/clock.h"
#include "base/log.h"
#include "ctl/plugin_aggregate_trial.h"
#include "ctl/plugin_reference.h"
#include "plugin_host/aggregate_library.h"
#include "plugin_host/plugin_folder.h"
#include "plugin_host/plugin_stage.h"
#include "plugin_host/shipped_plugins.h"

namespace sluice::ctl {
namespace {

constexpr std::size_t kInputBytesMax = 512 * 1024 * 1024;
constexpr std::size_t kSeriesMax = 1'000'000;

Result<std::string> read_all(std::FILE* file, const std::string& name) {
  std::string out;
  std::string chunk(65536, '\0');
  while (const std::size_t n = std::fread(chunk.data(), 1, chunk.size(), file)) {
    if (out.size() + n > kInputBytesMax) return invalid_argument(name + ": more than 512 MiB");
    out.append(chunk, 0, n);
  }
  if (std::ferror(file) != 0) return invalid_argument(name + ": " + std::strerror(errno));
  return out;
}

Result<std::string> read_config(const std::string& config) {
  if (config.empty() || config[0] != '@') return config;
  const std::string path = config.substr(1);
  const std::unique_ptr<std::FILE, int (*)(std::FILE*)> file(std::fopen(path.c_str(), "rb"),
                                                             std::fclose);
  if (file == nullptr) return invalid_argument("--config " + path + ": " + std::strerror(errno));
  return read_all(file.get(), "--config " + path);
}

bool runs_here(const PluginTarget& target, const std::string& name) {
  return target.in_process || is_shipped_plugin(name);
}

IsolationOptions isolation() {
  IsolationOptions options;
  options.program = default_host_program();
  options.failures_max = 0;
  options.backoff_min = std::chrono::nanoseconds(0);
  return options;
}

Result<PluginMetadata> metadata_of(const PluginTarget& target, const std::string& name) {
  return runs_here(target, name) ? sluice::describe_plugin(target.dir, name)
                                 : describe_isolated(isolation(), target.dir, name, SystemClock());
}

Result<std::vector<PluginFile>> files_of(const PluginTarget& target) {
  return list_plugins(target.dir,
                      [&](const std::string& name) { return metadata_of(target, name); });
}

Result<std::vector<ReadingLine>> read_readings() {
  const auto input = read_all(stdin, "stdin");
  if (!input.ok()) return input.status();
  return parse_reading_lines(*input);
}

ExitCode try_aggregate_of(const PluginTarget& target, const std::string& config_json,
                          const TrialOptions& options) {
  if (!runs_here(target, target.name)) {
    return fail(
        invalid_argument("an aggregate runs in the process that folds, here as in the "
                         "daemon: add --in-process to run plugin " +
                         target.name + " with your rights"));
  }
  const auto type = open_aggregate(target.dir, target.name, config_json, "plugin");
  if (!type.ok()) return fail(type.status());
  const auto metadata = sluice::describe_plugin(target.dir, target.name);
  if (!metadata.ok()) return fail(metadata.status());
  const auto readings = read_readings();
  if (!readings.ok()) return fail(readings.status());
  const AggregateAnswer answer = try_aggregate(options, *type, *metadata->aggregate, *readings);
  put(answer.text);
  return answer.failures > 0 ? kExitBadAnswer : kExitOk;
}

}  // namespace

ExitCode list_plugin_files(const PluginTarget& target) {
  const auto files = files_of(target);
  if (!files.ok()) return fail(files.status());
  put(target.json ? plugin_list_json(*files) : plugin_list_text(*files));
  return kExitOk;
}

ExitCode describe_plugin(const PluginTarget& target) {
  const auto metadata = metadata_of(target, target.name);
  if (!metadata.ok()) return fail(metadata.status());
  const PluginFile file{*plugin_path(target.dir, target.name), target.name, {}, *metadata};
  put(target.json ? plugin_json(file) + "\n" : plugin_text(file));
  return kExitOk;
}

ExitCode write_plugin_docs(const PluginTarget& target) {
  const auto files = files_of(target);
  if (!files.ok()) return fail(files.status());
  for (const PluginFile& file : *files) {
    if (!file.status.ok()) return fail(file.status);
  }
  put(plugin_markdown(*files));
  return kExitOk;
}

ExitCode try_plugin(const PluginTarget& target, const std::string& config,
                    const TrialOptions& options) {
  log::use_stderr();
  const auto config_json = read_config(config);
  if (!config_json.ok()) return fail(config_json.status());
  if (options.of_aggregate) return try_aggregate_of(target, *config_json, options);
  SeriesTable series(kSeriesMax);
  const IsolationOptions isolated = isolation();
  const auto make = [&] {
    return make_stage({.dir = target.dir,
                       .plugin = target.name,
                       .stage = "",
                       .config_json = *config_json,
                       .pipeline = "",
                       .where = "plugin",
                       .series = series,
                       .isolation = runs_here(target, target.name) ? nullptr : &isolated});
  };
  // A config that does not pass is told before anybody is asked for readings.
  if (const auto stage = make(); !stage.ok()) return fail(stage.status());
  auto readings = read_readings();
  if (!readings.ok()) return fail(readings.status());
  // Each batch at once: a plugin that crashes in this process takes it along.
  PluginTrial trial(options, series, make, [](const std::string& text) {
    put(text);
    std::fflush(stdout);
  });
  if (Status s = trial.run(*std::move(readings)); !s.ok()) return fail(s);
  return trial.failures() > 0 ? kExitBadAnswer : kExitOk;
}

}  // namespace sluice::ctl
