#include "ingest/paho_client.h"

#include <mqtt/async_client.h>

#include <algorithm>
#include <cstring>
#include <utility>

#include "base/mutex.h"
#include "ingest/connect_failure.h"
#include "ingest/connect_request.h"

namespace sluice {
namespace {

using std::chrono::milliseconds;

// Paho C++ 1.2 keeps its C handle private. We need it twice: `connect_options` loses the CONNECT
// properties and the TLS error handler when copied, and connect() copies it; `message` hides the
// packet id. The access check does not apply to an explicit instantiation ([temp.spec.general]/6).
MQTTAsync mqtt::async_client::*handle_member();
template <MQTTAsync mqtt::async_client::*Member>
struct Reach {
  friend MQTTAsync mqtt::async_client::*handle_member() { return Member; }
};
template struct Reach<&mqtt::async_client::cli_>;

}  // namespace

struct PahoClient::Paho final : mqtt::iaction_listener {
  Paho(PahoOptions o, Hooks h)
      : options(std::move(o)),
        hooks(std::move(h)),
        client((options.broker.tls ? "ssl://" : "tcp://") + options.broker.host + ":" +
                   std::to_string(options.broker.port),
               options.client_id,
               mqtt::create_options(options.version == MqttVersion::v5 ? MQTTVERSION_5
                                                                       : MQTTVERSION_3_1_1),
               static_cast<mqtt::iclient_persistence*>(nullptr)) {}

  MQTTAsync handle() { return client.*handle_member(); }

  // Called by Paho. `noexcept`: nothing may unwind through C.
  static int on_message(void* self, char* topic, int topic_size, MQTTAsync_message* m) noexcept;
  static int on_tls_error(const char* text, std::size_t size, void* self) noexcept;
  static void on_connected5(void* self, MQTTAsync_successData5* answer) noexcept;
  static void on_connected(void* self, MQTTAsync_successData* answer) noexcept;
  static void on_refused5(void* self, MQTTAsync_failureData5* answer) noexcept;
  static void on_refused(void* self, MQTTAsync_failureData* answer) noexcept;
  void on_success(const mqtt::token& token) override;
  void on_failure(const mqtt::token& token) override;

  void answer_connect(Status status);
  void set_lost(const std::string& why);
  Status no_connack(const char* message);
  void answered(const mqtt::token& token, bool ok);
  Status issue(const std::function<void()>& call);
  Status wait_answers();

  enum class Wait { done, timed_out, interrupted, lost };
  /// Waits until `done()`; the order of the outcomes is the order of the checks.
  Wait wait(milliseconds timeout, bool heeds_interrupt, const std::function<bool()>& done)
      SLUICE_REQUIRES(mutex);
  Status describe(Wait outcome, const std::string& what) SLUICE_REQUIRES(mutex);

  const PahoOptions options;
  const Hooks hooks;
  std::vector<TopicFilter> filters;  ///< of the subscribe that runs

  Mutex mutex;
  CondVar changed;
  std::optional<Status> connack SLUICE_GUARDED_BY(mutex);
  std::optional<std::string> lost SLUICE_GUARDED_BY(mutex);
  std::string tls_error SLUICE_GUARDED_BY(mutex);
  std::size_t unanswered SLUICE_GUARDED_BY(mutex) = 0;
  std::vector<RefusedFilter> refused SLUICE_GUARDED_BY(mutex);
  bool interrupted SLUICE_GUARDED_BY(mutex) = false;

  mqtt::async_client client;  ///< last: its destructor ends the callbacks, then the rest may go
};

int PahoClient::Paho::on_message(void* self, char* topic, int topic_size,
                                 MQTTAsync_message* m) noexcept {
  const auto* paho = static_cast<Paho*>(self);
  ReceivedMessage message;
  message.topic = topic_size == 0 ? std::string_view(topic)
                                  : std::string_view(topic, static_cast<std::size_t>(topic_size));
  message.payload = std::string_view(static_cast<const char*>(m->payload),
                                     static_cast<std::size_t>(m->payloadlen));
  message.qos = static_cast<std::uint8_t>(m->qos);
  message.dup = m->dup != 0;
  message.retain = m->retained != 0;
  message.packet_id = static_cast<std::uint16_t>(m->qos == 0 ? 0 : m->msgid);
  if (paho->hooks.message) paho->hooks.message(message);
  MQTTAsync_freeMessage(&m);
  MQTTAsync_free(topic);
  return 1;
}

int PahoClient::Paho::on_tls_error(const char* text, std::size_t size, void* self) noexcept {
  auto* paho = static_cast<Paho*>(self);
  MutexLock lock(paho->mutex);
  // The oldest error of the queue is the cause, the later ones say where it was noticed.
  if (paho->tls_error.empty()) paho->tls_error.assign(text, size);
  return 1;
}

void PahoClient::Paho::on_connected5(void* self, MQTTAsync_successData5* answer) noexcept {
  auto* paho = static_cast<Paho*>(self);
  if (paho->hooks.connected) paho->hooks.connected(answer->alt.connect.sessionPresent != 0);
  paho->answer_connect(Status());
}

void PahoClient::Paho::on_connected(void* self, MQTTAsync_successData* answer) noexcept {
  auto* paho = static_cast<Paho*>(self);
  if (paho->hooks.connected) paho->hooks.connected(answer->alt.connect.sessionPresent != 0);
  paho->answer_connect(Status());
}

void PahoClient::Paho::on_refused5(void* self, MQTTAsync_failureData5* answer) noexcept {
  auto* paho = static_cast<Paho*>(self);
  // Paho puts CONNACK's reason into either field.
  const int code = answer ? std::max<int>(answer->code, answer->reasonCode) : 0;
  const bool refused = code >= MQTTREASONCODE_UNSPECIFIED_ERROR && code <= 0xFF;
  paho->answer_connect(refused ? connack_refusal_5(code)
                               : paho->no_connack(answer ? answer->message : nullptr));
}

void PahoClient::Paho::on_refused(void* self, MQTTAsync_failureData* answer) noexcept {
  auto* paho = static_cast<Paho*>(self);
  const bool refused = answer && answer->code >= 1 && answer->code <= 5;
  paho->answer_connect(refused ? connack_refusal_3_1_1(answer->code)
                               : paho->no_connack(answer ? answer->message : nullptr));
}

Status PahoClient::Paho::no_connack(const char* message) {
  MutexLock lock(mutex);
  return connect_failure(message, tls_error, options.broker.tls ? options.broker.host : "",
                         options.tls);
}

void PahoClient::Paho::answer_connect(Status status) {
  MutexLock lock(mutex);
  connack = std::move(status);
  changed.notify_all();
}

void PahoClient::Paho::set_lost(const std::string& why) {
  MutexLock lock(mutex);
  if (!lost) lost = why;
  changed.notify_all();
}

void PahoClient::Paho::on_success(const mqtt::token& token) { answered(token, true); }
void PahoClient::Paho::on_failure(const mqtt::token& token) { answered(token, false); }

/// Turns one answer into a sentence if it is not what was asked. Paho reports a refused SUBSCRIBE
/// as success or as failure, depending on the version.
void PahoClient::Paho::answered(const mqtt::token& token, bool ok) {
  MutexLock lock(mutex);
  if (unanswered > 0) --unanswered;
  changed.notify_all();
  if (token.get_type() != mqtt::token::SUBSCRIBE) {
    const char* text = ok ? nullptr : MQTTAsync_strerror(token.get_return_code());
    if (!ok) refused.push_back({"", text ? text : "no reason given"});
    return;
  }
  const auto index = reinterpret_cast<std::uintptr_t>(token.get_user_context());
  const TopicFilter& asked = filters[index];
  int granted = token.get_reason_code();
  if (ok) granted = token.get_subscribe_response().get_reason_codes().front();
  if (!ok || granted >= 0x80) {
    const char* text =
        granted >= 0x80 ? MQTTReasonCode_toString(static_cast<MQTTReasonCodes>(granted)) : nullptr;
    refused.push_back({asked.filter, "the broker refused the subscription to '" + asked.filter +
                                         "': " + (text ? text : "no reason given")});
  } else if (granted < asked.qos) {
    refused.push_back({asked.filter, "the broker granted only QoS 0 for '" + asked.filter +
                                         "': its messages can be lost; allow QoS 1 at the broker"});
  }
}

Status PahoClient::Paho::issue(const std::function<void()>& call) {
  {
    MutexLock lock(mutex);
    ++unanswered;
  }
  try {
    call();
    return Status();
  } catch (const mqtt::exception& error) {
    MutexLock lock(mutex);
    --unanswered;
    return unavailable(std::string("Paho refused a request: ") + error.what());
  }
}

PahoClient::Paho::Wait PahoClient::Paho::wait(milliseconds timeout, bool heeds_interrupt,
                                              const std::function<bool()>& done) {
  const auto until = std::chrono::steady_clock::now() + timeout;
  while (true) {
    if (done()) return Wait::done;
    if (heeds_interrupt && interrupted) return Wait::interrupted;
    if (lost) return Wait::lost;
    const auto left = until - std::chrono::steady_clock::now();
    if (left <= left.zero()) return Wait::timed_out;
    changed.wait_for(mutex, left);
  }
}

Status PahoClient::Paho::describe(Wait outcome, const std::string& what) {
  switch (outcome) {
    case Wait::done: return Status();
    case Wait::timed_out:
      return Status(
          StatusCode::deadline_exceeded,
          what + " was not answered within " + std::to_string(options.timeout.count()) + " ms");
    case Wait::interrupted: return Status(StatusCode::cancelled, what + " was interrupted");
    case Wait::lost: break;
  }
  return unavailable(*lost);
}

Status PahoClient::Paho::wait_answers() {
  const auto held_back = [this] { return hooks.held_back && hooks.held_back(); };
  while (true) {
    // Before the wait too: what was released during it leaves the broker no time to answer.
    const bool held_before = held_back();
    Wait outcome = Wait::done;
    {
      MutexLock lock(mutex);
      outcome =
          wait(options.timeout, true, [this]() SLUICE_REQUIRES(mutex) { return unanswered == 0; });
      if (outcome != Wait::timed_out) return describe(outcome, "a request to the broker");
    }
    if (held_before || held_back()) continue;
    MutexLock lock(mutex);
    return describe(outcome, "a request to the broker");
  }
}

PahoClient::PahoClient(std::unique_ptr<Paho> paho) : paho_(std::move(paho)) {}
PahoClient::~PahoClient() = default;

Result<std::unique_ptr<PahoClient>> PahoClient::create(PahoOptions options, Hooks hooks) {
  try {
    auto paho = std::make_unique<Paho>(std::move(options), std::move(hooks));
    Paho* raw = paho.get();
    raw->client.set_connection_lost_handler([raw](const std::string& cause) {
      raw->set_lost("the connection to the broker was lost" +
                    (cause.empty() ? std::string() : ": " + cause));
    });
    raw->client.set_disconnected_handler([raw](const mqtt::properties&, mqtt::ReasonCode reason) {
      const char* text = MQTTReasonCode_toString(static_cast<MQTTReasonCodes>(reason));
      raw->set_lost(std::string("the broker ended the connection: ") + (text ? text : "unknown"));
    });
    const int rc = MQTTAsync_setMessageArrivedCallback(raw->handle(), raw, &Paho::on_message);
    if (rc != MQTTASYNC_SUCCESS) return internal_error("Paho takes no message callback");
    return std::unique_ptr<PahoClient>(new PahoClient(std::move(paho)));
  } catch (const mqtt::exception& error) {
    return invalid_argument(std::string("Paho refused the client's options: ") + error.what());
  }
}

Status PahoClient::connect() {
  ConnectRequest request(paho_->options);
  MQTTAsync_connectOptions& connect = request.options();
  connect.context = paho_.get();
  if (paho_->options.version == MqttVersion::v5) {
    connect.onSuccess5 = &Paho::on_connected5;
    connect.onFailure5 = &Paho::on_refused5;
  } else {
    connect.onSuccess = &Paho::on_connected;
    connect.onFailure = &Paho::on_refused;
  }
  request.tls().ssl_error_cb = &Paho::on_tls_error;
  request.tls().ssl_error_context = paho_.get();
  const int rc = MQTTAsync_connect(paho_->handle(), &connect);
  if (rc != MQTTASYNC_SUCCESS) {
    const char* text = MQTTAsync_strerror(rc);
    return invalid_argument("Paho refused the connection's options: " +
                            (text ? std::string(text) : std::to_string(rc)));
  }
  MutexLock lock(paho_->mutex);
  // A second more than Paho's own limit, whose answer says more than ours.
  const auto outcome =
      paho_->wait(paho_->options.timeout + milliseconds(1000), true,
                  [this]() SLUICE_REQUIRES(paho_->mutex) { return paho_->connack.has_value(); });
  return outcome == Paho::Wait::done ? *paho_->connack : paho_->describe(outcome, "CONNECT");
}

Status PahoClient::subscribe(const std::vector<TopicFilter>& filters,
                             std::vector<RefusedFilter>& refused) {
  paho_->filters = filters;
  // One SUBSCRIBE each: Paho C++ 1.2 loses the options of a list when it copies them.
  const mqtt::subscribe_options once(false, false, mqtt::subscribe_options::SEND_RETAINED_ON_NEW);
  const mqtt::subscribe_options always(false, false,
                                       mqtt::subscribe_options::SEND_RETAINED_ON_SUBSCRIBE);
  for (std::size_t i = 0; i < filters.size(); ++i) {
    const Status status = paho_->issue([&] {
      paho_->client.subscribe(filters[i].filter, filters[i].qos, reinterpret_cast<void*>(i), *paho_,
                              filters[i].filter.starts_with("$SYS/") ? always : once);
    });
    if (!status.ok()) return status;
  }
  const Status status = paho_->wait_answers();
  MutexLock lock(paho_->mutex);
  refused = std::exchange(paho_->refused, {});
  return status;
}

Status PahoClient::unsubscribe(const std::vector<std::string>& filters) {
  for (const std::string& filter : filters) {
    const Status status = paho_->issue([&] { paho_->client.unsubscribe(filter, nullptr, *paho_); });
    if (!status.ok()) return status;
  }
  const Status status = paho_->wait_answers();
  // A filter the broker never knew is as good as unsubscribed.
  MutexLock lock(paho_->mutex);
  paho_->refused.clear();
  return status;
}

Status PahoClient::publish_retained(const std::string& topic, const std::string& payload) {
  Status status = paho_->issue([&] {
    paho_->client.publish(topic, payload.data(), payload.size(), 1, true, nullptr, *paho_);
  });
  if (status.ok()) status = paho_->wait_answers();
  MutexLock lock(paho_->mutex);
  const auto refused = std::exchange(paho_->refused, {});
  if (!status.ok() || refused.empty()) return status;
  return unavailable("the broker refused a message on '" + topic + "': " + refused.front().why);
}

Status PahoClient::wait_lost() {
  MutexLock lock(paho_->mutex);
  Paho::Wait outcome = Paho::Wait::timed_out;
  while (outcome == Paho::Wait::timed_out) {
    outcome = paho_->wait(std::chrono::hours(1), true, [] { return false; });
  }
  return paho_->describe(outcome, "the connection");
}

void PahoClient::interrupt() {
  MutexLock lock(paho_->mutex);
  paho_->interrupted = true;
  paho_->changed.notify_all();
}

void PahoClient::disconnect(milliseconds patience) {
  const Status asked = paho_->issue([this] { paho_->client.disconnect(0, nullptr, *paho_); });
  if (!asked.ok()) return;
  MutexLock lock(paho_->mutex);
  paho_->wait(patience, false,
              [this]() SLUICE_REQUIRES(paho_->mutex) { return paho_->unanswered == 0; });
}

void PahoClient::farewell(const std::string& topic, const std::string& payload,
                          milliseconds patience) {
  const Status asked = paho_->issue([&] {
    paho_->client.publish(topic, payload.data(), payload.size(), 1, true, nullptr, *paho_);
  });
  if (asked.ok()) {
    MutexLock lock(paho_->mutex);
    paho_->wait(patience, false,
                [this]() SLUICE_REQUIRES(paho_->mutex) { return paho_->unanswered == 0; });
  }
  disconnect(patience);
}

}  // namespace sluice
