#include "control/key_set.h"

#include <gtest/gtest.h>

#include "control/version_floor.h"
#include "unit/control/signing_rig.h"

namespace sluice {
namespace {

/// What a gateway with root 'R' on its disk makes of the chain.
Result<TrustedKeys> from_root(const std::string& chain, char root = 'R') {
  return TrustedKeys({public_of(root)}).follow(chain);
}

std::string signed_set(const v1::KeySetStatement& set, char root = 'R') {
  return chain_of({sign_key_set(set, key_of(root))});
}

void expect_refused(const Result<TrustedKeys>& keys, const std::string& part) {
  ASSERT_FALSE(keys.ok());
  EXPECT_TRUE(says(keys.status(), part)) << keys.status().message();
}

TEST(KeySet, TrustsNobodyBeforeARootSaidSo) {
  const TrustedKeys keys({public_of('R')});
  EXPECT_EQ(keys.version(), 0u);
  EXPECT_EQ(keys.find(id_of('R')), nullptr) << "a root signs key sets, not configs";
}

TEST(KeySet, NamesTheKeysThatMaySign) {
  v1::KeySetStatement set = key_set(1, "ab");
  set.mutable_keys(1)->set_not_before_ns(5);
  const auto keys = from_root(signed_set(set));
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  ASSERT_NE(keys->find(id_of('b')), nullptr);
  EXPECT_EQ(keys->find(id_of('b'))->comment, "key of b");
  EXPECT_EQ(keys->find(id_of('b'))->not_before_ns, 5);
  EXPECT_EQ(keys->find(id_of('c')), nullptr);
  EXPECT_EQ(keys->roots(), std::vector<PublicKey>{public_of('R')});
}

// Of a chain with a change of the root, so that every kind of field is there. Cut between its two
// sets it is the file that it was before, which only the version can tell.
TEST(KeySet, IsRefusedWithAnyBitTurnedAndAnyByteMoreOrLess) {
  const std::string good = chain_of({sign_key_set(key_set(1, "a", "b", "S"), key_of('R')),
                                     sign_key_set(key_set(2, "ac", "b"), key_of('S'))});
  const TrustedKeys old_root({public_of('R')});
  // Who knows the new root only passes over the first set; its bytes count all the same.
  const TrustedKeys new_root({public_of('S')});
  ASSERT_TRUE(accept_keys(old_root, good, 2).ok());
  ASSERT_TRUE(accept_keys(new_root, good, 2).ok());
  for_each_mutation(good, [&](const std::string& bytes, const std::string& how) {
    EXPECT_FALSE(accept_keys(old_root, bytes, 2).ok()) << how;
    EXPECT_FALSE(accept_keys(new_root, bytes, 2).ok()) << how << ", for who has the new root";
  });
}

TEST(KeySet, IsRefusedFromAnyoneButARoot) {
  expect_refused(
      from_root(signed_set(key_set(1, "a"), 'a')),
      "signed by root key " + id_of('a') + ", and not by one in force here (" + id_of('R') + ")");
  // Its own name for the signer, but somebody else's signature.
  v1::SignedKeySet forged = sign_key_set(key_set(1, "a"), key_of('a'));
  forged.set_root_public_key(public_of('R').raw());
  expect_refused(from_root(chain_of({forged})), "does not fit the key set");
}

TEST(KeySet, IsNoConfigAndAConfigIsNone) {
  v1::SignedKeySet set;
  set.set_statement(canonical_bytes(key_set(1, "a")));
  set.set_signature(key_of('R').sign(signed_bytes(kConfigDomain, set.statement())));
  set.set_root_public_key(public_of('R').raw());
  expect_refused(from_root(chain_of({set})), "does not fit the key set");
  set.set_signature(key_of('R').sign(set.statement()));
  expect_refused(from_root(chain_of({set})), "does not fit the key set");
  expect_refused(from_root(signed_by(statement_of(1), 'R')), "the key set ");
}

TEST(KeySet, IsRefusedWhenItIsOlderOrTheSame) {
  const TrustedKeys current = trusting(key_set(5, "a"));
  for (const std::uint64_t version : {1u, 4u, 5u}) {
    const auto keys = current.follow(signed_set(key_set(version, "ab")));
    expect_refused(keys, "is not above 5");
    EXPECT_EQ(keys.status().code(), StatusCode::failed_precondition);
  }
  EXPECT_TRUE(current.follow(signed_set(key_set(6, "ab"))).ok());
  expect_refused(current.follow(signed_set(key_set(6 + kVersionStepMax, "ab"))), "more than 2^32");
}

TEST(KeySet, OfABackupIsRefusedAndTheOneThatWasInForceMayComeAgain) {
  const TrustedKeys anchors({public_of('R')});
  expect_refused(accept_keys(anchors, signed_set(key_set(3, "a")), 5), "is older than version 5");
  EXPECT_TRUE(accept_keys(anchors, signed_set(key_set(5, "a")), 5).ok());
  const TrustedKeys restored = trusting(key_set(3, "a"));
  expect_refused(accept_keys(restored, signed_set(key_set(4, "a")), 5), "is older than version 5");
  EXPECT_TRUE(accept_keys(restored, signed_set(key_set(5, "a")), 5).ok());
  expect_refused(accept_keys(trusting(key_set(5, "a")), signed_set(key_set(5, "a")), 5),
                 "is not above 5");
}

TEST(KeySet, RotatesKeys) {
  const auto next = trusting(key_set(1, "a")).follow(signed_set(key_set(2, "b")));
  ASSERT_TRUE(next.ok()) << next.status().to_string();
  EXPECT_EQ(next->find(id_of('a')), nullptr);
  EXPECT_NE(next->find(id_of('b')), nullptr);
  EXPECT_FALSE(next->is_revoked(id_of('a'))) << "retired is not revoked";
}

TEST(KeySet, LetsARevokedKeySignNoMoreThoughItIsNamed) {
  const TrustedKeys keys = trusting(key_set(1, "ab", "b"));
  EXPECT_NE(keys.find(id_of('a')), nullptr);
  EXPECT_EQ(keys.find(id_of('b')), nullptr);
  EXPECT_TRUE(keys.is_revoked(id_of('b')));
}

TEST(KeySet, CannotTakeARevocationBack) {
  const TrustedKeys current = trusting(key_set(1, "a", "b"));
  expect_refused(current.follow(signed_set(key_set(2, "ab"))),
                 "no longer revokes key " + id_of('b'));
  expect_refused(current.follow(signed_set(key_set(2, "ab", "c"))), "no longer revokes key");
  EXPECT_TRUE(current.follow(signed_set(key_set(2, "a", "bc"))).ok());
  // Nor by a second set in the same file.
  expect_refused(current.follow(chain_of({sign_key_set(key_set(2, "ab"), key_of('R')),
                                          sign_key_set(key_set(3, "a", "b"), key_of('R'))})),
                 "no longer revokes key");
}

TEST(KeySet, MayNameNobodyInAnEmergency) {
  const auto keys = from_root(signed_set(key_set(1, "", "a")));
  ASSERT_TRUE(keys.ok()) << keys.status().to_string();
  EXPECT_TRUE(keys->keys().empty());
}

class RootChange : public ::testing::Test {
 protected:
  const v1::SignedKeySet first_ = sign_key_set(key_set(1, "a"), key_of('R'));
  const v1::SignedKeySet change_ = sign_key_set(key_set(2, "a", "", "S"), key_of('R'));
  const v1::SignedKeySet after_ = sign_key_set(key_set(3, "b"), key_of('S'));
};

TEST_F(RootChange, TakesEffectAfterTheSetThatNamesTheNewRoot) {
  const auto changed = trusting(key_set(1, "a")).follow(chain_of({change_}));
  ASSERT_TRUE(changed.ok()) << changed.status().to_string();
  EXPECT_NE(changed->find(id_of('a')), nullptr);
  EXPECT_EQ(changed->roots(), std::vector<PublicKey>{public_of('S')});
  const auto after = changed->follow(chain_of({change_, after_}));
  ASSERT_TRUE(after.ok()) << after.status().to_string();
  EXPECT_NE(after->find(id_of('b')), nullptr);
}

TEST_F(RootChange, EndsTheOldRootEvenForWhoHasItOnDisk) {
  const auto changed = trusting(key_set(1, "a")).follow(chain_of({change_}));
  ASSERT_TRUE(changed.ok());
  expect_refused(changed->follow(signed_set(key_set(9, "a"), 'R')),
                 "not by one in force here (" + id_of('S') + ")");
  expect_refused(from_root(chain_of({change_, sign_key_set(key_set(3, "a"), key_of('R'))})),
                 "not by one in force here (" + id_of('S') + ")");
}

TEST_F(RootChange, MustBeSignedByTheOldRoot) {
  const auto self_made = sign_key_set(key_set(2, "a", "", "S"), key_of('S'));
  expect_refused(trusting(key_set(1, "a")).follow(chain_of({self_made, after_})),
                 "not by one in force here (" + id_of('R') + ")");
}

TEST_F(RootChange, IsFollowedByWhoWasAwayForIt) {
  const auto again = sign_key_set(key_set(4, "b", "", "T"), key_of('S'));
  const auto last = sign_key_set(key_set(5, "c"), key_of('T'));
  const std::string chain = chain_of({change_, again, last});
  for (const char root : {'R', 'S', 'T'}) {
    const auto keys = from_root(chain, root);
    ASSERT_TRUE(keys.ok()) << root << keys.status().to_string();
    EXPECT_EQ(keys->version(), 5u);
    EXPECT_EQ(keys->roots(), std::vector<PublicKey>{public_of('T')});
  }
  EXPECT_TRUE(trusting(key_set(1, "a")).follow(chain).ok());
  expect_refused(from_root(chain, 'x'), "not by one in force here");
}

TEST_F(RootChange, IsRefusedInAFileThatTheNextStartCouldNotFollow) {
  const auto changed = trusting(key_set(1, "a")).follow(chain_of({change_}));
  ASSERT_TRUE(changed.ok());
  expect_refused(changed->follow(chain_of({after_})), "could not be read again at the next start");
  EXPECT_TRUE(changed->follow(chain_of({change_, after_})).ok());
}

// The anchors of this gateway are both; a file that leads past the change only from one of them.
TEST_F(RootChange, IsRefusedInAFileThatLeadsElsewhereFromTheDisk) {
  const auto current = TrustedKeys({public_of('R'), public_of('S')}).follow(chain_of({change_}));
  ASSERT_TRUE(current.ok());
  EXPECT_EQ(current->roots(), std::vector<PublicKey>{public_of('S')});
  expect_refused(current->follow(chain_of({after_})), "does not lead from the roots on this disk");
}

TEST_F(RootChange, DoesNotOpenAWayAroundTheOrderOfVersions) {
  expect_refused(from_root(chain_of({change_, sign_key_set(key_set(2, "b"), key_of('S'))})),
                 "is not above 2");
  expect_refused(from_root(chain_of({change_, sign_key_set(key_set(1, "b"), key_of('S'))})),
                 "is not above 2");
}

TEST(KeySet, IsRefusedBeyondItsBounds) {
  const auto refused = [](const v1::KeySetStatement& set, const std::string& part) {
    const Status status = check_key_set(set);
    EXPECT_TRUE(says(status, part)) << status.message();
    expect_refused(from_root(signed_set(set)), part);  // a root's signature does not help
  };
  v1::KeySetStatement many = key_set(1, "");
  for (int i = 0; i <= kSigningKeysMax; ++i) {
    many.add_keys()->set_public_key(public_of(static_cast<char>('0' + i)).raw());
  }
  refused(many, "too many keys");
  many.mutable_keys()->RemoveLast();
  EXPECT_TRUE(check_key_set(many).ok());
  v1::KeySetStatement revoked = key_set(1, "");
  for (int i = 0; i <= kRevokedKeysMax; ++i) {
    const std::string number = std::to_string(100'000 + i);
    revoked.add_revoked_key_ids("0000000000" + number);
  }
  refused(revoked, "too many revoked keys");
  revoked.mutable_revoked_key_ids()->RemoveLast();
  EXPECT_TRUE(check_key_set(revoked).ok());
  refused(key_set(1, "", "", "STUVW"), "too many root keys");
  refused(key_set(1, "aa"), "is there twice");
  refused(key_set(1, "", "", "SS"), "a root key is there twice");
  refused(key_set(0, "a"), "out of range");
  refused(key_set(kVersionMax + 1, "a"), "out of range");
}

TEST(KeySet, IsRefusedWithMalformedFields) {
  const auto refused = [](auto change, const std::string& part) {
    v1::KeySetStatement set = key_set(1, "a", "bc");
    change(set);
    expect_refused(from_root(signed_set(set)), part);
  };
  refused([](auto& set) { set.mutable_keys(0)->set_public_key("short"); }, "has 32 bytes, not 5");
  refused([](auto& set) { set.mutable_keys(0)->set_comment("a\nb"); }, "the comment of key");
  refused([](auto& set) { set.mutable_keys(0)->set_comment(std::string(129, 'x')); },
          "the comment of key");
  refused([](auto& set) { set.mutable_keys(0)->set_not_before_ns(-1); }, "before 1970");
  refused([](auto& set) { set.set_issued_ns(-1); }, "before 1970");
  refused([](auto& set) { set.set_revoked_key_ids(0, "XYZ"); }, "not 16 hex digits");
  refused([](auto& set) { set.mutable_revoked_key_ids()->SwapElements(0, 1); }, "not sorted");
  refused([](auto& set) { set.set_revoked_key_ids(0, set.revoked_key_ids(1)); }, "not sorted");
  refused([](auto& set) { set.add_next_root_public_keys("short"); }, "has 32 bytes, not 5");
}

TEST(KeySet, IsRefusedWithAStatementInAnotherForm) {
  const auto refused = [](const std::string& statement, const std::string& part) {
    v1::SignedKeySet set;
    set.set_statement(statement);
    set.set_signature(key_of('R').sign(signed_bytes(kKeySetDomain, statement)));
    set.set_root_public_key(public_of('R').raw());
    expect_refused(from_root(chain_of({set})), part);
  };
  const std::string good = canonical_bytes(key_set(1, "a"));
  refused(good + std::string("\x08\x02", 2), "not in its one form");  // version again
  refused(good + std::string("\x7a\x01x", 3), "fields that this version does not know");
  refused("garbage", "is damaged");
}

TEST(KeySet, FileIsBounded) {
  EXPECT_FALSE(parse_key_sets("").ok());
  expect_refused(from_root(std::string(kKeySetsBytesMax + 1, 'x')), "more than 262144 bytes");
  v1::KeySetChain chain;
  for (int i = 0; i < kKeySetsMax; ++i) {
    const auto version = static_cast<std::uint64_t>(i + 1);
    *chain.add_sets() = sign_key_set(key_set(version, "a"), key_of('R'));
  }
  EXPECT_TRUE(from_root(canonical_bytes(chain)).ok());
  *chain.add_sets() = sign_key_set(key_set(kKeySetsMax + 1, "a"), key_of('R'));
  expect_refused(from_root(canonical_bytes(chain)), "more than 16 changes of the root");
}

}  // namespace
}  // namespace sluice
