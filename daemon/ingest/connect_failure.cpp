#include "ingest/connect_failure.h"

extern "C" {  // MQTTReasonCodes.h of Paho C 1.3.12 forgets it
#include <MQTTAsync.h>
}

namespace sluice {
namespace {

Status refusal(std::string_view why, bool credentials) {
  return Status(credentials ? StatusCode::unauthenticated : StatusCode::unavailable,
                "the broker refused the connection: " + std::string(why));
}

/// The reason in a line of OpenSSL's error queue: thread:error:code:library:function:reason:file…
std::string_view openssl_reason(std::string_view line) {
  std::string_view rest = line;
  for (int field = 0; field < 5; ++field) {
    const std::size_t colon = rest.find(':');
    if (colon == std::string_view::npos) return line;
    rest.remove_prefix(colon + 1);
  }
  return rest.substr(0, rest.find(':'));
}

}  // namespace

Status connack_refusal_5(int reason_code) {
  const char* text = MQTTReasonCode_toString(static_cast<MQTTReasonCodes>(reason_code));
  return refusal(text ? text : "reason " + std::to_string(reason_code),
                 reason_code == MQTTREASONCODE_BAD_USER_NAME_OR_PASSWORD ||
                     reason_code == MQTTREASONCODE_NOT_AUTHORIZED);
}

Status connack_refusal_3_1_1(int return_code) {
  switch (return_code) {
    case 1: return refusal("it does not speak MQTT 3.1.1", false);
    case 2: return refusal("client_id rejected", false);
    case 3: return refusal("server unavailable", false);
    case 4: return refusal("bad user name or password", true);
    case 5: return refusal("not authorized", true);
    default: return refusal("return code " + std::to_string(return_code), false);
  }
}

Status connect_failure(const char* paho_message, std::string_view tls_error,
                       const std::string& tls_host) {
  const std::string_view message = paho_message ? paho_message : "";
  if (tls_host.empty()) {
    return unavailable("no MQTT session with the broker: " +
                       std::string(message.empty() ? "no answer to CONNECT" : message));
  }
  const std::string failed = "TLS with the broker failed: ";
  if (!tls_error.empty()) return unavailable(failed + std::string(openssl_reason(tls_error)));
  // Paho's words for a handshake that it broke off itself, which it does for the name alone.
  if (message == "TCP/TLS connect failure") {
    return unavailable(failed + "its certificate is not for host '" + tls_host +
                       "', or it hung up during the handshake");
  }
  return unavailable(failed +
                     "it hung up after the handshake; it may want a client certificate "
                     "(cert_file), or another one");
}

}  // namespace sluice
