#include "ctl/signing_commands.h"

#include <algorithm>
#include <utility>

#include "base/clock.h"
#include "control/durable_file.h"
#include "control/key_files.h"
#include "control/sha256.h"
#include "control/signed_config.h"
#include "control/version_floor.h"
#include "ctl/format.h"
#include "ctl/json_print.h"
#include "ctl/signing_check.h"
#include "ctl/table.h"

namespace sluice::ctl {
namespace {

/// What is shown of a config, whether or not it passes.
struct Shown {
  std::string file;
  VerifiedConfig config;
  Status status;
};

std::string shown_json(const Shown& shown, bool is_read) {
  const v1::ConfigStatement& s = shown.config.statement;
  std::string out = shown.status.ok() ? "{\"ok\":true,\"error\":" : "{\"ok\":false,\"error\":";
  append_json_string(out, shown.status.message());
  out += ",\"file\":";
  append_json_string(out, shown.file);
  out += ",\"version\":" + std::to_string(s.version()) + ",\"target\":";
  append_json_string(out, is_read ? target_text(s.target()) : "");
  out += ",\"key_id\":\"" + (is_read ? shown.config.key.key.id() : "") + "\",\"key_comment\":";
  append_json_string(out, shown.config.key.comment);
  out += ",\"not_before_ns\":" + std::to_string(s.not_before_ns());
  out += ",\"issued_ns\":" + std::to_string(s.issued_ns());
  out += ",\"sha256\":\"" + hex(s.sha256()) + "\"";
  return out + ",\"payload_bytes\":" + std::to_string(s.payload().size()) + "}\n";
}

std::string shown_text(const Shown& shown, const std::string& verdict) {
  const v1::ConfigStatement& s = shown.config.statement;
  const std::string& comment = shown.config.key.comment;
  Pairs pairs;
  pairs.add("config", shown.file);
  pairs.add("version", std::to_string(s.version()));
  pairs.add("for", target_text(s.target()));
  pairs.add("key", shown.config.key.key.id() + (comment.empty() ? "" : " (" + comment + ")"));
  pairs.add("signed", utc_text(s.issued_ns()));
  pairs.add("valid from", s.not_before_ns() == 0 ? "at once" : utc_text(s.not_before_ns()));
  pairs.add("sha256", hex(s.sha256()) + ", " + bytes_text(std::uint64_t{s.payload().size()}));
  pairs.add("verdict", verdict);
  return pairs.text();
}

/// What a gateway asks of a config that somebody signed who may.
Status judge(const SigningArguments& a, const VerifiedConfig& config, std::uint64_t floor) {
  const auto labels = labels_of(a.labels);
  if (!labels.ok()) return labels.status();
  if (!a.node.empty() || !a.groups.empty() || !a.labels.empty()) {
    const Recipient recipient{a.node, a.groups, *labels};
    if (Status s = check_recipient(config.statement.target(), recipient); !s.ok()) return s;
  }
  if (Status s = check_version("config", config.statement.version(), floor); !s.ok()) return s;
  return check_not_before(config, {a.at_ns == 0 ? SystemClock().wall_ns() : a.at_ns, true});
}

struct Floors {
  std::uint64_t config = 0;
  std::uint64_t key_set = 0;
};

Result<Floors> floors_of(const SigningArguments& a) {
  Floors floors{a.floor, 0};
  if (a.state_dir.empty()) return floors;
  const auto config = VersionFloor(a.state_dir, VersionFloor::Kind::config).read();
  if (!config.ok()) return config.status();
  const auto key_set = VersionFloor(a.state_dir, VersionFloor::Kind::key_set).read();
  if (!key_set.ok()) return key_set.status();
  floors.config = std::max(floors.config, *config);
  floors.key_set = *key_set;
  return floors;
}

ExitCode refused(const SigningArguments& a, Shown shown, bool is_read) {
  if (a.json) put(shown_json(shown, is_read));
  if (!a.json && is_read) put(shown_text(shown, "refused"));
  static_cast<void>(fail(
      Status(shown.status.code(), a.file + ": refused: " + std::string(shown.status.message()))));
  return kExitBadAnswer;
}

}  // namespace

ExitCode sign_config_file(const SigningArguments& a) {
  const auto target = target_of({a.node, a.groups, a.labels, a.everyone});
  if (!target.ok()) return fail(target.status());
  if (Status s = check_target(*target); !s.ok()) return fail(s);
  const auto key = read_private_key(a.key_file);
  if (!key.ok()) return fail(key.status());
  const auto text = read_whole_file(a.file, kConfigPayloadBytesMax);
  if (!text.ok()) return fail(text.status());
  if (!passes_as_pushed(*text, a.file, a.node)) return kExitUsage;
  Shown shown{a.out_file.empty() ? a.file + ".signed" : a.out_file, {{}, {key->public_key()}}, {}};
  v1::ConfigStatement& statement = shown.config.statement;
  statement.set_version(a.version);
  *statement.mutable_target() = *target;
  statement.set_not_before_ns(a.not_before_ns);
  statement.set_payload(*text);
  statement.set_issued_ns(SystemClock().wall_ns());
  statement.set_sha256(sha256(*text));
  const auto bytes = sign_config(statement, *key);
  if (!bytes.ok()) return fail(bytes.status());
  if (Status s = replace_file(shown.file, *bytes, 0644); !s.ok()) return fail(s);
  put(a.json ? shown_json(shown, true) : shown_text(shown, "signed"));
  return kExitOk;
}

ExitCode verify_config_file(const SigningArguments& a) {
  const auto floors = floors_of(a);
  if (!floors.ok()) return fail(floors.status());
  const auto keys = load_trust(a.trust_dir, floors->key_set);
  if (!keys.ok()) return fail(keys.status());
  const auto bytes = read_whole_file(a.file, kSignedConfigBytesMax);
  if (!bytes.ok()) return fail(bytes.status());
  const auto config = read_signed_config(*bytes, *keys);
  if (!config.ok()) {
    return refused(a,
                   {a.file,
                    {{}, {*PublicKey::from_raw(std::string(kEd25519KeyBytes, '\0'))}},
                    config.status()},
                   false);
  }
  const Status verdict = judge(a, *config, floors->config);
  if (!verdict.ok()) return refused(a, {a.file, *config, verdict}, true);
  if (!a.payload_file.empty()) {
    if (Status s = replace_file(a.payload_file, config->statement.payload(), 0644); !s.ok()) {
      return fail(s);
    }
  }
  const bool asked = !a.node.empty() || !a.groups.empty() || !a.labels.empty();
  const Shown shown{a.file, *config, {}};
  put(a.json ? shown_json(shown, true)
             : shown_text(shown, asked ? "OK" : "OK (for which gateway was not asked: --node)"));
  return kExitOk;
}

}  // namespace sluice::ctl
