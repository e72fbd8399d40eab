#include "control/key_files.h"

#include <sys/stat.h>
#include <unistd.h>

#include "control/durable_file.h"

namespace sluice {
namespace {

constexpr std::size_t kPemBytesMax = 64 << 10;

Status at(const std::string& file, const Status& status) {
  return Status(status.code(), file + ": " + std::string(status.message()));
}

}  // namespace

Status create_key_files(const std::string& file, const PrivateKey& key) {
  std::string pem = key.pem();
  Status status = create_file(file, pem, 0600);
  wipe(pem);
  if (!status.ok()) return status;
  status = create_file(file + ".pub", key.public_key().pem(), 0644);
  // A key that nobody was told of is of no use.
  if (!status.ok()) ::unlink(file.c_str());
  return status;
}

Result<PrivateKey> read_private_key(const std::string& file) {
  struct stat there = {};
  if (::stat(file.c_str(), &there) == 0 && (there.st_mode & (S_IRWXG | S_IRWXO)) != 0) {
    return failed_precondition(file +
                               " is a private key that others may read or change: chmod 600 " +
                               file + ", and if others use this machine, make a new key");
  }
  auto pem = read_whole_file(file, kPemBytesMax);
  if (!pem.ok()) return pem.status();
  auto key = PrivateKey::from_pem(*pem, file);
  wipe(*pem);
  return key;
}

Result<std::vector<PublicKey>> read_public_keys(const std::string& file) {
  const auto pem = read_whole_file(file, kPemBytesMax);
  if (!pem.ok()) return pem.status();
  return PublicKey::from_pem(*pem, file);
}

Result<std::vector<PublicKey>> read_anchors(const std::string& folder) {
  auto anchors = read_public_keys(folder + "/root.pub");
  if (!anchors.ok() && anchors.status().code() == StatusCode::not_found) {
    return not_found("there is no " + folder +
                     "/root.pub: put the public key there with which your key sets are signed "
                     "(`sluicectl keys generate` makes such a pair)");
  }
  return anchors;
}

Result<std::string> read_key_sets(const std::string& file) {
  return read_whole_file(file, kKeySetsBytesMax);
}

std::string key_sets_path(const std::string& folder) { return folder + "/keys"; }

Result<TrustedKeys> load_trust(const std::string& folder, std::uint64_t version_floor) {
  auto anchors = read_anchors(folder);
  if (!anchors.ok()) return anchors.status();
  const std::string path = key_sets_path(folder);
  const auto chain = read_key_sets(path);
  if (!chain.ok() && chain.status().code() == StatusCode::not_found) {
    return not_found("there is no " + path +
                     ": put the key set there that says who may sign configs (`sluicectl keys "
                     "rotate` makes it, `keys install` puts it there)");
  }
  if (!chain.ok()) return chain.status();
  auto keys = accept_keys(TrustedKeys(*std::move(anchors)), *chain, version_floor);
  if (!keys.ok()) return at(path, keys.status());
  return keys;
}

}  // namespace sluice
