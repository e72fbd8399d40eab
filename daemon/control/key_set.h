#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "control/ed25519.h"
#include "sluice/v1/signed_config.pb.h"

namespace sluice {

inline constexpr std::size_t kKeySetsBytesMax = 256 << 10;
inline constexpr int kKeySetsMax = 16;  ///< in one chain
inline constexpr int kSigningKeysMax = 32;
inline constexpr int kRevokedKeysMax = 512;
inline constexpr int kRootKeysMax = 4;
inline constexpr std::size_t kKeyCommentBytesMax = 128;

/// What a signature is over: the domain, a byte 0, the statement. No statement of one kind can so
/// be shown as one of another.
inline constexpr std::string_view kConfigDomain = "sluice.v1.ConfigStatement";
inline constexpr std::string_view kKeySetDomain = "sluice.v1.KeySetStatement";
std::string signed_bytes(std::string_view domain, std::string_view statement);

/// A key that may sign configs.
struct TrustedKey {
  PublicKey key;
  std::string comment;
  std::int64_t not_before_ns = 0;
};

/// Whom a gateway believes: its anchors (root keys that the operator put on its disk), and what key
/// sets signed by a root said since. A plain value that is replaced as a whole. Any thread.
class TrustedKeys {
 public:
  /// Anchors alone: nobody may sign configs yet.
  explicit TrustedKeys(std::vector<PublicKey> anchors);

  /// What these become by a serialized KeySetChain, whose last set must be newer than what is
  /// known.
  ///
  /// Sets ahead of the first one that a root in force signed and that is newer are passed over:
  /// they lead from roots that were in force before. From there on each must be signed by a root in
  /// force, have a higher version and revoke what was revoked. The chain must also lead from the
  /// anchors to the same end, or it could not be kept on disk. No byte of it can be changed.
  Result<TrustedKeys> follow(std::string_view chain) const;

  /// Of the set in force; 0: none.
  std::uint64_t version() const { return version_; }
  /// Null for a key that no set in force names, or that was revoked.
  const TrustedKey* find(const std::string& key_id) const;
  bool is_revoked(const std::string& key_id) const { return revoked_.contains(key_id); }
  bool is_root(const PublicKey& key) const;
  /// The keys that may sign the next set.
  const std::vector<PublicKey>& roots() const { return roots_; }
  /// By id, without those that were revoked.
  const std::map<std::string, TrustedKey>& keys() const { return keys_; }
  const std::set<std::string>& revoked() const { return revoked_; }

 private:
  /// As follow(), from what this knows alone.
  Result<TrustedKeys> walk(const v1::KeySetChain& sets) const;
  /// Takes over what a root in force signed.
  Status apply(const v1::KeySetStatement& statement);

  std::vector<PublicKey> anchors_;
  std::vector<PublicKey> roots_;
  std::uint64_t version_ = 0;
  std::map<std::string, TrustedKey> keys_;
  std::set<std::string> revoked_;
};

/// What these keys become by a chain that is offered, or at the start, from the anchors alone, by
/// the one that was kept. `version_floor` is the highest version of a set that was ever in force
/// here: it may come again when it was lost, an older one may not (`failed_precondition`), as with
/// a restored backup; it may trust keys that were revoked since.
Result<TrustedKeys> accept_keys(const TrustedKeys& current, std::string_view chain,
                                std::uint64_t version_floor);

/// Reads the bytes of a chain: its form, bounds and that each signature fits the root key beside
/// it; not whether those roots are to be trusted.
Result<v1::KeySetChain> parse_key_sets(std::string_view chain);
/// The statement of a set of such a chain.
Result<v1::KeySetStatement> parse_key_set(const v1::SignedKeySet& set);

/// `invalid_argument` when the statement does not keep the bounds of its proto file.
Status check_key_set(const v1::KeySetStatement& statement);
v1::SignedKeySet sign_key_set(const v1::KeySetStatement& statement, const PrivateKey& root);

}  // namespace sluice
