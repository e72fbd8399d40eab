#include "ctl/signing_check.h"

#include <cstdio>

#include "ctl/text.h"
#include "schema/config_reader.h"

namespace sluice::ctl {
namespace {

/// The keys that belong to the machine, where they are written. A gateway keeps its own, and what
/// is sent to many cannot name one.
std::vector<std::string> local_written(const LoadResult& loaded) {
  std::vector<std::string> out;
  for (const std::string& key : local_keys()) {
    if (!is_written(loaded.places, key)) continue;
    const schema::Place place = loaded.places.find(key);
    out.push_back(loaded.file_name + ":" + std::to_string(place.line) + ":" +
                  std::to_string(place.column) + ": " + key +
                  ": belongs to the machine, and each gateway keeps its own; leave it out of what "
                  "is sent to it");
  }
  return out;
}

}  // namespace

Result<std::map<std::string, std::string>> labels_of(const std::vector<std::string>& written) {
  std::map<std::string, std::string> labels;
  for (const std::string& label : written) {
    const std::size_t equals = label.find('=');
    if (equals == 0 || equals == std::string::npos) {
      return invalid_argument("--label \"" + label + "\" is no label: write NAME=VALUE");
    }
    if (!labels.emplace(label.substr(0, equals), label.substr(equals + 1)).second) {
      return invalid_argument("--label " + label.substr(0, equals) + " is there twice");
    }
  }
  return labels;
}

Result<v1::ConfigTarget> target_of(const TargetArguments& a) {
  const int kinds = static_cast<int>(!a.node.empty()) + static_cast<int>(!a.groups.empty()) +
                    static_cast<int>(!a.labels.empty()) + static_cast<int>(a.everyone);
  if (kinds != 1 || a.groups.size() > 1) {
    return invalid_argument(
        "say for which gateways the config is, in one way: --node ID, --group NAME, --label "
        "NAME=VALUE (a gateway must have all that are given) or --everyone");
  }
  v1::ConfigTarget target;
  if (!a.node.empty()) target.set_node(a.node);
  if (!a.groups.empty()) target.set_group(a.groups[0]);
  if (a.everyone) target.mutable_everyone();
  if (!a.labels.empty()) {
    const auto labels = labels_of(a.labels);
    if (!labels.ok()) return labels.status();
    auto& wanted = *target.mutable_labels()->mutable_labels();
    wanted = {labels->begin(), labels->end()};
  }
  return target;
}

bool passes_as_pushed(const std::string& text, const std::string& file, const std::string& node) {
  // The name is the gateway's own; another variable would not be there either.
  const Environment gateway = {{"SLUICE__NODE__NAME", node.empty() ? "gateway" : node}};
  const LoadResult loaded = load_config_text(text, file, gateway);
  std::vector<std::string> wrong = local_written(loaded);
  for (const ConfigError& error : loaded.errors) wrong.push_back(error.to_string());
  if (loaded.errors_left_out > 0) {
    wrong.push_back("and " + std::to_string(loaded.errors_left_out) + " more");
  }
  for (const std::string& line : wrong) std::fprintf(stderr, "%s\n", printable(line).c_str());
  return wrong.empty();
}

}  // namespace sluice::ctl
