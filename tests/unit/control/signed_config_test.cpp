#include "control/signed_config.h"

#include <gtest/gtest.h>

#include <functional>

#include "control/sha256.h"
#include "control/version_floor.h"
#include "unit/control/signing_rig.h"

namespace sluice {
namespace {

constexpr std::int64_t kDay = 86'400'000'000'000;
constexpr std::int64_t kNow = 20'000 * kDay;
const Recipient kGateway{"gw-1", {"north", "test"}, {{"site", "berlin"}, {"line", "2"}}};
constexpr KnownTime kTime{kNow, true};

class SignedConfigs : public ::testing::Test {
 protected:
  Result<VerifiedConfig> verify(const std::string& bytes, std::uint64_t floor = 0,
                                const KnownTime& time = kTime) const {
    return verify_signed_config(bytes, keys_, kGateway, floor, time);
  }
  void expect_refused(const Result<VerifiedConfig>& config, StatusCode code,
                      const std::string& part) const {
    ASSERT_FALSE(config.ok());
    EXPECT_EQ(config.status().code(), code) << config.status().message();
    EXPECT_TRUE(says(config.status(), part)) << config.status().message();
  }
  /// A statement that our own sign_config() would not sign.
  static std::string forced(const std::string& statement, char key = 'a') {
    v1::SignedConfig envelope;
    envelope.set_statement(statement);
    envelope.set_signature(key_of(key).sign(signed_bytes(kConfigDomain, statement)));
    envelope.set_key_id(id_of(key));
    return canonical_bytes(envelope);
  }
  static std::string forced(v1::ConfigStatement statement,
                            const std::function<void(v1::ConfigStatement&)>& change) {
    statement.set_sha256(sha256(statement.payload()));
    change(statement);
    return forced(canonical_bytes(statement));
  }

  const TrustedKeys keys_ = trusting(key_set(1, "ab", "z"));
};

TEST_F(SignedConfigs, PassWithWhatWasSignedAndBySomeone) {
  const auto config = verify(signed_by(statement_of(7), 'a'), 6);
  ASSERT_TRUE(config.ok()) << config.status().to_string();
  EXPECT_EQ(config->statement.version(), 7u);
  EXPECT_EQ(config->statement.payload(), statement_of(7).payload());
  EXPECT_EQ(config->key.comment, "key of a");
  EXPECT_EQ(config->key.key.id(), id_of('a'));
}

// The promise: not one bit can be other than it was signed. Each refusal says so and not something
// that sends the operator elsewhere.
TEST_F(SignedConfigs, AreRefusedWithAnyBitTurnedAndAnyByteMoreOrLess) {
  v1::ConfigStatement statement = statement_of(7);
  auto& labels = *statement.mutable_target()->mutable_labels()->mutable_labels();
  labels["site"] = "berlin";
  labels["line"] = "2";
  statement.set_not_before_ns(kNow - 1);
  const std::string good = signed_by(statement, 'a');
  ASSERT_TRUE(verify(good).ok());
  int refused = 0;
  for_each_mutation(good, [&](const std::string& bytes, const std::string& how) {
    const auto config = verify(bytes);
    ASSERT_FALSE(config.ok()) << how;
    EXPECT_TRUE(config.status().code() == StatusCode::unauthenticated ||
                config.status().code() == StatusCode::invalid_argument)
        << how << ": " << config.status().to_string();
    ++refused;
  });
  EXPECT_GT(refused, 13 * static_cast<int>(good.size()));
}

TEST_F(SignedConfigs, AreRefusedFromUnknownAndRevokedKeys) {
  expect_refused(verify(signed_by(statement_of(7), 'c')), StatusCode::unauthenticated,
                 "of key '" + id_of('c') + "', which key set version 1 does not have");
  expect_refused(verify(signed_by(statement_of(7), 'R')), StatusCode::unauthenticated,
                 "does not have");  // the root itself
  expect_refused(verify(signed_by(statement_of(7), 'z')), StatusCode::unauthenticated,
                 "of key '" + id_of('z') + "', which was revoked");
  v1::SignedConfig envelope;
  ASSERT_TRUE(envelope.ParseFromString(signed_by(statement_of(7), 'c')));
  for (const std::string& id : {id_of('a'), id_of('b')}) {
    envelope.set_key_id(id);
    expect_refused(verify(canonical_bytes(envelope)), StatusCode::unauthenticated,
                   "the signature of key '" + id + "' does not fit");
  }
  envelope.set_key_id("");
  expect_refused(verify(canonical_bytes(envelope)), StatusCode::unauthenticated, "of key ''");
}

TEST_F(SignedConfigs, OfARotatedKeyPassAsLongAsTheSetNamesIt) {
  const std::string old_key = signed_by(statement_of(7), 'a');
  const std::string new_key = signed_by(statement_of(7), 'c');
  const auto judge = [](const std::string& bytes, const TrustedKeys& keys) {
    return verify_signed_config(bytes, keys, kGateway, 0, kTime);
  };
  const TrustedKeys both = trusting(key_set(2, "ac"));
  EXPECT_TRUE(judge(old_key, both).ok());
  EXPECT_TRUE(judge(new_key, both).ok());
  const TrustedKeys after = trusting(key_set(3, "c"));
  expect_refused(judge(old_key, after), StatusCode::unauthenticated, "does not have");
  EXPECT_TRUE(judge(new_key, after).ok());
  expect_refused(judge(old_key, trusting(key_set(4, "c", "a"))), StatusCode::unauthenticated,
                 "was revoked");
  expect_refused(judge(old_key, TrustedKeys({public_of('R')})), StatusCode::unauthenticated,
                 "key set version 0 does not have");
}

TEST_F(SignedConfigs, AreNotMadeOfASignatureForSomethingElse) {
  // The key's own signature, over a statement that reads as a config too, in the domain of key
  // sets.
  v1::ConfigStatement statement = statement_of(7);
  statement.set_sha256(sha256(statement.payload()));
  v1::SignedConfig envelope;
  envelope.set_statement(canonical_bytes(statement));
  envelope.set_key_id(id_of('a'));
  for (const std::string& over :
       {signed_bytes(kKeySetDomain, envelope.statement()), envelope.statement(),
        std::string(kConfigDomain) + envelope.statement()}) {
    envelope.set_signature(key_of('a').sign(over));
    expect_refused(verify(canonical_bytes(envelope)), StatusCode::unauthenticated, "does not fit");
  }
  envelope.set_signature(key_of('a').sign(signed_bytes(kConfigDomain, envelope.statement())));
  EXPECT_TRUE(verify(canonical_bytes(envelope)).ok()) << "the right one, for comparison";
  // A whole key set, offered as a config.
  expect_refused(verify(chain_of({sign_key_set(key_set(2, "a"), key_of('R'))})),
                 StatusCode::unauthenticated, "the signed config");
}

TEST_F(SignedConfigs, AreRefusedWhenTheyAreOlderOrTheSameOrTooFarAhead) {
  const std::string bytes = signed_by(statement_of(7), 'a');
  EXPECT_TRUE(verify(bytes, 6).ok());
  expect_refused(verify(bytes, 7), StatusCode::failed_precondition,
                 "config version 7 is not above 7, the highest that was accepted here");
  expect_refused(verify(bytes, 8), StatusCode::failed_precondition, "is not above 8");
  expect_refused(verify(signed_by(statement_of(kVersionMax), 'a'), 6),
                 StatusCode::failed_precondition, "more than 2^32 above 6");
}

TEST_F(SignedConfigs, AreForWhomTheySay) {
  const auto with_target = [&](const std::function<void(v1::ConfigTarget&)>& set) {
    v1::ConfigStatement statement = statement_of(7);
    set(*statement.mutable_target());
    return signed_by(statement, 'a');
  };
  const auto labels = [](std::map<std::string, std::string> wanted) {
    return [wanted](v1::ConfigTarget& target) {
      auto& all = *target.mutable_labels()->mutable_labels();
      for (const auto& label : wanted) all[label.first] = label.second;
    };
  };
  const std::pair<std::string, const char*> kOurs[] = {
      {with_target([](auto& t) { t.set_node("gw-1"); }), "node gw-1"},
      {with_target([](auto& t) { t.set_group("test"); }), "group test"},
      {with_target([](auto& t) { t.mutable_everyone(); }), "everyone"},
      {with_target(labels({{"site", "berlin"}})), "labels site=berlin"},
      {with_target(labels({{"site", "berlin"}, {"line", "2"}})), "labels line=2, site=berlin"},
  };
  for (const auto& [bytes, text] : kOurs) {
    const auto config = verify(bytes);
    ASSERT_TRUE(config.ok()) << text << config.status().to_string();
    EXPECT_EQ(target_text(config->statement.target()), text);
  }
  for (const std::string& bytes : {
           with_target([](auto& t) { t.set_node("gw-2"); }),
           with_target([](auto& t) { t.set_node("GW-1"); }),
           with_target([](auto& t) { t.set_group("gw-1"); }),
           with_target(labels({{"site", "hamburg"}})),
           with_target(labels({{"site", "berlin"}, {"line", "3"}})),
           with_target(labels({{"site", "berlin"}, {"rack", "1"}})),
       }) {
    expect_refused(verify(bytes), StatusCode::failed_precondition,
                   "and this is node gw-1, group north, group test, labels line=2, site=berlin");
  }
}

TEST_F(SignedConfigs, AreForNobodyWithoutANameWhereTheNameIsEmpty) {
  // Neither side may say nothing and mean everything.
  const Recipient nameless;
  v1::ConfigStatement statement = statement_of(7);
  const auto judge = [&] {
    return verify_signed_config(signed_by(statement, 'a'), keys_, nameless, 0, kTime);
  };
  expect_refused(judge(), StatusCode::failed_precondition, "this is node without a name");
  statement.mutable_target()->set_group("north");
  expect_refused(judge(), StatusCode::failed_precondition, "for group north");
  v1::ConfigTarget target;
  for (const auto& recipient : {nameless, kGateway}) {
    target.set_node("");
    EXPECT_FALSE(check_recipient(target, recipient).ok());
    target.set_group("");
    EXPECT_FALSE(check_recipient(target, recipient).ok());
    target.mutable_labels();
    EXPECT_FALSE(check_recipient(target, recipient).ok());
    target.Clear();
    EXPECT_FALSE(check_recipient(target, recipient).ok());
  }
}

TEST_F(SignedConfigs, AreRefusedWithAMalformedTargetThoughTheSignatureFits) {
  const auto refused = [this](const std::function<void(v1::ConfigTarget&)>& set,
                              const std::string& part) {
    const auto bytes =
        forced(statement_of(7), [&](v1::ConfigStatement& s) { set(*s.mutable_target()); });
    expect_refused(verify(bytes), StatusCode::invalid_argument, part);
    v1::ConfigStatement statement = statement_of(7);
    set(*statement.mutable_target());
    EXPECT_EQ(sign_config(statement, key_of('a')).status().code(), StatusCode::invalid_argument);
  };
  refused([](auto& t) { t.set_node(""); }, "the target's node is ''");
  refused([](auto& t) { t.set_node(std::string(65, 'x')); }, "the target's node is 'xxx");
  refused([](auto& t) { t.set_group("a b"); }, "the target's group is 'a b'");
  refused([](auto& t) { t.Clear(); }, "there is no target");
  refused([](auto& t) { t.mutable_labels(); }, "the target has 0 labels");
  refused([](auto& t) { (*t.mutable_labels()->mutable_labels())[""] = "x"; },
          "the target's label is ''");
  refused([](auto& t) { (*t.mutable_labels()->mutable_labels())["a"] = ""; },
          "the target's label a has the value ''");
  refused([](auto& t) { (*t.mutable_labels()->mutable_labels())["a"] = "x\ny"; },
          "the target's label a has the value 'x\\x0ay'");
  refused(
      [](auto& t) {
        for (char c = 'a'; c <= 'q'; ++c) {
          (*t.mutable_labels()->mutable_labels())[std::string(1, c)] = "x";
        }
      },
      "the target has 17 labels");
}

TEST_F(SignedConfigs, WaitForTheirTime) {
  v1::ConfigStatement statement = statement_of(7);
  statement.set_not_before_ns(kNow);
  const std::string bytes = signed_by(statement, 'a');
  EXPECT_TRUE(verify(bytes, 0, {kNow, true}).ok());
  expect_refused(verify(bytes, 0, {kNow - 1'000'000'000, true}), StatusCode::unavailable,
                 "is valid only from 2024-10-04T00:00:00Z, and it is 2024-10-03T23:59:59Z");
}

TEST_F(SignedConfigs, WaitForTheTimeWhereNobodyKnowsIt) {
  v1::ConfigStatement statement = statement_of(7);
  EXPECT_TRUE(verify(signed_by(statement, 'a'), 0, {0, false}).ok()) << "valid at once";
  statement.set_not_before_ns(kNow);
  const std::string bytes = signed_by(statement, 'a');
  for (const std::int64_t surely_passed : {std::int64_t{0}, kNow - 1}) {
    expect_refused(verify(bytes, 0, {surely_passed, false}), StatusCode::unavailable,
                   "nobody has told this node the time yet");
  }
  EXPECT_TRUE(verify(bytes, 0, {kNow, false}).ok()) << "the program itself is newer than that";
}

TEST_F(SignedConfigs, WaitForTheTimeOfTheirKey) {
  v1::KeySetStatement set = key_set(1, "a");
  set.mutable_keys(0)->set_not_before_ns(kNow);
  const TrustedKeys keys = trusting(set);
  const std::string bytes = signed_by(statement_of(7), 'a');
  EXPECT_TRUE(verify_signed_config(bytes, keys, kGateway, 0, {kNow, true}).ok());
  expect_refused(verify_signed_config(bytes, keys, kGateway, 0, {kNow - kDay, true}),
                 StatusCode::unavailable, "key " + id_of('a') + " is valid only from 2024-10-04");
}

TEST_F(SignedConfigs, AreRefusedWithTheDigestOfAnotherPayload) {
  for (const std::string& digest : {sha256("other"), std::string(), std::string(32, '\0')}) {
    expect_refused(verify(forced(statement_of(7), [&](auto& s) { s.set_sha256(digest); })),
                   StatusCode::invalid_argument, "is not that of its payload");
  }
}

TEST_F(SignedConfigs, AreRefusedWhenTheyAreEmptyOrTooLarge) {
  v1::ConfigStatement statement = statement_of(7);
  statement.set_payload(std::string(kConfigPayloadBytesMax, 'x'));
  EXPECT_TRUE(verify(signed_by(statement, 'a')).ok()) << "as large as a config may be";
  statement.set_payload(std::string(kConfigPayloadBytesMax + 1, 'x'));
  EXPECT_EQ(sign_config(statement, key_of('a')).status().code(), StatusCode::invalid_argument);
  expect_refused(verify(forced(statement, [](auto&) {})), StatusCode::invalid_argument,
                 "has 1048577 bytes, at most 1048576");
  statement.set_payload(std::string(kSignedConfigBytesMax, 'x'));
  expect_refused(verify(forced(statement, [](auto&) {})), StatusCode::invalid_argument,
                 "is it the right file?");
  expect_refused(verify(forced(statement_of(7), [](auto& s) { s.clear_payload(); })),
                 StatusCode::invalid_argument, "the config is empty");
  expect_refused(verify(""), StatusCode::unauthenticated, "of key ''");
}

TEST_F(SignedConfigs, AreRefusedWithNumbersOutOfRange) {
  for (const std::uint64_t version : {std::uint64_t{0}, kVersionMax + 1}) {
    expect_refused(verify(forced(statement_of(7), [&](auto& s) { s.set_version(version); })),
                   StatusCode::invalid_argument, "is out of range");
    EXPECT_FALSE(sign_config(statement_of(version), key_of('a')).ok());
  }
  expect_refused(verify(forced(statement_of(7), [](auto& s) { s.set_not_before_ns(-1); })),
                 StatusCode::invalid_argument, "before 1970");
  expect_refused(verify(forced(statement_of(7), [](auto& s) { s.set_issued_ns(-1); })),
                 StatusCode::invalid_argument, "before 1970");
}

TEST_F(SignedConfigs, AreRefusedWithAStatementInAnotherForm) {
  v1::ConfigStatement statement = statement_of(7);
  statement.set_sha256(sha256(statement.payload()));
  const std::string good = canonical_bytes(statement);
  EXPECT_TRUE(verify(forced(good)).ok());
  expect_refused(verify(forced(good + std::string("\x08\x08", 2))), StatusCode::invalid_argument,
                 "statement is not in its one form");  // the version again
  expect_refused(verify(forced(good + std::string("\x7a\x01x", 3))), StatusCode::invalid_argument,
                 "statement has fields that this version does not know");
  expect_refused(verify(forced("garbage")), StatusCode::invalid_argument, "statement is damaged");
}

TEST_F(SignedConfigs, CanBeReadWithoutBeingForUs) {
  v1::ConfigStatement statement = statement_of(7);
  statement.mutable_target()->set_node("another");
  statement.set_not_before_ns(kNow + kDay);
  const auto config = read_signed_config(signed_by(statement, 'a'), keys_);
  ASSERT_TRUE(config.ok()) << config.status().to_string();
  EXPECT_FALSE(check_recipient(config->statement.target(), kGateway).ok());
  EXPECT_FALSE(check_not_before(*config, kTime).ok());
}

}  // namespace
}  // namespace sluice
