// The cheapest honest MQTT consumer with the same library: Paho C++, MQTT 5, QoS 1, a callback that
// counts. Usage: bare_subscriber URL FILTER COUNT. Ends after COUNT messages and prints its CPU
// time.
#include <mqtt/async_client.h>
#include <sys/resource.h>

#include <atomic>
#include <condition_variable>
#include <cstdio>
#include <cstdlib>
#include <mutex>

namespace {

/// Also checks what the daemon checks at the least: that the payload is there.
class Counter final : public mqtt::callback {
 public:
  explicit Counter(std::uint64_t count) : left_(count) {}
  void message_arrived(mqtt::const_message_ptr message) override {
    bytes_ += message->get_payload().size();
    if (left_ == 0 || --left_ > 0) return;
    std::lock_guard lock(mutex_);
    done_.notify_all();
  }
  void wait() {
    std::unique_lock lock(mutex_);
    done_.wait(lock, [this] { return left_ == 0; });
  }

 private:
  std::atomic<std::uint64_t> left_;
  std::uint64_t bytes_ = 0;
  std::mutex mutex_;
  std::condition_variable done_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 4) return 2;
  const std::uint64_t count = std::strtoull(argv[3], nullptr, 10);
  Counter counter(count);
  mqtt::async_client client(argv[1], "bare-subscriber", mqtt::create_options(MQTTVERSION_5));
  client.set_callback(counter);
  mqtt::connect_options options;
  options.set_mqtt_version(MQTTVERSION_5);
  options.set_clean_start(true);
  client.connect(options)->wait();
  client.subscribe(argv[2], 1)->wait();
  std::puts("subscribed");
  std::fflush(stdout);
  counter.wait();
  rusage used{};
  getrusage(RUSAGE_SELF, &used);
  const double cpu_us = 1e6 * static_cast<double>(used.ru_utime.tv_sec + used.ru_stime.tv_sec) +
                        static_cast<double>(used.ru_utime.tv_usec + used.ru_stime.tv_usec);
  std::printf("cpu_us_per_message %.1f\n", cpu_us / static_cast<double>(count));
  std::fflush(stdout);
  std::_Exit(0);  // nobody measures the farewell
}
