#include "store/events.h"

#include <gtest/gtest.h>

#include "unit/store/opened_store.h"

namespace sluice::storage {
namespace {

class EventsTest : public StoreFileTest {
 protected:
  static void commit_event(StoreFile& file, std::uint64_t number, const ToldEvent& told) {
    CommitGroup group = numbered_group(number);
    tell(group, told);
    const Status status = file.commit(&group, {});
    ASSERT_TRUE(status.ok()) << status.to_string();
  }
  static std::vector<EventRow> events(StoreFile& file) {
    auto rows = file.read_events(0, 100);
    EXPECT_TRUE(rows.ok()) << rows.status().to_string();
    return rows.ok() ? *std::move(rows) : std::vector<EventRow>();
  }
  static std::int64_t term(StoreFile& file, Term term, const std::string& pipeline = "room") {
    return file.ledger().get(LedgerKind::events, pipeline, term);
  }
};

TEST_F(EventsTest, WaitUntilTheyAreAcknowledgedAlsoAfterARestart) {
  {
    const auto file = open();
    commit_event(*file, 1, event_of("room", 10));
    commit_event(*file, 2, event_of("room", 20));
    EXPECT_EQ(term(*file, Term::waiting), 2);
  }
  const auto file = open();
  ASSERT_EQ(events(*file).size(), 2u);
  EXPECT_EQ(events(*file)[0], (EventRow{1, file->epoch(), event_of("room", 10)}));
  ASSERT_TRUE(file->commit(nullptr, {}, 1).ok());
  ASSERT_EQ(events(*file).size(), 1u);
  EXPECT_EQ(term(*file, Term::acked), 1);
  EXPECT_EQ(term(*file, Term::waiting), 1);
  // The ack came twice, or late: nothing is written.
  const std::int64_t changes = file->database().total_changes();
  ASSERT_TRUE(file->commit(nullptr, {}, 1).ok());
  EXPECT_EQ(file->database().total_changes(), changes);
  EXPECT_EQ(file->ledger().difference(), 0);
}

TEST_F(EventsTest, AtTheBoundTheOldestExpireAndAGapNamesThem) {
  options_.quota_bytes = 1 << 20;
  const auto file = open();
  constexpr int kAll = 400;
  for (int i = 0; i < kAll / 10; ++i) {
    CommitGroup group = numbered_group(static_cast<std::uint64_t>(i + 1));
    for (int k = 0; k < 10; ++k) {
      tell(group, event_of("room", 1'000 + 10 * i + k, std::string(400, 'm')));
    }
    ASSERT_TRUE(file->commit(&group, {}).ok());
  }
  const std::int64_t expired = term(*file, Term::expired);
  EXPECT_GT(expired, 0);
  EXPECT_EQ(term(*file, Term::waiting), kAll - expired);
  EXPECT_EQ(file->ledger().difference(), 0);
  const std::vector<Gap> told = gaps(*file);
  ASSERT_EQ(told.size(), 1u);
  EXPECT_EQ(told[0], (Gap{LedgerKind::events, "room", "event_table_full", 1'000,
                          1'000 + expired - 1, static_cast<std::uint64_t>(expired)}));
  EXPECT_EQ(events(*file).front().seq, expired + 1);
}

TEST_F(EventsTest, ADamagedRowExpiresAsCorruptThoughItDoesNotSayWhoseItWas) {
  {
    const auto file = open();
    for (std::uint64_t n = 1; n <= 3; ++n) {
      commit_event(*file, n, event_of("room", static_cast<std::int64_t>(n)));
    }
    commit_event(*file, 4, event_of("hall", 4));
  }
  tamper(dir_,
         "UPDATE event SET body=x'AA' WHERE seq=1; UPDATE event SET pipeline='hal' WHERE seq=4");
  const auto file = open();
  ASSERT_EQ(events(*file).size(), 2u);
  EXPECT_EQ(term(*file, Term::expired), 1);
  EXPECT_EQ(term(*file, Term::waiting), 2);
  EXPECT_EQ(term(*file, Term::expired, "hall"), 1);
  EXPECT_EQ(file->ledger().difference(), 0);
  EXPECT_EQ(gaps(*file).size(), 2u);
  EXPECT_EQ(gaps(*file)[0].kind, LedgerKind::events);
  EXPECT_EQ(gaps(*file)[0].cause, "corrupt");
}

// The segment that counted an event is damaged, or the one that counted its ack.
TEST_F(EventsTest, DamagedSegmentsLeaveNoDifference) {
  {
    const auto file = open();
    commit_event(*file, 1, event_of("room", 1));
    commit_event(*file, 2, event_of("hall", 2));
    ASSERT_TRUE(file->commit(nullptr, {}, 1).ok());
  }
  tamper(dir_,
         "UPDATE segment SET body=x'00' WHERE id IN (SELECT id FROM segment ORDER BY id DESC"
         " LIMIT 2)");
  for (int start = 0; start < 2; ++start) {
    const auto file = open();
    EXPECT_EQ(file->ledger().difference(), 0);
    EXPECT_EQ(term(*file, Term::waiting, "hall"), 1);
    EXPECT_EQ(term(*file, Term::waiting, "room"), 0);
    EXPECT_EQ(term(*file, Term::expired, "room"), 1);
    EXPECT_EQ(events(*file).size(), 1u);
  }
}

TEST_F(EventsTest, KeepTheEpochInWhichTheyWereToldWhenItEnds) {
  const auto file = open();
  const std::string first = file->epoch();
  commit_event(*file, 1, event_of("room", 1));
  CommitGroup group = ending_group(2, false);
  tell(group, event_of("room", 2));
  ASSERT_TRUE(file->commit(&group, {}).ok());
  commit_event(*file, 3, event_of("room", 3));
  const std::vector<EventRow> rows = events(*file);
  ASSERT_EQ(rows.size(), 3u);
  EXPECT_EQ(rows[0].epoch, first);
  EXPECT_EQ(rows[1].epoch, first);
  EXPECT_EQ(rows[2].epoch, file->epoch());
  EXPECT_NE(rows[2].epoch, first);
  EXPECT_EQ(rows[2].seq, 3);
}

TEST_F(EventsTest, ADatabaseOfTheVersionBeforeThemGetsTheirTableAndKeepsTheRest) {
  {
    const auto file = open();
    CommitGroup group = numbered_group(1);
    close_panes(group, "room", 1, "old");
    ASSERT_TRUE(file->commit(&group, {}).ok());
  }
  tamper(dir_, "DROP TABLE event; PRAGMA user_version=3");
  const auto file = open();
  EXPECT_FALSE(file->rebuilt());
  EXPECT_EQ(file->outbox_rows(), 1);
  commit_event(*file, 2, event_of("room", 1));
  EXPECT_EQ(events(*file).size(), 1u);
}

}  // namespace
}  // namespace sluice::storage
