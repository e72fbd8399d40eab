#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "base/status.h"
#include "control/ed25519.h"
#include "control/key_set.h"

namespace sluice {

/// Makes FILE (PKCS#8, mode 0600) and FILE.pub. `already_exists`, and nothing made, when either is
/// there.
Status create_key_files(const std::string& file, const PrivateKey& key);

/// `failed_precondition` for a file that others than its owner can read.
Result<PrivateKey> read_private_key(const std::string& file);
/// One or more of them in one PEM file.
Result<std::vector<PublicKey>> read_public_keys(const std::string& file);

// The trust folder of a gateway, e.g. /etc/sluice/trust: `root.pub`, PEM, the anchors, which only
// the operator changes; and `keys`, a serialized KeySetChain.

Result<std::vector<PublicKey>> read_anchors(const std::string& folder);
/// The bytes of a chain, not looked into.
Result<std::string> read_key_sets(const std::string& file);
std::string key_sets_path(const std::string& folder);
/// Anchors and chain; see accept_keys() for `version_floor`. Messages begin with the file.
Result<TrustedKeys> load_trust(const std::string& folder, std::uint64_t version_floor);

}  // namespace sluice
