#include "sync/row_pace.h"

#include <gtest/gtest.h>

#include <deque>

namespace sluice {
namespace {

constexpr std::int64_t kMillisecond = 1'000'000;
constexpr std::size_t kMax = 1 << 20;

/// A way of fixed length to a hub that takes one batch after the other, and rows without end.
class Way {
 public:
  Way(std::int64_t way_ns, std::int64_t ns_per_kib) : way_ns_(way_ns), ns_per_kib_(ns_per_kib) {}

  void set_speed(std::int64_t ns_per_kib) { ns_per_kib_ = ns_per_kib; }
  /// Sends what may leave until `bytes` have arrived; answers how long that took.
  std::int64_t carry(std::size_t bytes) {
    const std::int64_t begun_ns = now_ns_;
    for (std::size_t arrived = 0; arrived < bytes;) {
      while (under_way_.empty() || bytes_ + pace_.batch_bytes() <= pace_.bytes()) send();
      now_ns_ = under_way_.front().arrives_ns;
      arrived += under_way_.front().bytes;
      bytes_ -= under_way_.front().bytes;
      pace_.acknowledged(under_way_.front().no, now_ns_);
      under_way_.pop_front();
    }
    return now_ns_ - begun_ns;
  }
  /// How long the newest of what is under way will still take: as long waits what comes behind it.
  std::int64_t queue_ns() const { return under_way_.back().arrives_ns - now_ns_ - way_ns_; }
  const RowPace& pace() const { return pace_; }

 private:
  struct Batch {
    std::uint64_t no;
    std::size_t bytes;
    std::int64_t arrives_ns;
  };
  void send() {
    const std::size_t bytes = pace_.batch_bytes();
    const auto takes_ns = static_cast<std::int64_t>(bytes / 1024) * ns_per_kib_;
    free_ns_ = std::max(free_ns_, now_ns_) + takes_ns;
    under_way_.push_back({++last_no_, bytes, free_ns_ + way_ns_});
    bytes_ += bytes;
    pace_.sent(last_no_, bytes_, now_ns_);
  }

  const std::int64_t way_ns_;
  std::int64_t ns_per_kib_;
  RowPace pace_{kMax};
  std::deque<Batch> under_way_;
  std::size_t bytes_ = 0;
  std::uint64_t last_no_ = 0;
  std::int64_t now_ns_ = 0;
  std::int64_t free_ns_ = 0;
};

TEST(RowPace, AQuickWayIsFilledToTheBound) {
  Way way(kMillisecond, 5'000);  // 200 MB/s
  (void)way.carry(10 << 20);
  EXPECT_EQ(way.pace().bytes(), kMax);
  EXPECT_EQ(way.pace().batch_bytes(), 256u << 10);
}

TEST(RowPace, ALongWayTooForItIsNoQueue) {
  Way way(600 * kMillisecond, 5'000);
  (void)way.carry(20 << 20);
  EXPECT_EQ(way.pace().bytes(), kMax);
}

// A hub that takes 2 MB/s: without the pace half a second of rows would stand before an event.
TEST(RowPace, BeforeASlowHubStandsAShortQueueAndItIsNeverIdle) {
  constexpr std::int64_t kPerKib = 500'000;
  Way way(5 * kMillisecond, kPerKib);
  const std::int64_t took_ns = way.carry(20 << 20);
  EXPECT_LE(way.queue_ns(), 2 * RowPace::kQueue_ns);
  EXPECT_LE(took_ns, 20 * 1024 * kPerKib * 11 / 10);
}

TEST(RowPace, FollowsAWayThatBecomesSlowAndQuickAgain) {
  Way way(kMillisecond, 5'000);
  (void)way.carry(10 << 20);
  way.set_speed(1'000'000);  // 1 MB/s
  (void)way.carry(10 << 20);
  EXPECT_LE(way.queue_ns(), 2 * RowPace::kQueue_ns);
  way.set_speed(5'000);
  (void)way.carry(20 << 20);
  EXPECT_EQ(way.pace().bytes(), kMax);
}

// What does not fill the way says nothing of how much it carries.
TEST(RowPace, FewRowsNowAndThenDoNotOpenIt) {
  RowPace pace(kMax);
  for (std::uint64_t no = 1; no <= 100; ++no) {
    pace.sent(no, 100, 0);
    pace.acknowledged(no, kMillisecond);
  }
  EXPECT_EQ(pace.bytes(), RowPace::kBytesMin);
}

TEST(RowPace, ABoundBelowItsOwnHoldsAndARepeatedAckChangesNothing) {
  RowPace pace(300);
  EXPECT_EQ(pace.bytes(), 300u);
  EXPECT_EQ(pace.batch_bytes(), 75u);
  pace.sent(1, 300, 0);
  pace.sent(2, 300, 0);
  pace.acknowledged(1, kMillisecond);
  pace.acknowledged(1, 10'000 * kMillisecond);
  pace.acknowledged(2, 10'000 * kMillisecond);
  EXPECT_EQ(pace.bytes(), 300u);
}

}  // namespace
}  // namespace sluice
