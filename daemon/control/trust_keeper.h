#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "base/mutex.h"
#include "base/status.h"
#include "control/key_set.h"
#include "control/signed_config.h"
#include "control/version_floor.h"

namespace sluice {

/// Who may sign configs for this gateway, and the highest versions that it ever accepted.
///
/// Anchors are the operator's (`root.pub` in the trust folder). Key sets are taken from the file
/// `keys` beside it and from one of the same name in the state folder, where those go that came
/// from afar; the newest holds. Any thread.
class TrustKeeper {
 public:
  /// Reads what is there; what is wrong with it error() says, and nobody is trusted then.
  TrustKeeper(std::string trust_dir, std::string state_dir);

  /// The trust folder's files again, which an operator may have replaced.
  void reload();

  /// A chain that was offered. Durable on return. `already_exists` when it is the one in force;
  /// else as accept_keys().
  Status take(std::string_view chain);

  /// A config that was offered, to its signature and no further. `unauthenticated` when nobody is
  /// trusted.
  Result<VerifiedConfig> read(std::string_view bytes) const;
  /// All of it. `floor_known` is what the caller knows besides of accepted versions.
  Result<VerifiedConfig> verify(std::string_view bytes, const Recipient& recipient,
                                std::uint64_t floor_known, const KnownTime& time) const;
  /// `version` was accepted. Durable on return.
  Status raise_config_floor(std::uint64_t version);

  std::uint64_t config_floor() const;
  std::uint64_t key_set_version() const;
  /// Why nobody is trusted; empty when somebody is.
  std::string error() const;

 private:
  Status load() SLUICE_REQUIRES(mutex_);
  Result<VerifiedConfig> read_locked(std::string_view bytes) const SLUICE_REQUIRES(mutex_);
  Result<TrustedKeys> newest_of_disk(const TrustedKeys& anchors, std::uint64_t floor) const;

  const std::string trust_dir_;
  const std::string state_keys_;
  const VersionFloor config_floor_;
  const VersionFloor key_floor_;
  mutable Mutex mutex_;
  std::optional<TrustedKeys> keys_ SLUICE_GUARDED_BY(mutex_);
  Status error_ SLUICE_GUARDED_BY(mutex_);
};

}  // namespace sluice
