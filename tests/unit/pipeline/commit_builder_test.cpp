#include "pipeline/commit_builder.h"

#include <gtest/gtest.h>

#include "fakes/plain_parts.h"
#include "fakes/power_sum.h"

namespace sluice {
namespace {

class CommitBuilderTest : public ::testing::Test {
 protected:
  SeriesTable series_{10};
  TopicTable topics_{10};
  BlockKeeper encoder_;
  CommitBuilder builder_{series_, topics_, encoder_};
};

TEST_F(CommitBuilderTest, NamesLossesAndNothingThatWasRefusedOrFiltered) {
  Ledger& ledger = builder_.ledger();
  ledger.add(LedgerKind::messages, "plant/qos0", Term::dropped, 4, "queue_full");
  ledger.add(LedgerKind::messages, "plant/qos1", Term::rejected, 1, "not_json");
  ledger.add(LedgerKind::messages, "plant/qos1", Term::duplicate, 1);
  ledger.add(LedgerKind::source_readings, "plant", Term::unmatched, 1);
  ledger.add(LedgerKind::readings, "room", Term::rejected, 3, "parked");
  ledger.add(LedgerKind::readings, "room", Term::rejected, 2, "range/stage_failed");
  ledger.add(LedgerKind::readings, "room", Term::filtered, 1, "range/below");
  ledger.add(LedgerKind::messages, "plant/qos1", Term::rejected, 6, "series_cap");
  ledger.add(LedgerKind::readings, "room", Term::filtered, 7, "scale/series_cap");
  ledger.add(LedgerKind::readings, "room", Term::late, 5);
  builder_.name_losses(10, 20, 1);
  EXPECT_EQ(builder_.seal().gaps,
            (std::vector<Gap>{
                {LedgerKind::messages, "plant", "queue_full", 10, 20, 4},
                {LedgerKind::messages, "plant", "series_cap", 10, 20, 6},
                {LedgerKind::readings, "room", "parked", 10, 20, 3},
                {LedgerKind::readings, "room", "range/stage_failed", 10, 20, 2},
                {LedgerKind::readings, "room", "scale/series_cap", 10, 20, 7},
                {LedgerKind::readings, "room", "late", 10, 20, 5},
            }));
}

TEST_F(CommitBuilderTest, NamesEachLossOnceAlsoInTheNextGroup) {
  const auto lose = [&](std::int64_t count) {
    builder_.ledger().add(LedgerKind::readings, "room", Term::rejected, count, "parked");
  };
  lose(3);
  builder_.name_losses(0, 20, 1);
  lose(4);
  builder_.name_losses(15, 30, 1);
  builder_.name_losses(15, 40, 1);
  EXPECT_EQ(builder_.seal().gaps,
            (std::vector<Gap>{{LedgerKind::readings, "room", "parked", 0, 30, 7}}));
  builder_.name_losses(40, 50, 1);
  EXPECT_TRUE(builder_.empty());
  lose(1);
  builder_.name_losses(50, 60, 1);
  EXPECT_EQ(builder_.seal().gaps,
            (std::vector<Gap>{{LedgerKind::readings, "room", "parked", 50, 60, 1}}));
}

TEST_F(CommitBuilderTest, AStormOfOneKindIsOneGapAndAnUnknownCountStaysUnknown) {
  builder_.add_gap({LedgerKind::messages, "plant", "suspected_broker_loss", 10, 20, 5}, 1);
  builder_.add_gap({LedgerKind::messages, "plant", "suspected_broker_loss", 5, 12, 0}, 2);
  builder_.add_gap({LedgerKind::messages, "plant", "suspected_broker_loss", 30, 31, 1}, 3);
  EXPECT_EQ(builder_.opened_boottime_ns(), 1);
  EXPECT_EQ(builder_.seal().gaps,
            (std::vector<Gap>{{LedgerKind::messages, "plant", "suspected_broker_loss", 5, 31, 0}}));
}

/// Its state is small, and large when it is saved.
class LargeWhenSaved final : public PowerSum {
 public:
  LargeWhenSaved() : PowerSum(1) {}
  std::size_t saved_bytes_max() const override { return 60'000; }
  bool save(const std::byte*, std::string& out) const override {
    out.append(60'000, 'x');
    return true;
  }
};

// The hub takes messages of 16 MiB: a larger block would hold up all that come after it.
TEST_F(CommitBuilderTest, ABlockStaysSmallWhateverAPluginSaves) {
  ExtrasSpec spec;
  spec.plugins = {PowerSum::spec(std::make_shared<LargeWhenSaved>())};
  Pane pane;
  pane.window = {WindowKind::tumbling, 1, 0, 10};
  WindowExtras extras(spec);
  extras.seal_plugins();
  pane.content.extras = std::make_shared<const WindowExtras>(std::move(extras));
  builder_.add_panes("p", 1, std::vector<Pane>(500, pane));
  const CommitGroup group = builder_.seal();
  EXPECT_GE(group.outbox.size(), 500u * 60'000 / (1 << 20));
}

}  // namespace
}  // namespace sluice
