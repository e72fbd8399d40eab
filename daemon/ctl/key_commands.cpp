#include "ctl/key_commands.h"

#include <algorithm>
#include <filesystem>
#include <utility>

#include "base/clock.h"
#include "control/canonical_message.h"
#include "control/durable_file.h"
#include "control/key_files.h"
#include "control/key_set.h"
#include "ctl/key_text.h"

namespace sluice::ctl {
namespace {

Status in_file(const std::string& file, const Status& status) {
  return Status(status.code(), file + ": " + std::string(status.message()));
}

/// A key set as it is being made anew: what gateways with the root know by it, and its parts.
struct KeySetDraft {
  v1::KeySetChain chain;  ///< what leads to the last set; without it when that changed no root
  v1::KeySetStatement statement;
};

/// The statement that follows the last one of the file, in the same words.
Result<KeySetDraft> next_of(const std::string& file, const PrivateKey& root) {
  const auto bytes = read_key_sets(file);
  if (!bytes.ok()) return bytes.status();
  auto chain = parse_key_sets(*bytes);
  if (!chain.ok()) return in_file(file, chain.status());
  // What its first root said so far is not in question here, only whether ours may go on.
  const PublicKey ours = root.public_key();
  std::vector<PublicKey> anchors = {*PublicKey::from_raw(chain->sets(0).root_public_key())};
  if (anchors[0] != ours) anchors.push_back(ours);
  const auto known = TrustedKeys(std::move(anchors)).follow(*bytes);
  if (!known.ok()) return in_file(file, known.status());
  if (!known->is_root(ours)) {
    return failed_precondition(file + ": root key " + ours.id() +
                               " was replaced and may not sign it any more; use --root with the "
                               "present one (`sluicectl keys show` names it)");
  }
  auto statement = parse_key_set(*chain->sets().rbegin());
  if (!statement.ok()) return in_file(file, statement.status());
  KeySetDraft draft{*std::move(chain), *std::move(statement)};
  if (draft.statement.next_root_public_keys().empty()) draft.chain.mutable_sets()->RemoveLast();
  draft.statement.clear_next_root_public_keys();
  draft.statement.set_version(draft.statement.version() + 1);
  return draft;
}

Result<KeySetDraft> first_of(const std::string& file) {
  if (std::filesystem::exists(std::filesystem::symlink_status(file))) {
    return already_exists(file + " is there already; leave out --new to go on with it");
  }
  KeySetDraft draft;
  draft.statement.set_version(1);
  return draft;
}

Status add_keys(const KeyArguments& a, v1::KeySetStatement& statement) {
  for (const std::string& file : a.add) {
    const auto keys = read_public_keys(file);
    if (!keys.ok()) return keys.status();
    for (const PublicKey& key : *keys) {
      const auto& revoked = statement.revoked_key_ids();
      if (std::find(revoked.begin(), revoked.end(), key.id()) != revoked.end()) {
        return failed_precondition(file + ": key " + key.id() +
                                   " was revoked, which is for ever; make a new one");
      }
      auto* added = statement.add_keys();
      added->set_public_key(key.raw());
      added->set_comment(a.comment);
      added->set_not_before_ns(a.not_before_ns);
    }
  }
  return {};
}

/// Whether there was one of this id.
bool remove_key(const std::string& id, v1::KeySetStatement& statement) {
  auto& keys = *statement.mutable_keys();
  const auto found = std::find_if(keys.begin(), keys.end(), [&id](const v1::SigningKey& key) {
    return PublicKey::from_raw(key.public_key())->id() == id;
  });
  if (found == keys.end()) return false;
  keys.erase(found);
  return true;
}

Status no_such_key(const std::string& id, const v1::KeySetStatement& statement) {
  std::string there;
  for (const v1::SigningKey& key : statement.keys()) {
    there += (there.empty() ? "" : ", ") + PublicKey::from_raw(key.public_key())->id();
  }
  return invalid_argument("the key set has no key \"" + id + "\", only " +
                          (there.empty() ? "none" : there));
}

Status change_root(const KeyArguments& a, v1::KeySetStatement& statement) {
  for (const std::string& file : a.next_root_files) {
    const auto keys = read_public_keys(file);
    if (!keys.ok()) return keys.status();
    for (const PublicKey& key : *keys) statement.add_next_root_public_keys(key.raw());
  }
  return {};
}

/// The ids that are meant, by id of a key of the set or by the file of a public key.
Result<std::vector<std::string>> ids_to_revoke(const KeyArguments& a,
                                               const v1::KeySetStatement& statement) {
  std::vector<std::string> ids;
  for (const std::string& which : a.revoke) {
    if (is_key_id(which)) {
      v1::KeySetStatement copy = statement;
      if (!remove_key(which, copy)) {
        return invalid_argument(
            std::string(no_such_key(which, statement).message()) +
            "; to revoke one that is not in it any more give the file of its public key");
      }
      ids.push_back(which);
      continue;
    }
    const auto keys = read_public_keys(which);
    if (!keys.ok()) return keys.status();
    for (const PublicKey& key : *keys) ids.push_back(key.id());
  }
  return ids;
}

/// Signs and writes it, and shows what it says then.
ExitCode write(const KeyArguments& a, KeySetDraft draft, const PrivateKey& root) {
  draft.statement.set_issued_ns(SystemClock().wall_ns());
  if (Status s = check_key_set(draft.statement); !s.ok()) return fail(s);
  *draft.chain.add_sets() = sign_key_set(draft.statement, root);
  const std::string bytes = canonical_bytes(draft.chain);
  // As a gateway will: nothing is written that it would refuse.
  if (const auto parsed = parse_key_sets(bytes); !parsed.ok()) return fail(parsed.status());
  if (Status s = replace_file(a.file, bytes, 0644); !s.ok()) return fail(s);
  put(key_set_text({a.file, draft.statement, root.public_key().id(), ""}, a.json));
  return kExitOk;
}

}  // namespace

ExitCode generate_key(const KeyArguments& a) {
  const auto key = PrivateKey::generate();
  if (!key.ok()) return fail(key.status());
  if (Status s = create_key_files(a.file, *key); !s.ok()) {
    return fail(s.code() == StatusCode::already_exists ? invalid_argument(std::string(s.message()))
                                                       : s);
  }
  put(new_key_text(a.file, key->public_key().id(), a.json));
  return kExitOk;
}

ExitCode rotate_keys(const KeyArguments& a) {
  const auto root = read_private_key(a.root_file);
  if (!root.ok()) return fail(root.status());
  auto draft = a.begins ? first_of(a.file) : next_of(a.file, *root);
  if (!draft.ok() && draft.status().code() == StatusCode::not_found) {
    return fail(not_found("there is no key set " + a.file + "; --new begins one"));
  }
  if (!draft.ok()) return fail(draft.status());
  for (const std::string& id : a.retire) {
    if (!remove_key(id, draft->statement)) return fail(no_such_key(id, draft->statement));
  }
  if (Status s = add_keys(a, draft->statement); !s.ok()) return fail(s);
  if (Status s = change_root(a, draft->statement); !s.ok()) return fail(s);
  return write(a, *std::move(draft), *root);
}

ExitCode revoke_keys(const KeyArguments& a) {
  const auto root = read_private_key(a.root_file);
  if (!root.ok()) return fail(root.status());
  auto draft = next_of(a.file, *root);
  if (!draft.ok()) return fail(draft.status());
  const auto ids = ids_to_revoke(a, draft->statement);
  if (!ids.ok()) return fail(ids.status());
  auto& revoked = *draft->statement.mutable_revoked_key_ids();
  for (const std::string& id : *ids) {
    if (std::find(revoked.begin(), revoked.end(), id) != revoked.end()) {
      return fail(invalid_argument("key " + id + " is revoked already"));
    }
    static_cast<void>(remove_key(id, draft->statement));
    *revoked.Add() = id;
  }
  std::sort(revoked.begin(), revoked.end());
  return write(a, *std::move(draft), *root);
}

ExitCode show_keys(const KeyArguments& a) {
  const bool folder = std::filesystem::is_directory(a.file);
  const std::string file = folder ? key_sets_path(a.file) : a.file;
  if (folder) {
    if (const auto trusted = load_trust(a.file, 0); !trusted.ok()) return fail(trusted.status());
  }
  const auto bytes = read_key_sets(file);
  if (!bytes.ok()) return fail(bytes.status());
  const auto chain = parse_key_sets(*bytes);
  if (!chain.ok()) return fail(in_file(file, chain.status()));
  const v1::SignedKeySet& last = *chain->sets().rbegin();
  const auto statement = parse_key_set(last);
  if (!statement.ok()) return fail(in_file(file, statement.status()));
  put(key_set_text(
      {file, *statement, PublicKey::from_raw(last.root_public_key())->id(),
       folder ? "by " + a.file + "/root.pub" : "not asked: give a trust folder to know"},
      a.json));
  return kExitOk;
}

ExitCode install_keys(const KeyArguments& a) {
  const auto bytes = read_key_sets(a.file);
  if (!bytes.ok()) return fail(bytes.status());
  auto anchors = read_anchors(a.trust_dir);
  if (!anchors.ok()) return fail(anchors.status());
  TrustedKeys current(*std::move(anchors));
  const std::string path = key_sets_path(a.trust_dir);
  if (std::filesystem::exists(path)) {
    const auto kept = load_trust(a.trust_dir, 0);
    if (!kept.ok()) return fail(kept.status());
    current = *kept;
  }
  const auto next = accept_keys(current, *bytes, current.version());
  if (!next.ok()) return fail(in_file(a.file, next.status()));
  if (Status s = replace_file(path, *bytes, 0644); !s.ok()) return fail(s);
  KeyArguments shown = a;
  shown.file = a.trust_dir;
  return show_keys(shown);
}

}  // namespace sluice::ctl
