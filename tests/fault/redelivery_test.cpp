#include <gtest/gtest.h>
#include <signal.h>

#include "fault/chaos_proxy.h"
#include "fault/rig.h"

namespace sluice::fault {
namespace {

// mosquitto 2.0.11 does not hold to the in-flight window: it sends a long queue in one go. When the
// acknowledgements of all that were on their way as the daemon died (a slow link, a busy broker, a
// RST that throws away what the broker had not read), the whole run comes again. N is its length.
void long_run(const char* version) {
  Campaign campaign(std::string("long_run_") + version, 20'000);
  RigOptions options;
  options.links = {{"only", false, version}};
  options.per_second = 10'000;
  Rig rig(campaign, options);
  ASSERT_NO_FATAL_FAILURE(rig.start());
  ChaosProxy proxy(rig.mqtt_port, campaign.seed());
  rig.mqtt_port = proxy.port();
  ASSERT_NO_FATAL_FAILURE(rig.start_daemon());
  ASSERT_TRUE(rig.publisher->send(100));
  ASSERT_NO_FATAL_FAILURE(rig.check(0));
  rig.site.daemon.end(SIGKILL);
  ASSERT_TRUE(rig.publisher->send(campaign.n()));
  const std::uint64_t up_before = proxy.bytes_to_target();
  rig.site.spawn_daemon(rig.config());
  // CONNECT, SUBSCRIBE and the first acknowledgements pass, and then none.
  ASSERT_TRUE(e2e::until(30, [&] { return proxy.bytes_to_target() >= up_before + 400; }));
  proxy.inflict(ChaosProxy::Fault::mute);
  std::uint64_t stored = 0;
  e2e::until(20, [&] {
    const std::uint64_t before = std::exchange(stored, rig.site.status().messages_received());
    sleep_ms(500);
    return stored == before;
  });
  rig.site.daemon.end(SIGKILL);
  proxy.inflict(ChaosProxy::Fault::reset);
  ASSERT_NO_FATAL_FAILURE(rig.start_daemon());
  rig.check(campaign.n());
}

TEST(Redelivery, ARunOfAnyLengthThatComesAgainIsCountedOnceWithMqtt5) { long_run("5"); }
TEST(Redelivery, ARunOfAnyLengthThatComesAgainIsCountedOnceWithMqtt311) { long_run("3.1.1"); }

}  // namespace
}  // namespace sluice::fault
