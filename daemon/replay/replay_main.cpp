#include <CLI/CLI.hpp>

#include <algorithm>
#include <cmath>
#include <condition_variable>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "base/clock.h"
#include "replay/publisher.h"
#include "replay/recording.h"

namespace {

using sluice::RecordedMessage;
using sluice::Status;

struct Arguments {
  std::string url = "tcp://127.0.0.1:1883";
  double speed = 0;
  double seconds = 0;
  bool json = false;
  std::vector<std::string> files;
};

struct Due {
  std::int64_t at_ns;
  const RecordedMessage* message;
};

volatile std::sig_atomic_t g_stop = 0;
void on_signal(int) { g_stop = 1; }

/// Waits until `at_ns` on the boot clock; false when a signal asked to stop.
bool wait_until(const sluice::Clock& clock, std::int64_t at_ns) {
  static std::mutex mutex;
  static std::condition_variable never;
  for (;;) {
    if (g_stop) return false;
    const std::int64_t left = at_ns - clock.boottime_ns();
    if (left <= 0) return true;
    std::unique_lock lock(mutex);
    never.wait_for(lock, std::chrono::nanoseconds(std::min<std::int64_t>(left, 50'000'000)));
  }
}

int fail(const Status& status) {
  std::fprintf(stderr, "sluice-replay: %s\n", std::string(status.message()).c_str());
  return status.code() == sluice::StatusCode::unavailable ? 3 : 2;
}

int replay(const Arguments& arguments) {
  std::vector<std::vector<RecordedMessage>> recordings;
  for (const std::string& file : arguments.files) {
    auto recording = sluice::read_recording(file);
    if (!recording.ok()) return fail(recording.status());
    recordings.push_back(*std::move(recording));
  }
  std::vector<Due> schedule;
  for (const auto& recording : recordings) {
    const double speed =
        arguments.speed > 0 ? arguments.speed : sluice::speed_for(recording, arguments.seconds);
    const auto due = sluice::due_times(recording, speed);
    for (std::size_t i = 0; i < due.size(); ++i) schedule.push_back({due[i], &recording[i]});
  }
  std::stable_sort(schedule.begin(), schedule.end(),
                   [](const Due& a, const Due& b) { return a.at_ns < b.at_ns; });

  sluice::Publisher publisher;
  if (Status s = publisher.connect(arguments.url); !s.ok()) return fail(s);
  const sluice::SystemClock clock;
  const std::int64_t start = clock.boottime_ns();
  std::uint64_t bytes = 0;
  for (const Due& due : schedule) {
    if (arguments.seconds > 0 && static_cast<double>(due.at_ns) > arguments.seconds * 1e9) break;
    if (!wait_until(clock, start + due.at_ns)) break;
    if (Status s = publisher.publish(*due.message); !s.ok()) return fail(s);
    bytes += due.message->topic.size() + due.message->payload.size();
  }
  if (Status s = publisher.finish(); !s.ok()) return fail(s);
  const auto count = static_cast<unsigned long long>(publisher.acknowledged());
  std::printf(arguments.json ? "{\"messages_published\":%llu,\"bytes_published\":%llu}\n"
                             : "published %llu messages, %llu bytes\n",
              count, static_cast<unsigned long long>(bytes));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  Arguments arguments;
  CLI::App app(
      "Publishes recorded MQTT messages at QoS 1, with the gaps they had, faster if asked.\n"
      "A recording has lines of seconds<TAB>topic<TAB>payload: mosquitto_sub -F '%U\\t%t\\t%p'.\n"
      "Exit codes: 0 all acknowledged, 2 bad usage or recording, 3 broker not reachable.",
      "sluice-replay");
  app.add_option("--url", arguments.url, "broker, tcp://host:port")->capture_default_str();
  auto* speed = app.add_option("--speed", arguments.speed, "times faster than recorded")
                    ->check(CLI::PositiveNumber);
  app.add_option("--seconds", arguments.seconds,
                 "stop after this long; without --speed each recording is fitted into it")
      ->check(CLI::PositiveNumber);
  app.add_flag("--json", arguments.json, "print the counts as JSON");
  app.add_option("files", arguments.files, "recordings, played side by side")->required();
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& e) {
    return app.exit(e) == 0 ? 0 : 2;
  }
  if (!std::isfinite(arguments.speed) || !std::isfinite(arguments.seconds)) {
    return fail(sluice::invalid_argument("--speed and --seconds take finite numbers above 0"));
  }
  if (speed->count() == 0 && arguments.seconds <= 0) arguments.speed = 1;
  std::signal(SIGINT, on_signal);
  std::signal(SIGTERM, on_signal);
  unsetenv("http_proxy");  // Paho would dial the proxy instead of the broker
  return replay(arguments);
}
