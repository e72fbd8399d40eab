#include "sync/series_definer.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

TEST(SeriesDefiner, DefinesEachSeriesOnceAndNoneThatIsNotThere) {
  SeriesTable series(10);
  const SeriesId id = series.intern({"temperature", "Cel", {{"device", "3"}}});
  SeriesDefiner definer(series);
  std::deque<Outgoing> out;
  EXPECT_TRUE(definer.define(id, out));
  EXPECT_TRUE(definer.define(id, out));
  EXPECT_FALSE(definer.define(0, out));
  EXPECT_FALSE(definer.define(id + 1, out));
  ASSERT_EQ(out.size(), 1u);
  ASSERT_EQ(out[0].message.series().definitions_size(), 1);
  const v1::SeriesDefinition& definition = out[0].message.series().definitions(0);
  EXPECT_EQ(definition.id(), id);
  EXPECT_EQ(definition.unit(), "Cel");
  EXPECT_EQ(definition.labels().at("device"), "3");
}

TEST(SeriesDefiner, ManyDefinitionsAreSeveralMessages) {
  SeriesTable series(100);
  SeriesDefiner definer(series);
  std::deque<Outgoing> out;
  for (int i = 0; i < 100; ++i) {
    const SeriesId id = series.intern({std::to_string(i) + std::string(2'000, 'm'), "", {}});
    EXPECT_TRUE(definer.define(id, out));
  }
  EXPECT_GT(out.size(), 2u);
  int defined = 0;
  for (const Outgoing& next : out) {
    EXPECT_LT(next.message.ByteSizeLong(), 80u << 10);
    defined += next.message.series().definitions_size();
  }
  EXPECT_EQ(defined, 100);
}

}  // namespace
}  // namespace sluice
