#include "control/trust_keeper.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "control/key_files.h"
#include "unit/control/signing_rig.h"

namespace sluice {
namespace {

/// A gateway's two folders. The root is 'R'.
class TrustKeeperTest : public ::testing::Test {
 protected:
  TrustKeeperTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-trust-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
    std::filesystem::create_directory(dir_ / "trust");
    std::filesystem::create_directory(dir_ / "state");
  }
  ~TrustKeeperTest() override { std::filesystem::remove_all(dir_); }
  std::string trust() const { return (dir_ / "trust").string(); }
  std::string state() const { return (dir_ / "state").string(); }
  void anchor(char root) { std::ofstream(dir_ / "trust" / "root.pub") << public_of(root).pem(); }
  static std::string set(std::uint64_t version, const std::string& keys,
                         const std::string& revoked = "", char root = 'R') {
    return chain_of({sign_key_set(key_set(version, keys, revoked), key_of(root))});
  }
  void put_keys(const std::string& folder, const std::string& chain) {
    std::ofstream(key_sets_path(folder), std::ios::binary) << chain;
  }
  Status verify(const TrustKeeper& keeper, const v1::ConfigStatement& statement, char key,
                std::uint64_t floor = 0) {
    return keeper.verify(signed_by(statement, key), {"gw-1", {}, {}}, floor, {0, false}).status();
  }

  std::filesystem::path dir_;
};

TEST_F(TrustKeeperTest, TrustsNobodyWithoutAnchorsAndSaysWhatToDo) {
  TrustKeeper keeper(trust(), state());
  EXPECT_NE(keeper.error().find("root.pub"), std::string::npos) << keeper.error();
  const Status s = verify(keeper, statement_of(1), 'a');
  EXPECT_EQ(s.code(), StatusCode::unauthenticated);
  EXPECT_FALSE(keeper.take(set(1, "a")).ok()) << "a set is no anchor";
  EXPECT_EQ(keeper.key_set_version(), 0u);
}

TEST_F(TrustKeeperTest, TakesASetThatWasOfferedAndHasItAfterARestart) {
  anchor('R');
  {
    TrustKeeper keeper(trust(), state());
    EXPECT_NE(keeper.error().find("key set"), std::string::npos) << keeper.error();
    EXPECT_TRUE(keeper.take(set(1, "a")).ok());
    EXPECT_EQ(keeper.error(), "");
    EXPECT_TRUE(verify(keeper, statement_of(1), 'a').ok());
    EXPECT_EQ(keeper.take(set(1, "a")).code(), StatusCode::already_exists);
    EXPECT_FALSE(keeper.take(set(2, "b", "", 'X')).ok()) << "no root of ours";
    EXPECT_EQ(keeper.key_set_version(), 1u);
  }
  TrustKeeper keeper(trust(), state());
  EXPECT_EQ(keeper.key_set_version(), 1u);
  EXPECT_TRUE(verify(keeper, statement_of(1), 'a').ok());
  EXPECT_FALSE(verify(keeper, statement_of(1), 'b').ok());
}

TEST_F(TrustKeeperTest, TheNewestOfTheTwoFilesHolds) {
  anchor('R');
  put_keys(trust(), set(3, "a"));
  put_keys(state(), set(5, "b"));
  TrustKeeper keeper(trust(), state());
  EXPECT_EQ(keeper.key_set_version(), 5u);
  put_keys(trust(), set(7, "c"));
  EXPECT_EQ(keeper.key_set_version(), 5u);
  keeper.reload();
  EXPECT_EQ(keeper.key_set_version(), 7u);
}

TEST_F(TrustKeeperTest, ADamagedFileDoesNotHideTheOther) {
  anchor('R');
  put_keys(trust(), "garbage");
  put_keys(state(), set(5, "b"));
  TrustKeeper keeper(trust(), state());
  EXPECT_EQ(keeper.key_set_version(), 5u);
  put_keys(state(), "garbage too");
  keeper.reload();
  EXPECT_EQ(keeper.key_set_version(), 0u);
  EXPECT_NE(keeper.error().find("/keys: "), std::string::npos) << keeper.error();
}

// The files of a backup know nothing of a key that was revoked since.
TEST_F(TrustKeeperTest, AnOlderSetDoesNotComeBackWithABackup) {
  anchor('R');
  const std::string old = set(1, "ab");
  {
    TrustKeeper keeper(trust(), state());
    EXPECT_TRUE(keeper.take(old).ok());
    EXPECT_TRUE(keeper.take(set(2, "b", "a")).ok());
  }
  put_keys(state(), old);
  TrustKeeper keeper(trust(), state());
  EXPECT_EQ(keeper.key_set_version(), 0u);
  EXPECT_FALSE(verify(keeper, statement_of(1), 'a').ok());
  EXPECT_TRUE(keeper.take(set(2, "b", "a")).ok()) << "what was lost may come again";
  EXPECT_FALSE(verify(keeper, statement_of(1), 'a').ok());
  EXPECT_TRUE(verify(keeper, statement_of(1), 'b').ok());
}

TEST_F(TrustKeeperTest, AConfigThatIsNotAboveTheFloorIsRefused) {
  anchor('R');
  TrustKeeper keeper(trust(), state());
  EXPECT_TRUE(keeper.take(set(1, "a")).ok());
  EXPECT_TRUE(keeper.raise_config_floor(7).ok());
  EXPECT_EQ(keeper.config_floor(), 7u);
  EXPECT_FALSE(verify(keeper, statement_of(7), 'a').ok());
  EXPECT_TRUE(verify(keeper, statement_of(8), 'a').ok());
  EXPECT_FALSE(verify(keeper, statement_of(8), 'a', 8).ok()) << "the revisions know more";
  EXPECT_EQ(TrustKeeper(trust(), state()).config_floor(), 7u);
}

}  // namespace
}  // namespace sluice
