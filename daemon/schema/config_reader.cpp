#include "schema/config_reader.h"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <memory>

#include "schema/config_rules.h"
#include "schema/environment.h"
#include "schema/schema_fields.h"
#include "schema/yaml_tree.h"
#include "schema/yaml_walk.h"

namespace sluice {
Result<std::string> read_config_text(const std::string& path) {
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

namespace {

/// The sections that are local, as fields of Config.
std::vector<const google::protobuf::FieldDescriptor*> local_sections() {
  std::vector<const google::protobuf::FieldDescriptor*> all;
  const auto& config = *v1::Config::descriptor();
  for (int i = 0; i < config.field_count(); ++i) {
    if (schema::rule_of(*config.field(i)).bootstrap()) all.push_back(config.field(i));
  }
  return all;
}

void take_local(const schema::YamlNode& root, const v1::Config& local, LoadResult& result,
                schema::ErrorList& errors) {
  const google::protobuf::Reflection& reflection = *result.config.GetReflection();
  for (const auto* section : local_sections()) {
    google::protobuf::Message& ours = *reflection.MutableMessage(&result.config, section);
    const google::protobuf::Message& theirs = reflection.GetMessage(local, section);
    const bool is_written = std::any_of(root.entries.begin(), root.entries.end(),
                                        [&](const auto& e) { return e.key == section->name(); });
    if (is_written && ours.SerializeAsString() != theirs.SerializeAsString()) {
      errors.add(result.places.find(section->name()), section->name(),
                 "differs from what the node runs with, and is local to it: leave it out here; to "
                 "change it, edit the node's own file and restart the daemon");
    }
    ours.CopyFrom(theirs);
  }
}

/// Its name is the one local key that has no default.
void name_node(const v1::Config& local, schema::YamlNode& root, schema::ErrorList& errors) {
  std::vector<std::string> notes;
  const Environment name{{"SLUICE__NODE__NAME", local.node().name()}};
  schema::apply_overrides(name, root, errors, notes);
}

}  // namespace

LoadResult load_document(std::string_view text, const std::string& file_name,
                         const Environment& environment, const v1::Config& local) {
  LoadResult result;
  result.file_name = file_name;
  schema::ErrorList errors(file_name);
  auto root = schema::parse_yaml(text, errors);
  if (root && root->kind == schema::YamlNode::Kind::mapping) {
    const schema::YamlNode written = *root;
    if (root->find("node") == nullptr) name_node(local, *root, errors);
    schema::apply_overrides(environment, *root, errors, result.notes);
    schema::fill_config(*root, environment, result.config, result.places, errors);
    take_local(written, local, result, errors);
    schema::fill_derived(result.config);
    schema::check_rules(result.config, result.places, errors);
  } else if (root) {
    schema::fill_config(*root, environment, result.config, result.places, errors);
  }
  result.errors = errors.take();
  result.errors_left_out = errors.left_out();
  return result;
}

LoadResult load_candidate(std::string_view text, const std::string& file_name,
                          const v1::Config& local) {
  LoadResult loaded = load_config_text(text, file_name, {});
  const google::protobuf::Reflection& reflection = *loaded.config.GetReflection();
  for (const auto* section : local_sections()) {
    std::erase_if(loaded.errors, [&](const ConfigError& error) {
      return error.key_path.substr(0, error.key_path.find_first_of(".[")) == section->name();
    });
    reflection.MutableMessage(&loaded.config, section)
        ->CopyFrom(reflection.GetMessage(local, section));
  }
  return loaded;
}

LoadResult load_config_file(const std::string& path, const Environment& environment) {
  const auto text = read_config_text(path);
  if (text.ok()) return load_config_text(*text, path, environment);
  LoadResult result;
  result.file_name = path;
  schema::ErrorList errors(path);
  errors.add({}, "", std::string(text.status().message()));
  result.errors = errors.take();
  return result;
}

}  // namespace sluice
