#include "control/trust_keeper.h"

#include <algorithm>
#include <utility>

#include "base/log.h"
#include "control/durable_file.h"
#include "control/key_files.h"

namespace sluice {
namespace {

constexpr mode_t kKeySetsMode = 0644;  // public keys

}  // namespace

TrustKeeper::TrustKeeper(std::string trust_dir, std::string state_dir)
    : trust_dir_(std::move(trust_dir)),
      state_keys_(key_sets_path(state_dir)),
      config_floor_(state_dir, VersionFloor::Kind::config),
      key_floor_(state_dir, VersionFloor::Kind::key_set) {
  reload();
}

void TrustKeeper::reload() {
  MutexLock lock(mutex_);
  error_ = load();
  if (error_.ok()) return;
  keys_.reset();
  if (error_.code() != StatusCode::not_found) {
    log::warn("control", "nobody is trusted to sign configs", {{"error", error_.to_string()}});
  }
}

Status TrustKeeper::load() {
  const auto floor = key_floor_.read();
  if (!floor.ok()) return floor.status();
  auto anchors = read_anchors(trust_dir_);
  if (!anchors.ok()) return anchors.status();
  auto keys = newest_of_disk(TrustedKeys(*std::move(anchors)), *floor);
  if (!keys.ok()) return keys.status();
  keys_ = *std::move(keys);
  return key_floor_.raise(keys_->version());
}

/// A file that is wrong does not hide the other.
Result<TrustedKeys> TrustKeeper::newest_of_disk(const TrustedKeys& anchors,
                                                std::uint64_t floor) const {
  Result<TrustedKeys> newest =
      not_found("there is no key set in " + trust_dir_ +
                ": put the file `keys` there that says who may sign configs (`sluicectl keys "
                "rotate` makes it, `keys install` puts it there), or push it");
  for (const std::string& path : {key_sets_path(trust_dir_), state_keys_}) {
    const auto chain = read_key_sets(path);
    if (!chain.ok() && chain.status().code() == StatusCode::not_found) continue;
    auto keys = chain.ok() ? accept_keys(anchors, *chain, floor) : chain.status();
    if (keys.ok() && (!newest.ok() || keys->version() > newest->version())) {
      newest = std::move(keys);
    } else if (!keys.ok() && !newest.ok()) {
      newest = Status(keys.status().code(), path + ": " + std::string(keys.status().message()));
    }
  }
  return newest;
}

Status TrustKeeper::take(std::string_view chain) {
  MutexLock lock(mutex_);
  const auto floor = key_floor_.read();
  if (!floor.ok()) return floor.status();
  const auto sets = parse_key_sets(chain);
  if (!sets.ok()) return sets.status();
  const auto last = parse_key_set(*sets->sets().rbegin());
  if (keys_ && last.ok() && last->version() == keys_->version()) {
    return already_exists("it is the one in force");
  }
  auto anchors = read_anchors(trust_dir_);
  if (!anchors.ok()) return anchors.status();
  auto keys = accept_keys(keys_ ? *keys_ : TrustedKeys(*std::move(anchors)), chain, *floor);
  if (!keys.ok()) return keys.status();
  if (Status s = replace_file(state_keys_, chain, kKeySetsMode); !s.ok()) return s;
  if (Status s = key_floor_.raise(keys->version()); !s.ok()) return s;
  log::info("control", "another key set is in force", {{"version", keys->version()}});
  keys_ = *std::move(keys);
  error_ = {};
  return {};
}

Result<VerifiedConfig> TrustKeeper::read(std::string_view bytes) const {
  MutexLock lock(mutex_);
  return read_locked(bytes);
}

Result<VerifiedConfig> TrustKeeper::read_locked(std::string_view bytes) const {
  if (keys_) return read_signed_config(bytes, *keys_);
  return Status(StatusCode::unauthenticated,
                "nobody is trusted to sign configs: " + std::string(error_.message()));
}

Result<VerifiedConfig> TrustKeeper::verify(std::string_view bytes, const Recipient& recipient,
                                           std::uint64_t floor_known, const KnownTime& time) const {
  MutexLock lock(mutex_);
  if (auto config = read_locked(bytes); !config.ok()) return config;
  const auto floor = config_floor_.read();
  if (!floor.ok()) return floor.status();
  return verify_signed_config(bytes, *keys_, recipient, std::max(*floor, floor_known), time);
}

Status TrustKeeper::raise_config_floor(std::uint64_t version) {
  MutexLock lock(mutex_);
  return config_floor_.raise(version);
}

std::uint64_t TrustKeeper::config_floor() const {
  const auto floor = config_floor_.read();
  return floor.ok() ? *floor : 0;
}

std::uint64_t TrustKeeper::key_set_version() const {
  MutexLock lock(mutex_);
  return keys_ ? keys_->version() : 0;
}

std::string TrustKeeper::error() const {
  MutexLock lock(mutex_);
  return std::string(error_.message());
}

}  // namespace sluice
