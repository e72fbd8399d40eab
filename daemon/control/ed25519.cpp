#include "control/ed25519.h"

#include <openssl/bio.h>
#include <openssl/crypto.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <optional>

#include "base/assert.h"
#include "control/sha256.h"

namespace sluice {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
  void operator()(EVP_PKEY_CTX* context) const { EVP_PKEY_CTX_free(context); }
  void operator()(EVP_MD_CTX* context) const { EVP_MD_CTX_free(context); }
};
template <typename T>
using Owned = std::unique_ptr<T, Free>;

constexpr std::size_t kKeyIdDigits = 16;

// Without it OpenSSL would ask for a password on the terminal.
int no_password(char*, int, int, void*) { return 0; }

const unsigned char* unsigned_bytes(std::string_view bytes) {
  return reinterpret_cast<const unsigned char*>(bytes.data());
}

Owned<BIO> reader(std::string_view pem) {
  return Owned<BIO>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

std::string raw_public_key(const EVP_PKEY* key) {
  std::string raw(kEd25519KeyBytes, '\0');
  std::size_t size = raw.size();
  SLUICE_ASSERT(
      EVP_PKEY_get_raw_public_key(key, reinterpret_cast<unsigned char*>(raw.data()), &size) == 1);
  SLUICE_ASSERT(size == raw.size());
  return raw;
}

std::string written(const BIO* bio) {
  const char* bytes = nullptr;
  const long size = BIO_get_mem_data(const_cast<BIO*>(bio), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

struct Block {
  std::string name;
  std::string der;
};

/// The next part of a PEM text; none at its end and where it is damaged, by OpenSSL's last error.
std::optional<Block> next_block(BIO* in) {
  char* name = nullptr;
  char* header = nullptr;
  unsigned char* der = nullptr;
  long size = 0;
  if (PEM_read_bio(in, &name, &header, &der, &size) != 1) return std::nullopt;
  Block block{name, {reinterpret_cast<const char*>(der), static_cast<std::size_t>(size)}};
  OPENSSL_free(name);
  OPENSSL_free(header);
  OPENSSL_clear_free(der, static_cast<std::size_t>(size));
  return block;
}

Status no_private_key(std::string_view pem, const std::string& where) {
  if (has(pem, "ENCRYPTED")) {
    return invalid_argument(where +
                            " holds a key with a password; write it without one, for its owner "
                            "alone: (umask 077; openssl pkey -in FILE -out NEW)");
  }
  if (has(pem, "BEGIN PUBLIC KEY-----")) {
    return invalid_argument(where + " holds a public key; give the file of its private key");
  }
  return invalid_argument(where +
                          " holds no PEM private key, or a damaged one; expected a part that "
                          "begins with \"-----BEGIN PRIVATE KEY-----\"");
}

Status no_public_key(std::string_view pem, const std::string& where) {
  if (has(pem, "PRIVATE KEY-----")) {
    return invalid_argument(where + " holds a private key; give the file of its public key (.pub)");
  }
  return invalid_argument(where +
                          " holds no PEM public key; expected a part that begins with "
                          "\"-----BEGIN PUBLIC KEY-----\"");
}

Status other_algorithm(const EVP_PKEY* key, const std::string& where) {
  const char* name = EVP_PKEY_get0_type_name(key);
  return invalid_argument(where + " holds a key for " +
                          (name != nullptr ? name : "something else") +
                          "; expected Ed25519, as `sluicectl keys generate` makes it");
}

}  // namespace

bool is_key_id(std::string_view text) {
  return text.size() == kKeyIdDigits &&
         text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

Result<PublicKey> PublicKey::from_raw(std::string_view raw) {
  if (raw.size() == kEd25519KeyBytes) return PublicKey(raw);
  return invalid_argument("an Ed25519 public key has 32 bytes, not " + std::to_string(raw.size()));
}

Result<std::vector<PublicKey>> PublicKey::from_pem(std::string_view pem, const std::string& where) {
  std::vector<PublicKey> keys;
  const Owned<BIO> in = reader(pem);
  const auto damaged = [&] {
    ERR_clear_error();
    return invalid_argument(where + " holds a damaged public key, number " +
                            std::to_string(keys.size() + 1) +
                            "; was it cut off while it was copied?");
  };
  while (const auto block = next_block(in.get())) {
    if (block->name != "PUBLIC KEY") return no_public_key(pem, where);
    const unsigned char* at = unsigned_bytes(block->der);
    const Owned<EVP_PKEY> key(d2i_PUBKEY(nullptr, &at, static_cast<long>(block->der.size())));
    if (!key || at != unsigned_bytes(block->der) + block->der.size()) return damaged();
    if (EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) return other_algorithm(key.get(), where);
    keys.push_back(PublicKey(raw_public_key(key.get())));
  }
  if (ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE) return damaged();
  ERR_clear_error();
  if (keys.empty()) return no_public_key(pem, where);
  return keys;
}

std::string PublicKey::id() const { return hex(sha256(raw_)).substr(0, kKeyIdDigits); }

std::string PublicKey::pem() const {
  const Owned<EVP_PKEY> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, unsigned_bytes(raw_), raw_.size()));
  const Owned<BIO> out(BIO_new(BIO_s_mem()));
  SLUICE_ASSERT(PEM_write_bio_PUBKEY(out.get(), key.get()) == 1);
  return written(out.get());
}

bool PublicKey::verify(std::string_view bytes, std::string_view signature) const {
  if (signature.size() != kEd25519SignatureBytes) return false;
  const Owned<EVP_PKEY> key(
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, unsigned_bytes(raw_), raw_.size()));
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  const bool fits =
      key && context &&
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key.get()) == 1 &&
      EVP_DigestVerify(context.get(), unsigned_bytes(signature), signature.size(),
                       unsigned_bytes(bytes), bytes.size()) == 1;
  ERR_clear_error();
  return fits;
}

void PrivateKey::Free::operator()(evp_pkey_st* key) const { EVP_PKEY_free(key); }

Result<PrivateKey> PrivateKey::generate() {
  const Owned<EVP_PKEY_CTX> context(EVP_PKEY_CTX_new_id(EVP_PKEY_ED25519, nullptr));
  EVP_PKEY* key = nullptr;
  if (!context || EVP_PKEY_keygen_init(context.get()) != 1 ||
      EVP_PKEY_keygen(context.get(), &key) != 1) {
    ERR_clear_error();
    return unavailable("no key can be made: the system gives no random numbers");
  }
  return PrivateKey(key);
}

Result<PrivateKey> PrivateKey::from_pem(std::string_view pem, const std::string& where) {
  Owned<EVP_PKEY> key(PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!key) return no_private_key(pem, where);
  if (EVP_PKEY_get_id(key.get()) != EVP_PKEY_ED25519) return other_algorithm(key.get(), where);
  return PrivateKey(key.release());
}

PublicKey PrivateKey::public_key() const {
  return *PublicKey::from_raw(raw_public_key(key_.get()));
}

std::string PrivateKey::pem() const {
  // Secure memory, where there is any, is wiped when it is freed.
  const Owned<BIO> out(BIO_new(BIO_s_secmem()));
  SLUICE_ASSERT(PEM_write_bio_PKCS8PrivateKey(out.get(), key_.get(), nullptr, nullptr, 0, nullptr,
                                              nullptr) == 1);
  return written(out.get());
}

std::string PrivateKey::sign(std::string_view bytes) const {
  std::string signature(kEd25519SignatureBytes, '\0');
  std::size_t size = signature.size();
  const Owned<EVP_MD_CTX> context(EVP_MD_CTX_new());
  SLUICE_ASSERT(EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) == 1);
  SLUICE_ASSERT(EVP_DigestSign(context.get(), reinterpret_cast<unsigned char*>(signature.data()),
                               &size, unsigned_bytes(bytes), bytes.size()) == 1);
  SLUICE_ASSERT(size == signature.size());
  return signature;
}

void wipe(std::string& secret) {
  OPENSSL_cleanse(secret.data(), secret.size());
  secret.clear();
}

}  // namespace sluice
