#include "control/signed_config.h"

#include <algorithm>
#include <ctime>
#include <utility>

#include "base/shown_text.h"
#include "control/canonical_message.h"
#include "control/sha256.h"
#include "control/version_floor.h"
#include "schema/scalar_forms.h"
#include "schema/yaml_tree.h"

namespace sluice {
namespace {

static_assert(kConfigPayloadBytesMax == schema::kYamlBytesMax);

Status unauthenticated(std::string message) {
  return Status(StatusCode::unauthenticated, std::move(message));
}

Status check_name(const char* what, const std::string& name) {
  if (schema::is_name(name)) return {};
  return invalid_argument(std::string("the target's ") + what + " is " + shown(name) +
                          "; expected 1 to 64 of A-Z a-z 0-9 . _ -");
}

Status check_labels(const v1::LabelSelector& selector) {
  if (selector.labels().empty() || selector.labels_size() > kSelectorLabelsMax) {
    return invalid_argument("the target has " + std::to_string(selector.labels_size()) +
                            " labels; expected 1 to " + std::to_string(kSelectorLabelsMax));
  }
  for (const auto& label : selector.labels()) {
    if (Status s = check_name("label", label.first); !s.ok()) return s;
    const std::string& value = label.second;
    if (value.empty() || value.size() > kSelectorValueBytesMax || !is_plain_text(value)) {
      return invalid_argument("the target's label " + label.first + " has the value " +
                              shown(value) + "; expected 1 to " +
                              std::to_string(kSelectorValueBytesMax) +
                              " bytes without control characters");
    }
  }
  return {};
}

bool matches(const v1::ConfigTarget& target, const Recipient& recipient) {
  switch (target.kind_case()) {
    case v1::ConfigTarget::kNode: return !target.node().empty() && target.node() == recipient.node;
    case v1::ConfigTarget::kGroup:
      return std::find(recipient.groups.begin(), recipient.groups.end(), target.group()) !=
             recipient.groups.end();
    case v1::ConfigTarget::kLabels: {
      const auto& wanted = target.labels().labels();
      return !wanted.empty() &&
             std::all_of(wanted.begin(), wanted.end(), [&recipient](const auto& label) {
               const auto own = recipient.labels.find(label.first);
               return own != recipient.labels.end() && own->second == label.second;
             });
    }
    case v1::ConfigTarget::kEveryone: return true;
    case v1::ConfigTarget::KIND_NOT_SET: return false;
  }
  return false;
}

std::string labels_text(const std::map<std::string, std::string>& labels) {
  std::string out;
  for (const auto& label : labels) {
    out += (out.empty() ? "" : ", ") + label.first + "=" + label.second;
  }
  return out;
}

std::string recipient_text(const Recipient& recipient) {
  std::string out = "node " + (recipient.node.empty() ? "without a name" : recipient.node);
  for (const std::string& group : recipient.groups) out += ", group " + group;
  if (!recipient.labels.empty()) out += ", labels " + labels_text(recipient.labels);
  return out;
}

std::string time_text(std::int64_t ns) {
  const auto seconds = static_cast<std::time_t>(ns / 1'000'000'000);
  std::tm parts = {};
  gmtime_r(&seconds, &parts);
  char text[32];
  return {text, std::strftime(text, sizeof text, "%Y-%m-%dT%H:%M:%SZ", &parts)};
}

Status check_time(const std::string& what, std::int64_t not_before_ns, const KnownTime& time) {
  if (time.now_ns >= not_before_ns) return {};
  const std::string from = what + " is valid only from " + time_text(not_before_ns);
  if (time.trusted) {
    return unavailable(from + ", and it is " + time_text(time.now_ns) +
                       "; it can be taken then, or set the clock if that is wrong");
  }
  return unavailable(from +
                     ", and nobody has told this node the time yet, so that is not to be judged; "
                     "it can be taken once a time server or the hub has");
}

Result<v1::SignedConfig> parse_envelope(std::string_view bytes) {
  if (bytes.size() > kSignedConfigBytesMax) {
    return invalid_argument("the signed config has " + std::to_string(bytes.size()) +
                            " bytes, at most " + std::to_string(kSignedConfigBytesMax) +
                            " are allowed; is it the right file?");
  }
  v1::SignedConfig envelope;
  if (Status s = parse_canonical(bytes, "the signed config", envelope); !s.ok()) return s;
  return envelope;
}

/// `though` ends the first half of what is said of a wrong one.
Result<v1::ConfigStatement> parse_statement(const std::string& bytes, const std::string& though) {
  v1::ConfigStatement statement;
  if (Status s = parse_canonical(bytes, "the signed config's statement", statement); !s.ok()) {
    return s;
  }
  if (Status s = check_statement(statement); !s.ok()) {
    return invalid_argument("the signed config is malformed" + though + ": " +
                            std::string(s.message()));
  }
  if (statement.sha256() != sha256(statement.payload())) {
    return invalid_argument("the SHA-256 in the signed config is not that of its payload" + though +
                            "; sign it again with `sluicectl config sign`");
  }
  return statement;
}

/// The parts of the envelope, with a signature that fits.
Result<TrustedKey> check_envelope(const v1::SignedConfig& envelope, const TrustedKeys& keys) {
  const std::string id = shown(envelope.key_id());
  if (keys.is_revoked(envelope.key_id())) {
    return unauthenticated("the signed config is of key " + id +
                           ", which was revoked; sign it with another key");
  }
  const TrustedKey* key = keys.find(envelope.key_id());
  if (key == nullptr) {
    return unauthenticated(
        "the signed config is of key " + id + ", which key set version " +
        std::to_string(keys.version()) +
        " does not have; sign it with a key that it has, or bring the key set up to date");
  }
  if (!key->key.verify(signed_bytes(kConfigDomain, envelope.statement()), envelope.signature())) {
    return unauthenticated("the signature of key " + id +
                           " does not fit the signed config: it was changed since it was signed; "
                           "get it again from where it was signed");
  }
  return *key;
}

}  // namespace

std::string target_text(const v1::ConfigTarget& target) {
  switch (target.kind_case()) {
    case v1::ConfigTarget::kNode: return "node " + target.node();
    case v1::ConfigTarget::kGroup: return "group " + target.group();
    case v1::ConfigTarget::kLabels: {
      const auto& labels = target.labels().labels();
      return "labels " + labels_text({labels.begin(), labels.end()});
    }
    case v1::ConfigTarget::kEveryone: return "everyone";
    case v1::ConfigTarget::KIND_NOT_SET: return "nobody";
  }
  return "nobody";
}

Status check_target(const v1::ConfigTarget& target) {
  switch (target.kind_case()) {
    case v1::ConfigTarget::kNode: return check_name("node", target.node());
    case v1::ConfigTarget::kGroup: return check_name("group", target.group());
    case v1::ConfigTarget::kLabels: return check_labels(target.labels());
    case v1::ConfigTarget::kEveryone: return {};
    case v1::ConfigTarget::KIND_NOT_SET: break;
  }
  return invalid_argument("there is no target; say for which gateways it is");
}

Status check_statement(const v1::ConfigStatement& statement) {
  const std::size_t size = statement.payload().size();
  if (statement.version() == 0 || statement.version() > kVersionMax) {
    return invalid_argument("version " + std::to_string(statement.version()) +
                            " is out of range, 1 to 2^63-1");
  }
  if (size == 0) return invalid_argument("the config is empty");
  if (size > kConfigPayloadBytesMax) {
    return invalid_argument("the config has " + std::to_string(size) + " bytes, at most " +
                            std::to_string(kConfigPayloadBytesMax) + " are allowed");
  }
  if (statement.not_before_ns() < 0 || statement.issued_ns() < 0) {
    return invalid_argument("a time in it is before 1970");
  }
  return check_target(statement.target());
}

Result<std::string> sign_config(v1::ConfigStatement statement, const PrivateKey& key) {
  if (Status s = check_statement(statement); !s.ok()) return s;
  statement.set_sha256(sha256(statement.payload()));
  v1::SignedConfig envelope;
  envelope.set_statement(canonical_bytes(statement));
  envelope.set_signature(key.sign(signed_bytes(kConfigDomain, envelope.statement())));
  envelope.set_key_id(key.public_key().id());
  return canonical_bytes(envelope);
}

Result<VerifiedConfig> read_signed_config(std::string_view bytes, const TrustedKeys& keys) {
  const auto envelope = parse_envelope(bytes);
  if (!envelope.ok()) return envelope.status();
  const auto key = check_envelope(*envelope, keys);
  if (!key.ok()) return key.status();
  auto statement = parse_statement(envelope->statement(), ", though its signature fits");
  if (!statement.ok()) return statement.status();
  return VerifiedConfig{*std::move(statement), *key};
}

Result<v1::ConfigStatement> parse_signed_config(std::string_view bytes) {
  const auto envelope = parse_envelope(bytes);
  if (!envelope.ok()) return envelope.status();
  if (envelope->signature().size() != kEd25519SignatureBytes || !is_key_id(envelope->key_id())) {
    return invalid_argument(
        "the signed config is damaged: its signature or the id of its key is no such thing; get it "
        "again from where it was signed");
  }
  return parse_statement(envelope->statement(), "");
}

Status check_recipient(const v1::ConfigTarget& target, const Recipient& recipient) {
  if (matches(target, recipient)) return {};
  return failed_precondition("the signed config is for " + target_text(target) + ", and this is " +
                             recipient_text(recipient) +
                             "; sign it for this one too, or correct what the gateway is called");
}

Status check_not_before(const VerifiedConfig& config, const KnownTime& time) {
  if (Status s = check_time("the signed config", config.statement.not_before_ns(), time); !s.ok()) {
    return s;
  }
  return check_time("key " + config.key.key.id(), config.key.not_before_ns, time);
}

Result<VerifiedConfig> verify_signed_config(std::string_view bytes, const TrustedKeys& keys,
                                            const Recipient& recipient, std::uint64_t version_floor,
                                            const KnownTime& time) {
  auto config = read_signed_config(bytes, keys);
  if (!config.ok()) return config;
  if (Status s = check_recipient(config->statement.target(), recipient); !s.ok()) return s;
  if (Status s = check_version("config", config->statement.version(), version_floor); !s.ok()) {
    return s;
  }
  if (Status s = check_not_before(*config, time); !s.ok()) return s;
  return config;
}

}  // namespace sluice
