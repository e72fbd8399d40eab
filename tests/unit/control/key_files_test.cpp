#include "control/key_files.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>

#include "control/durable_file.h"
#include "unit/control/signing_rig.h"
#include "unit/control/temp_dir.h"

namespace sluice {
namespace {

unsigned mode_of(const std::string& path) {
  struct stat there = {};
  EXPECT_EQ(::stat(path.c_str(), &there), 0) << path;
  return there.st_mode & 0777;
}

class TrustFolder : public ::testing::Test {
 protected:
  void put_root(const std::string& names) {
    std::ofstream root(dir_ / "root.pub");
    for (const char name : names) root << public_of(name).pem();
  }
  void put_keys(const std::string& chain) { std::ofstream(dir_ / "keys") << chain; }
  Result<TrustedKeys> load(std::uint64_t floor = 0) { return load_trust(dir_.path(), floor); }

  TempDir dir_;
};

TEST(KeyFiles, AreMadeForTheirOwnerAlone) {
  const TempDir dir;
  const PrivateKey key = key_of('a');
  ASSERT_TRUE(create_key_files(dir / "key", key).ok());
  EXPECT_EQ(mode_of(dir / "key"), 0600u);
  EXPECT_EQ(read_private_key(dir / "key")->public_key(), key.public_key());
  EXPECT_EQ(read_public_keys(dir / "key.pub")->at(0), key.public_key());
}

TEST(KeyFiles, AreNeverWrittenOver) {
  const TempDir dir;
  ASSERT_TRUE(create_key_files(dir / "key", key_of('a')).ok());
  EXPECT_EQ(create_key_files(dir / "key", key_of('b')).code(), StatusCode::already_exists);
  EXPECT_EQ(read_private_key(dir / "key")->public_key(), public_of('a'));
  std::ofstream(dir / "other.pub") << "somebody's";
  EXPECT_EQ(create_key_files(dir / "other", key_of('b')).code(), StatusCode::already_exists);
  EXPECT_FALSE(std::filesystem::exists(dir / "other")) << "no half of a pair";
}

TEST(KeyFiles, AreRefusedWhenOthersMayReadThem) {
  const TempDir dir;
  ASSERT_TRUE(create_key_files(dir / "key", key_of('a')).ok());
  for (const mode_t mode : {0640, 0604, 0620, 0601}) {
    ASSERT_EQ(::chmod((dir / "key").c_str(), mode), 0);
    const auto key = read_private_key(dir / "key");
    ASSERT_FALSE(key.ok()) << std::oct << mode;
    EXPECT_TRUE(says(key.status(), "chmod 600 " + (dir / "key"))) << key.status().message();
  }
  ASSERT_EQ(::chmod((dir / "key").c_str(), 0400), 0);
  EXPECT_TRUE(read_private_key(dir / "key").ok());
  EXPECT_EQ(read_private_key(dir / "none").status().code(), StatusCode::not_found);
}

TEST_F(TrustFolder, HoldsTheRootAndTheSetThatItSigned) {
  put_root("R");
  put_keys(chain_of({sign_key_set(key_set(3, "ab"), key_of('R'))}));
  const auto keys = load(3);
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  EXPECT_EQ(keys->version(), 3u);
  EXPECT_NE(keys->find(id_of('a')), nullptr);
}

TEST_F(TrustFolder, MayHaveMoreThanOneRoot) {
  put_root("QR");
  put_keys(chain_of({sign_key_set(key_set(3, "a"), key_of('R'))}));
  EXPECT_TRUE(load().ok());
  put_keys(chain_of({sign_key_set(key_set(3, "a"), key_of('Q'))}));
  EXPECT_TRUE(load().ok());
}

TEST_F(TrustFolder, SaysWhichFileIsMissingOrWrongAndWhatBelongsThere) {
  const auto says_on_load = [this](const std::string& part) {
    const auto keys = load();
    ASSERT_FALSE(keys.ok());
    EXPECT_TRUE(says(keys.status(), part)) << keys.status().message();
  };
  says_on_load("there is no " + (dir_ / "root.pub") + ": put the public key there");
  std::ofstream(dir_ / "root.pub") << key_of('R').pem();
  says_on_load((dir_ / "root.pub") + " holds a private key");
  put_root("R");
  says_on_load("there is no " + (dir_ / "keys") + ": put the key set there");
  put_keys("garbage");
  says_on_load((dir_ / "keys") + ": the key set is damaged");
  put_keys(std::string(kKeySetsBytesMax + 1, 'x'));
  says_on_load((dir_ / "keys") + " has more than 262144 bytes");
  put_keys(chain_of({sign_key_set(key_set(1, "a"), key_of('Q'))}));
  says_on_load((dir_ / "keys") + ": the key set is signed by root key " + id_of('Q'));
}

TEST_F(TrustFolder, OfARestoredBackupIsRefused) {
  put_root("R");
  put_keys(chain_of({sign_key_set(key_set(3, "ab"), key_of('R'))}));
  const auto keys = load(4);
  ASSERT_FALSE(keys.ok());
  EXPECT_EQ(keys.status().code(), StatusCode::failed_precondition);
  EXPECT_TRUE(says(keys.status(), "key set version 3 is older than version 4"))
      << keys.status().message();
}

}  // namespace
}  // namespace sluice
