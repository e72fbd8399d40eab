#include "ctl/table.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

TEST(Table, AlignsTextLeftAndNumbersRight) {
  Table table({{"NAME"}, {"COUNT", true}, {"NOTE"}});
  table.add_row({"temperature", "7", "warm"});
  table.add_row({"rh", "1,234"});
  EXPECT_EQ(table.take(),
            "NAME         COUNT  NOTE\n"
            "temperature      7  warm\n"
            "rh           1,234\n");
}

TEST(Table, CountsColumnsOfWideAndAccentedText) {
  Table table({{"NAME"}, {"N", true}});
  table.add_row({"温度", "1"});
  table.add_row({"é", "2"});
  EXPECT_EQ(table.take(),
            "NAME  N\n"
            "温度  1\n"
            "é     2\n");
}

TEST(Table, EscapesEveryCell) {
  Table table({{"NAME"}});
  table.add_row({"a\x1b[2Jb\nc"});
  EXPECT_EQ(table.take(), "NAME\na\\x1b[2Jb\\x0ac\n");
}

TEST(Table, WritesItsHeadingOnceAndKeepsItsWidthsOverPages) {
  Table table({{"A"}, {"B"}});
  table.add_row({"long one", "x"});
  EXPECT_EQ(table.take(), "A         B\nlong one  x\n");
  EXPECT_TRUE(table.empty());
  table.add_row({"s", "y"});
  EXPECT_EQ(table.take(), "s         y\n");
}

TEST(Table, WithoutRowsIsItsHeading) { EXPECT_EQ(Table({{"A"}, {"B"}}).take(), "A  B\n"); }

TEST(Pairs, AlignTheirValuesAndEscapeThem) {
  Pairs pairs;
  pairs.add("node", "gw-1");
  pairs.add("last error", "x\x1b[0m");
  pairs.add("none", "");
  EXPECT_EQ(pairs.text(),
            "node        gw-1\n"
            "last error  x\\x1b[0m\n"
            "none\n");
}

}  // namespace
}  // namespace sluice::ctl
