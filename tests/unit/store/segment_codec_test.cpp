#include "store/segment_codec.h"

#include <gtest/gtest.h>

#include "unit/store/scratch.h"

namespace sluice {
namespace {

using storage::fresh_seed;
using storage::sensor_batch;
using storage::wild_batch;

LogEntry random_entry(std::mt19937_64& random) {
  const auto time = static_cast<std::int64_t>(random());
  switch (random() % 9) {
    case 0: return StartEntry{time};
    case 1: return TickEntry{time};
    case 2:
      return ConnectedEntry{static_cast<std::uint32_t>(random()), random() % 2 == 0, time,
                            static_cast<std::int64_t>(random())};
    case 3: {
      SubscribedEntry entry{static_cast<std::uint32_t>(random()), {}, time};
      for (std::size_t n = random() % 4; n > 0; --n) {
        entry.filters.push_back(
            {storage::random_bytes(random, random() % 20), static_cast<std::uint8_t>(random())});
      }
      return entry;
    }
    case 4:
      return BrokerDropsEntry{static_cast<std::uint32_t>(random()), random(), time,
                              static_cast<std::int64_t>(random())};
    case 6:
      return ClockEntry{time,
                        storage::random_bytes(random, random() % 40),
                        {static_cast<ClockQuality>(random() % 3),
                         static_cast<std::int64_t>(random()), static_cast<std::int64_t>(random())},
                        random() % 2 == 0,
                        static_cast<std::int64_t>(random())};
    case 7: {
      CallsEntry entry{time, storage::random_bytes(random, random() % 20), {}};
      for (std::size_t n = random() % 4; n > 0; --n) {
        entry.calls.push_back(
            {static_cast<std::uint32_t>(random()), storage::random_bytes(random, random() % 40)});
      }
      return entry;
    }
    case 5: return DisconnectedEntry{static_cast<std::uint32_t>(random()), time};
    default: break;
  }
  BatchEntry batch;
  batch.boottime_ns = time;
  batch.wall_ns = static_cast<std::int64_t>(random());
  for (std::size_t n = random() % 5; n > 0; --n) {
    batch.fingerprints.push_back({static_cast<std::uint32_t>(random() % 3),
                                  static_cast<std::uint16_t>(random()), random() % 2 == 0,
                                  random() & kFingerprintMask});
  }
  batch.readings =
      random() % 2 == 0 ? wild_batch(random, random() % 30) : sensor_batch(random, random() % 30);
  return batch;
}

Segment random_segment(std::mt19937_64& random) {
  Segment segment;
  for (std::size_t n = random() % 6; n > 0; --n) segment.entries.push_back(random_entry(random));
  for (std::size_t n = random() % 4; n > 0; --n) {
    segment.ledger.add(LedgerKind::readings, "p" + std::to_string(random() % 3), Term::filtered,
                       static_cast<std::int64_t>(random() >> 4) - 7, "deadband/small");
  }
  return segment;
}

TEST(SegmentCodec, RoundTripsEveryKindOfEntryBitExactly) {
  const std::uint64_t seed = fresh_seed();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 500; ++round) {
    const Segment segment = random_segment(random);
    const auto back = decode_segment(encode_segment(segment));
    ASSERT_TRUE(back.ok()) << back.status().to_string() << " seed " << seed;
    ASSERT_EQ(*back, segment) << "seed " << seed;
  }
}

TEST(SegmentCodec, AnEmptySegmentIsThreeBytes) {
  EXPECT_EQ(encode_segment(Segment()).size(), 3u);
  EXPECT_EQ(*decode_segment(encode_segment(Segment())), Segment());
}

TEST(SegmentCodec, TheStoresLedgerReplacesTheGroups) {
  Segment segment;
  segment.entries = {TickEntry{5}};
  Ledger other;
  other.add(LedgerKind::panes, "p", Term::acked, 3);
  const auto back = decode_segment(encode_segment(segment.entries, other));
  ASSERT_TRUE(back.ok());
  EXPECT_EQ(back->ledger, other);
  EXPECT_EQ(back->entries, segment.entries);
}

TEST(SegmentCodec, RefusesEveryTruncationAndTrailingBytes) {
  std::mt19937_64 random(3);
  Segment segment;
  segment.entries = {StartEntry{1},
                     ConnectedEntry{1, true, 2, 3},
                     SubscribedEntry{0, {{"a/#", 1}}, 2},
                     BatchEntry{3, {{0, 7, true, 99}}, sensor_batch(random, 20)},
                     TickEntry{4},
                     BrokerDropsEntry{1, 12, 5, 6},
                     DisconnectedEntry{1, 5}};
  segment.ledger.add(LedgerKind::messages, "mqtt/1", Term::received, 1);
  const std::string whole = encode_segment(segment);
  for (std::size_t size = 0; size < whole.size(); ++size) {
    EXPECT_FALSE(decode_segment(whole.substr(0, size)).ok()) << size;
  }
  EXPECT_FALSE(decode_segment(whole + '\0').ok());
}

// As the program before wrote it; its readings must not be lost in the update.
TEST(SegmentCodec, ReadsFormat1WithoutItsFingerprints) {
  Segment segment;
  std::mt19937_64 random(3);
  segment.entries = {BatchEntry{3, {}, sensor_batch(random, 2)}, TickEntry{4}};
  const std::string without = encode_segment(segment);
  // Format, ledger (0), two entries, then tag and two stamps of the batch and its fingerprint
  // count. The second stamp, of one byte here, is new in format 2.
  ASSERT_EQ(without[5], 5) << "0 - 3, in zigzag";
  ASSERT_EQ(without[6], 0);
  std::string old = without.substr(0, 5) + std::string("\x01\x00hashhash", 10) + without.substr(7);
  old[0] = 1;
  const auto back = decode_segment(old);
  ASSERT_TRUE(back.ok()) << back.status().to_string();
  EXPECT_EQ(*back, segment);
}

TEST(SegmentCodec, TakesEightBytesForAFingerprintWhereIdsRise) {
  std::mt19937_64 random(3);
  BatchEntry batch{3, {}, sensor_batch(random, 2)};
  const std::size_t without = encode_segment(Segment{{batch}, {}}).size();
  for (std::uint16_t id = 1; id <= 100; ++id) {
    batch.fingerprints.push_back({0, id, false, random() & kFingerprintMask});
  }
  EXPECT_EQ(encode_segment(Segment{{batch}, {}}).size(), without + 800);
}

TEST(SegmentCodec, RefusesAFormatItDoesNotKnow) {
  std::string bytes = encode_segment(Segment());
  bytes[0] = 3;
  EXPECT_EQ(decode_segment(bytes).status().code(), StatusCode::data_loss);
}

// Under ASan and UBSan: a flip may decode to something else (the row's checksum is there for that),
// but it must not crash, hang or ask for memory beyond reason.
TEST(SegmentCodec, SurvivesEverySingleBitFlip) {
  const std::uint64_t seed = fresh_seed();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 8; ++round) {
    const std::string whole = encode_segment(random_segment(random));
    for (std::size_t bit = 0; bit < whole.size() * 8; ++bit) {
      std::string flipped = whole;
      flipped[bit / 8] = static_cast<char>(flipped[bit / 8] ^ (1 << (bit % 8)));
      const auto segment = decode_segment(flipped);
      if (!segment.ok()) continue;
      const auto again = decode_segment(encode_segment(*segment));
      ASSERT_TRUE(again.ok() && *again == *segment) << "seed " << seed << " bit " << bit;
    }
  }
}

TEST(SegmentCodec, SurvivesRandomBytes) {
  const std::uint64_t seed = fresh_seed();
  std::mt19937_64 random(seed);
  for (int round = 0; round < 20'000; ++round) {
    std::string bytes = storage::random_bytes(random, random() % 64);
    if (!bytes.empty()) bytes[0] = static_cast<char>(1 + random() % 2);
    static_cast<void>(decode_segment(bytes));
  }
}

}  // namespace
}  // namespace sluice
