#include "plugin_host/config_schema.h"

#include <cmath>
#include <map>
#include <optional>

namespace sluice {
namespace {

constexpr int kDepthMax = 8;

std::string shown(const Json& value) {
  constexpr std::size_t kShownBytesMax = 80;
  const std::string out = value.text();
  if (out.size() <= kShownBytesMax) return out;
  std::size_t cut = kShownBytesMax;
  while ((static_cast<unsigned char>(out[cut]) & 0xC0) == 0x80) --cut;  // not within a character
  return out.substr(0, cut) + "…";
}

std::string_view type_of(const Json& schema) {
  const Json* type = schema.find("type");
  return type != nullptr && type->string() != nullptr ? std::string_view(*type->string()) : "";
}

std::optional<double> number_of(const Json& schema, std::string_view key) {
  const Json* value = schema.find(key);
  if (value == nullptr || value->number() == nullptr) return std::nullopt;
  return *value->number();
}

const Json::Object& members_of(const Json* value) {
  static const Json::Object kNone;
  return value != nullptr && value->object() != nullptr ? *value->object() : kNone;
}

// --- the schema itself -------------------------------------------------------------------------

enum class Form { text, number, count, boolean, type_name, list, names, schema, schemas, any };

const std::map<std::string, Form, std::less<>>& keywords() {
  static const std::map<std::string, Form, std::less<>> kKeywords = {
      {"$schema", Form::text},
      {"$id", Form::text},
      {"$comment", Form::text},
      {"title", Form::text},
      {"description", Form::text},
      {"unit", Form::text},
      {"examples", Form::list},
      {"default", Form::any},
      {"type", Form::type_name},
      {"properties", Form::schemas},
      {"required", Form::names},
      {"additionalProperties", Form::boolean},
      {"minProperties", Form::count},
      {"minimum", Form::number},
      {"maximum", Form::number},
      {"exclusiveMinimum", Form::number},
      {"exclusiveMaximum", Form::number},
      {"enum", Form::list},
      {"items", Form::schema},
      {"minItems", Form::count},
      {"maxItems", Form::count},
      {"minLength", Form::count},
      {"maxLength", Form::count},
  };
  return kKeywords;
}

bool is_type_name(const std::string& name) {
  for (const std::string_view known :
       {"object", "array", "number", "integer", "string", "boolean"}) {
    if (name == known) return true;
  }
  return false;
}

bool is_list_of_names(const Json& value) {
  if (value.array() == nullptr) return false;
  for (const Json& name : *value.array()) {
    if (name.string() == nullptr) return false;
  }
  return true;
}

bool has_form(const Json& value, Form form) {
  switch (form) {
    case Form::text: return value.string() != nullptr;
    case Form::number: return value.number() != nullptr;
    case Form::count: return value.number() != nullptr && *value.number() >= 0;
    case Form::boolean: return value.boolean() != nullptr;
    case Form::type_name: return value.string() != nullptr && is_type_name(*value.string());
    case Form::list: return value.array() != nullptr;
    case Form::names: return is_list_of_names(value);
    case Form::schema:
    case Form::schemas: return value.object() != nullptr;
    case Form::any: return true;
  }
  return false;
}

Status check_one_schema(const Json& schema, const std::string& path, int depth) {
  if (depth > kDepthMax) return invalid_argument(path + ": nested too deep");
  if (schema.object() == nullptr) return invalid_argument(path + ": expected an object");
  if (schema.find("type") == nullptr) return invalid_argument(path + ": \"type\" is missing");
  for (const auto& [key, value] : *schema.object()) {
    const auto known = keywords().find(key);
    if (known == keywords().end()) {
      return invalid_argument(path + ": the keyword \"" + key + "\" is not checked by this daemon");
    }
    if (!has_form(value, known->second)) {
      return invalid_argument(path + "." + key + ": malformed: " + shown(value));
    }
    if (known->second == Form::schema) {
      if (Status s = check_one_schema(value, path + "." + key, depth + 1); !s.ok()) return s;
    }
    if (known->second != Form::schemas) continue;
    for (const auto& [name, inner] : *value.object()) {
      Status s = check_one_schema(inner, path + "." + key + "." + name, depth + 1);
      if (!s.ok()) return s;
    }
  }
  return {};
}

// --- a config against it -----------------------------------------------------------------------

std::string noun_of(std::string_view type) {
  if (type == "boolean") return "true or false";
  const bool starts_with_vowel = type == "object" || type == "integer" || type == "array";
  return (starts_with_vowel ? "an " : "a ") + std::string(type);
}

bool is_within(double v, const Json& schema, const char* at_least, const char* at_most) {
  const auto low = number_of(schema, at_least);
  const auto high = number_of(schema, at_most);
  return (!low || v >= *low) && (!high || v <= *high);
}

bool is_number_within(double v, const Json& schema) {
  if (type_of(schema) == "integer" && std::trunc(v) != v) return false;
  const auto above = number_of(schema, "exclusiveMinimum");
  const auto below = number_of(schema, "exclusiveMaximum");
  return is_within(v, schema, "minimum", "maximum") && (!above || v > *above) &&
         (!below || v < *below);
}

bool is_one_of(const Json& value, const Json& choices) {
  for (const Json& choice : *choices.array()) {
    if (choice.text() == value.text()) return true;
  }
  return false;
}

/// Everything but what is inside arrays and objects.
bool fits(const Json& value, const Json& schema) {
  const Json* choices = schema.find("enum");
  if (choices != nullptr && !is_one_of(value, *choices)) return false;
  const std::string_view type = type_of(schema);
  const auto size_within = [&](std::size_t size, const char* at_least, const char* at_most) {
    return is_within(static_cast<double>(size), schema, at_least, at_most);
  };
  if (const auto* number = value.number()) {
    return (type == "number" || type == "integer") && is_number_within(*number, schema);
  }
  if (const auto* string = value.string()) {
    return type == "string" && size_within(string->size(), "minLength", "maxLength");
  }
  if (const auto* array = value.array()) {
    return type == "array" && size_within(array->size(), "minItems", "maxItems");
  }
  if (const auto* object = value.object()) {
    return type == "object" && size_within(object->size(), "minProperties", "");
  }
  return type == "boolean" && value.boolean() != nullptr;
}

Status apply(Json& value, const Json& schema, const std::string& path);

Status check_keys(const Json& object, const Json& schema, const std::string& path) {
  const Json* properties = schema.find("properties");
  const Json* open = schema.find("additionalProperties");
  const bool closed = open != nullptr && !*open->boolean();
  for (const auto& [key, value] : *object.object()) {
    if (!closed || (properties != nullptr && properties->find(key) != nullptr)) continue;
    std::string known;
    for (const auto& [name, inner] : members_of(properties)) {
      known += (known.empty() ? "" : ", ") + name;
    }
    return invalid_argument(path + "." + key + ": no such key; accepted: " + known);
  }
  const Json* required = schema.find("required");
  if (required == nullptr) return {};
  for (const Json& name : *required->array()) {
    if (object.find(*name.string()) != nullptr) continue;
    const Json* inner = properties ? properties->find(*name.string()) : nullptr;
    return invalid_argument(path + "." + *name.string() + ": missing; expected " +
                            (inner ? schema_expectation(*inner) : "a value"));
  }
  return {};
}

Status apply_to_object(Json& object, const Json& schema, const std::string& path) {
  if (Status s = check_keys(object, schema, path); !s.ok()) return s;
  for (const auto& [name, inner] : members_of(schema.find("properties"))) {
    const Json* preset = inner.find("default");
    if (object.find(name) == nullptr && preset == nullptr) continue;
    if (object.find(name) == nullptr) object.member(name) = *preset;
    if (Status s = apply(object.member(name), inner, path + "." + name); !s.ok()) return s;
  }
  return {};
}

Status apply(Json& value, const Json& schema, const std::string& path) {
  if (!fits(value, schema)) {
    return invalid_argument(path + ": expected " + schema_expectation(schema) + ", got " +
                            shown(value));
  }
  if (value.object() != nullptr) return apply_to_object(value, schema, path);
  const Json* items = schema.find("items");
  if (value.array() == nullptr || items == nullptr) return {};
  int index = 0;
  for (Json& item : *value.array()) {
    Status s = apply(item, *items, path + "[" + std::to_string(index++) + "]");
    if (!s.ok()) return s;
  }
  return {};
}

}  // namespace

std::string schema_expectation(const Json& schema) {
  std::string out;
  if (const Json* choices = schema.find("enum")) {
    for (const Json& choice : *choices->array()) out += (out.empty() ? "" : ", ") + shown(choice);
    return "one of " + out;
  }
  out = noun_of(type_of(schema));
  bool first = true;
  const auto bound = [&](const char* key, const char* words, const char* after) {
    const auto limit = number_of(schema, key);
    if (!limit) return;
    out += (first ? " " : " and ") + std::string(words) + " " + number_text(*limit) + after;
    first = false;
  };
  bound("minimum", ">=", "");
  bound("exclusiveMinimum", ">", "");
  bound("maximum", "<=", "");
  bound("exclusiveMaximum", "<", "");
  bound("minLength", "of at least", " bytes");
  bound("maxLength", "of at most", " bytes");
  bound("minItems", "of at least", " items");
  bound("maxItems", "of at most", " items");
  bound("minProperties", "with keys, at least", "");
  if (const Json* items = schema.find("items")) out += ", each item " + schema_expectation(*items);
  return out;
}

Status check_schema(std::string_view schema_json) {
  const Result<Json> schema = parse_json(schema_json);
  if (!schema.ok()) return schema.status();
  if (type_of(*schema) != "object") return invalid_argument("its \"type\" is not \"object\"");
  return check_one_schema(*schema, "schema", 0);
}

Result<std::string> apply_schema(std::string_view schema_json, std::string_view config_json) {
  const Result<Json> schema = parse_json(schema_json);
  if (!schema.ok()) return schema.status();
  Result<Json> config = parse_json(config_json.empty() ? "{}" : config_json);
  if (!config.ok()) return invalid_argument("config: " + std::string(config.status().message()));
  if (Status s = apply(*config, *schema, "config"); !s.ok()) return s;
  return config->text();
}

}  // namespace sluice
