#include "replay/publisher.h"

#include <mqtt/async_client.h>

#include <chrono>
#include <deque>

namespace sluice {
namespace {
constexpr std::size_t kInflightMax = 1000;
constexpr auto kAckTimeout = std::chrono::seconds(60);
}  // namespace

struct Publisher::Client {
  std::string url;
  std::unique_ptr<mqtt::async_client> paho;
  std::deque<mqtt::delivery_token_ptr> unacknowledged;
  std::uint64_t acknowledged = 0;

  Status wait_oldest() {
    if (!unacknowledged.front()->wait_for(kAckTimeout)) {
      return unavailable("the broker at " + url + " acknowledged nothing for 60 s");
    }
    unacknowledged.pop_front();
    ++acknowledged;
    return {};
  }
};

Publisher::Publisher() : client_(std::make_unique<Client>()) {}
Publisher::~Publisher() = default;

Status Publisher::connect(const std::string& url) {
  client_->url = url;
  try {
    // Paho keeps what was not acknowledged and sends it again after its automatic reconnect.
    mqtt::create_options create(MQTTVERSION_3_1_1, 2 * kInflightMax);
    create.set_send_while_disconnected(true);
    client_->paho = std::make_unique<mqtt::async_client>(
        url, "sluice-replay-" + std::to_string(getpid()), create);
    mqtt::connect_options options;
    options.set_clean_session(false);
    options.set_max_inflight(static_cast<int>(kInflightMax));
    options.set_automatic_reconnect(std::chrono::milliseconds(100), std::chrono::seconds(2));
    client_->paho->connect(options)->wait();
  } catch (const mqtt::exception& e) {
    return unavailable("cannot connect to the broker at " + url + ": " + e.what());
  }
  return {};
}

Status Publisher::publish(const RecordedMessage& message) {
  try {
    while (client_->unacknowledged.size() >= kInflightMax) {
      if (Status s = client_->wait_oldest(); !s.ok()) return s;
    }
    client_->unacknowledged.push_back(client_->paho->publish(message.topic, message.payload.data(),
                                                             message.payload.size(), 1, false));
  } catch (const mqtt::exception& e) {
    return unavailable("cannot publish to the broker at " + client_->url + ": " + e.what());
  }
  return {};
}

Status Publisher::finish() {
  try {
    while (!client_->unacknowledged.empty()) {
      if (Status s = client_->wait_oldest(); !s.ok()) return s;
    }
    client_->paho->disconnect()->wait_for(std::chrono::seconds(5));
  } catch (const mqtt::exception& e) {
    return unavailable("the broker at " + client_->url + " went away: " + e.what());
  }
  return {};
}

std::uint64_t Publisher::acknowledged() const { return client_->acknowledged; }

}  // namespace sluice
