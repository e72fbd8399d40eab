#pragma once

#include <string>
#include <string_view>
#include <unordered_map>

#include "schema/yaml_walk.h"

namespace sluice::schema {

/// What every rule needs: where things were written and where findings go.
struct RuleContext {
  const KeyPlaces& places;
  ErrorList& errors;

  void refuse(std::string_view key_path, std::string message) const {
    errors.add(places.find(key_path), key_path, std::move(message));
  }
  /// ` at line N`; of a value that has no line, e.g. a default, nothing.
  std::string at_line(std::string_view key_path) const {
    const int line = places.find(key_path).line;
    return line > 0 ? " at line " + std::to_string(line) : "";
  }
};

/// Refuses a value that stands at an earlier key path already.
class UniqueValues {
 public:
  /// `what` names the value in the message, e.g. "name".
  UniqueValues(const RuleContext& context, std::string what)
      : context_(context), what_(std::move(what)) {}

  /// Empty values never clash: they are missing, and reported as such. Values of different scopes
  /// do not clash either. False when it was refused.
  bool add(const std::string& value, const std::string& key_path, const std::string& scope = "") {
    if (value.empty()) return true;
    const auto [it, is_new] = first_.emplace(scope + '\n' + value, key_path);
    if (is_new) return true;
    context_.refuse(key_path, what_ + " " + quote(value) + " is taken by " + it->second +
                                  context_.at_line(it->second) +
                                  "; expected one that is used once");
    return false;
  }

 private:
  const RuleContext& context_;
  const std::string what_;
  std::unordered_map<std::string, std::string> first_;
};

/// Rules of one source (config_rules calls it for each).
void check_source(const v1::SourceConfig& source, const std::string& path,
                  const RuleContext& context);
/// Topic patterns of one source, alone and beside each other and its labels (topic_rules.cpp).
void check_topics(const v1::SourceConfig& source, const std::string& path,
                  const RuleContext& context);
/// Windows of one pipeline, alone and beside each other (window_rules.cpp).
void check_windows(const v1::PipelineConfig& pipeline, const std::string& path,
                   const RuleContext& context);
/// Certificate and key come together. Shared by sources and the uplink.
void check_tls(const v1::TlsConfig& tls, const std::string& path, const RuleContext& context);

}  // namespace sluice::schema
