#include "control/config_intake.h"

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <string>

#include "control/sha256.h"
#include "fakes/fake_clock.h"
#include "unit/control/memory_revisions.h"
#include "unit/control/signing_rig.h"

namespace sluice {
namespace {

constexpr std::int64_t kSecond = 1'000'000'000;

/// A gateway gw-1 that trusts root 'R', whose set names key 'a'. A config is what it says; "bad"
/// does not pass.
class ConfigIntakeTest : public ::testing::Test {
 protected:
  ConfigIntakeTest() {
    std::string name = (std::filesystem::temp_directory_path() / "sluice-intake-XXXXXX").string();
    EXPECT_NE(mkdtemp(name.data()), nullptr);
    dir_ = name;
    std::ofstream(dir_ + "/root.pub") << public_of('R').pem();
    boot();
    EXPECT_TRUE(trust_->take(chain_of({sign_key_set(key_set(1, "a"), key_of('R'))})).ok());
  }
  ~ConfigIntakeTest() override { std::filesystem::remove_all(dir_); }

  /// Another process over the same disk.
  void boot(bool takes_unsigned = false) {
    intake_.reset();
    const auto read = [](const std::string& document, RevisionOrigin) -> Result<v1::Config> {
      if (document == "bad") return invalid_argument("push:1:1: it is bad");
      if (document == "busy") return resource_exhausted("another plan is being made");
      v1::Config config;
      config.add_pipelines()->set_name(document);
      return config;
    };
    ConfigKeeper::Options options;
    options.probation_ns = 60 * kSecond;
    keeper_ = std::make_unique<ConfigKeeper>(
        revisions_, clock_, options,
        ConfigActions{.read = read,
                      .check = read,
                      .put_into_effect = [this](const v1::Config& config) -> Status {
                        running_ = config.pipelines(0).name();
                        return {};
                      },
                      .health =
                          [this] {
                            health_.boottime_ns = clock_.boottime_ns();
                            return health_;
                          },
                      .wake_owner = [] {},
                      .changed = [] {}});
    const auto start = keeper_->start("file", *read("file", RevisionOrigin::file));
    ASSERT_TRUE(start.ok());
    running_ = start->config.pipelines(0).name();
    keeper_->started();
    trust_ = std::make_unique<TrustKeeper>(dir_, dir_);
    intake_ = std::make_unique<ConfigIntake>(
        ConfigIntake::Options{{"gw-1", {"north"}, {}}, takes_unsigned}, *trust_, revisions_,
        *keeper_, [this] { return time_; });
  }
  static v1::ConfigStatement statement(std::uint64_t version, const std::string& document) {
    v1::ConfigStatement statement = statement_of(version);
    statement.set_payload(document);
    return statement;
  }
  v1::OfferOutcome offer(std::uint64_t id, const v1::ConfigStatement& statement, char key = 'a') {
    v1::ConfigOffer offer;
    offer.set_offer_id(id);
    offer.set_signed_config(signed_by(statement, key));
    intake_->offer(offer);
    return outcome();
  }
  v1::OfferOutcome offer_unsigned(std::uint64_t id, const std::string& document) {
    v1::ConfigOffer offer;
    offer.set_offer_id(id);
    offer.set_document(document);
    intake_->offer(offer);
    return outcome();
  }
  v1::OfferOutcome outcome() const { return intake_->report().last_offer(); }
  void pass(std::int64_t seconds) {
    for (std::int64_t s = 0; s < seconds; ++s) {
      clock_.advance(kSecond);
      keeper_->step();
    }
  }

  std::string dir_;
  MemoryRevisions revisions_;
  FakeClock clock_;
  HealthSample health_;
  KnownTime time_{1'800'000'000 * kSecond, true};
  std::string running_;
  std::unique_ptr<ConfigKeeper> keeper_;
  std::unique_ptr<TrustKeeper> trust_;
  std::unique_ptr<ConfigIntake> intake_;
};

TEST_F(ConfigIntakeTest, GoesWithASignedConfigFromOfferToApplied) {
  v1::OfferOutcome got = offer(4, statement(1, "one"));
  EXPECT_EQ(got.state(), v1::OFFER_STATE_APPLYING) << got.message();
  EXPECT_EQ(got.offer_id(), 4u);
  EXPECT_EQ(got.revision(), 2);
  keeper_->step();
  EXPECT_EQ(running_, "one");
  EXPECT_EQ(outcome().state(), v1::OFFER_STATE_PROBATION);
  pass(61);
  EXPECT_EQ(outcome().state(), v1::OFFER_STATE_APPLIED);
  const v1::ConfigReport report = intake_->report();
  EXPECT_EQ(report.in_effect().number(), 2);
  EXPECT_EQ(report.in_effect().origin(), v1::CONFIG_ORIGIN_PUSH);
  EXPECT_EQ(report.in_effect().document(), "") << "it is not sent up again";
  EXPECT_EQ(report.sha256(), sha256("one"));
  EXPECT_EQ(report.config_version(), 1u);
  EXPECT_EQ(report.key_set_version(), 1u);
  EXPECT_TRUE(report.takes_signed_only());
}

// The hub repeats its offer on each stream, and knows nothing of what became of it.
TEST_F(ConfigIntakeTest, AnswersAnOfferThatItKnowsAndDoesNothing) {
  offer(4, statement(1, "one"));
  pass(70);
  boot();
  EXPECT_EQ(running_, "one");
  EXPECT_EQ(outcome().offer_id(), 0u) << "nothing was offered yet";
  const v1::OfferOutcome again = offer(4, statement(1, "one"));
  EXPECT_EQ(again.state(), v1::OFFER_STATE_APPLIED);
  EXPECT_EQ(again.revision(), 2);
  EXPECT_EQ(revisions_.all.size(), 2u);
  EXPECT_EQ(offer(9, statement(1, "one")).revision(), 2) << "its version says which it is";
}

TEST_F(ConfigIntakeTest, DoesNotTryAgainWhatWasRolledBack) {
  offer(4, statement(1, "one"));
  keeper_->step();
  ASSERT_TRUE(keeper_->roll_back(0).ok());
  keeper_->step();
  EXPECT_EQ(running_, "file");
  EXPECT_EQ(outcome().state(), v1::OFFER_STATE_ROLLED_BACK);
  EXPECT_EQ(outcome().message(), "an operator rolled it back");
  boot();
  EXPECT_EQ(offer(4, statement(1, "one")).state(), v1::OFFER_STATE_ROLLED_BACK);
  keeper_->step();
  EXPECT_EQ(running_, "file");
}

TEST_F(ConfigIntakeTest, WhatWasAppliedHereSinceIsDriftAndStays) {
  offer(4, statement(1, "one"));
  pass(70);
  ASSERT_TRUE(keeper_->submit("local", {RevisionOrigin::local}).ok());
  pass(70);
  EXPECT_EQ(offer(4, statement(1, "one")).state(), v1::OFFER_STATE_SUPERSEDED);
  keeper_->step();
  EXPECT_EQ(running_, "local");
}

TEST_F(ConfigIntakeTest, RefusesWhatIsNotForItOrOldOrOfNobody) {
  v1::ConfigStatement other = statement(3, "one");
  other.mutable_target()->set_node("gw-2");
  EXPECT_EQ(offer(1, other).state(), v1::OFFER_STATE_FAILED);
  EXPECT_NE(outcome().message().find("is for node gw-2"), std::string::npos) << outcome().message();
  EXPECT_EQ(offer(2, statement(3, "one"), 'b').state(), v1::OFFER_STATE_FAILED);
  EXPECT_EQ(offer_unsigned(3, "one").state(), v1::OFFER_STATE_FAILED);
  EXPECT_NE(outcome().message().find("control.unsigned_push"), std::string::npos);
  v1::ConfigOffer garbage;
  garbage.set_signed_config("garbage");
  intake_->offer(garbage);
  EXPECT_EQ(outcome().state(), v1::OFFER_STATE_FAILED);
  EXPECT_EQ(revisions_.all.size(), 1u);
  EXPECT_EQ(running_, "file");
  EXPECT_EQ(offer(5, statement(3, "three")).state(), v1::OFFER_STATE_APPLYING);
  pass(70);
  EXPECT_EQ(offer(6, statement(2, "two")).state(), v1::OFFER_STATE_FAILED);
  EXPECT_EQ(offer(7, statement(3, "another three")).state(), v1::OFFER_STATE_FAILED);
}

// A group's config, after the gateway's database was restored from a backup: the floor's file
// knows.
TEST_F(ConfigIntakeTest, NothingOldComesBackWithARestoredDatabase) {
  v1::ConfigStatement group = statement(5, "five");
  group.mutable_target()->set_group("north");
  offer(1, group);
  pass(70);
  EXPECT_EQ(running_, "five");
  revisions_.all.clear();
  boot();
  EXPECT_EQ(running_, "file");
  EXPECT_EQ(offer(2, statement(4, "four")).state(), v1::OFFER_STATE_FAILED);
  EXPECT_EQ(offer(3, statement(6, "six")).state(), v1::OFFER_STATE_APPLYING);
}

// Killed after the revision was kept and before the floor was: the revisions know.
TEST_F(ConfigIntakeTest, TheRevisionsAreAFloorToo) {
  offer(1, statement(5, "five"));
  pass(70);
  std::filesystem::remove(VersionFloor(dir_, VersionFloor::Kind::config).path());
  boot();
  EXPECT_EQ(offer(2, statement(4, "four")).state(), v1::OFFER_STATE_FAILED);
}

TEST_F(ConfigIntakeTest, WaitsForItsTimeAndForAProbationToEnd) {
  v1::ConfigStatement later = statement(1, "later");
  later.set_not_before_ns(time_.now_ns + 60 * kSecond);
  EXPECT_EQ(offer(1, later).state(), v1::OFFER_STATE_WAITING);
  EXPECT_TRUE(intake_->waits());
  time_.now_ns += 61 * kSecond;
  intake_->retry();
  EXPECT_EQ(outcome().state(), v1::OFFER_STATE_APPLYING);
  EXPECT_FALSE(intake_->waits());
  keeper_->step();
  EXPECT_EQ(offer(2, statement(2, "two")).state(), v1::OFFER_STATE_WAITING);
  EXPECT_NE(outcome().message().find("is on probation"), std::string::npos);
  EXPECT_EQ(offer(3, statement(3, "three")).state(), v1::OFFER_STATE_WAITING);
  pass(61);
  intake_->retry();
  keeper_->step();
  EXPECT_EQ(running_, "three") << "the last one counts";
  EXPECT_EQ(outcome().offer_id(), 3u);
}

TEST_F(ConfigIntakeTest, WhatDoesNotPassIsRefusedAndWhatCannotBeTriedNowWaits) {
  EXPECT_EQ(offer(1, statement(1, "bad")).state(), v1::OFFER_STATE_FAILED);
  EXPECT_EQ(outcome().message(), "push:1:1: it is bad");
  EXPECT_EQ(offer(2, statement(1, "busy")).state(), v1::OFFER_STATE_WAITING);
  EXPECT_EQ(offer(3, statement(1, "good")).state(), v1::OFFER_STATE_APPLYING)
      << "a version that did not pass was not used up";
}

TEST_F(ConfigIntakeTest, AKeySetThatComesLetsInWhatWasSigned) {
  EXPECT_EQ(offer(1, statement(1, "one"), 'b').state(), v1::OFFER_STATE_FAILED);
  intake_->offer_keys(chain_of({sign_key_set(key_set(2, "b", "a"), key_of('R'))}));
  EXPECT_EQ(intake_->report().key_set_version(), 2u);
  EXPECT_EQ(offer(1, statement(1, "one"), 'b').state(), v1::OFFER_STATE_APPLYING);
  EXPECT_EQ(offer(2, statement(2, "two"), 'a').state(), v1::OFFER_STATE_FAILED) << "revoked";
  intake_->offer_keys("garbage");
  EXPECT_EQ(intake_->report().key_set_version(), 2u);
}

// What a thief sent before stays in effect until the next one: that is no failure of the offer.
TEST_F(ConfigIntakeTest, KnowsAConfigWhoseKeyWasRevokedSince) {
  offer(4, statement(1, "one"));
  pass(70);
  intake_->offer_keys(chain_of({sign_key_set(key_set(2, "b", "a"), key_of('R'))}));
  EXPECT_EQ(offer(4, statement(1, "one")).state(), v1::OFFER_STATE_APPLIED);
  EXPECT_EQ(offer(5, statement(1, "other")).state(), v1::OFFER_STATE_FAILED);
  EXPECT_EQ(revisions_.all.size(), 2u);
}

TEST_F(ConfigIntakeTest, TakesUnsignedOnesWhereItsFileSaysSo) {
  boot(true);
  EXPECT_FALSE(intake_->report().takes_signed_only());
  EXPECT_EQ(offer_unsigned(7, "one").state(), v1::OFFER_STATE_APPLYING);
  pass(70);
  EXPECT_EQ(running_, "one");
  boot(true);
  EXPECT_EQ(offer_unsigned(7, "one").revision(), 2) << "it is known";
  EXPECT_EQ(offer_unsigned(7, "two").revision(), 3) << "a hub that began to count anew";
  EXPECT_EQ(offer_unsigned(8, "").state(), v1::OFFER_STATE_FAILED);
  EXPECT_EQ(offer_unsigned(9, std::string((1 << 20) + 1, 'x')).state(), v1::OFFER_STATE_FAILED);
}

TEST_F(ConfigIntakeTest, ReadsTheConfigOfAPlanAsThatOfAnOffer) {
  v1::PlanOrder order;
  order.mutable_request()->set_config_yaml("plain");
  EXPECT_EQ(intake_->document_of(order).status().code(), StatusCode::unauthenticated);
  ASSERT_TRUE(trust_->raise_config_floor(9).ok());
  v1::ConfigStatement later = statement(1, "one");
  later.set_not_before_ns(time_.now_ns + kSecond);
  order.set_signed_config(signed_by(later, 'a'));
  ASSERT_TRUE(intake_->document_of(order).ok());
  EXPECT_EQ(*intake_->document_of(order), "one") << "neither version nor time count";
  later.mutable_target()->set_node("gw-2");
  order.set_signed_config(signed_by(later, 'a'));
  EXPECT_FALSE(intake_->document_of(order).ok());
  boot(true);
  order.clear_signed_config();
  EXPECT_EQ(*intake_->document_of(order), "plain");
}

TEST_F(ConfigIntakeTest, CutsALongReasonBetweenCharacters) {
  boot(true);
  offer_unsigned(1, "one");
  keeper_->step();
  std::string reason;
  for (int i = 0; i < 3000; ++i) reason += "\xC3\xA4";
  reason.insert(0, 1, '.');
  ASSERT_TRUE(revisions_.set_state(2, RevisionState::rolled_back, reason, 0).ok());
  const std::string message = outcome().message();
  EXPECT_LE(message.size(), 4096u);
  v1::OfferOutcome copy;
  EXPECT_TRUE(copy.ParseFromString(outcome().SerializeAsString())) << "it is UTF-8";
}

}  // namespace
}  // namespace sluice
