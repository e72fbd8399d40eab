#include "sync/uplink_turns.h"

#include <gtest/gtest.h>

#include "fakes/fake_clock.h"
#include "fakes/memory_outbox.h"

namespace sluice {
namespace {

const Identity kOld{"original", "old"};
const Identity kNow{"clone", "now"};
const Status kLiveElsewhere(StatusCode::already_exists, "connected as another process");
constexpr std::int64_t kMinute = 60'000'000'000;

class UplinkTurnsTest : public ::testing::Test {
 protected:
  UplinkTurnsTest() {
    callbacks_.end_epoch = [this](const std::string& epoch, std::int64_t) {
      ended_.push_back(epoch);
    };
    outbox_.set_identity(kOld);
    outbox_.append("old 1");
    outbox_.append("old 2");
    outbox_.set_identity(kNow);
    outbox_.append("now 3");
  }
  UplinkTurn next() {
    auto turn = turns_.next();
    EXPECT_TRUE(turn.ok());
    return *turn;
  }

  UplinkOptions options_;
  UplinkCallbacks callbacks_;
  MemoryOutbox outbox_;
  SeriesTable series_{1};
  TopicTable topics_{10};
  FakeClock clock_;
  SharedStats stats_;
  SessionContext context_{options_, callbacks_, outbox_, series_, topics_, clock_, stats_};
  UplinkTurns turns_{context_};
  std::vector<std::string> ended_;
};

TEST_F(UplinkTurnsTest, AnEndedIdentityGoesFirstThenTheCurrentOneStays) {
  UplinkTurn turn = next();
  EXPECT_EQ(turn.identity, kOld);
  EXPECT_TRUE(turn.ended);
  turns_.acked_seq() = 2;
  turns_.ended(turn, {});
  turn = next();
  EXPECT_EQ(turn.identity, kNow);
  EXPECT_FALSE(turn.ended);
  EXPECT_EQ(turn.until_ns, 0);
  turns_.acked_seq() = 3;
  EXPECT_EQ(next().identity, kNow) << "also with nothing to send";
}

TEST_F(UplinkTurnsTest, RowsOfAnIdentityThatLivesElsewhereArePassedOverAndTriedAgain) {
  turns_.ended(next(), kLiveElsewhere);
  const UplinkTurn turn = next();
  EXPECT_EQ(turn.identity, kNow);
  EXPECT_EQ(turn.until_ns, clock_.boottime_ns() + 5 * kMinute);
  EXPECT_EQ(turns_.acked_seq(), 2);
  clock_.advance(5 * kMinute);
  EXPECT_EQ(next().identity, kOld);
  turns_.ended(next(), {});  // the other has gone
  outbox_.acknowledge({1, 2});
  outbox_.commit();
  EXPECT_EQ(next().until_ns, 0);
  EXPECT_TRUE(outbox_.given_up().empty());
}

TEST_F(UplinkTurnsTest, RowsThatLiveElsewhereForAnHourAreTheOthersToDeliver) {
  for (int minute = 0; minute <= 60; minute += 5) {
    EXPECT_TRUE(outbox_.given_up().empty());
    EXPECT_EQ(next().identity, kOld) << minute;
    turns_.ended(next(), kLiveElsewhere);
    clock_.advance(5 * kMinute);
  }
  EXPECT_EQ(outbox_.given_up(),
            (std::map<GiveUp, std::vector<std::int64_t>>{{GiveUp::live_elsewhere, {1, 2}}}));
  EXPECT_EQ(next().identity, kNow);
  EXPECT_EQ(next().until_ns, 0);
}

TEST_F(UplinkTurnsTest, AnyOtherFailureKeepsTheOrder) {
  turns_.ended(next(), unavailable("no hub"));
  EXPECT_EQ(next().identity, kOld);
}

TEST_F(UplinkTurnsTest, ARowThatUsesSeriesOfAnotherLifeIsFoundAndGivenUpAlone) {
  const Status redefined(StatusCode::aborted, "series 1 is already defined");
  UplinkTurn turn = next();
  EXPECT_FALSE(turn.row_by_row);
  turns_.ended(turn, redefined);
  EXPECT_TRUE(outbox_.given_up().empty()) << "it may be any of them";
  turn = next();
  EXPECT_TRUE(turn.row_by_row);
  turns_.acked_seq() = 1;
  turns_.ended(turn, redefined);
  EXPECT_EQ(outbox_.given_up(),
            (std::map<GiveUp, std::vector<std::int64_t>>{{GiveUp::other_life, {2}}}));
  EXPECT_EQ(next().identity, kNow);
  EXPECT_FALSE(next().row_by_row);
}

TEST_F(UplinkTurnsTest, ACurrentEpochWhoseSeriesAnotherLifeHasDefinedIsEnded) {
  outbox_.acknowledge({1, 2});
  outbox_.commit();
  turns_.ended(next(), Status(StatusCode::aborted, "series 1 is already defined"));
  EXPECT_EQ(ended_, std::vector<std::string>{"now"});
}

// A whole disk copied to a machine of the same id: only the hub can tell the two apart.
TEST_F(UplinkTurnsTest, ACurrentEpochRefusedForAnHourHasATwinAndIsEnded) {
  outbox_.acknowledge({1, 2});
  outbox_.commit();
  turns_.ended(next(), kLiveElsewhere);
  clock_.advance(59 * kMinute);
  turns_.ended(next(), unavailable("no hub"));
  turns_.ended(next(), kLiveElsewhere);
  EXPECT_TRUE(ended_.empty());
  clock_.advance(kMinute);
  turns_.ended(next(), kLiveElsewhere);
  EXPECT_EQ(ended_, std::vector<std::string>{"now"});
}

TEST_F(UplinkTurnsTest, AnAnswerOfTheHubBetweenShowsThatThereIsNoTwin) {
  outbox_.acknowledge({1, 2});
  outbox_.commit();
  turns_.ended(next(), kLiveElsewhere);
  clock_.advance(59 * kMinute);
  turns_.ended(next(), {});
  clock_.advance(kMinute);
  turns_.ended(next(), kLiveElsewhere);
  EXPECT_TRUE(ended_.empty());
}

}  // namespace
}  // namespace sluice
