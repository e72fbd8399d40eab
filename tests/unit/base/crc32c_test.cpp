#include "base/crc32c.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

std::string ramp(int from, int step) {
  std::string bytes;
  for (int i = 0; i < 32; ++i) bytes.push_back(static_cast<char>(from + i * step));
  return bytes;
}

// The vectors of RFC 3720, appendix B.4, and the usual check value.
TEST(Crc32c, AgreesWithThePublishedVectors) {
  EXPECT_EQ(crc32c(""), 0u);
  EXPECT_EQ(crc32c("123456789"), 0xE3069283u);
  EXPECT_EQ(crc32c(std::string(32, '\0')), 0x8A9136AAu);
  EXPECT_EQ(crc32c(std::string(32, '\xFF')), 0x62A8AB43u);
  EXPECT_EQ(crc32c(ramp(0, 1)), 0x46DD794Eu);
  EXPECT_EQ(crc32c(ramp(31, -1)), 0x113FDB5Cu);
}

TEST(Crc32c, ContinuesFromAnEarlierResultAtEverySplit) {
  const std::string bytes = "the bytes of a row, longer than one slice of eight";
  for (std::size_t at = 0; at <= bytes.size(); ++at) {
    EXPECT_EQ(crc32c(bytes.substr(at), crc32c(bytes.substr(0, at))), crc32c(bytes)) << at;
  }
}

TEST(Crc32c, SeesEverySingleBitFlip) {
  const std::string bytes = "outbox row 17";
  for (std::size_t bit = 0; bit < bytes.size() * 8; ++bit) {
    std::string flipped = bytes;
    flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
    EXPECT_NE(crc32c(flipped), crc32c(bytes)) << bit;
  }
}

}  // namespace
}  // namespace sluice
