#include "node/plan_diff.h"

#include <google/protobuf/descriptor.h>
#include <google/protobuf/message.h>

#include <algorithm>
#include <map>
#include <utility>

#include "schema/schema_fields.h"
#include "schema/spec_hash.h"

namespace sluice {
namespace {

using google::protobuf::FieldDescriptor;
using google::protobuf::Message;

/// One walk over two messages of one type.
class KeyDiff {
 public:
  void compare(const Message& a, const Message& b, const std::string& path) {
    const auto* type = a.GetDescriptor();
    for (int i = 0; i < type->field_count(); ++i) {
      const FieldDescriptor& field = *type->field(i);
      const std::string key = (path.empty() ? "" : path + ".") + schema::yaml_key(field);
      if (field.is_map()) {
        if (entries(a, field) != entries(b, field)) add(key);
      } else if (field.is_repeated()) {
        compare_lists(a, b, field, key);
      } else {
        compare_values(a, b, field, key);
      }
    }
  }
  std::vector<std::string> take() { return std::move(keys_); }

 private:
  static bool is_message(const FieldDescriptor& field) {
    return field.cpp_type() == FieldDescriptor::CPPTYPE_MESSAGE;
  }
  /// In an order of their own.
  static std::vector<std::string> entries(const Message& of, const FieldDescriptor& field) {
    std::vector<std::string> all;
    for (int i = 0; i < of.GetReflection()->FieldSize(of, &field); ++i) {
      all.push_back(of.GetReflection()->GetRepeatedMessage(of, &field, i).SerializeAsString());
    }
    std::sort(all.begin(), all.end());
    return all;
  }
  /// Lists of values are of texts alone.
  void compare_lists(const Message& a, const Message& b, const FieldDescriptor& field,
                     const std::string& key) {
    const auto* of_a = a.GetReflection();
    const auto* of_b = b.GetReflection();
    const int sizes[] = {of_a->FieldSize(a, &field), of_b->FieldSize(b, &field)};
    const auto [fewer, more] = std::minmax({sizes[0], sizes[1]});
    for (int i = 0; i < more; ++i) {
      const std::string item = key + "[" + std::to_string(i) + "]";
      if (i >= fewer) {
        add(item);
      } else if (is_message(field)) {
        compare(of_a->GetRepeatedMessage(a, &field, i), of_b->GetRepeatedMessage(b, &field, i),
                item);
      } else if (of_a->GetRepeatedString(a, &field, i) != of_b->GetRepeatedString(b, &field, i)) {
        add(item);
      }
    }
  }
  void compare_values(const Message& a, const Message& b, const FieldDescriptor& field,
                      const std::string& key) {
    if (!is_message(field)) {
      if (schema::text_of(a, field) != schema::text_of(b, field)) add(key);
      return;
    }
    const auto* of_a = a.GetReflection();
    const auto* of_b = b.GetReflection();
    if (of_a->HasField(a, &field) != of_b->HasField(b, &field)) return add(key);
    if (of_a->HasField(a, &field)) {
      compare(of_a->GetMessage(a, &field), of_b->GetMessage(b, &field), key);
    }
  }
  void add(const std::string& key) {
    if (keys_.size() < kChangedKeysMax) return keys_.push_back(key);
    if (keys_.size() == kChangedKeysMax) keys_.push_back("…");
  }

  std::vector<std::string> keys_;
};

/// What each plugin is used for: its configs and how it runs.
std::map<std::string, std::vector<std::string>> uses(const v1::Config& config) {
  std::map<std::string, std::vector<std::string>> all;
  for (const v1::PipelineConfig& pipeline : config.pipelines()) {
    for (v1::StageConfig stage : pipeline.stages()) {
      stage.clear_name();
      all[stage.plugin()].push_back(stage.SerializeAsString());
    }
    for (const v1::WindowConfig& window : pipeline.windows()) {
      for (const auto& aggregate : window.aggregates().plugins()) {
        all[aggregate.plugin()].push_back(aggregate.SerializeAsString());
      }
    }
  }
  for (auto& [plugin, of_it] : all) std::sort(of_it.begin(), of_it.end());
  return all;
}

void diff_plugins(const v1::Config& before, const v1::Config& after, v1::PlanReport& out) {
  const auto old = uses(before);
  const auto next = uses(after);
  const auto add = [&out](const std::string& name, v1::PlanChange change) {
    v1::PluginPlan& row = *out.add_plugins();
    row.set_name(name);
    row.set_change(change);
  };
  for (const auto& [name, of_it] : next) {
    const auto known = old.find(name);
    add(name, known == old.end()       ? v1::PLAN_CHANGE_ADDED
              : known->second == of_it ? v1::PLAN_CHANGE_SAME
                                       : v1::PLAN_CHANGE_CHANGED);
  }
  for (const auto& [name, of_it] : old) {
    if (!next.contains(name)) add(name, v1::PLAN_CHANGE_REMOVED);
  }
}

const v1::PipelineConfig* find(const v1::Config& config, const std::string& name) {
  const auto found = std::find_if(config.pipelines().begin(), config.pipelines().end(),
                                  [&](const auto& pipeline) { return pipeline.name() == name; });
  return found == config.pipelines().end() ? nullptr : &*found;
}

}  // namespace

std::vector<std::string> changed_keys(const Message& before, const Message& after) {
  KeyDiff diff;
  diff.compare(before, after, "");
  return diff.take();
}

void diff_configs(const v1::Config& before, const v1::Config& after, v1::PlanReport& out) {
  for (const v1::PipelineConfig& pipeline : after.pipelines()) {
    v1::PipelinePlan& row = *out.add_pipelines();
    row.set_name(pipeline.name());
    const v1::PipelineConfig* old = find(before, pipeline.name());
    if (old == nullptr) {
      row.set_change(v1::PLAN_CHANGE_ADDED);
      continue;
    }
    for (const std::string& key : changed_keys(*old, pipeline)) row.add_changed_keys(key);
    row.set_change(row.changed_keys().empty() ? v1::PLAN_CHANGE_SAME : v1::PLAN_CHANGE_CHANGED);
    row.set_keeps_state(spec_hash(*old) == spec_hash(pipeline));
  }
  for (const v1::PipelineConfig& pipeline : before.pipelines()) {
    if (find(after, pipeline.name()) != nullptr) continue;
    v1::PipelinePlan& row = *out.add_pipelines();
    row.set_name(pipeline.name());
    row.set_change(v1::PLAN_CHANGE_REMOVED);
  }
  diff_plugins(before, after, out);
  v1::Config old = before;
  v1::Config next = after;
  old.clear_pipelines();
  next.clear_pipelines();
  for (const std::string& key : changed_keys(old, next)) out.add_changed_keys(key);
}

}  // namespace sluice
