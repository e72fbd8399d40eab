#include "ingest/health_client.h"

#include <unistd.h>

#include <cinttypes>
#include <cstdio>
#include <random>
#include <utility>

#include "base/log.h"
#include "ingest/ack_gate.h"
#include "ingest/backoff.h"
#include "ingest/dial.h"
#include "model/client_id.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

constexpr std::int64_t kStableNs = 10'000'000'000;
constexpr milliseconds kFarewell{1000};

}  // namespace

HealthClient::HealthClient(SourceOptions options, const Clock& clock)
    : options_(std::move(options)), topic_(health_topic(options_)), clock_(clock) {}

HealthClient::~HealthClient() { stop(); }

void HealthClient::start() {
  thread_ = Thread("sl-health", [this] { run(); });
}

void HealthClient::stop() {
  stopping_ = true;
  stop_.signal();
  {
    MutexLock lock(mutex_);
    if (client_) client_->interrupt();
  }
  thread_.join();
}

void HealthClient::run() {
  std::mt19937_64 rng(std::random_device{}());
  Backoff backoff(options_.backoff_min, options_.backoff_max);
  while (!stopping_) {
    const std::int64_t since_ns = clock_.boottime_ns();
    const Status ended = run_connection();
    if (stopping_) break;
    log::warn("ingest", "health connection",
              {{"source", options_.name}, {"url", options_.url}, {"error", ended.message()}});
    if (clock_.boottime_ns() - since_ns >= kStableNs) backoff.reset();
    stop_.wait_for(backoff.next(rng));
  }
}

Status HealthClient::run_connection() {
  const auto address = parse_broker_url(options_.url);
  if (!address.ok()) return address.status();
  Status files = address->tls ? check_tls_files(options_.tls) : Status();
  if (!files.ok()) return files;
  const auto password = password_of(options_);
  if (!password.ok()) return password.status();
  auto broker = dial(*address, options_.connect_timeout, stop_);
  if (!broker.ok()) return broker.status();
  const auto gate = AckGate::open(std::move(*broker), {1, 1});
  if (!gate.ok()) return gate.status();
  const auto client = PahoClient::create(paho_options((*gate)->address(), *password), {});
  if (!client.ok()) return client.status();
  {
    MutexLock lock(mutex_);
    client_ = client->get();
    if (stopping_) client_->interrupt();
  }
  Status ended = talk(**client);
  {
    MutexLock lock(mutex_);
    client_ = nullptr;
  }
  if (stopping_) (*gate)->finish(kFarewell);
  return ended;
}

Status HealthClient::talk(PahoClient& client) {
  if (Status status = client.connect(); !status.ok()) return status;
  Status status = client.publish_retained(topic_, payload("up"));
  if (status.ok()) status = client.wait_lost();
  if (stopping_) client.farewell(topic_, payload("down"), kFarewell);
  return status;
}

PahoOptions HealthClient::paho_options(const std::string& proxy,
                                       const std::string& password) const {
  PahoOptions paho;
  paho.broker = *parse_broker_url(options_.url);
  paho.proxy = proxy;
  paho.version = options_.version;
  paho.client_id = health_client_id(options_.client_id);
  paho.user = options_.user;
  paho.password = password;
  paho.tls = options_.tls;
  paho.clean_start = true;
  paho.keep_alive_s = options_.keep_alive_s;
  paho.timeout = options_.connect_timeout;
  paho.will = PahoOptions::Will{topic_, payload("down")};
  return paho;
}

/// Time in seconds since 1970, as health topics of other edge agents have it; of a last will, which
/// the broker keeps for later, the time of its connection.
std::string HealthClient::payload(std::string_view status) const {
  const std::int64_t ms = clock_.wall_ns() / 1'000'000;
  char time[32];
  std::snprintf(time, sizeof time, "%" PRId64 ".%03d", ms / 1000, static_cast<int>(ms % 1000));
  return "{\"status\":\"" + std::string(status) + "\",\"time\":" + time +
         ",\"pid\":" + std::to_string(::getpid()) + "}";
}

}  // namespace sluice
