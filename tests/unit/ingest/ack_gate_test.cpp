#include "ingest/ack_gate.h"

#include <gtest/gtest.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include <random>
#include <thread>

#include "unit/ingest/wire.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr std::string_view kAnswer = "HTTP/1.1 200 OK\r\n\r\n";
constexpr std::string_view kRequest = "CONNECT broker:1883 HTTP/1.1\r\nHost: broker\r\n\r\n";

std::uint16_t port_of(const AckGate& gate) {
  const std::string& address = gate.address();
  return static_cast<std::uint16_t>(std::stoi(address.substr(address.find(':') + 1)));
}

/// A gate between `broker` and `paho`, both played by the test.
struct Bench {
  explicit Bench(AckGate::Limits limits = {1000, 1 << 20}) {
    UniqueFd ours;
    wire::make_pair(broker, ours);
    wire::set_non_blocking(ours.get());
    auto opened = AckGate::open(std::move(ours), limits);
    EXPECT_TRUE(opened.ok());
    gate = std::move(*opened);
  }
  void connect() {
    paho = wire::connect_to_loopback(port_of(*gate));
    wire::send_all(paho.get(), kRequest);
    EXPECT_EQ(wire::receive(paho.get(), kAnswer.size()), kAnswer);
  }
  std::string at_broker(std::size_t size) { return wire::receive(broker.get(), size); }
  std::string at_paho(std::size_t size) { return wire::receive(paho.get(), size); }
  void from_broker(std::string_view bytes) { wire::send_all(broker.get(), bytes); }
  void from_paho(std::string_view bytes) { wire::send_all(paho.get(), bytes); }

  UniqueFd broker;
  UniqueFd paho;
  std::unique_ptr<AckGate> gate;
};

/// Writes until the receiver takes no more for a while; the bytes that went in.
std::size_t fill(int fd) {
  wire::set_non_blocking(fd);
  const std::string block(64 * 1024, 'x');
  std::size_t total = 0;
  for (int idle = 0; idle < 40;) {
    const ssize_t put = ::send(fd, block.data(), block.size(), MSG_NOSIGNAL);
    if (put > 0) {
      total += static_cast<std::size_t>(put);
      idle = 0;
    } else {
      wire::is_quiet(fd, milliseconds(5));
      ++idle;
    }
  }
  return total;
}

TEST(AckGate, PassesTheBrokersBytesAtOnceAndHoldsPahosUntilTheirMessageIsReleased) {
  Bench bench;
  bench.connect();
  bench.from_broker("publish");
  EXPECT_EQ(bench.at_paho(7), "publish");
  EXPECT_EQ(bench.gate->count_message(100), 1u);
  bench.from_paho("puback");
  EXPECT_TRUE(wire::is_quiet(bench.broker.get()));
  EXPECT_EQ(bench.gate->unreleased(), 1u);
  bench.gate->release(1);
  EXPECT_EQ(bench.at_broker(6), "puback");
  EXPECT_EQ(bench.gate->unreleased(), 0u);
}

TEST(AckGate, LetsConnectAndSubscribePassBeforeTheFirstMessage) {
  Bench bench;
  bench.paho = wire::connect_to_loopback(port_of(*bench.gate));
  bench.from_paho(std::string(kRequest) + "mqtt connect");
  EXPECT_EQ(bench.at_paho(kAnswer.size()), kAnswer);
  bench.from_paho(", subscribe");
  EXPECT_EQ(bench.at_broker(23), "mqtt connect, subscribe");
}

TEST(AckGate, CutsWhatIsLongerThanItsLimitAndKeepsNothingOfTheRest) {
  Bench bench({1000, 1 << 20, 1000});
  bench.connect();
  const auto publish = [](std::size_t size) {
    return wire::packet(wire::kPublish, 2, std::string("\0\1a\0\7", 5) + std::string(size, 'x'));
  };
  std::thread broker([&] { bench.from_broker(publish(20'000'000) + publish(3)); });
  const std::string expected = publish(995) + publish(3);
  EXPECT_EQ(bench.at_paho(expected.size()), expected);
  broker.join();
  EXPECT_GT(bench.gate->bytes_received(), 20'000'000u);
}

TEST(AckGate, TakesTheRequestInPieces) {
  Bench bench;
  bench.paho = wire::connect_to_loopback(port_of(*bench.gate));
  for (const char c : kRequest) bench.from_paho(std::string_view(&c, 1));
  bench.from_paho("mqtt");
  EXPECT_EQ(bench.at_broker(4), "mqtt");
}

TEST(AckGate, ClosesOnARequestThatIsNone) {
  for (const std::string& request :
       {std::string("GET / HTTP/1.1\r\n\r\n"), std::string(8192, 'x'), std::string("\r\n\r\n")}) {
    Bench bench;
    bench.paho = wire::connect_to_loopback(port_of(*bench.gate));
    bench.from_paho(request);
    EXPECT_TRUE(wire::is_at_end(bench.broker.get()));
  }
}

// Random numbers of messages between random acknowledgements, released in random steps. The gate
// may read late and stamp higher, which holds bytes longer; it must never let them leave earlier.
TEST(AckGate, NeverLetsAnAcknowledgementOvertakeItsCommit) {
  const auto seed = std::random_device{}();
  std::printf("seed %u\n", seed);
  std::mt19937 rng(seed);
  Bench bench;
  bench.connect();
  std::string sent;
  std::vector<std::size_t> allowed(1, 0);  // by ticket: bytes that may leave once it is released
  for (int round = 0; round < 60; ++round) {
    for (auto n = 1 + rng() % 4; n > 0; --n) {
      bench.gate->count_message(rng() % 500);
      allowed.push_back(sent.size());
    }
    const std::string bytes(1 + rng() % 300, static_cast<char>('a' + rng() % 26));
    bench.from_paho(bytes);
    sent += bytes;
    allowed.back() = sent.size();
    wire::is_quiet(bench.broker.get(), milliseconds(2));
  }
  std::string received;
  for (std::size_t ticket = 0; ticket + 1 < allowed.size();) {
    ticket = std::min<std::size_t>(ticket + 1 + rng() % 20, allowed.size() - 1);
    bench.gate->release(ticket);
    received += wire::receive(bench.broker.get(), sent.size(), milliseconds(10));
    ASSERT_LE(received.size(), allowed[ticket]);
  }
  received += bench.at_broker(sent.size() - received.size());
  EXPECT_EQ(received, sent);
}

TEST(AckGate, IgnoresATicketThatWasReleasedBefore) {
  Bench bench;
  bench.connect();
  bench.gate->count_message(1);
  bench.gate->count_message(1);
  bench.gate->release(2);
  bench.gate->release(1);
  EXPECT_EQ(bench.gate->unreleased(), 0u);
}

TEST(AckGate, ReleasesNothingMoreOnceItIsPoisoned) {
  Bench bench;
  bench.connect();
  bench.gate->count_message(10);
  bench.from_paho("puback 1");
  ASSERT_TRUE(wire::is_quiet(bench.broker.get()));
  bench.gate->poison("overflow");
  bench.gate->release(1);
  EXPECT_TRUE(wire::is_at_end(bench.broker.get()));
  EXPECT_TRUE(wire::is_at_end(bench.paho.get()));
  EXPECT_TRUE(bench.gate->poisoned());
  EXPECT_EQ(bench.gate->close_reason(), "overflow");
}

TEST(AckGate, StopsReadingTheBrokerAtItsMessageLimitUntilOneIsReleased) {
  Bench bench({3, 1 << 20});
  bench.connect();
  for (int i = 0; i < 3; ++i) bench.gate->count_message(1);
  bench.from_paho("x");  // a turn of the loop, in case it waits for the broker already
  wire::is_quiet(bench.broker.get(), milliseconds(50));
  bench.from_broker("more");
  EXPECT_TRUE(wire::is_quiet(bench.paho.get()));
  bench.gate->release(1);
  EXPECT_EQ(bench.at_paho(4), "more");
}

TEST(AckGate, StopsReadingTheBrokerAtItsByteLimit) {
  Bench bench({1000, 100});
  bench.connect();
  bench.gate->count_message(100);
  bench.from_paho("x");
  wire::is_quiet(bench.broker.get(), milliseconds(50));
  bench.from_broker("more");
  EXPECT_TRUE(wire::is_quiet(bench.paho.get()));
  bench.gate->release(1);
  EXPECT_EQ(bench.at_paho(4), "more");
}

TEST(AckGate, StopsReadingWhenToldAndStillLetsAcknowledgementsLeave) {
  Bench bench;
  bench.connect();
  bench.gate->count_message(1);
  bench.from_paho("puback");
  bench.gate->stop_reading();
  wire::is_quiet(bench.broker.get(), milliseconds(50));
  bench.from_broker("more");
  EXPECT_TRUE(wire::is_quiet(bench.paho.get()));
  bench.gate->release(1);
  EXPECT_EQ(bench.at_broker(6), "puback");
}

TEST(AckGate, HoldsLittleOfWhatPahoDoesNotRead) {
  Bench bench;
  bench.connect();
  fill(bench.broker.get());
  EXPECT_LT(bench.gate->bytes_received(), 512u * 1024);
  EXPECT_GT(bench.gate->bytes_received(), 0u);
}

TEST(AckGate, BoundsWhatPahoMaySendAheadOfTheCommits) {
  Bench bench;
  bench.connect();
  bench.gate->count_message(1);
  const std::size_t total = fill(bench.paho.get());
  EXPECT_LT(total, 16u << 20);
  bench.gate->release(1);
  EXPECT_EQ(bench.at_broker(total).size(), total);
}

TEST(AckGate, TurnsAwayAnotherProcessAndStillWaitsForOurs) {
  Bench bench;
  const std::uint16_t port = port_of(*bench.gate);
  const pid_t child = ::fork();
  if (child == 0) {
    const UniqueFd fd = wire::connect_to_loopback(port);
    char byte = 0;
    ::_exit(fd.valid() && ::recv(fd.get(), &byte, 1, 0) <= 0 ? 7 : 1);
  }
  int status = 0;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(WEXITSTATUS(status), 7) << "the stranger got an answer";
  bench.connect();
  bench.from_paho("ours");
  EXPECT_EQ(bench.at_broker(4), "ours");
}

TEST(AckGate, ClosesItsDoorOncePahoHasCome) {
  Bench bench;
  const std::uint16_t port = port_of(*bench.gate);
  bench.connect();
  EXPECT_FALSE(wire::connect_to_loopback(port).valid());
}

TEST(AckGate, ForwardsAReleasedFarewellWhenPahoHangsUp) {
  Bench bench;
  bench.connect();
  bench.gate->count_message(1);
  bench.gate->release(1);
  bench.from_paho("disconnect");
  bench.paho.reset();
  EXPECT_EQ(bench.at_broker(10), "disconnect");
  EXPECT_TRUE(wire::is_at_end(bench.broker.get()));
  bench.gate->finish(wire::kPatience);
  EXPECT_EQ(bench.gate->bytes_sent(), 10u);
  EXPECT_EQ(bench.gate->close_reason(), "");
}

TEST(AckGate, DropsAnUnreleasedFarewellWhenPahoHangsUp) {
  Bench bench;
  bench.connect();
  bench.gate->count_message(1);
  bench.from_paho("puback, disconnect");
  bench.paho.reset();
  EXPECT_TRUE(wire::is_at_end(bench.broker.get()));
}

TEST(AckGate, HangsUpOnPahoAndSaysWhyWhenTheBrokerHangsUp) {
  Bench bench;
  bench.connect();
  bench.from_broker("last words");
  bench.broker.reset();
  EXPECT_EQ(bench.at_paho(10), "last words");
  EXPECT_TRUE(wire::is_at_end(bench.paho.get()));
  EXPECT_EQ(bench.gate->close_reason(), "the broker closed the connection");
}

TEST(AckGate, EndsWhenDestroyedBeforePahoEverCame) {
  Bench bench;
  const std::uint16_t port = port_of(*bench.gate);
  bench.gate.reset();
  EXPECT_TRUE(wire::is_at_end(bench.broker.get()));
  EXPECT_FALSE(wire::connect_to_loopback(port).valid());
}

TEST(AckGateDeathTest, AbortsOnATicketThatWasNeverGivenOut) {
  Bench bench;
  bench.gate->count_message(1);
  EXPECT_DEATH(bench.gate->release(2), "ticket");
}

}  // namespace
}  // namespace sluice
