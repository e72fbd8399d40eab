// Every key of the schema with a value that it cannot have, or misspelt: refused at its line, under
// its key path, with what would have been accepted.
#include <google/protobuf/descriptor.h>

#include <string>
#include <vector>

#include "example.h"
#include "schema/schema_fields.h"

namespace sluice {
namespace {

using schema::FieldDescriptor;

/// A key and the sections around it.
struct Step {
  std::string key;
  bool is_list = false;
};

struct Case {
  std::vector<Step> steps;
  std::string value;
  std::string says;
};

std::string key_path(const std::vector<Step>& steps) {
  std::string path;
  for (const Step& step : steps) {
    path += (path.empty() ? "" : ".") + step.key;
    if (step.is_list && &step != &steps.back()) path += "[0]";
  }
  return path;
}

/// One line each; the value stands on the last one.
std::string yaml(const Case& one) {
  std::string text;
  std::string indent;
  bool begins_item = false;
  for (const Step& step : one.steps) {
    text += indent.substr(0, indent.size() - (begins_item ? 2 : 0)) + (begins_item ? "- " : "") +
            step.key + ":";
    const bool is_last = &step == &one.steps.back();
    text += is_last ? " " + one.value + "\n" : "\n";
    begins_item = step.is_list;
    indent += begins_item ? "    " : "  ";
  }
  return text;
}

std::string wrong_kind(const FieldDescriptor& field) {
  if (field.is_repeated() || field.message_type() != nullptr) return "text";
  if (schema::rule_of(field).form() == v1::FieldRule::FORM_JSON) return "text";
  return "[x]";
}

/// Text that is none of what the field takes; empty: it takes any.
std::string wrong_text(const FieldDescriptor& field) {
  const bool is_single = !field.is_repeated() && field.message_type() == nullptr;
  const bool is_text = field.cpp_type() == FieldDescriptor::CPPTYPE_STRING;
  const v1::FieldRule::Form form = schema::rule_of(field).form();
  if (!is_single || form == v1::FieldRule::FORM_JSON) return "";
  if (is_text && form == v1::FieldRule::FORM_UNSPECIFIED) return "";
  return "no such value!";
}

void collect(const schema::Descriptor& type, const std::vector<Step>& around,
             std::vector<Case>& out) {
  std::vector<Step> unknown = around;
  unknown.push_back({"nothing_like_it"});
  out.push_back({unknown, "1", "unknown key"});
  for (int i = 0; i < type.field_count(); ++i) {
    const FieldDescriptor& field = *type.field(i);
    std::vector<Step> steps = around;
    steps.push_back({schema::yaml_key(field), field.is_repeated() && !field.is_map()});
    out.push_back({steps, wrong_kind(field), "expected "});
    if (const std::string text = wrong_text(field); !text.empty()) {
      out.push_back({steps, text, "expected "});
    }
    if (field.message_type() != nullptr && !field.is_map()) {
      collect(*field.message_type(), steps, out);
    }
  }
}

std::vector<Case> every_case() {
  std::vector<Case> all;
  collect(*v1::Config::descriptor(), {}, all);
  return all;
}

TEST(EveryKey, IsRefusedWithLineKeyAndWhatIsAcceptedWhenItsValueCannotBe) {
  const std::vector<Case> all = every_case();
  EXPECT_GE(all.size(), 200u);
  for (const Case& one : all) {
    const std::string text = yaml(one);
    SCOPED_TRACE(text);
    const LoadResult loaded = load_config_text(text, "test.yaml", {});
    const std::string path = key_path(one.steps);
    bool is_told = false;
    for (const ConfigError& error : loaded.errors) {
      if (error.key_path != path || !contains(error.message, one.says)) continue;
      is_told = error.line == static_cast<int>(one.steps.size());
      EXPECT_EQ(error.to_string().find("test.yaml:" + std::to_string(error.line) + ":"), 0u);
    }
    EXPECT_TRUE(is_told) << path << " among\n" << errors_of(loaded);
  }
  RecordProperty("configs", static_cast<int>(all.size()));
}

}  // namespace
}  // namespace sluice
