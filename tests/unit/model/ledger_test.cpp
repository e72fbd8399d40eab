#include "model/ledger.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

TEST(Ledger, BalancesWhenEverythingThatArrivedEndedSomewhere) {
  Ledger ledger;
  ledger.add(LedgerKind::messages, "plant/qos1", Term::received, 5);
  ledger.add(LedgerKind::messages, "plant/qos1", Term::decoded, 2);
  ledger.add(LedgerKind::messages, "plant/qos1", Term::rejected, 1, "not_json");
  EXPECT_EQ(ledger.difference(), 2);
  ledger.add(LedgerKind::messages, "plant/qos1", Term::duplicate, 2);
  ledger.add(LedgerKind::messages, "plant/qos1", Term::redelivery_doubt, 9);  // outside the balance
  EXPECT_EQ(ledger.difference(), 0);
}

TEST(Ledger, DifferencesOfOwnersDoNotCancelOut) {
  Ledger ledger;
  ledger.add(LedgerKind::readings, "a", Term::in, 3);
  ledger.add(LedgerKind::readings, "b", Term::aggregated, 3);
  EXPECT_EQ(ledger.difference(LedgerKind::readings, "a"), 3);
  EXPECT_EQ(ledger.difference(LedgerKind::readings, "b"), -3);
  EXPECT_EQ(ledger.difference(), 6);
}

TEST(Ledger, HeldAndPendingGoBackDownWhenTheyAreSettled) {
  Ledger ledger;
  ledger.add(LedgerKind::readings, "a", Term::in, 1);
  ledger.add(LedgerKind::readings, "a", Term::held, 1);
  EXPECT_EQ(ledger.difference(), 0);
  ledger.add(LedgerKind::readings, "a", Term::held, -1);
  ledger.add(LedgerKind::readings, "a", Term::filtered, 1, "range/above_max");
  EXPECT_EQ(ledger.difference(), 0);
  EXPECT_EQ(ledger.get(LedgerKind::readings, "a", Term::held), 0);
}

TEST(Ledger, EventsAreAcknowledgedWaitingOrExpired) {
  Ledger ledger;
  ledger.add(LedgerKind::events, "p", Term::told, 3);
  EXPECT_EQ(ledger.difference(), 3);
  ledger.add(LedgerKind::events, "p", Term::waiting, 1);
  ledger.add(LedgerKind::events, "p", Term::acked, 1);
  ledger.add(LedgerKind::events, "p", Term::expired, 1, "event_storm");
  EXPECT_EQ(ledger.difference(), 0);
  const auto back = Ledger::decode(ledger.encode());
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, ledger);
}

TEST(Ledger, RoundTripsAndRefusesEveryTruncation) {
  Ledger ledger;
  ledger.add(LedgerKind::messages, "plant/qos1", Term::rejected, 1, "not_json");
  ledger.add(LedgerKind::panes, "p", Term::outbox, -7);
  const std::string bytes = ledger.encode();
  const auto back = Ledger::decode(bytes);
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(*back, ledger);
  for (std::size_t n = 0; n < bytes.size(); ++n) {
    EXPECT_FALSE(Ledger::decode(std::string_view(bytes).substr(0, n)).ok()) << n;
  }
}

TEST(Ledger, EveryTermHasAName) {
  for (int i = 1; i <= 23; ++i) EXPECT_FALSE(term_name(static_cast<Term>(i)).empty()) << i;
}

}  // namespace
}  // namespace sluice
