#include "schema/config_reader.h"

#include <google/protobuf/util/message_differencer.h>
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

/// A field that belongs to the machine, and where it is.
struct LocalField {
  std::string key_path;
  std::vector<const google::protobuf::FieldDescriptor*> path;
};

void collect_local(const google::protobuf::Descriptor& type, LocalField prefix,
                   std::vector<LocalField>& out) {
  for (int i = 0; i < type.field_count(); ++i) {
    const google::protobuf::FieldDescriptor& field = *type.field(i);
    LocalField next = prefix;
    next.path.push_back(&field);
    next.key_path += (next.key_path.empty() ? "" : ".") + schema::yaml_key(field);
    if (schema::rule_of(field).bootstrap()) {
      out.push_back(std::move(next));
    } else if (field.message_type() != nullptr && !field.is_repeated()) {
      collect_local(*field.message_type(), std::move(next), out);
    }
  }
}

std::vector<LocalField> local_fields() {
  std::vector<LocalField> all;
  collect_local(*v1::Config::descriptor(), {}, all);
  return all;
}

/// Nothing but that field.
v1::Config only(const v1::Config& config, const LocalField& field) {
  v1::Config out;
  google::protobuf::Message* to = &out;
  const google::protobuf::Message* from = &config;
  for (const auto* step : field.path) {
    if (step != field.path.back()) {
      to = to->GetReflection()->MutableMessage(to, step);
      from = &from->GetReflection()->GetMessage(*from, step);
      continue;
    }
    to->CopyFrom(*from);
    std::vector<const google::protobuf::FieldDescriptor*> set;
    to->GetReflection()->ListFields(*to, &set);
    for (const auto* other : set) {
      if (other != step) to->GetReflection()->ClearField(to, other);
    }
  }
  return out;
}

void take_over(const LocalField& field, const v1::Config& local, v1::Config& config) {
  google::protobuf::Message* to = &config;
  for (const auto* step : field.path) {
    if (step == field.path.back()) {
      to->GetReflection()->ClearField(to, step);
    } else {
      to = to->GetReflection()->MutableMessage(to, step);
    }
  }
  config.MergeFrom(only(local, field));
}

void take_local(const v1::Config& local, LoadResult& result, schema::ErrorList& errors) {
  for (const LocalField& field : local_fields()) {
    if (is_written(result.places, field.key_path) &&
        !google::protobuf::util::MessageDifferencer::Equals(only(result.config, field),
                                                            only(local, field))) {
      errors.add(result.places.find(field.key_path), field.key_path,
                 "differs from what the node runs with, and is local to it: leave it out here; to "
                 "change it, edit the node's own file and restart the daemon");
    }
    take_over(field, local, result.config);
  }
}

/// Its name is the one local key that has no default.
void name_node(const v1::Config& local, schema::YamlNode& root, schema::ErrorList& errors) {
  std::vector<std::string> notes;
  const Environment name{{"SLUICE__NODE__NAME", local.node().name()}};
  schema::apply_overrides(name, root, errors, notes);
}

bool is_at_or_below(std::string_view key_path, std::string_view key) {
  return key_path.starts_with(key) && (key_path.size() == key.size() ||
                                       key_path[key.size()] == '.' || key_path[key.size()] == '[');
}

}  // namespace

bool is_written(const schema::KeyPlaces& places, const std::string& key_path) {
  return places.has(key_path) && places.find(key_path).line != 0;
}

std::vector<std::string> local_keys() {
  std::vector<std::string> keys;
  for (LocalField& field : local_fields()) keys.push_back(std::move(field.key_path));
  return keys;
}

LoadResult load_document(std::string_view text, const std::string& file_name,
                         const Environment& environment, const v1::Config& local) {
  LoadResult result;
  result.file_name = file_name;
  schema::ErrorList errors(file_name);
  auto root = schema::parse_yaml(text, errors);
  if (root && root->kind == schema::YamlNode::Kind::mapping) {
    if (root->find("node") == nullptr) name_node(local, *root, errors);
    schema::apply_overrides(environment, *root, errors, result.notes);
    schema::fill_config(*root, environment, result.config, result.places, errors);
    take_local(local, result, errors);
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
  for (const LocalField& field : local_fields()) {
    std::erase_if(loaded.errors, [&](const ConfigError& error) {
      return is_at_or_below(error.key_path, field.key_path);
    });
    take_over(field, local, loaded.config);
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
