#include "sync/batch_builder.h"

#include <gtest/gtest.h>

#include "fakes/memory_outbox.h"
#include "fakes/sensor_panes.h"
#include "sync/summary_encoder.h"

namespace sluice {
namespace {

class BatchBuilderTest : public ::testing::Test {
 protected:
  BatchBuilderTest() {
    for (int i = 1; i <= 5'000; ++i) {
      series.intern({"temperature", "Cel", {{"device", std::to_string(i)}, {"site", "a"}}});
    }
  }
  std::string block(std::initializer_list<SeriesId> ids) {
    SummaryBlock out{"room", 1, {}};
    for (const SeriesId id : ids) {
      out.panes.push_back(sensor_pane(id, kBase, 10 * kSecond, 20, 1, 1, random));
    }
    return ProtoSummaryEncoder().encode(out);
  }

  MemoryOutbox outbox;
  SeriesTable series{10'000};
  std::mt19937_64 random{1};
};

TEST_F(BatchBuilderTest, PutsNewSeriesBeforeTheBatchAndOnlyOnce) {
  outbox.append(block({1, 2}));
  outbox.append(block({2, 3}));
  BatchBuilder batches(outbox, series, 0, {});
  auto first = batches.next(1);
  ASSERT_TRUE(first.ok());
  ASSERT_EQ(2u, first->size());
  ASSERT_EQ(2, first->at(0).message.series().definitions_size());
  const v1::SeriesDefinition& definition = first->at(0).message.series().definitions(1);
  EXPECT_EQ(2u, definition.id());
  EXPECT_EQ("temperature", definition.measurement());
  EXPECT_EQ("Cel", definition.unit());
  EXPECT_EQ("2", definition.labels().at("device"));
  EXPECT_EQ(1, first->at(1).message.batch().rows_size());
  auto second = batches.next(1);
  ASSERT_TRUE(second.ok());
  ASSERT_EQ(2u, second->size());
  ASSERT_EQ(1, second->at(0).message.series().definitions_size());
  EXPECT_EQ(3u, second->at(0).message.series().definitions(0).id());
  EXPECT_TRUE(batches.next(1)->empty());
}

TEST_F(BatchBuilderTest, LeavesTheBytesOfARowAlone) {
  const std::string bytes = block({7, 9});
  outbox.append(bytes);
  BatchBuilder batches(outbox, series, 0, {});
  const auto next = batches.next(1 << 20);
  ASSERT_TRUE(next.ok());
  EXPECT_EQ(bytes, next->back().message.batch().rows(0).block());
  EXPECT_EQ(bytes.size(), next->back().bytes);
  EXPECT_EQ(std::vector<std::int64_t>{1}, next->back().seqs);
}

TEST_F(BatchBuilderTest, BeginsAfterTheRowItIsTold) {
  for (int i = 0; i < 5; ++i) outbox.append(block({1}));
  BatchBuilder batches(outbox, series, 3, {});
  const auto next = batches.next(1 << 20);
  ASSERT_TRUE(next.ok());
  EXPECT_EQ((std::vector<std::int64_t>{4, 5}), next->back().seqs);
}

TEST_F(BatchBuilderTest, SplitsManyDefinitionsIntoSeveralMessages) {
  SummaryBlock wide{"room", 1, {}};
  for (SeriesId id = 1; id <= 5'000; ++id) {
    wide.panes.push_back(sensor_pane(id, kBase, kMinute, 20, 1, 1, random));
  }
  outbox.append(ProtoSummaryEncoder().encode(wide));
  BatchBuilder batches(outbox, series, 0, {});
  const auto next = batches.next(1 << 20);
  ASSERT_TRUE(next.ok());
  EXPECT_GE(next->size(), 3u);
  int definitions = 0;
  for (const Outgoing& out : *next) {
    if (!out.message.has_series()) continue;
    definitions += out.message.series().definitions_size();
    EXPECT_LT(out.message.ByteSizeLong(), 100u * 1024);
  }
  EXPECT_EQ(5'000, definitions);
}

// The hub keeps what it cannot read; here it would stop the rows behind it.
TEST_F(BatchBuilderTest, SendsARowThatItCannotReadAsItIs) {
  const std::string unknown = block({1, 5'001});
  for (const std::string& bytes : {unknown, std::string("not a block"), block({2})}) {
    outbox.append(bytes);
  }
  const auto next = BatchBuilder(outbox, series, 0, {}).next(1 << 20);
  ASSERT_TRUE(next.ok());
  ASSERT_EQ(2u, next->size());
  EXPECT_EQ(2, next->front().message.series().definitions_size());
  const v1::SummaryBatch& batch = next->back().message.batch();
  ASSERT_EQ(3, batch.rows_size());
  EXPECT_EQ(unknown, batch.rows(0).block());
  EXPECT_EQ("not a block", batch.rows(1).block());
}

TEST_F(BatchBuilderTest, TriesAgainAfterAFailedRead) {
  outbox.append(block({1}));
  outbox.fail_reads(1);
  BatchBuilder batches(outbox, series, 0, {});
  EXPECT_EQ(StatusCode::unavailable, batches.next(1 << 20).status().code());
  EXPECT_EQ(2u, batches.next(1 << 20)->size());
}

}  // namespace
}  // namespace sluice
