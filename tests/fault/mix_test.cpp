#include <gtest/gtest.h>
#include <signal.h>

#include <array>

#include "fault/chaos_proxy.h"
#include "fault/rig.h"

namespace sluice::fault {
namespace {

using Fault = ChaosProxy::Fault;
constexpr std::uint64_t kEventsPerRound = 20;

/// A rig whose every connection runs through a proxy, and the things that can happen to it.
class Mix {
 public:
  explicit Mix(Campaign& campaign) : rig(campaign, options()), campaign_(campaign) {}

  void start() {
    ASSERT_NO_FATAL_FAILURE(rig.start());
    std::uint16_t* const ports[] = {&rig.mqtt_port, &rig.mqtt_tls_port, &rig.hub_port};
    for (std::size_t i = 0; i < proxies_.size(); ++i) {
      proxies_[i] = std::make_unique<ChaosProxy>(*ports[i], campaign_.seed() + i);
      *ports[i] = proxies_[i]->port();
    }
    ASSERT_NO_FATAL_FAILURE(rig.start_daemon());
  }

  /// Some things end at once, some last until the next event or the end of the round.
  void event() {
    switch (campaign_.random(0, 9)) {
      case 0: return restart_hub();
      case 1: return restart_broker();
      case 2: return restart_daemon(SIGKILL);
      case 3: return restart_daemon(campaign_.chance(50) ? SIGTERM : SIGKILL);
      case 4: return proxy().inflict(Fault::reset);
      case 5: return proxy().inflict(Fault::truncate);
      case 6: return proxy().inflict(Fault::swallow);
      case 7: return flap();
      default: return stall();
    }
  }

  void calm() {
    for (auto& proxy : proxies_) {
      proxy->inflict(Fault::none);
      proxy->refuse(false);
    }
    ASSERT_TRUE(rig.ready_within(120))
        << "not ready by itself: " << rig.site.status().ShortDebugString();
  }

  Rig rig;

 private:
  static RigOptions options() {
    RigOptions options;
    options.links = {{"plain5", false, "5"}, {"plain311", false, "3.1.1"}, {"tls5", true, "5"}};
    options.in_flight_max = 8;  // what is unknown after a broker's restart stays few
    return options;
  }

  ChaosProxy& proxy() { return *proxies_[static_cast<std::size_t>(campaign_.random(0, 2))]; }

  void restart_hub() {
    EXPECT_TRUE(rig.site.hub.running()) << "the hub ended by itself";
    rig.site.hub.end(SIGKILL);
    sleep_ms(campaign_.random(0, 1500));
    rig.site.start_hub();
  }

  /// SIGTERM: mosquitto saves what it holds. What SIGKILL does to it is another test.
  void restart_broker() {
    EXPECT_EQ(rig.site.broker.end(SIGTERM), 0);
    sleep_ms(campaign_.random(0, 1000));
    rig.site.start_broker();
  }

  void restart_daemon(int signal) {
    EXPECT_TRUE(rig.site.daemon.running()) << "the daemon ended by itself";
    const int result = rig.site.daemon.end(signal);
    // A SIGTERM in the first moments finds a process that has not begun to handle it.
    EXPECT_TRUE(result == -signal || (result == 0 && signal == SIGTERM)) << result;
    rig.site.spawn_daemon(rig.config());
  }

  void flap() {
    ChaosProxy& one = proxy();
    one.refuse(true);
    for (std::int64_t left = campaign_.random(1, 5); left > 0; --left) {
      one.inflict(Fault::reset);
      sleep_ms(campaign_.random(10, 200));
      one.refuse(left % 2 == 0);
    }
    one.refuse(false);
  }

  /// Goes on as if nothing had been, or dies without a word.
  void stall() {
    ChaosProxy& one = proxy();
    one.inflict(Fault::stall);
    sleep_ms(campaign_.random(50, 3000));
    one.inflict(campaign_.chance(50) ? Fault::none : Fault::reset);
  }

  Campaign& campaign_;
  std::array<std::unique_ptr<ChaosProxy>, 3> proxies_;  ///< plain, TLS, hub
};

// Hub, broker, daemon and the connections between them fail in any order under load, over plain TCP
// and TLS, MQTT 5 and 3.1.1.
TEST(Mix, RestartsFlapsAndHalfOpenConnectionsLoseNothingAndCountNothingTwice) {
  Campaign campaign("mix", 20);
  Mix mix(campaign);
  ASSERT_NO_FATAL_FAILURE(mix.start());
  for (std::uint64_t events = 0; events < campaign.n();) {
    mix.rig.publisher->resume();
    for (std::uint64_t i = 0; i < kEventsPerRound && events < campaign.n(); ++i, ++events) {
      sleep_ms(campaign.random(50, 1000));
      mix.event();
      if (testing::Test::HasFailure()) return;
    }
    ASSERT_NO_FATAL_FAILURE(mix.calm());
    ASSERT_NO_FATAL_FAILURE(mix.rig.check(events));
    if (testing::Test::HasFailure()) return;
  }
}

// kill -9 makes mosquitto forget what it took since its last save: sessions, subscriptions and
// messages, acknowledged to the publisher or not; what it restores may be older than what we
// acknowledged. None of that is ours to prevent, so it is reported. Ours is that every message we
// were given is in the hub, once for each time it was given to us as a new one.
TEST(BrokerKill, WhatTheBrokerForgetsIsNotOursButAllItGaveUsIsInTheHub) {
  Campaign campaign("broker_kill", 5);
  RigOptions options;
  options.links = {{"plain5", false, "5"}, {"plain311", false, "3.1.1"}};
  options.in_flight_max = 8;
  Rig rig(campaign, options);
  ASSERT_NO_FATAL_FAILURE(rig.start());
  ASSERT_NO_FATAL_FAILURE(rig.start_daemon());
  rig.publisher->resume();
  for (std::uint64_t kills = 0; kills < campaign.n(); ++kills) {
    sleep_ms(campaign.random(200, 1500));
    rig.site.broker.end(SIGKILL);
    ASSERT_NO_FATAL_FAILURE(rig.site.start_broker());
  }
  ASSERT_TRUE(rig.ready_within(90)) << "not ready by itself";
  rig.publisher->pause();
  const std::int64_t closed_ms = rig.publisher->flush_ms() - options.max_out_of_order_ms;
  const std::uint64_t open = options.links.size() * options.topics_per_link;
  std::uint64_t in_hub = 0;
  EXPECT_TRUE(e2e::until(60,
                         [&] {
                           in_hub = 0;
                           for (const v1::SummaryRecord& row : rig.site.summaries())
                             in_hub += row.count();
                           const v1::Status status = rig.site.status();
                           return status.readings_aggregated() == in_hub + open &&
                                  status.panes_outbox() == 0;
                         }))
      << in_hub << " readings in the hub, " << rig.site.status().ShortDebugString();
  rig.expect_balanced();
  const Comparison broker = rig.compare_now(closed_ms);
  campaign.report(campaign.n(), rig.figures(broker) + " (lost and doubled by the broker)");
}

}  // namespace
}  // namespace sluice::fault
