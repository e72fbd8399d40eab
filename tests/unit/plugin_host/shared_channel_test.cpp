#include "plugin_host/shared_channel.h"

#include <fcntl.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include <random>
#include <string>
#include <thread>

namespace sluice {
namespace {

/// So many looks, a millisecond apart.
class Looks final : public Patience {
 public:
  explicit Looks(int count) : left_(count) {}
  Status go_on() override { return left_-- > 0 ? Status() : unavailable("nobody came"); }
  std::chrono::nanoseconds slice() const override { return std::chrono::milliseconds(1); }

 private:
  int left_;
};

SharedChannel other_end(const SharedChannel& channel) {
  auto end = SharedChannel::attach(UniqueFd(::dup(channel.fd())));
  EXPECT_TRUE(end.ok());
  return *std::move(end);
}

TEST(SharedChannel, CarriesMessagesOfAnyLengthBothWays) {
  auto made = SharedChannel::create();
  ASSERT_TRUE(made.ok()) << made.status().to_string();
  SharedChannel near = *std::move(made);
  SharedChannel far = other_end(near);
  const std::uint64_t seed = std::random_device{}();
  SCOPED_TRACE("seed " + std::to_string(seed));
  std::mt19937_64 random(seed);
  std::thread echo([&far] {
    std::string message;
    for (Looks looks(20'000); far.receive(message, 1u << 30, looks).ok() && message != "end";) {
      ASSERT_TRUE(far.send(message, looks).ok());
    }
  });
  for (const std::size_t size :
       {std::size_t{0}, std::size_t{1}, SharedChannel::kLaneBytes - 1, SharedChannel::kLaneBytes,
        SharedChannel::kLaneBytes + 1, 3 * SharedChannel::kLaneBytes, std::size_t{1'000'000}}) {
    std::string message(size, '\0');
    for (char& c : message) c = static_cast<char>(random());
    Looks looks(20'000);
    ASSERT_TRUE(near.send(message, looks).ok());
    std::string back;
    ASSERT_TRUE(near.receive(back, 1u << 30, looks).ok());
    EXPECT_TRUE(back == message) << size;
  }
  Looks looks(1000);
  ASSERT_TRUE(near.send("end", looks).ok());
  echo.join();
}

TEST(SharedChannel, GivesUpWhenNobodyComes) {
  auto made = SharedChannel::create();
  ASSERT_TRUE(made.ok());
  std::string message;
  Looks few(3);
  EXPECT_EQ(made->receive(message, 100, few).message(), "nobody came");
  Looks more(3);
  EXPECT_TRUE(made->send("one", more).ok());
  EXPECT_EQ(made->send("two", more).message(), "nobody came");
}

TEST(SharedChannel, RefusesAMessageThatIsLongerThanTheReceiverTakes) {
  auto made = SharedChannel::create();
  ASSERT_TRUE(made.ok());
  SharedChannel far = other_end(*made);
  Looks looks(100);
  ASSERT_TRUE(far.send(std::string(101, 'x'), looks).ok());
  std::string message;
  EXPECT_EQ(made->receive(message, 100, looks).message(), "a message of more than 100 bytes");
}

// Who has the descriptor could cut the memory off under the other's feet.
TEST(SharedChannel, CannotBeMadeSmaller) {
  auto made = SharedChannel::create();
  ASSERT_TRUE(made.ok());
  EXPECT_NE(::ftruncate(made->fd(), 0), 0);
  EXPECT_NE(::fcntl(made->fd(), F_ADD_SEALS, F_SEAL_WRITE), 0);
}

}  // namespace
}  // namespace sluice
