#include "ingest/publish_cutter.h"

#include <gtest/gtest.h>

#include <random>

#include "unit/ingest/wire.h"

namespace sluice {
namespace {

constexpr std::uint32_t kMax = 300;

/// A PUBLISH of QoS 1 under topic "a/b".
std::string publish(std::size_t payload_bytes, std::uint8_t flags = 2) {
  return wire::packet(wire::kPublish, flags,
                      std::string("\0\3a/b\0\7", 7) + std::string(payload_bytes, 'x'));
}

std::string cut(std::string_view in) {
  PublishCutter cutter(kMax);
  std::string out;
  cutter.feed(in, out);
  return out;
}

TEST(PublishCutter, TakesTheEndOfAnOverlongPublishAndNothingElse) {
  EXPECT_EQ(cut(publish(kMax - 7)), publish(kMax - 7));
  EXPECT_EQ(cut(publish(kMax - 6) + "\xD0"), publish(kMax - 7));
  EXPECT_EQ(cut(publish(5'000'000, 0x0B) + publish(1)), publish(kMax - 7, 0x0B) + publish(1));
  const std::string other = wire::packet(wire::kSuback, 0, std::string(100'000, 's'));
  EXPECT_EQ(cut(other + publish(1)), other + publish(1));
}

TEST(PublishCutter, PassesWhatIsNoMqtt) {
  const std::string rubbish = "0\xFF\xFF\xFF\xFF\xFF" + std::string(1000, 'r') + publish(1000);
  EXPECT_EQ(cut(rubbish), rubbish);
}

TEST(PublishCutter, DoesNotDependOnHowTheBytesArrive) {
  const auto seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937 rng(seed);
  std::string stream;
  std::string expected;
  for (int i = 0; i < 300; ++i) {
    const std::size_t bytes = rng() % 3 == 0 ? rng() % 40'000 : rng() % 200;
    const std::string next = rng() % 4 == 0   ? wire::packet(wire::kPuback, 0, "\1\2")
                             : rng() % 4 == 0 ? wire::packet(wire::kPingresp, 0, "")
                                              : publish(bytes);
    stream += next;
    expected += cut(next);
  }
  PublishCutter cutter(kMax);
  std::string out;
  for (std::string_view rest = stream; !rest.empty();) {
    const std::size_t n =
        std::min<std::size_t>(1 + rng() % (rng() % 8 == 0 ? 20'000 : 5), rest.size());
    cutter.feed(rest.substr(0, n), out);
    rest.remove_prefix(n);
  }
  EXPECT_EQ(out, expected);
}

}  // namespace
}  // namespace sluice
