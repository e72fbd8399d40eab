#pragma once

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"
#include "control/key_set.h"
#include "sluice/v1/signed_config.pb.h"

namespace sluice {

inline constexpr std::size_t kConfigPayloadBytesMax = 1 << 20;
/// Beside the payload: target, signature and the rest.
inline constexpr std::size_t kSignedConfigBytesMax = kConfigPayloadBytesMax + (16 << 10);
inline constexpr int kSelectorLabelsMax = 16;
inline constexpr std::size_t kSelectorValueBytesMax = 128;

/// Who asks whether a config is for it.
struct Recipient {
  std::string node;
  std::vector<std::string> groups;
  std::map<std::string, std::string> labels;
};

/// What is known of the time of day.
struct KnownTime {
  /// ns since 1970 UTC. While not `trusted`, a time that has surely passed, such as that of the
  /// build; 0: none is known.
  std::int64_t now_ns = 0;
  bool trusted = false;
};

/// What somebody signed who may.
struct VerifiedConfig {
  v1::ConfigStatement statement;
  TrustedKey key;
};

/// Whether the bytes are a config as a key that may sign made it, to the last bit:
/// `unauthenticated` for a key that is not known or was revoked and for a signature that does not
/// fit, `invalid_argument` for everything else that is wrong with them. Says nothing of whether the
/// config is for us, new, and already valid.
Result<VerifiedConfig> read_signed_config(std::string_view bytes, const TrustedKeys& keys);

/// The form of one and its bounds, for who carries it and trusts no key: not whether the signature
/// fits. `invalid_argument`.
Result<v1::ConfigStatement> parse_signed_config(std::string_view bytes);

/// All that a gateway must ask before it takes a config: the above, then
///
/// - is it meant for `recipient`? (`failed_precondition`)
/// - is its version above `version_floor`, the highest ever accepted here? (`failed_precondition`)
///   Where the config of that very version was lost, with a restored backup, pass one less.
/// - may config and key be used already? (`unavailable`: no verdict for ever, ask again.) While the
///   time is not known a not-before that has not surely passed is refused: waiting costs time, and
///   a change that comes too early may cost more. The hub tells the time when a node connects.
Result<VerifiedConfig> verify_signed_config(std::string_view bytes, const TrustedKeys& keys,
                                            const Recipient& recipient, std::uint64_t version_floor,
                                            const KnownTime& time);

/// The steps of the above that a read config still has ahead of it.
Status check_recipient(const v1::ConfigTarget& target, const Recipient& recipient);
Status check_not_before(const VerifiedConfig& config, const KnownTime& time);

/// `invalid_argument` when a target or statement does not keep the bounds of its proto file.
Status check_target(const v1::ConfigTarget& target);
Status check_statement(const v1::ConfigStatement& statement);

/// Signs. The statement's `sha256` is filled in; the rest must pass check_statement().
Result<std::string> sign_config(v1::ConfigStatement statement, const PrivateKey& key);

/// "node gw-1", "group north", "labels line=2, site=berlin", "everyone".
std::string target_text(const v1::ConfigTarget& target);

}  // namespace sluice
