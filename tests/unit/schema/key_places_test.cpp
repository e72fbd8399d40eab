#include "schema/key_places.h"

#include "example.h"

namespace sluice::schema {
namespace {

TEST(KeyPlaces, FallsBackToTheNearestSectionThatWasWritten) {
  KeyPlaces places;
  places.add("a", {1, 1, ""});
  places.add("a.b[0]", {2, 3, ""});
  places.add("a.b[0].c", {3, 5, ""});
  EXPECT_EQ(places.find("a.b[0].c").line, 3);
  EXPECT_EQ(places.find("a.b[0].d.e").line, 2);
  EXPECT_EQ(places.find("a.b[1]").line, 1);
  EXPECT_EQ(places.find("z").line, 0);
  EXPECT_EQ(places.find("").line, 0);
}

TEST(KeyPlaces, StayWithTheLoadedConfigSoThatOthersCanGiveItsLines) {
  const LoadResult loaded = load_config_text(
      minimal("pipelines:\n  - name: p\n    stages:\n      - plugin: range\n        config:\n"
              "          min: 1\n"),
      "test.yaml", {{"SLUICE__UPLINK__HUB", "hub:1"}});
  EXPECT_EQ(loaded.file_name, "test.yaml");
  EXPECT_EQ(loaded.places.find("pipelines[0].stages[0].config.min").line, 9);
  EXPECT_EQ(loaded.places.find("pipelines[0].stages[0].config.max").line, 9) << "the config's";
  EXPECT_EQ(loaded.places.find("uplink.hub").variable, "SLUICE__UPLINK__HUB");
  EXPECT_EQ(load_config_file("/nonexistent", {}).file_name, "/nonexistent");
}

}  // namespace
}  // namespace sluice::schema
