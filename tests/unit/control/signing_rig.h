#pragma once

#include <gtest/gtest.h>
#include <openssl/evp.h>

#include <algorithm>
#include <initializer_list>
#include <string>
#include <vector>

#include "control/canonical_message.h"
#include "control/key_set.h"
#include "control/signed_config.h"

// Keys that are the same in every run, and what they signed.

namespace sluice {

/// The key whose private part is these 32 bytes, by way of PEM as a file would have it.
inline PrivateKey key_of_seed(const std::string& seed) {
  const std::string der =
      std::string("\x30\x2e\x02\x01\x00\x30\x05\x06\x03\x2b\x65\x70\x04\x22\x04\x20", 16) + seed;
  std::string base64(4 * ((der.size() + 2) / 3) + 1, '\0');
  base64.resize(static_cast<std::size_t>(EVP_EncodeBlock(
      reinterpret_cast<unsigned char*>(base64.data()),
      reinterpret_cast<const unsigned char*>(der.data()), static_cast<int>(der.size()))));
  auto key = PrivateKey::from_pem(
      "-----BEGIN PRIVATE KEY-----\n" + base64 + "\n-----END PRIVATE KEY-----\n", "seed");
  EXPECT_TRUE(key.ok()) << key.status().to_string();
  return *std::move(key);
}

inline PrivateKey key_of(char name) { return key_of_seed(std::string(32, name)); }
inline PublicKey public_of(char name) { return key_of(name).public_key(); }
inline std::string id_of(char name) { return public_of(name).id(); }

/// A set with the keys of these names, and revoked ones.
inline v1::KeySetStatement key_set(std::uint64_t version, const std::string& keys,
                                   const std::string& revoked = "",
                                   const std::string& next_roots = "") {
  v1::KeySetStatement set;
  set.set_version(version);
  set.set_issued_ns(1'700'000'000'000'000'000);
  for (const char name : keys) {
    auto* key = set.add_keys();
    key->set_public_key(public_of(name).raw());
    key->set_comment(std::string("key of ") + name);
  }
  std::vector<std::string> ids;
  for (const char name : revoked) ids.push_back(id_of(name));
  std::sort(ids.begin(), ids.end());
  for (const std::string& id : ids) set.add_revoked_key_ids(id);
  for (const char name : next_roots) set.add_next_root_public_keys(public_of(name).raw());
  return set;
}

inline std::string chain_of(std::initializer_list<v1::SignedKeySet> sets) {
  v1::KeySetChain chain;
  for (const v1::SignedKeySet& set : sets) *chain.add_sets() = set;
  return canonical_bytes(chain);
}

/// Those who believe root 'R', after it signed `set`.
inline TrustedKeys trusting(const v1::KeySetStatement& set) {
  auto keys = TrustedKeys({public_of('R')}).follow(chain_of({sign_key_set(set, key_of('R'))}));
  EXPECT_TRUE(keys.ok()) << keys.status().to_string();
  return *std::move(keys);
}

inline v1::ConfigStatement statement_of(std::uint64_t version) {
  v1::ConfigStatement statement;
  statement.set_version(version);
  statement.mutable_target()->set_node("gw-1");
  statement.set_payload("sources:\n  - name: plant\n");
  statement.set_issued_ns(1'700'000'000'000'000'000);
  return statement;
}

inline std::string signed_by(const v1::ConfigStatement& statement, char name) {
  const auto bytes = sign_config(statement, key_of(name));
  EXPECT_TRUE(bytes.ok()) << bytes.status().to_string();
  return *bytes;
}

inline bool says(const Status& status, const std::string& part) {
  return std::string(status.message()).find(part) != std::string::npos;
}

/// Every text that is `bytes` with one bit turned, one byte gone, doubled or put in, or cut short.
template <typename Check>
void for_each_mutation(const std::string& bytes, Check check) {
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    for (int bit = 0; bit < 8; ++bit) {
      std::string turned = bytes;
      turned[i] = static_cast<char>(turned[i] ^ (1 << bit));
      check(turned, "bit " + std::to_string(bit) + " of byte " + std::to_string(i));
    }
    std::string gone = bytes;
    gone.erase(i, 1);
    check(gone, "without byte " + std::to_string(i));
    for (const char put : {'\0', bytes[i], '\x7f'}) {
      std::string longer = bytes;
      longer.insert(i, 1, put);
      check(longer, "a byte more at " + std::to_string(i));
    }
    check(bytes.substr(0, i), "cut at " + std::to_string(i));
  }
  for (int byte = 0; byte < 256; ++byte) {
    check(bytes + static_cast<char>(byte), "followed by byte " + std::to_string(byte));
  }
  check(bytes + bytes, "twice");
}

}  // namespace sluice
