#include "hub/change_writer.h"

#include <gtest/gtest.h>

#include <algorithm>
#include <limits>
#include <map>
#include <random>

#include "base/crc32c.h"
#include "hub/hub_schema.h"
#include "sluice/v1/summary.pb.h"
#include "unit/hub/hub_samples.h"

namespace sluice::hub {
namespace {

class ChangeWriterTest : public testing::Test {
 protected:
  void SetUp() override {
    auto database = Database::open(path_, Database::Mode::read_write);
    ASSERT_TRUE(database.ok());
    database_ = std::make_unique<Database>(std::move(*database));
    ASSERT_TRUE(prepare_hub_schema(*database_).ok());
    auto writer = ChangeWriter::create(*database_);
    ASSERT_TRUE(writer.ok()) << writer.status().to_string();
    writer_ = std::make_unique<ChangeWriter>(std::move(*writer));
    ASSERT_TRUE(write(hello_change()).ok());
    ASSERT_TRUE(write(series_change(10)).ok());
  }
  Result<ChangeWriter::Written> write(const Change& change) { return writer_->write(change, 77); }
  RowCounters write_row(std::int64_t seq, const std::string& block) {
    const auto written = write(row_change(seq, block));
    EXPECT_TRUE(written.ok()) << written.status().to_string();
    return written.ok() ? written->counters : RowCounters();
  }

  TempDir dir_;
  std::string path_ = dir_.file("hub.db");
  std::unique_ptr<Database> database_;
  std::unique_ptr<ChangeWriter> writer_;
};

TEST_F(ChangeWriterTest, KeepsEveryNumberOfAPane) {
  write_row(5, sample_block({{3, kNoonNs, 2, -0.1, 1e100}}));
  const auto panes = read_all(path_);
  ASSERT_EQ(panes.size(), 1u);
  const v1::SummaryRecord& pane = panes[0];
  EXPECT_EQ(pane.node(), "plant-7");
  EXPECT_EQ(pane.epoch(), sample_node().epoch);
  EXPECT_EQ(pane.pipeline(), "climate");
  EXPECT_EQ(pane.spec_hash(), 0xFEDCBA9876543210u);
  EXPECT_EQ(pane.measurement(), "temperature");
  EXPECT_EQ(pane.unit(), "Cel");
  EXPECT_EQ(pane.labels().at("device"), "3");
  EXPECT_EQ(pane.kind(), v1::WINDOW_KIND_TUMBLING);
  EXPECT_EQ(pane.start_ns(), kNoonNs);
  EXPECT_EQ(pane.end_ns(), kNoonNs + kMinuteNs);
  EXPECT_EQ(pane.revision(), 2u);
  EXPECT_EQ(pane.quality(), v1::PANE_QUALITY_COMPLETE);
  EXPECT_EQ(pane.count(), 2u);
  EXPECT_EQ(pane.sum(), -0.1 + 1e100);
  EXPECT_EQ(pane.mean(), (-0.1 + 1e100) / 2);
  EXPECT_EQ(pane.min(), -0.1);
  EXPECT_EQ(pane.max(), 1e100);
  EXPECT_EQ(pane.first(), -0.1);
  EXPECT_EQ(pane.last(), 1e100);
  EXPECT_EQ(pane.first_time_ns(), kNoonNs + 1'000);
  EXPECT_EQ(pane.last_time_ns(), kNoonNs + 3'000);
}

TEST_F(ChangeWriterTest, TakesTheHigherRevisionInEitherOrder) {
  write_row(1, sample_block({{1, kNoonNs, 1, 1, 2}}));
  write_row(2, sample_block({{1, kNoonNs, 2, 3, 4}}));
  EXPECT_EQ(read_all(path_).at(0).min(), 3);
  const RowCounters late = write_row(1, sample_block({{1, kNoonNs, 1, 1, 2}}));
  EXPECT_EQ(late.rows_repeated, 1u);
  EXPECT_EQ(late.panes_conflicting, 0u);
  const auto panes = read_all(path_);
  ASSERT_EQ(panes.size(), 1u);
  EXPECT_EQ(panes[0].revision(), 2u);
  EXPECT_EQ(panes[0].max(), 4);
}

TEST_F(ChangeWriterTest, KeepsTheFirstOfTwoContentsOfOneRevisionAndCountsIt) {
  write_row(1, sample_block({{1, kNoonNs, 1, 1, 2}, {2}}));
  const RowCounters conflict = write_row(2, sample_block({{1, kNoonNs, 1, 1, 2.5}, {2}}));
  EXPECT_EQ(conflict.panes_conflicting, 1u);
  EXPECT_EQ(conflict.rows_repeated, 0u);
  EXPECT_EQ(read_all(path_).at(0).max(), 2);
}

std::string block_with(std::uint64_t count, v1::PaneQuality quality, double low,
                       std::uint32_t revision = 1) {
  v1::SummaryBlock block;
  EXPECT_TRUE(block.ParseFromString(sample_block({{1, kNoonNs, revision, low, 50}})));
  block.set_count(0, count);
  block.set_quality(0, quality);
  return block.SerializeAsString();
}

// Two lives of one database close a window under one identity: the one that ended its epoch at the
// fork has nothing the other has not.
TEST_F(ChangeWriterTest, APaneCutByAnEpochsEndGivesWayToAFullerOneInEitherOrder) {
  const std::string cut = block_with(3, v1::PANE_QUALITY_PARTIAL_EPOCH, 1);
  const std::string cut_later = block_with(4, v1::PANE_QUALITY_PARTIAL_EPOCH, 2);
  const std::string whole = block_with(5, v1::PANE_QUALITY_COMPLETE, 3);
  std::vector<std::string> blocks = {cut, cut_later, whole};
  std::sort(blocks.begin(), blocks.end());
  std::int64_t seq = 0;
  std::int64_t noon = kNoonNs;
  do {
    for (const std::string& bytes : blocks) {
      v1::SummaryBlock block;
      ASSERT_TRUE(block.ParseFromString(bytes));
      block.set_start(0, noon);
      EXPECT_EQ(write_row(++seq, block.SerializeAsString()).panes_conflicting, 0u);
    }
    EXPECT_EQ(read_all(path_).back().min(), 3);
    EXPECT_EQ(read_all(path_).back().quality(), v1::PANE_QUALITY_COMPLETE);
    noon += kMinuteNs;
  } while (std::next_permutation(blocks.begin(), blocks.end()));
  EXPECT_EQ(read_all(path_).size(), 6u);
}

TEST_F(ChangeWriterTest, APaneCutByAnEpochsEndReplacesNothing) {
  write_row(1, block_with(2, v1::PANE_QUALITY_COMPLETE, 1));
  EXPECT_EQ(write_row(2, block_with(2, v1::PANE_QUALITY_PARTIAL_EPOCH, 1)).panes_conflicting, 0u);
  EXPECT_EQ(write_row(3, block_with(9, v1::PANE_QUALITY_PARTIAL_EPOCH, 9)).panes_conflicting, 1u)
      << "it holds what the kept one has not: that is worth a word";
  EXPECT_EQ(read_all(path_).at(0).min(), 1);
  write_row(4, block_with(1, v1::PANE_QUALITY_COMPLETE, 7, 2));
  EXPECT_EQ(read_all(path_).at(0).min(), 7) << "a revision counts for more";
}

TEST_F(ChangeWriterTest, KnowsARepeatFromAChange) {
  const std::string block = sample_block({{1, kNoonNs, 1, -0.0, 0.1}, {2}});
  EXPECT_EQ(write_row(1, block).rows_repeated, 0u);
  const RowCounters again = write_row(1, block);
  EXPECT_EQ(again.rows_received, 1u);
  EXPECT_EQ(again.rows_repeated, 1u);
  EXPECT_EQ(again.panes_conflicting, 0u);
  EXPECT_EQ(again.bytes_received, block.size());
}

TEST_F(ChangeWriterTest, KeepsApartWhatDiffersInAnyPartOfThePaneKey) {
  write_row(1, sample_block({{1}}));
  write_row(2, sample_block({{2}}));
  write_row(3, sample_block({{1, kNoonNs + kMinuteNs}}));
  write_row(4, sample_block({{1}}, "other"));
  write_row(5, sample_block({{1}}, "climate", 1));
  NodeKey other_epoch = sample_node();
  other_epoch.epoch[0] = 'f';
  for (const NodeKey& node : {sample_node("plant-8"), other_epoch}) {
    ASSERT_TRUE(write(hello_change(node)).ok());
    ASSERT_TRUE(write(series_change(1, node)).ok());
    ASSERT_TRUE(write(row_change(1, sample_block({{1}}), node)).ok());
  }
  EXPECT_EQ(read_all(path_).size(), 7u);
  EXPECT_EQ(read_node(path_).panes(), 5u);
  EXPECT_EQ(read_node(path_, other_epoch).panes(), 1u);
}

TEST_F(ChangeWriterTest, RemembersTheHighestSequenceWhateverTheOrder) {
  write_row(9, sample_block({{1}}));
  write_row(4, sample_block({{2}}));
  EXPECT_EQ(read_node(path_).highest_seq(), 9);
  // Another row of that number does not replace what the checksum tells of the first.
  write_row(9, sample_block({{3}}));
  const auto written = write(hello_change());
  EXPECT_EQ(written->highest_seq, 9);
  EXPECT_EQ(written->highest_crc32c, crc32c(sample_block({{1}})));
  EXPECT_EQ(read_node(path_).last_seen_ns(), 77);
}

TEST_F(ChangeWriterTest, KeepsABlockOfAnUndefinedSeriesUnreadAndWhole) {
  const auto written = write(row_change(12, sample_block({{1}, {11}})));
  ASSERT_TRUE(written.ok()) << written.status().to_string();
  ASSERT_TRUE(written->unread.has_value());
  EXPECT_EQ(written->unread->rows, 1u);
  EXPECT_EQ(written->unread->seq, 12);
  EXPECT_NE(written->unread->text.find("series 11"), std::string::npos);
  EXPECT_EQ(written->highest_seq, 12) << "its number is taken";
  EXPECT_EQ(written->highest_crc32c, crc32c(sample_block({{1}, {11}})));
  EXPECT_TRUE(read_all(path_).empty()) << "also not its other panes";
  EXPECT_EQ(read_node(path_).unread(), 1u);
}

TEST_F(ChangeWriterTest, TheRowsAroundAnUnreadOneAreStored) {
  const Change batch{sample_node(),
                     std::nullopt,
                     {},
                     {{1, sample_block({{1}})}, {2, "not a block"}, {3, sample_block({{2}})}}};
  const auto written = write(batch);
  ASSERT_TRUE(written.ok()) << written.status().to_string();
  EXPECT_EQ(written->highest_seq, 3);
  EXPECT_EQ(written->counters.rows_received, 3u);
  EXPECT_EQ(read_all(path_).size(), 2u);
  EXPECT_EQ(read_unread(path_).size(), 1u);
}

// The ack was lost, and the batch comes again.
TEST_F(ChangeWriterTest, KeepsAnUnreadRowOnceAndTellsOfItAgain) {
  for (int i = 0; i < 3; ++i) {
    const auto written = write(row_change(2, "not a block"));
    EXPECT_EQ(written->unread->rows, 1u);
    EXPECT_EQ(written->counters.rows_repeated, i == 0 ? 0u : 1u);
  }
  EXPECT_EQ(read_unread(path_).size(), 1u);
  EXPECT_FALSE(write(row_change(3, sample_block({{1}})))->unread.has_value());
  EXPECT_EQ(write(hello_change())->unread->text, read_unread(path_).at(0).text());
}

// A restored backup gave the number of a row we keep to another one.
TEST_F(ChangeWriterTest, TwoUnreadRowsUnderOneNumberAreBothKept) {
  for (int i = 0; i < 2; ++i) {
    for (const char* bytes : {"one life", "another"}) EXPECT_TRUE(write(row_change(2, bytes)).ok());
  }
  EXPECT_EQ(read_unread(path_).size(), 2u);
}

TEST_F(ChangeWriterTest, CountsUnreadRowsOverAllEpochsOfAName) {
  NodeKey older = sample_node();
  older.epoch[0] = 'f';
  for (const NodeKey& node : {older, sample_node("plant-8")}) {
    ASSERT_TRUE(write(hello_change(node)).ok());
    ASSERT_TRUE(write(row_change(1, "not a block", node)).ok());
  }
  EXPECT_EQ(write(row_change(1, "nor this", sample_node()))->unread->rows, 2u);
  EXPECT_EQ(read_node(path_).unread(), 1u);
}

TEST_F(ChangeWriterTest, ReadsAnUnreadRowAgainOnceItsSeriesIsDefined) {
  const std::string block = sample_block({{11}, {1}});
  ASSERT_TRUE(write(row_change(1, "not a block")).ok());
  ASSERT_TRUE(write(row_change(12, block)).ok());
  auto again = writer_->read_again(0, 10);
  ASSERT_TRUE(again.ok()) << again.status().to_string();
  EXPECT_EQ(again->unread, 2u);
  ASSERT_TRUE(write(series_change(11)).ok());
  again = writer_->read_again(0, 1);
  EXPECT_EQ(again->unread, 1u);
  again = writer_->read_again(again->last_id, 10);
  EXPECT_EQ(again->read, 1u);
  EXPECT_EQ(again->last_id, 0);
  EXPECT_EQ(read_all(path_).size(), 2u);
  EXPECT_EQ(read_node(path_).panes(), 2u);
  EXPECT_EQ(read_node(path_).unread(), 1u);
  EXPECT_EQ(read_unread(path_).at(0).seq(), 1);
  EXPECT_EQ(write(row_change(12, block))->counters.rows_repeated, 1u) << "it may still come again";
}

// Past what a node may have, and yet no reason to stop the others.
TEST_F(ChangeWriterTest, SeriesBeyondTheBoundAreLeftOut) {
  ASSERT_TRUE(database_->run("UPDATE node SET series = 1000000").ok());
  ASSERT_TRUE(write({sample_node(), std::nullopt, {{11, sample_series(11)}}, {}}).ok());
  const Change batch{
      sample_node(), std::nullopt, {}, {{1, sample_block({{11}})}, {2, sample_block({{1}})}}};
  ASSERT_TRUE(write(batch).ok());
  EXPECT_EQ(read_all(path_).size(), 1u);
  EXPECT_EQ(read_unread(path_).size(), 1u);
}

TEST_F(ChangeWriterTest, RefusesToRedefineASeriesButTakesTheSameAgain) {
  EXPECT_TRUE(write(series_change(10)).ok());
  EXPECT_EQ(read_node(path_).series(), 10u);
  for (const auto& wrong :
       {Series{"humidity", "Cel", sample_series(4).labels},
        Series{"temperature", "K", sample_series(4).labels}, Series{"temperature", "Cel", {}}}) {
    const auto written = write({sample_node(), std::nullopt, {{4, wrong}}, {}});
    EXPECT_EQ(written.status().code(), StatusCode::aborted);
    EXPECT_NE(written.status().message().find("series 4 "), std::string_view::npos);
  }
}

TEST_F(ChangeWriterTest, RefusesANodeThatHasNotSaidHello) {
  const auto written = write(series_change(1, sample_node("stranger")));
  EXPECT_EQ(written.status().code(), StatusCode::failed_precondition);
}

// Every bit of a block flipped, and every length it may be cut to: the hub must store it whole, or
// keep it unread.
TEST_F(ChangeWriterTest, StoresADamagedBlockOrKeepsItUnreadButNeverBreaks) {
  const std::string block = sample_block({{1}, {2}});
  int unread = 0;
  const auto offer = [&](const std::string& damaged) {
    ASSERT_TRUE(database_->run("SAVEPOINT damaged").ok());
    const auto written = write(row_change(31, damaged));
    ASSERT_TRUE(written.ok()) << written.status().to_string();
    if (written->unread) {
      ++unread;
      EXPECT_EQ(written->unread->seq, 31);
      EXPECT_FALSE(written->unread->text.empty());
    }
    ASSERT_TRUE(database_->run("ROLLBACK TO damaged;RELEASE damaged").ok());
  };
  for (std::size_t size = 0; size < block.size(); ++size) offer(block.substr(0, size));
  for (std::size_t bit = 0; bit < block.size() * 8; ++bit) {
    std::string damaged = block;
    damaged[bit / 8] = static_cast<char>(damaged[bit / 8] ^ (1 << (bit % 8)));
    offer(damaged);
  }
  EXPECT_GT(unread, static_cast<int>(block.size()));
  EXPECT_TRUE(read_all(path_).empty());
}

// Revisions of a few panes in random order, with repeats, against a map.
TEST_F(ChangeWriterTest, EndsWithTheHighestRevisionsUnderAnyOrder) {
  const auto seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937 random(seed);
  std::map<std::pair<std::uint32_t, std::int64_t>, std::uint32_t> highest;
  for (std::int64_t seq = 1; seq <= 300; ++seq) {
    std::vector<SamplePane> panes;
    for (std::size_t i = 1 + random() % 5; i > 0; --i) {
      SamplePane pane{1 + static_cast<std::uint32_t>(random() % 4),
                      kNoonNs + kMinuteNs * static_cast<std::int64_t>(random() % 5)};
      pane.revision = 1 + static_cast<std::uint32_t>(random() % 9);
      pane.low = pane.high = pane.revision * 10.0;
      auto& kept = highest[{pane.series_id, pane.start_ns}];
      kept = std::max(kept, pane.revision);
      panes.push_back(pane);
    }
    EXPECT_EQ(write_row(seq, sample_block(panes)).panes_conflicting, 0u);
  }
  const auto panes = read_all(path_);
  EXPECT_EQ(panes.size(), highest.size());
  EXPECT_EQ(read_node(path_).panes(), highest.size());
  for (const v1::SummaryRecord& pane : panes) {
    const auto id = static_cast<std::uint32_t>(std::stoul(pane.labels().at("device")));
    const std::uint32_t revision = highest.at({id, pane.start_ns()});
    EXPECT_EQ(pane.revision(), revision);
    EXPECT_EQ(pane.sum(), revision * 20.0);
  }
}

}  // namespace
}  // namespace sluice::hub
