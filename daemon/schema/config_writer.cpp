#include "schema/config_writer.h"

#include <algorithm>
#include <vector>

#include "schema/json_text.h"
#include "schema/schema_fields.h"
#include "schema/yaml_tree.h"

namespace sluice {
namespace {

using namespace schema;  // NOLINT(google-build-using-namespace)

/// Keeps the reader from taking `${` for a variable.
std::string escape_variables(std::string text) {
  for (std::size_t at = 0; (at = text.find("${", at)) != std::string::npos; at += 3) {
    text.insert(at, 1, '$');
  }
  return text;
}

void escape_below(YamlNode& node) {
  node.text = escape_variables(std::move(node.text));
  for (YamlNode& item : node.items) escape_below(item);
  for (YamlEntry& entry : node.entries) escape_below(entry.value);
}

/// JSON is YAML in flow style; only the variables in its texts need care.
std::string flow_yaml(const std::string& json) {
  if (json.find("${") == std::string::npos) return json;
  ErrorList errors("");
  auto tree = parse_yaml(json, errors);
  if (!tree) return json;
  escape_below(*tree);
  return json_from_yaml(*tree, "", errors);
}

class Writer {
 public:
  void keys(const Message& message, const std::string& indent) {
    const Descriptor& type = *message.GetDescriptor();
    for (int i = 0; i < type.field_count(); ++i) key(message, *type.field(i), indent);
  }
  std::string take() { return std::move(out_); }

 private:
  void key(const Message& message, const FieldDescriptor& field, const std::string& indent) {
    const auto& access = *message.GetReflection();
    if (field.is_repeated()) {
      if (access.FieldSize(message, &field) == 0) return;
      out_ += indent + yaml_key(field) + ":\n";
      field.is_map() ? map(message, field, indent + "  ") : list(message, field, indent + "  ");
    } else if (field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE) {
      if (access.HasField(message, &field)) section(message, field, indent);
    } else if (const std::string text = scalar(message, field); !text.empty()) {
      out_ += indent + yaml_key(field) + ": " + text + "\n";
    }
  }

  void section(const Message& message, const FieldDescriptor& field, const std::string& indent) {
    const std::size_t start = out_.size();
    out_ += indent + yaml_key(field) + ":\n";
    const std::size_t head_end = out_.size();
    keys(message.GetReflection()->GetMessage(message, &field), indent + "  ");
    if (out_.size() > head_end) return;
    out_.resize(start);
    out_ += indent + yaml_key(field) + ": {}\n";
  }

  void list(const Message& message, const FieldDescriptor& field, const std::string& indent) {
    const auto& access = *message.GetReflection();
    for (int i = 0; i < access.FieldSize(message, &field); ++i) {
      if (field.cpp_type() != FieldDescriptor::CPPTYPE_MESSAGE) {
        out_ += indent + "- " +
                json_string(escape_variables(access.GetRepeatedString(message, &field, i))) + "\n";
        continue;
      }
      const std::size_t start = out_.size();
      keys(access.GetRepeatedMessage(message, &field, i), indent + "  ");
      out_[start + indent.size()] = '-';
    }
  }

  void map(const Message& message, const FieldDescriptor& field, const std::string& indent) {
    const auto& access = *message.GetReflection();
    const Descriptor& type = *field.message_type();
    std::vector<std::string> lines;
    for (int i = 0; i < access.FieldSize(message, &field); ++i) {
      const Message& entry = access.GetRepeatedMessage(message, &field, i);
      lines.push_back(json_string(text_of(entry, *type.map_key())) + ": " +
                      json_string(escape_variables(text_of(entry, *type.map_value()))));
    }
    std::sort(lines.begin(), lines.end());
    for (const auto& line : lines) out_ += indent + line + "\n";
  }

  /// Empty: nothing to write.
  static std::string scalar(const Message& message, const FieldDescriptor& field) {
    const std::string text = text_of(message, field);
    const auto& rule = rule_of(field);
    if (rule.form() == v1::FieldRule::FORM_JSON) return flow_yaml(text);
    if (rule.keep_unset() && !message.GetReflection()->HasField(message, &field)) return "";
    if (field.cpp_type() != FieldDescriptor::CPPTYPE_STRING) return text;
    return text.empty() && rule.default_().empty() ? "" : json_string(escape_variables(text));
  }

  std::string out_;
};

}  // namespace

std::string write_config(const v1::Config& config) {
  Writer writer;
  writer.keys(config, "");
  return writer.take();
}

}  // namespace sluice
