#include "schema/yaml_walk.h"

#include <algorithm>

#include "schema/environment.h"
#include "schema/json_text.h"
#include "schema/schema_fields.h"

namespace sluice::schema {
namespace {

using v1::FieldRule;

constexpr std::size_t kLabelNameBytesMax = 64;

std::string found(const YamlNode& node) {
  switch (node.kind) {
    case YamlNode::Kind::null: return "nothing";
    case YamlNode::Kind::scalar: return quote(node.text);
    case YamlNode::Kind::sequence: return "a list";
    case YamlNode::Kind::mapping: return "a mapping";
    case YamlNode::Kind::refused: break;
  }
  return "";
}

/// Sets the defaults of everything below that is not written.
void fill_defaults(Message& message) {
  const Descriptor& type = *message.GetDescriptor();
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    if (field.is_repeated()) continue;
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      set_default(message, field);
    } else if (!rule_of(field).keep_unset()) {
      fill_defaults(*message.GetReflection()->MutableMessage(&message, &field));
    }
  }
}

class Walk {
 public:
  Walk(const Environment& environment, KeyPlaces& places, ErrorList& errors)
      : environment_(environment), places_(places), errors_(errors) {}

  void mapping(YamlNode& node, const std::string& path, bool bootstrap, Message& message) {
    const Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) {
      const FieldDescriptor& field = *type.field(i);
      const std::string key = yaml_key(field);
      const std::string field_path = child_path(path, key);
      if (YamlEntry* entry = node.find(key)) {
        places_.add(field_path, entry->value.place);
        value(entry->value, field_path, bootstrap || rule_of(field).bootstrap(), message, field);
      } else {
        missing(node, field_path, message, field);
      }
    }
    for (const YamlEntry& entry : node.entries) unknown_key(entry, path, type);
  }

 private:
  void missing(const YamlNode& node, const std::string& path, Message& message,
               const FieldDescriptor& field) {
    const FieldRule& rule = rule_of(field);
    const bool needed = field.is_repeated() ? !count_in_bounds(field, 0)
                                            : rule.required() && rule.default_().empty();
    if (needed) {
      errors_.add(node.place, path, "missing; expected " + expected(field));
    } else if (field.is_repeated()) {
      return;
    } else if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
      set_default(message, field);
    } else if (!rule.keep_unset()) {
      fill_defaults(*message.GetReflection()->MutableMessage(&message, &field));
    }
  }

  void unknown_key(const YamlEntry& entry, std::string_view path, const Descriptor& type) {
    if (find_by_yaml_key(type, entry.key) != nullptr) return;
    std::string hint = did_you_mean(entry.key, yaml_keys(type));
    // The units that the schema's names carry are not part of the YAML keys.
    if (const FieldDescriptor* field = type.FindFieldByName(entry.key)) {
      hint = " (did you mean " + quote(yaml_key(*field)) + "?)";
    }
    errors_.add(entry.place, child_path(path, entry.key),
                "unknown key" + hint + "; accepted here: " + join(yaml_keys(type)));
  }

  void value(YamlNode& node, const std::string& path, bool bootstrap, Message& message,
             const FieldDescriptor& field) {
    if (node.kind == YamlNode::Kind::refused) return;
    if (field.is_map()) {
      text_map(node, path, bootstrap, message, field);
    } else if (field.is_repeated()) {
      list(node, path, bootstrap, message, field);
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (!expect(node, YamlNode::Kind::mapping, path, field)) return;
      mapping(node, path, bootstrap, *message.GetReflection()->MutableMessage(&message, &field));
    } else if (rule_of(field).form() == FieldRule::FORM_JSON) {
      json(node, path, bootstrap, message, field);
    } else {
      // A value that is refused leaves the default behind, so that rules about others still hold.
      set_default(message, field);
      scalar(node, path, bootstrap, message, field);
    }
  }

  bool expect(const YamlNode& node, YamlNode::Kind kind, const std::string& path,
              const FieldDescriptor& field) {
    if (node.kind == kind) return true;
    if (node.kind == YamlNode::Kind::refused) return false;
    std::string message = "expected " + expected(field) + ", got " + found(node);
    const bool text =
        kind == YamlNode::Kind::scalar && field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
    if (text) {
      message += "; text that begins with {, [ or # goes in quotes";
    } else if (node.kind == YamlNode::Kind::null) {
      // To be there with all defaults inside is not always what it is to be absent.
      message += kind == YamlNode::Kind::mapping && !field.is_repeated()
                     ? "; write {} for the defaults of all keys in it, or leave it out"
                     : "; leave the key out for its default";
    }
    errors_.add(node.place, path, std::move(message));
    return false;
  }

  void scalar(const YamlNode& node, const std::string& path, bool bootstrap, Message& message,
              const FieldDescriptor& field) {
    if (!expect(node, YamlNode::Kind::scalar, path, field)) return;
    const auto text = expanded(node, bootstrap);
    const Status status = text.ok() ? set_from_text(message, field, *text) : text.status();
    if (!status.ok()) errors_.add(node.place, path, std::string(status.message()));
  }

  Result<std::string> expanded(const YamlNode& node, bool bootstrap) const {
    if (node.literal) return node.text;
    return expand(node.text, bootstrap, environment_);
  }

  void list(YamlNode& node, const std::string& path, bool bootstrap, Message& message,
            const FieldDescriptor& field) {
    if (!expect(node, YamlNode::Kind::sequence, path, field)) return;
    if (!check_count(node, node.items.size(), path, field)) return;
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      YamlNode& item = node.items[i];
      const std::string item_path = child_path(path, i);
      places_.add(item_path, item.place);
      if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
        list_text(item, item_path, bootstrap, message, field);
        continue;
      }
      // Added even when it is no mapping, so that indices and key paths agree.
      Message& added = *message.GetReflection()->AddMessage(&message, &field);
      if (item.kind == YamlNode::Kind::mapping) {
        mapping(item, item_path, bootstrap, added);
      } else {
        refuse_item(item, item_path,
                    "a mapping with the keys " + join(yaml_keys(*field.message_type())));
      }
    }
  }

  void list_text(const YamlNode& item, const std::string& path, bool bootstrap, Message& message,
                 const FieldDescriptor& field) {
    if (item.kind != YamlNode::Kind::scalar) return refuse_item(item, path, "text");
    const auto text = expanded(item, bootstrap);
    const Status status = text.ok() ? set_from_text(message, field, *text) : text.status();
    if (!status.ok()) errors_.add(item.place, path, std::string(status.message()));
  }

  void refuse_item(const YamlNode& item, const std::string& path, const std::string& wanted) {
    if (item.kind == YamlNode::Kind::refused) return;
    errors_.add(item.place, path, "expected " + wanted + ", got " + found(item));
  }

  bool check_count(const YamlNode& node, std::size_t count, const std::string& path,
                   const FieldDescriptor& field) {
    if (count_in_bounds(field, count)) return true;
    errors_.add(node.place, path, "expected " + expected(field) + ", got " + std::to_string(count));
    return false;
  }

  void text_map(const YamlNode& node, const std::string& path, bool bootstrap, Message& message,
                const FieldDescriptor& field) {
    if (!expect(node, YamlNode::Kind::mapping, path, field)) return;
    if (!check_count(node, node.entries.size(), path, field)) return;
    const Descriptor& type = *field.message_type();
    for (const YamlEntry& entry : node.entries) {
      const std::string entry_path = child_path(path, entry.key);
      places_.add(entry_path, entry.value.place);
      if (entry.key.size() > kLabelNameBytesMax) {
        errors_.add(entry.place, entry_path, "a name has at most 64 bytes");
      } else if (entry.value.kind != YamlNode::Kind::scalar) {
        refuse_item(entry.value, entry_path, "text");
      } else if (auto text = expanded(entry.value, bootstrap); !text.ok()) {
        errors_.add(entry.value.place, entry_path, std::string(text.status().message()));
      } else {
        Message& added = *message.GetReflection()->AddMessage(&message, &field);
        Status status = set_from_text(added, *type.map_key(), entry.key);
        if (status.ok()) status = set_from_text(added, *type.map_value(), *text);
        if (!status.ok()) errors_.add(entry.place, entry_path, std::string(status.message()));
      }
    }
  }

  void json(YamlNode& node, const std::string& path, bool bootstrap, Message& message,
            const FieldDescriptor& field) {
    if (!expect(node, YamlNode::Kind::mapping, path, field)) return;
    expand_below(node, path, bootstrap);
    const std::string text = json_from_yaml(node, path, errors_);
    const Status status = set_from_text(message, field, text);
    if (!status.ok()) errors_.add(node.place, path, std::string(status.message()));
  }

  void expand_below(YamlNode& node, const std::string& path, bool bootstrap) {
    places_.add(path, node.place);
    if (node.kind == YamlNode::Kind::scalar) {
      auto text = expanded(node, bootstrap);
      if (text.ok()) {
        node.text = *std::move(text);
      } else {
        errors_.add(node.place, path, std::string(text.status().message()));
      }
    }
    for (std::size_t i = 0; i < node.items.size(); ++i) {
      expand_below(node.items[i], child_path(path, i), bootstrap);
    }
    for (YamlEntry& entry : node.entries) {
      expand_below(entry.value, child_path(path, entry.key), bootstrap);
    }
  }

  const Environment& environment_;
  KeyPlaces& places_;
  ErrorList& errors_;
};

}  // namespace

void fill_config(YamlNode& root, const Environment& environment, v1::Config& config,
                 KeyPlaces& places, ErrorList& errors) {
  if (root.kind != YamlNode::Kind::mapping) {
    errors.add(root.place, "",
               "expected a mapping with the keys " + join(yaml_keys(*v1::Config::descriptor())) +
                   ", got " + found(root));
    return;
  }
  Walk(environment, places, errors).mapping(root, "", false, config);
}

}  // namespace sluice::schema
