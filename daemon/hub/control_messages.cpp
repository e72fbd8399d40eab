#include "hub/control_messages.h"

#include <utility>

#include "base/shown_text.h"
#include "control/canonical_message.h"
#include "control/key_set.h"
#include "control/sha256.h"
#include "control/signed_config.h"
#include "schema/config_error.h"
#include "schema/scalar_forms.h"
#include "schema/yaml_tree.h"

namespace sluice::hub {
namespace {

constexpr std::size_t kWordBytesMax = 128;
constexpr int kGroupsMax = 16;
constexpr std::size_t kTextBytesMax = 4096;
constexpr std::size_t kSha256Bytes = 32;

Status check_name(const std::string& what, const std::string& name) {
  if (schema::is_name(name)) return {};
  return invalid_argument(what + " is " + shown(name) + "; expected 1 to 64 of A-Z a-z 0-9 . _ -");
}

Status check_word(const std::string& what, const std::string& word, std::size_t bytes_min) {
  if (word.size() >= bytes_min && word.size() <= kWordBytesMax && is_plain_text(word)) return {};
  return invalid_argument(what + " is " + shown(word) + "; expected " + std::to_string(bytes_min) +
                          " to " + std::to_string(kWordBytesMax) +
                          " bytes without control characters");
}

void cut(std::string& text) {
  if (text.size() > kTextBytesMax) text.resize(utf8_head(text, kTextBytesMax).size());
}

Status check_document(const std::string& document) {
  if (document.empty()) return invalid_argument("the config is empty");
  if (document.size() > kConfigPayloadBytesMax) {
    return invalid_argument("the config has " + std::to_string(document.size()) +
                            " bytes, at most " + std::to_string(kConfigPayloadBytesMax) +
                            " are allowed");
  }
  schema::ErrorList errors("config");
  const auto tree = schema::parse_yaml(document, errors);
  if (tree && errors.empty()) return {};
  const auto list = errors.take();
  return invalid_argument("the config is not the YAML that a config is: " +
                          (list.empty() ? "it cannot be read" : list.front().to_string()));
}

Result<ReadPush> take_signed(v1::PushConfigRequest& request) {
  if (request.has_target()) {
    return invalid_argument("a signed config says itself for whom it is; leave the target out");
  }
  ReadPush read{{}, std::move(*request.mutable_signed_config())};
  auto statement = parse_signed_config(read.config);
  if (!statement.ok()) return statement.status();
  if (Status s = check_document(statement->payload()); !s.ok()) return s;
  read.push.set_is_signed(true);
  read.push.set_version(statement->version());
  read.push.set_sha256(statement->sha256());
  *read.push.mutable_target() = std::move(*statement->mutable_target());
  return read;
}

}  // namespace

Status check_hello(v1::ControlHello& hello) {
  hello.DiscardUnknownFields();
  if (Status s = check_name("the node's name", hello.node()); !s.ok()) return s;
  if (Status s = check_word("the node's instance", hello.instance(), 1); !s.ok()) return s;
  if (Status s = check_word("the node's version", hello.version(), 0); !s.ok()) return s;
  if (hello.groups_size() > kGroupsMax || hello.labels_size() > kSelectorLabelsMax) {
    return invalid_argument("the node is in " + std::to_string(hello.groups_size()) +
                            " groups and has " + std::to_string(hello.labels_size()) +
                            " labels; at most " + std::to_string(kGroupsMax) + " of each");
  }
  for (const std::string& group : hello.groups()) {
    if (Status s = check_name("a group of the node", group); !s.ok()) return s;
  }
  for (const auto& label : hello.labels()) {
    if (Status s = check_name("a label of the node", label.first); !s.ok()) return s;
    if (Status s = check_word("the node's label " + label.first, label.second, 1); !s.ok()) {
      return s;
    }
  }
  return {};
}

Status check_report(v1::ConfigReport& report) {
  report.DiscardUnknownFields();
  if (!report.sha256().empty() && report.sha256().size() != kSha256Bytes) {
    return invalid_argument("the report's sha256 has " + std::to_string(report.sha256().size()) +
                            " bytes; expected " + std::to_string(kSha256Bytes));
  }
  if (report.has_in_effect()) {
    report.mutable_in_effect()->clear_document();
    cut(*report.mutable_in_effect()->mutable_message());
  }
  if (report.has_last_offer()) cut(*report.mutable_last_offer()->mutable_message());
  cut(*report.mutable_key_error());
  return {};
}

Result<ReadPush> take_push(v1::PushConfigRequest& request) {
  request.DiscardUnknownFields();
  switch (request.config_case()) {
    case v1::PushConfigRequest::kSignedConfig: return take_signed(request);
    case v1::PushConfigRequest::kDocument: break;
    case v1::PushConfigRequest::CONFIG_NOT_SET: return invalid_argument("there is no config");
  }
  if (Status s = check_target(request.target()); !s.ok()) return s;
  if (Status s = check_document(request.document()); !s.ok()) return s;
  ReadPush read{{}, std::move(*request.mutable_document())};
  read.push.set_sha256(sha256(read.config));
  *read.push.mutable_target() = std::move(*request.mutable_target());
  return read;
}

Status check_plan(const v1::PlanConfigRequest& request) {
  if (Status s = check_name("the node's name", request.node()); !s.ok()) return s;
  const bool is_signed = !request.signed_config().empty();
  if (is_signed != request.request().config_yaml().empty()) {
    return invalid_argument("a plan is of a config or of a signed one; give one of them");
  }
  if (is_signed) return parse_signed_config(request.signed_config()).status();
  if (request.request().config_yaml().size() <= kConfigPayloadBytesMax) return {};
  return invalid_argument("the config has more than " + std::to_string(kConfigPayloadBytesMax) +
                          " bytes");
}

Result<std::uint64_t> key_set_version(const std::string& chain) {
  const auto sets = parse_key_sets(chain);
  // Whether somebody is to be trusted is not for the hub to say; a signature that does not fit is
  // damage.
  if (!sets.ok()) return invalid_argument(std::string(sets.status().message()));
  std::uint64_t version = 0;
  for (const v1::SignedKeySet& set : sets->sets()) {
    const auto statement = parse_key_set(set);
    if (!statement.ok()) return statement.status();
    if (statement->version() <= version) {
      return invalid_argument("the versions of the key set's chain do not rise");
    }
    version = statement->version();
  }
  return version;
}

}  // namespace sluice::hub
