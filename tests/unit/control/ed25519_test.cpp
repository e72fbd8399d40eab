#include "control/ed25519.h"

#include <gtest/gtest.h>
#include <openssl/pem.h>

#include <cstdlib>
#include <fstream>

#include "control/key_files.h"
#include "control/sha256.h"
#include "unit/control/signing_rig.h"
#include "unit/control/temp_dir.h"

namespace sluice {
namespace {

std::string unhex(const std::string& digits) {
  std::string out;
  for (std::size_t i = 0; i < digits.size(); i += 2) {
    out.push_back(static_cast<char>(std::stoi(digits.substr(i, 2), nullptr, 16)));
  }
  return out;
}

struct Vector {
  const char* seed;
  const char* public_key;
  const char* message;
  const char* signature;
};
// RFC 8032, section 7.1: TEST 1, 2, 3 and SHA(abc).
constexpr Vector kVectors[] = {
    {"9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60",
     "d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a", "",
     "e5564300c360ac729086e2cc806e828a84877f1eb8e5d974d873e065224901555fb8821590a33bacc61e39701cf9"
     "b46bd25bf5f0595bbe24655141438e7a100b"},
    {"4ccd089b28ff96da9db6c346ec114e0f5b8a319f35aba624da8cf6ed4fb8a6fb",
     "3d4017c3e843895a92b70aa74d1b7ebc9c982ccf2ec4968cc0cd55f12af4660c", "72",
     "92a009a9f0d4cab8720e820b5f642540a2b27b5416503f8fb3762223ebdb69da085ac1e43e15996e458f3613d0f1"
     "1d8c387b2eaeb4302aeeb00d291612bb0c00"},
    {"c5aa8df43f9f837bedb7442f31dcb7b166d38535076f094b85ce3a2e0b4458f7",
     "fc51cd8e6218a1a38da47ed00230f0580816ed13ba3303ac5deb911548908025", "af82",
     "6291d657deec24024827e69c3abe01a30ce548a284743a445e3680d7db5ac3ac18ff9b538d16f290ae67f760984d"
     "c6594a7c15e9716ed28dc027beceea1ec40a"},
    {"833fe62409237b9d62ec77587520911e9a759cec1d19755b7da901b96dca3d42",
     "ec172b93ad5e563bf4932c70e1245034c35467ef2efd4d64ebf819683467e2bf",
     "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a2192992a274fc1a836ba3c23a3fe"
     "ebbd454d4423643ce80e2a9ac94fa54ca49f",
     "dc2a4459e7369633a52b1bf277839a00201009a3efbf3ecb69bea2186c26b58909351fc9ac90b3ecfdfbc7c66431"
     "e0303dca179c138ac17ad9bef1177331a704"},
};

TEST(Ed25519, MakesAndVerifiesTheSignaturesOfTheRfc) {
  for (const Vector& v : kVectors) {
    const PrivateKey key = key_of_seed(unhex(v.seed));
    EXPECT_EQ(hex(key.public_key().raw()), v.public_key);
    EXPECT_EQ(hex(key.sign(unhex(v.message))), v.signature);
    EXPECT_TRUE(key.public_key().verify(unhex(v.message), unhex(v.signature)));
    EXPECT_FALSE(key.public_key().verify(unhex(v.message) + "x", unhex(v.signature)));
  }
}

TEST(Ed25519, RefusesEverySignatureAndKeyWithAnotherBit) {
  const std::string message = "message";
  const std::string signature = key_of('a').sign(message);
  const PublicKey key = public_of('a');
  for (std::size_t bit = 0; bit < 8 * signature.size(); ++bit) {
    std::string other = signature;
    other[bit / 8] = static_cast<char>(other[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(key.verify(message, other)) << bit;
  }
  for (std::size_t bit = 0; bit < 8 * kEd25519KeyBytes; ++bit) {
    std::string raw = key.raw();
    raw[bit / 8] = static_cast<char>(raw[bit / 8] ^ (1 << bit % 8));
    EXPECT_FALSE(PublicKey::from_raw(raw)->verify(message, signature)) << bit;
  }
  for (const std::size_t size : {0u, 1u, 32u, 63u}) {
    EXPECT_FALSE(key.verify(message, signature.substr(0, size)));
  }
  EXPECT_FALSE(key.verify(message, signature + "x"));
}

// S and S + L mean the same to a verifier that does not look; then one config had two byte forms.
TEST(Ed25519, RefusesTheSecondFormOfASignature) {
  std::string signature = key_of('a').sign("message");
  const std::string order =
      unhex("edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010");
  unsigned carry = 0;
  for (std::size_t i = 0; i < 32; ++i) {
    carry += static_cast<unsigned char>(signature[32 + i]);
    carry += static_cast<unsigned char>(order[i]);
    signature[32 + i] = static_cast<char>(carry);
    carry >>= 8;
  }
  EXPECT_FALSE(public_of('a').verify("message", signature));
}

TEST(Ed25519, NamesAKeyByItsDigest) {
  const PublicKey key = public_of('a');
  EXPECT_EQ(key.id(), hex(sha256(key.raw())).substr(0, 16));
  EXPECT_TRUE(is_key_id(key.id()));
  for (const char* text :
       {"", "0123456789abcde", "0123456789abcdef0", "0123456789ABCDEF", "0123456789abcdeg"}) {
    EXPECT_FALSE(is_key_id(text)) << text;
  }
  EXPECT_FALSE(PublicKey::from_raw(std::string(31, 'x')).ok());
}

TEST(Ed25519, MakesAnotherKeyEachTimeThatSurvivesItsPem) {
  const auto first = PrivateKey::generate();
  const auto second = PrivateKey::generate();
  ASSERT_TRUE(first.ok() && second.ok());
  EXPECT_NE(first->public_key(), second->public_key());
  std::string pem = first->pem();
  const auto again = PrivateKey::from_pem(pem, "pem");
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(again->sign("x"), first->sign("x"));
  const auto keys =
      PublicKey::from_pem(first->public_key().pem() + "and\n" + second->public_key().pem(), "pem");
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  EXPECT_EQ(*keys, (std::vector<PublicKey>{first->public_key(), second->public_key()}));
  wipe(pem);
  EXPECT_EQ(pem, "");
}

std::string public_pem_of_another_algorithm() {
  EVP_PKEY* key = EVP_EC_gen("P-256");
  BIO* out = BIO_new(BIO_s_mem());
  EXPECT_EQ(PEM_write_bio_PUBKEY(out, key), 1);
  const char* text = nullptr;
  const long size = BIO_get_mem_data(out, &text);
  const std::string pem(text, static_cast<std::size_t>(size));
  BIO_free(out);
  EVP_PKEY_free(key);
  return pem;
}

TEST(Ed25519, SaysWhatIsWrongWithAPem) {
  const std::string secret = key_of('a').pem();
  const std::string open = public_of('a').pem();
  const std::pair<std::string, const char*> kPublic[] = {
      {"", "f holds no PEM public key"},
      {"garbage", "f holds no PEM public key"},
      {secret, "f holds a private key; give the file of its public key (.pub)"},
      {public_pem_of_another_algorithm(), "f holds a key for EC; expected Ed25519"},
      {open + open.substr(0, 60), "f holds a damaged public key, number 2"},
      {open.substr(0, 40) + "!" + open.substr(41), "f holds a damaged public key, number 1"},
  };
  for (const auto& [pem, expected] : kPublic) {
    const auto keys = PublicKey::from_pem(pem, "f");
    ASSERT_FALSE(keys.ok()) << pem;
    EXPECT_TRUE(says(keys.status(), expected)) << keys.status().message();
  }
  const std::pair<std::string, const char*> kPrivate[] = {
      {"", "f holds no PEM private key"},
      {open, "f holds a public key; give the file of its private key"},
      {secret.substr(0, secret.size() / 2), "f holds no PEM private key, or a damaged one"},
      {"-----BEGIN ENCRYPTED PRIVATE KEY-----\nAAAA\n-----END ENCRYPTED PRIVATE KEY-----\n",
       "f holds a key with a password"},
  };
  for (const auto& [pem, expected] : kPrivate) {
    const auto key = PrivateKey::from_pem(pem, "f");
    ASSERT_FALSE(key.ok()) << pem;
    EXPECT_TRUE(says(key.status(), expected)) << key.status().message();
  }
}

bool has_openssl() { return std::system("openssl version >/dev/null 2>&1") == 0; }

TEST(Ed25519, TakesAKeyThatOpensslMadeAndSignsWhatOpensslVerifies) {
  if (!has_openssl()) GTEST_SKIP() << "there is no openssl program on this machine";
  const TempDir dir;
  const std::string file = dir / "key.pem";
  ASSERT_EQ(std::system(("openssl genpkey -algorithm ed25519 -out " + file).c_str()), 0);
  const auto key = read_private_key(file);
  ASSERT_TRUE(key.ok()) << key.status().to_string();
  ASSERT_EQ(std::system(("openssl pkey -in " + file + " -pubout -out " + file + ".pub").c_str()),
            0);
  const auto keys = read_public_keys(file + ".pub");
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  EXPECT_EQ(keys->at(0), key->public_key());
  const std::string message = signed_bytes(kConfigDomain, "statement");
  std::ofstream(dir / "message") << message;
  std::ofstream(dir / "signature") << key->sign(message);
  const std::string verify = "openssl pkeyutl -verify -rawin -pubin -inkey " + file + ".pub -in " +
                             (dir / "message") + " -sigfile " + (dir / "signature") +
                             " >/dev/null 2>&1";
  EXPECT_EQ(std::system(verify.c_str()), 0);
  std::ofstream(dir / "message") << message + "x";
  EXPECT_NE(std::system(verify.c_str()), 0);
}

TEST(Ed25519, WritesKeysThatOpensslReads) {
  if (!has_openssl()) GTEST_SKIP() << "there is no openssl program on this machine";
  const TempDir dir;
  const auto key = PrivateKey::generate();
  ASSERT_TRUE(create_key_files(dir / "key", *key).ok());
  ASSERT_EQ(std::system(("openssl pkey -in " + (dir / "key") + " -pubout -out " + (dir / "pub") +
                         " && cmp " + (dir / "pub") + " " + (dir / "key.pub"))
                            .c_str()),
            0);
}

}  // namespace
}  // namespace sluice
