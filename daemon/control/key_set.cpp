#include "control/key_set.h"

#include <algorithm>
#include <utility>

#include "control/canonical_message.h"
#include "control/version_floor.h"

namespace sluice {
namespace {

Status unauthenticated(std::string message) {
  return Status(StatusCode::unauthenticated, std::move(message));
}

std::string ids_of(const std::vector<PublicKey>& keys) {
  std::string out;
  for (const PublicKey& key : keys) out += (out.empty() ? "" : ", ") + key.id();
  return out.empty() ? "none" : out;
}

std::string named(std::uint64_t version) { return "key set version " + std::to_string(version); }

Status check_keys(const v1::KeySetStatement& statement) {
  std::set<std::string> known;
  for (const v1::SigningKey& key : statement.keys()) {
    const auto raw = PublicKey::from_raw(key.public_key());
    if (!raw.ok()) return raw.status();
    const std::string id = raw->id();
    if (!known.insert(id).second) return invalid_argument("key " + id + " is there twice");
    if (key.comment().size() > kKeyCommentBytesMax || !is_plain_text(key.comment())) {
      return invalid_argument("the comment of key " + id +
                              " is too long or has control characters; expected at most " +
                              std::to_string(kKeyCommentBytesMax) + " bytes of text");
    }
    if (key.not_before_ns() < 0) {
      return invalid_argument("key " + id + " is valid from before 1970; leave the time out");
    }
  }
  return {};
}

Status check_revoked(const v1::KeySetStatement& statement) {
  const auto& ids = statement.revoked_key_ids();
  for (const std::string& id : ids) {
    if (!is_key_id(id)) return invalid_argument("a revoked key's id is not 16 hex digits");
  }
  if (std::adjacent_find(ids.begin(), ids.end(), std::greater_equal<>()) != ids.end()) {
    return invalid_argument("the revoked keys are not sorted, or one is there twice");
  }
  return {};
}

Status check_roots(const v1::KeySetStatement& statement) {
  const auto& roots = statement.next_root_public_keys();
  for (auto root = roots.begin(); root != roots.end(); ++root) {
    if (const auto key = PublicKey::from_raw(*root); !key.ok()) return key.status();
    if (std::find(roots.begin(), root, *root) != root) {
      return invalid_argument("a root key is there twice");
    }
  }
  return {};
}

}  // namespace

std::string signed_bytes(std::string_view domain, std::string_view statement) {
  std::string bytes;
  bytes.reserve(domain.size() + 1 + statement.size());
  bytes.append(domain).push_back('\0');
  return bytes.append(statement);
}

Status check_key_set(const v1::KeySetStatement& statement) {
  const auto too_many = [](const char* what, int max) {
    return invalid_argument(std::string("too many ") + what + ", at most " + std::to_string(max));
  };
  if (statement.version() == 0 || statement.version() > kVersionMax) {
    return invalid_argument(named(statement.version()) + " is out of range");
  }
  if (statement.keys_size() > kSigningKeysMax) {
    return too_many("keys; retire some", kSigningKeysMax);
  }
  if (statement.revoked_key_ids_size() > kRevokedKeysMax) {
    return too_many("revoked keys; begin anew with another root", kRevokedKeysMax);
  }
  if (statement.next_root_public_keys_size() > kRootKeysMax) {
    return too_many("root keys", kRootKeysMax);
  }
  if (statement.issued_ns() < 0) return invalid_argument("it was signed before 1970");
  if (Status s = check_keys(statement); !s.ok()) return s;
  if (Status s = check_revoked(statement); !s.ok()) return s;
  return check_roots(statement);
}

v1::SignedKeySet sign_key_set(const v1::KeySetStatement& statement, const PrivateKey& root) {
  v1::SignedKeySet set;
  set.set_statement(canonical_bytes(statement));
  set.set_signature(root.sign(signed_bytes(kKeySetDomain, set.statement())));
  set.set_root_public_key(root.public_key().raw());
  return set;
}

Result<v1::KeySetChain> parse_key_sets(std::string_view chain) {
  if (chain.size() > kKeySetsBytesMax) {
    return invalid_argument("the key set has more than " + std::to_string(kKeySetsBytesMax) +
                            " bytes; is it the right file?");
  }
  v1::KeySetChain sets;
  if (Status s = parse_canonical(chain, "the key set", sets); !s.ok()) return s;
  if (sets.sets_size() == 0) return invalid_argument("the key set is empty; was it cut off?");
  if (sets.sets_size() > kKeySetsMax) {
    return invalid_argument("the key set has more than " + std::to_string(kKeySetsMax) +
                            " changes of the root; put the present root on the gateways' disks "
                            "and begin a new one");
  }
  for (const v1::SignedKeySet& set : sets.sets()) {
    const auto root = PublicKey::from_raw(set.root_public_key());
    if (!root.ok()) return invalid_argument("the key set is damaged: a root key is cut off");
    if (!root->verify(signed_bytes(kKeySetDomain, set.statement()), set.signature())) {
      return unauthenticated("the signature of root key " + root->id() +
                             " does not fit the key set: it was changed since it was signed; get "
                             "it again from where it was made");
    }
  }
  return sets;
}

Result<v1::KeySetStatement> parse_key_set(const v1::SignedKeySet& set) {
  v1::KeySetStatement statement;
  if (Status s = parse_canonical(set.statement(), "the key set's statement", statement); !s.ok()) {
    return s;
  }
  if (Status s = check_key_set(statement); !s.ok()) {
    return invalid_argument("the key set is malformed, though its signature fits: " +
                            std::string(s.message()));
  }
  return statement;
}

TrustedKeys::TrustedKeys(std::vector<PublicKey> anchors)
    : anchors_(std::move(anchors)), roots_(anchors_) {}

const TrustedKey* TrustedKeys::find(const std::string& key_id) const {
  const auto found = keys_.find(key_id);
  return found == keys_.end() ? nullptr : &found->second;
}

bool TrustedKeys::is_root(const PublicKey& key) const {
  return std::find(roots_.begin(), roots_.end(), key) != roots_.end();
}

Status TrustedKeys::apply(const v1::KeySetStatement& statement) {
  if (Status s = check_version("key set", statement.version(), version_); !s.ok()) return s;
  std::set<std::string> revoked(statement.revoked_key_ids().begin(),
                                statement.revoked_key_ids().end());
  for (const std::string& id : revoked_) {
    if (revoked.contains(id)) continue;
    return failed_precondition(named(statement.version()) + " no longer revokes key " + id +
                               ", which an earlier one did; make it from the latest one, and give "
                               "its owner a new key instead");
  }
  version_ = statement.version();
  revoked_ = std::move(revoked);
  keys_.clear();
  for (const v1::SigningKey& key : statement.keys()) {
    PublicKey public_key = *PublicKey::from_raw(key.public_key());
    const std::string id = public_key.id();
    if (is_revoked(id)) continue;
    keys_.emplace(id, TrustedKey{std::move(public_key), key.comment(), key.not_before_ns()});
  }
  if (statement.next_root_public_keys().empty()) return {};
  roots_.clear();
  for (const std::string& raw : statement.next_root_public_keys()) {
    roots_.push_back(*PublicKey::from_raw(raw));
  }
  return {};
}

Result<TrustedKeys> TrustedKeys::walk(const v1::KeySetChain& sets) const {
  TrustedKeys next = *this;
  bool begun = false;
  Status why_not;
  for (const v1::SignedKeySet& set : sets.sets()) {
    const PublicKey root = *PublicKey::from_raw(set.root_public_key());
    if (!next.is_root(root)) {
      why_not = unauthenticated("the key set is signed by root key " + root.id() +
                                ", and not by one in force here (" + ids_of(next.roots()) +
                                "); sign it with that root, or give all of the file that leads "
                                "from that root to this one");
    } else {
      const auto statement = parse_key_set(set);
      if (!statement.ok()) return statement.status();
      if (begun || statement->version() > version_) {
        if (Status s = next.apply(*statement); !s.ok()) return s;
        begun = true;
        continue;
      }
      why_not = check_version("key set", statement->version(), version_);
    }
    if (begun) return why_not;
  }
  if (!begun) return why_not;
  return next;
}

Result<TrustedKeys> TrustedKeys::follow(std::string_view chain) const {
  const auto sets = parse_key_sets(chain);
  if (!sets.ok()) return sets.status();
  auto next = walk(*sets);
  if (!next.ok() || version_ == 0) return next;
  const auto from_anchors = TrustedKeys(anchors_).walk(*sets);
  if (!from_anchors.ok()) {
    return failed_precondition("the key set could not be read again at the next start: " +
                               std::string(from_anchors.status().message()));
  }
  if (from_anchors->version() != next->version() || from_anchors->roots() != next->roots()) {
    return failed_precondition(
        "the key set does not lead from the roots on this disk to its own end; give all of the "
        "file, or put its root there");
  }
  return next;
}

Result<TrustedKeys> accept_keys(const TrustedKeys& current, std::string_view chain,
                                std::uint64_t version_floor) {
  auto keys = current.follow(chain);
  if (!keys.ok() || keys->version() >= version_floor) return keys;
  return failed_precondition(named(keys->version()) + " is older than version " +
                             std::to_string(version_floor) +
                             ", which was in force here: it comes from a backup, and keys may have "
                             "been revoked since; put the latest one there");
}

}  // namespace sluice
