#include <cfloat>
#include <cmath>

#include "rig.h"

namespace sluice {
namespace {

class Scale : public Rig {
 protected:
  Reading convert(Stage& stage, const Reading& in) {
    const ReadingBatch one = batch({in});
    const auto out = passed(one, run(stage, one));
    EXPECT_EQ(out.size(), 1u);
    return out.empty() ? Reading{} : out[0];
  }
};

TEST_F(Scale, MultipliesThenAdds) {
  const auto stage = make("scale", R"({"factor":0.5,"offset":-3})");
  const Reading out = convert(*stage, at(7, 10, Quality::uncertain));
  EXPECT_EQ(out, at(7, 2, Quality::uncertain));
  EXPECT_EQ(convert(*make("scale", R"({"factor":2})"), at(0, 4)).value, Value::of(8.0));
  EXPECT_EQ(convert(*make("scale", R"({"offset":2})"), at(0, 4)).value, Value::of(6.0));
}

TEST_F(Scale, MovesTheReadingToTheSeriesOfTheNewUnit) {
  const auto stage = make("scale", R"({"from":"Cel","to":"[degF]"})");
  const Reading out = convert(*stage, at(0, 100));
  EXPECT_EQ(out.value, Value::of(212.0));
  EXPECT_EQ(out.topic, 1u);
  EXPECT_EQ(table_.at(out.series), (Series{"temperature", "[degF]", {{"room", "a"}}}));
  EXPECT_EQ(convert(*stage, at(1, -40)).series, out.series);
  EXPECT_EQ(table_.size(), 2u);
  const auto named = make("scale", R"({"factor":10,"unit":"mm"})");
  EXPECT_EQ(table_.at(convert(*named, at(0, 1)).series).unit, "mm");
}

TEST_F(Scale, TakesASeriesWithoutUnitAsFromAndLeavesOtherUnitsAlone) {
  const auto stage = make("scale", R"({"from":"bar","to":"kPa"})");
  EXPECT_EQ(convert(*stage, at(0, 3)), at(0, 3));
  Reading bare = at(0, 3);
  bare.series = table_.intern({"pressure", "", {}});
  const Reading out = convert(*stage, bare);
  EXPECT_EQ(out.value, Value::of(300.0));
  EXPECT_EQ(table_.at(out.series), (Series{"pressure", "kPa", {}}));
}

TEST_F(Scale, ConvertsIntegersToDoublesAndLetsBooleansBe) {
  const auto stage = make("scale", R"({"factor":0.1})");
  Reading in = at(0, 0);
  in.value = Value::of(std::int64_t{-235});
  EXPECT_EQ(convert(*stage, in).value, Value::of(-23.5));
  in.value = Value::of(true);
  EXPECT_EQ(convert(*stage, in), in);
}

TEST_F(Scale, DropsWhatNoDoubleCanHold) {
  const auto stage = make("scale", R"({"factor":10})");
  EXPECT_EQ(words(*stage, {at(0, DBL_MAX), at(1, -DBL_MAX), at(2, 1)}),
            (Words{"not_finite", "not_finite", "altered"}));
}

TEST_F(Scale, DropsUnderItsOwnCauseWhenTheNodeKeepsNoMoreSeries) {
  for (int i = 0; table_.size() < 1000; ++i) table_.intern({"m" + std::to_string(i), "", {}});
  const auto stage = make("scale", R"({"from":"Cel","to":"K"})");
  EXPECT_EQ(words(*stage, {at(0, 1)}), Words{"series_cap"});
}

TEST_F(Scale, NamesTheUnitsItWouldAccept) {
  EXPECT_EQ(error_of("scale", R"({"from":"Cel","to":"bar"})"),
            "stages[0] (scale): config: to: expected a unit of temperature like Cel (Cel, K, "
            "[degF]), got \"bar\", a unit of pressure");
  const std::string unknown = error_of("scale", R"({"from":"celsius","to":"K"})");
  EXPECT_NE(unknown.find("from: expected one of Cel, K, "), std::string::npos) << unknown;
  EXPECT_NE(unknown.find("got \"celsius\""), std::string::npos) << unknown;
  EXPECT_NE(error_of("scale", R"({"from":"Cel"})").find("to: missing"), std::string::npos);
  EXPECT_NE(error_of("scale", R"({"from":"Cel","to":"K","factor":2})").find("not both"),
            std::string::npos);
  EXPECT_NE(error_of("scale", R"({"unit":"K"})").find("nothing to convert"), std::string::npos);
}

}  // namespace
}  // namespace sluice
