#include "ctl/plugin_reference.h"

#include <algorithm>

#include "ctl/json_print.h"
#include "ctl/table.h"
#include "ctl/text.h"
#include "plugin_host/config_schema.h"
#include "plugin_host/json.h"

namespace sluice::ctl {
namespace {

/// One key of a config; of an object inside it as "outer.inner".
struct Key {
  std::string name;
  std::string type;
  std::string unit;
  std::string preset;  ///< its default, "required" or "none"
  std::string meaning;
};

std::string text_of(const Json& schema, std::string_view keyword) {
  const Json* text = schema.find(keyword);
  return text != nullptr && text->string() != nullptr ? *text->string() : "";
}

bool is_required(const Json& schema, const std::string& name) {
  const Json* required = schema.find("required");
  if (required == nullptr || required->array() == nullptr) return false;
  return std::any_of(required->array()->begin(), required->array()->end(),
                     [&](const Json& each) { return each.string() && *each.string() == name; });
}

void append_keys(const Json& schema, const std::string& prefix, std::vector<Key>& out) {
  const Json* properties = schema.find("properties");
  if (properties == nullptr || properties->object() == nullptr) return;
  for (const auto& [name, inner] : *properties->object()) {
    const Json* preset = inner.find("default");
    out.push_back({prefix + name, schema_expectation(inner), text_of(inner, "unit"),
                   preset != nullptr           ? preset->text()
                   : is_required(schema, name) ? "required"
                                               : "none",
                   text_of(inner, "description")});
    append_keys(inner, prefix + name + ".", out);
    if (const Json* items = inner.find("items")) append_keys(*items, prefix + name + "[].", out);
  }
}

std::vector<Key> keys_of(const std::string& config_schema) {
  std::vector<Key> out;
  if (const auto schema = parse_json(config_schema); schema.ok()) {
    append_keys(*schema, "", out);
  }
  return out;
}

std::string joined(const std::vector<std::string>& words, const char* before, const char* after) {
  std::string out;
  for (const std::string& word : words) out += (out.empty() ? "" : ", ") + (before + word) + after;
  return out;
}

std::string yes_or_no(bool yes) { return yes ? "yes" : "no"; }

/// Fit for a cell of a Markdown table.
std::string cell(const std::string& text) {
  std::string out;
  for (const char c : printable(text)) {
    if (c == '|') out += '\\';
    out += c;
  }
  return out;
}

std::string ordered_text(const PluginMetadata& plugin) {
  return plugin.ordered_by_config ? "by config" : yes_or_no(plugin.ordered);
}

std::string state_text(const PluginMetadata& plugin) {
  if (plugin.state_bytes_per_series == 0) return "none";
  return std::to_string(plugin.state_bytes_per_series) + " bytes per series";
}

std::string key_rows(const std::vector<Key>& keys) {
  std::string out = "| key | what | unit | default | meaning |\n|---|---|---|---|---|\n";
  for (const Key& key : keys) {
    const bool is_word = key.preset == "none" || key.preset == "required";
    out += "| `" + cell(key.name) + "` | " + cell(key.type) + " | " + cell(key.unit) + " | ";
    out +=
        (is_word ? key.preset : "`" + cell(key.preset) + "`") + " | " + cell(key.meaning) + " |\n";
  }
  return out;
}

std::string unit_text(const AggregateMetadata::Number& result) {
  return result.unit.empty() ? "of the series" : result.unit;
}

std::string aggregate_section(const AggregateMetadata& aggregate) {
  std::string out = "\nAggregate of windows: " + cell(aggregate.description) + "\n";
  out += "\n| result | unit | meaning |\n|---|---|---|\n";
  for (const AggregateMetadata::Number& result : aggregate.results) {
    out += "| `" + cell(result.name) + "` | " + cell(unit_text(result)) + " | " +
           cell(result.description) + " |\n";
  }
  const std::vector<Key> keys = keys_of(aggregate.config_schema);
  return out + "\n" + (keys.empty() ? "It takes no config.\n" : key_rows(keys));
}

std::string key_table(const std::vector<Key>& keys) {
  if (keys.empty()) return "It takes no config.\n";
  Table table({{"KEY"}, {"WHAT"}, {"UNIT"}, {"DEFAULT"}, {"MEANING"}});
  for (const Key& key : keys) {
    table.add_row({key.name, key.type, key.unit, key.preset, key.meaning});
  }
  return table.take();
}

std::string aggregate_text(const AggregateMetadata& aggregate) {
  Table table({{"RESULT"}, {"UNIT"}, {"MEANING"}});
  for (const AggregateMetadata::Number& result : aggregate.results) {
    table.add_row({result.name, unit_text(result), result.description});
  }
  return "\nAggregate of windows: " + printable(aggregate.description) + "\n\n" + table.take() +
         "\n" + key_table(keys_of(aggregate.config_schema));
}

std::string aggregate_json(const AggregateMetadata& aggregate) {
  std::string out = "{\"description\":";
  append_json_string(out, aggregate.description);
  out += ",\"results\":[";
  for (const AggregateMetadata::Number& result : aggregate.results) {
    out += out.back() == '[' ? "{\"name\":" : ",{\"name\":";
    append_json_string(out, result.name);
    out += ",\"unit\":";
    append_json_string(out, result.unit);
    out += ",\"description\":";
    append_json_string(out, result.description);
    out += "}";
  }
  const auto schema = parse_json(aggregate.config_schema);
  return out + "],\"config_schema\":" + (schema.ok() ? schema->text() : "null") + "}";
}

std::string section(const PluginMetadata& plugin) {
  std::string out = "\n## " + plugin.name + "\n\n" + cell(plugin.description) + "\n\n";
  out += "- Version: " + cell(plugin.version) + "\n";
  out += "- Rules: " + (plugin.rules.empty() ? "none" : joined(plugin.rules, "`", "`")) + "\n";
  out += "- Ordered: " + ordered_text(plugin) + "; deterministic: ";
  out += yes_or_no(plugin.deterministic) + "; state: " + state_text(plugin) + "\n";
  const std::vector<Key> keys = keys_of(plugin.config_schema);
  out += keys.empty() ? "- Takes no config.\n" : "\n" + key_rows(keys);
  return plugin.aggregate ? out + aggregate_section(*plugin.aggregate) : out;
}

}  // namespace

std::string plugin_list_text(const std::vector<PluginFile>& files) {
  Table table({{"PLUGIN"}, {"VERSION"}, {"ORDERED"}, {"DETERMINISTIC"}, {"DESCRIPTION"}});
  for (const PluginFile& file : files) {
    const PluginMetadata& m = file.metadata;
    if (file.status.ok()) {
      table.add_row(
          {file.name, m.version, ordered_text(m), yes_or_no(m.deterministic), m.description});
    } else {
      table.add_row({file.name, "-", "-", "-", "UNUSABLE: " + std::string(file.status.message())});
    }
  }
  return table.empty() ? "No plugins.\n" : table.take();
}

std::string plugin_list_json(const std::vector<PluginFile>& files) {
  std::string out = "{\"plugins\":[";
  for (const PluginFile& file : files) {
    if (out.back() != '[') out += ",";
    out += plugin_json(file);
  }
  return out + "]}\n";
}

std::string plugin_text(const PluginFile& file) {
  const PluginMetadata& m = file.metadata;
  Pairs pairs;
  pairs.add("plugin", m.name + " " + m.version);
  pairs.add("does", m.description);
  pairs.add("file", file.path);
  pairs.add("rules", m.rules.empty() ? "none" : joined(m.rules, "", ""));
  pairs.add("ordered", ordered_text(m));
  pairs.add("deterministic", yes_or_no(m.deterministic));
  pairs.add("state", state_text(m));
  const std::string text = pairs.text() + "\n" + key_table(keys_of(m.config_schema));
  return m.aggregate ? text + aggregate_text(*m.aggregate) : text;
}

std::string plugin_json(const PluginFile& file) {
  const PluginMetadata& m = file.metadata;
  std::string out = "{";
  const auto add = [&out](const char* key, const std::string& value) {
    out += std::string(out.size() > 1 ? ",\"" : "\"") + key + "\":";
    append_json_string(out, value);
  };
  add("name", file.name);
  add("version", m.version);
  add("description", m.description);
  add("file", file.path);
  out += std::string(",\"ordered\":") + (m.ordered ? "true" : "false");
  out += std::string(",\"ordered_by_config\":") + (m.ordered_by_config ? "true" : "false");
  out += std::string(",\"deterministic\":") + (m.deterministic ? "true" : "false");
  out += ",\"state_bytes_per_series\":" + std::to_string(m.state_bytes_per_series);
  out += ",\"rules\":[";
  for (const std::string& rule : m.rules) {
    if (out.back() != '[') out += ",";
    append_json_string(out, rule);
  }
  const auto schema = parse_json(m.config_schema);
  out += "],\"config_schema\":" + (schema.ok() ? schema->text() : "null");
  out += ",\"aggregate\":" + (m.aggregate ? aggregate_json(*m.aggregate) : "null");
  add("error", std::string(file.status.message()));
  return out + "}";
}

std::string plugin_markdown(const std::vector<PluginFile>& files) {
  std::string out =
      "# Reference of the plugins\n\n"
      "Made by `sluicectl plugins docs` from what the plugins say of themselves.\n\n"
      "| plugin | does |\n|---|---|\n";
  for (const PluginFile& file : files) {
    out +=
        "| [" + file.name + "](#" + file.name + ") | " + cell(file.metadata.description) + " |\n";
  }
  for (const PluginFile& file : files) out += section(file.metadata);
  return out;
}

}  // namespace sluice::ctl
