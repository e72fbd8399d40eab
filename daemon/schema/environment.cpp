#include "schema/environment.h"

#include <algorithm>
#include <cctype>
#include <map>

#include "schema/scalar_forms.h"

namespace sluice::schema {
namespace {

using Path = std::vector<std::string>;

std::string upper(std::string text) {
  for (char& c : text) c = static_cast<char>(std::toupper(static_cast<unsigned char>(c)));
  return text;
}

/// Every bootstrap key of a single value, by the variable that sets it.
void collect(const Descriptor& type, bool bootstrap, const Path& path,
             std::map<std::string, Path>& out) {
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    const bool inside = bootstrap || rule_of(field).bootstrap();
    if (field.is_repeated()) continue;
    Path child = path;
    child.push_back(yaml_key(field));
    if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      collect(*field.message_type(), inside, child, out);
      continue;
    }
    if (!inside) continue;
    std::string name(kOverridePrefix);
    for (const auto& key : child) {
      name += (&key == &child.front() ? "" : "__") + upper(key);
    }
    out.emplace(std::move(name), std::move(child));
  }
}

std::map<std::string, Path> overridable() {
  std::map<std::string, Path> out;
  collect(*v1::Config::descriptor(), false, {}, out);
  return out;
}

/// Sets the value at the path, making the mappings on the way. Leaves a tree alone that has
/// something else than a mapping there: the walk reports that.
void put(YamlNode& root, const Path& path, YamlNode value) {
  YamlNode* node = &root;
  for (const auto& key : path) {
    if (node->kind != YamlNode::Kind::mapping) return;
    YamlEntry* entry = node->find(key);
    if (entry == nullptr) {
      YamlNode made;
      made.kind = YamlNode::Kind::mapping;
      made.place = value.place;
      node->entries.push_back({key, value.place, std::move(made)});
      entry = &node->entries.back();
    }
    node = &entry->value;
  }
  *node = std::move(value);
}

}  // namespace

Result<std::string> expand(std::string_view text, bool allowed, const Environment& environment) {
  std::string out;
  while (true) {
    const std::size_t at = text.find("${");
    out.append(text.substr(0, at));
    if (at == std::string_view::npos) return out;
    if (at > 0 && text[at - 1] == '$') {
      out.back() = '$';
      out += '{';
      text.remove_prefix(at + 2);
      continue;
    }
    if (!allowed) {
      return invalid_argument(
          "${...} is read from the environment only in local keys (node, storage, uplink, log, "
          "control); write the value itself, or $${ for the characters ${");
    }
    const std::size_t end = text.find('}', at);
    const auto name = text.substr(at + 2, end == std::string_view::npos ? end : end - at - 2);
    if (end == std::string_view::npos || !is_identifier(name)) {
      return invalid_argument("expected ${NAME} with the name of an environment variable, got " +
                              quote(text.substr(at)) + "; write $${ for the characters ${");
    }
    const auto it = environment.find(std::string(name));
    if (it == environment.end()) {
      return invalid_argument("the environment variable " + std::string(name) + " is not set");
    }
    out += it->second;
    text.remove_prefix(end + 1);
  }
}

std::vector<std::string> override_names() {
  std::vector<std::string> names;
  for (const auto& [name, path] : overridable()) names.push_back(name);
  return names;
}

void apply_overrides(const Environment& environment, YamlNode& root, ErrorList& errors,
                     std::vector<std::string>& notes) {
  const auto accepted = overridable();
  for (auto it = environment.lower_bound(std::string(kOverridePrefix));
       it != environment.end() && it->first.starts_with(kOverridePrefix); ++it) {
    const auto& [name, value] = *it;
    YamlNode node;
    node.kind = YamlNode::Kind::scalar;
    node.text = value;
    node.literal = true;
    node.place.variable = name;
    const auto target = accepted.find(name);
    if (target == accepted.end()) {
      const auto names = override_names();
      errors.add(node.place, "",
                 "sets no local key" + did_you_mean(name, names) + "; accepted: " + join(names));
      continue;
    }
    std::string path;
    for (const auto& key : target->second) path = child_path(path, key);
    notes.push_back(path + " = " + quote(value) + " from " + name);
    put(root, target->second, std::move(node));
  }
}

}  // namespace sluice::schema
