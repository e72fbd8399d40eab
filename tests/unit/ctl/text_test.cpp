#include "ctl/text.h"

#include <gtest/gtest.h>

#include <random>

#include "sluice/v1/admin.pb.h"

namespace sluice::ctl {
namespace {

TEST(Printable, LeavesOrdinaryTextAlone) {
  for (const std::string text : {"", "temperature", "°C", "温度 é 🌡", "a\\b\"c"}) {
    EXPECT_EQ(printable(text), text);
  }
}

TEST(Printable, ShowsWhatATerminalWouldObey) {
  EXPECT_EQ(printable("\x1b[2J"), "\\x1b[2J");
  EXPECT_EQ(printable("a\r\n\tb\x07\x7f"), "a\\x0d\\x0a\\x09b\\x07\\x7f");
  EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
  // U+009B is the one-character form of ESC [, as UTF-8 and as a bare byte.
  EXPECT_EQ(printable("\xc2\x9b"
                      "2J"),
            "\\u{9b}2J");
  EXPECT_EQ(printable("\x9b"
                      "2J"),
            "\\x9b2J");
  EXPECT_EQ(printable("\u202eabc\u2066\ufeff"), "\\u{202e}abc\\u{2066}\\u{feff}");
}

TEST(Printable, EscapesBytesThatAreNoUtf8OneByOne) {
  EXPECT_EQ(printable("\xff"), "\\xff");
  EXPECT_EQ(printable("\xc3"), "\\xc3");
  EXPECT_EQ(printable("\xc0\xaf"), "\\xc0\\xaf");                    // overlong
  EXPECT_EQ(printable("\xed\xa0\x80"), "\\xed\\xa0\\x80");           // surrogate
  EXPECT_EQ(printable("\xf4\x90\x80\x80"), "\\xf4\\x90\\x80\\x80");  // beyond U+10FFFF
  EXPECT_EQ(printable("\xe2\x82"
                      "a"),
            "\\xe2\\x82"
            "a");
}

// Any bytes at all: what comes out has no control byte and passes through unchanged.
TEST(Printable, NeverLetsAControlByteThrough) {
  const unsigned seed = std::random_device{}();
  std::mt19937 random(seed);
  for (int round = 0; round < 2000; ++round) {
    std::string bytes(random() % 40, '\0');
    for (char& c : bytes) c = static_cast<char>(random());
    const std::string shown = printable(bytes);
    for (const char c : shown) {
      ASSERT_GE(static_cast<unsigned char>(c), 0x20) << "seed " << seed;
      ASSERT_NE(c, '\x7f') << "seed " << seed;
    }
    ASSERT_EQ(shown.find("\xc2\x9b"), std::string::npos) << "seed " << seed;
    ASSERT_EQ(printable(shown), shown) << "seed " << seed;
  }
}

TEST(SeriesText, SortsLabelsAndEscapesEveryPart) {
  v1::SeriesRow row;
  row.set_measurement("temp\x1b[31m");
  row.set_unit("Cel\n");
  (*row.mutable_labels())["site"] = "a\"b";
  (*row.mutable_labels())["device\r"] = "\x1b]0;owned\x07";
  EXPECT_EQ(series_text(series_of(row)),
            "temp\\x1b[31m{device\\x0d=\"\\x1b]0;owned\\x07\",site=\"a\\\"b\"} Cel\\x0a");
}

TEST(DisplayWidth, CountsColumnsNotBytes) {
  EXPECT_EQ(display_width(""), 0u);
  EXPECT_EQ(display_width("abc"), 3u);
  EXPECT_EQ(display_width("°C"), 2u);
  EXPECT_EQ(display_width("温度"), 4u);
  EXPECT_EQ(display_width("e\u0301"), 1u);
  EXPECT_EQ(display_width("▁▂▃"), 3u);
}

TEST(Fit, CutsAtAColumnAndSaysSo) {
  EXPECT_EQ(fit("abcdef", 6), "abcdef");
  EXPECT_EQ(fit("abcdef", 5), "abcd…");
  EXPECT_EQ(fit("abcdef", 1), "…");
  EXPECT_EQ(fit("abcdef", 0), "");
  EXPECT_EQ(fit("温度計", 4), "温…");  // the second one would need columns 3 and 4
  EXPECT_EQ(pad_right("温度計", 4), "温… ");
  EXPECT_EQ(pad_left("12", 4), "  12");
  EXPECT_EQ(pad_right("12", 4), "12  ");
  EXPECT_EQ(pad_left("123456", 4), "123…");
}

}  // namespace
}  // namespace sluice::ctl
