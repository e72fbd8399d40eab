#include "schema/config_reader.h"

#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "schema/config_rules.h"
#include "schema/environment.h"
#include "schema/yaml_tree.h"
#include "schema/yaml_walk.h"

namespace sluice {
namespace {

/// Reads up to one byte past the limit, so that the reader can tell that there is more.
Result<std::string> read_file(const std::string& path) {
  const auto close = [](std::FILE* file) { std::fclose(file); };
  const std::unique_ptr<std::FILE, decltype(close)> file(std::fopen(path.c_str(), "rbe"), close);
  if (!file) return unavailable(std::string("cannot be opened: ") + std::strerror(errno));
  std::string text(schema::kYamlBytesMax + 1, '\0');
  const std::size_t size = std::fread(text.data(), 1, text.size(), file.get());
  if (std::ferror(file.get()) != 0) {
    return unavailable(std::string("cannot be read: ") + std::strerror(errno));
  }
  text.resize(size);
  return text;
}

}  // namespace

Environment process_environment() {
  Environment out;
  for (char** variable = environ; variable != nullptr && *variable != nullptr; ++variable) {
    const std::string_view text(*variable);
    const std::size_t equals = text.find('=');
    if (equals == std::string_view::npos) continue;
    out.emplace(text.substr(0, equals), text.substr(equals + 1));
  }
  return out;
}

std::string client_id(const v1::Config& config, const v1::SourceConfig& source) {
  if (!source.mqtt().client_id().empty()) return source.mqtt().client_id();
  return "sluice-" + config.node().name() + "-" + source.name();
}

LoadResult load_config_text(std::string_view text, const std::string& file_name,
                            const Environment& environment) {
  LoadResult result;
  result.file_name = file_name;
  schema::ErrorList errors(file_name);
  if (auto root = schema::parse_yaml(text, errors)) {
    if (root->kind == schema::YamlNode::Kind::mapping) {
      schema::apply_overrides(environment, *root, errors, result.notes);
    }
    schema::fill_config(*root, environment, result.config, result.places, errors);
    schema::fill_derived(result.config);
    schema::check_rules(result.config, result.places, errors);
  }
  result.errors = errors.take();
  result.errors_left_out = errors.left_out();
  return result;
}

LoadResult load_config_file(const std::string& path, const Environment& environment) {
  const auto text = read_file(path);
  if (text.ok()) return load_config_text(*text, path, environment);
  LoadResult result;
  result.file_name = path;
  schema::ErrorList errors(path);
  errors.add({}, "", std::string(text.status().message()));
  result.errors = errors.take();
  return result;
}

}  // namespace sluice
