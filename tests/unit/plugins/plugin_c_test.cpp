#include "sluice_plugin_c.h"

#include <gtest/gtest.h>

#include <bit>
#include <string>

namespace {

double number_or(const char* config, const char* key, double other) {
  double out = other;
  return sluice_config_number(config, key, &out) == 1 ? out : other;
}

TEST(PluginC, FindsTheKeysOfAConfigAndNothingThatLooksLikeOne) {
  const char* config = R"({"a":1.5,"b":"\"max\":3","c":{"max":4},"d":[{"max":5},"max"],"e":"max" ,)"
                       R"( "max" : -2e1,"t":true,"f":false})";
  EXPECT_EQ(number_or(config, "a", -1), 1.5);
  EXPECT_EQ(number_or(config, "max", -1), -20);
  for (const char* key : {"b", "c", "d", "e", "t", "x", "", "ma", "maxx", "\\\"max\\\""}) {
    EXPECT_EQ(number_or(config, key, -1), -1) << key;
  }
  int flag = 7;
  EXPECT_EQ(sluice_config_boolean(config, "t", &flag), 1);
  EXPECT_EQ(flag, 1);
  EXPECT_EQ(sluice_config_boolean(config, "f", &flag), 1);
  EXPECT_EQ(flag, 0);
  EXPECT_EQ(sluice_config_boolean(config, "a", &flag), 0);
  EXPECT_TRUE(sluice_config_is(config, "e", "max"));
  EXPECT_FALSE(sluice_config_is(config, "e", "ma"));
  EXPECT_FALSE(sluice_config_is(config, "e", "maxi"));
  EXPECT_FALSE(sluice_config_is(config, "a", "1.5"));
  EXPECT_FALSE(sluice_config_is(config, "none", "max"));
}

TEST(PluginC, ReadsNoFurtherThanTheTextGoes) {
  for (const char* broken : {"", "{", "{\"", "{\"max", "{\"max\\", "{\"max\"", "{\"max\":", "}",
                             "{\"max\" ", "\"max\":1", "[\"max\"]"}) {
    const std::string exact(broken);
    EXPECT_EQ(number_or(exact.c_str(), "max", -1), -1) << broken;
    EXPECT_FALSE(sluice_config_is(exact.c_str(), "max", "x")) << broken;
  }
}

TEST(PluginC, ReadsARowOfEveryKindAsANumber) {
  const std::uint32_t series[] = {3, 3, 3, 3};
  const std::uint32_t source[] = {5, 5, 5, 5};
  const std::int64_t time[] = {7, 8, 9, 10};
  const std::uint8_t kind[] = {SLUICE_KIND_F64, SLUICE_KIND_I64, SLUICE_KIND_U64,
                               SLUICE_KIND_BOOLEAN};
  const std::uint8_t quality[] = {0, 1, 2, 0};
  const std::uint64_t bits[] = {std::bit_cast<std::uint64_t>(-1.5), static_cast<std::uint64_t>(-2),
                                UINT64_MAX, 1};
  const sluice_batch batch{sizeof batch, 4, series, source, time, kind, quality, bits};
  const double expected[] = {-1.5, -2, 18446744073709551616.0, 1};
  for (std::uint32_t row = 0; row < 4; ++row) {
    sluice_reading reading = sluice_row(&batch, row);
    EXPECT_EQ(reading.struct_size, sizeof reading);
    EXPECT_EQ(reading.series, 3u);
    EXPECT_EQ(reading.source, 5u);
    EXPECT_EQ(reading.event_time_ns, 7 + row);
    EXPECT_EQ(reading.quality, quality[row]);
    EXPECT_EQ(sluice_number(&reading), expected[row]);
    sluice_set_number(&reading, 2.25);
    EXPECT_EQ(reading.kind, SLUICE_KIND_F64);
    EXPECT_EQ(sluice_number(&reading), 2.25);
  }
}

TEST(PluginC, CutsAReasonToTheRoomThereIs) {
  char why[4] = "zzz";
  sluice_write_why(why, sizeof why, "abcdef");
  EXPECT_STREQ(why, "abc");
  sluice_write_why(why, 1, "abc");
  EXPECT_STREQ(why, "");
  sluice_write_why(why, 0, "abc");
  sluice_write_why(nullptr, 4, "abc");
}

TEST(PluginC, NamesVerdictsAsTheContractDoes) {
  EXPECT_EQ(sluice_pass().kind, SLUICE_VERDICT_PASS);
  EXPECT_EQ(sluice_altered().kind, SLUICE_VERDICT_ALTERED);
  EXPECT_EQ(sluice_hold().kind, SLUICE_VERDICT_HOLD);
  EXPECT_EQ(sluice_drop(3).kind, SLUICE_VERDICT_DROP);
  EXPECT_EQ(sluice_drop(3).rule, 3);
}

}  // namespace
