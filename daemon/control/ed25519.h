#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "base/status.h"

struct evp_pkey_st;

namespace sluice {

inline constexpr std::size_t kEd25519KeyBytes = 32;
inline constexpr std::size_t kEd25519SignatureBytes = 64;

/// Whether the text is the id of a key: 16 lower-case hex digits.
bool is_key_id(std::string_view text);

/// An Ed25519 public key (RFC 8032). A plain value. Any thread.
class PublicKey {
 public:
  /// `invalid_argument` unless `raw` has 32 bytes.
  static Result<PublicKey> from_raw(std::string_view raw);
  /// All keys of a PEM text (SubjectPublicKeyInfo, as `openssl pkey -pubout` writes it), one at
  /// least. `where` is what messages call it.
  static Result<std::vector<PublicKey>> from_pem(std::string_view pem, const std::string& where);

  const std::string& raw() const { return raw_; }
  /// The first 16 hex digits of the SHA-256 of raw().
  std::string id() const;
  std::string pem() const;
  /// Whether its private key made this signature over these bytes.
  bool verify(std::string_view bytes, std::string_view signature) const;

  friend bool operator==(const PublicKey&, const PublicKey&) = default;

 private:
  explicit PublicKey(std::string_view raw) : raw_(raw) {}
  std::string raw_;
};

/// An Ed25519 private key. OpenSSL holds it and wipes it; it never is part of a message.
class PrivateKey {
 public:
  /// A new one, from the system's random numbers.
  static Result<PrivateKey> generate();
  /// Of a PEM text (PKCS#8 without a password, as `openssl genpkey -algorithm ed25519` writes it).
  static Result<PrivateKey> from_pem(std::string_view pem, const std::string& where);

  PublicKey public_key() const;
  /// For its file alone: wipe() it afterwards.
  std::string pem() const;
  /// 64 bytes.
  std::string sign(std::string_view bytes) const;

 private:
  struct Free {
    void operator()(evp_pkey_st* key) const;
  };
  explicit PrivateKey(evp_pkey_st* key) : key_(key) {}
  std::unique_ptr<evp_pkey_st, Free> key_;
};

/// Overwrites the text so that no compiler leaves it out, and empties it.
void wipe(std::string& secret);

}  // namespace sluice
