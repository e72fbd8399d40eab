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

/// What the operator should look at when OpenSSL gave `reason`; may be empty.
std::string advice(std::string_view reason, const TlsFiles& files) {
  if (reason.find("verify failed") != std::string_view::npos) {
    return "; the broker's certificate is not signed by " +
           (files.ca_file.empty() ? "a system CA" : files.ca_file) +
           " or not valid now: check mqtt.tls.ca_file, the broker's certificate and the clock";
  }
  // What the other side thinks of us comes as an alert.
  if (reason.find("alert") == std::string_view::npos) return {};
  if (files.cert_file.empty())
    return "; the broker may want a client certificate: mqtt.tls.cert_file";
  return "; so the broker answers the certificate in " + files.cert_file +
         ": check mqtt.tls.cert_file";
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
                       const std::string& tls_host, const TlsFiles& tls_files) {
  const std::string_view message = paho_message ? paho_message : "";
  if (tls_host.empty()) {
    return unavailable("no MQTT session with the broker: " +
                       std::string(message.empty() ? "no answer to CONNECT" : message));
  }
  const std::string failed = "TLS with the broker failed: ";
  if (!tls_error.empty()) {
    const std::string reason(openssl_reason(tls_error));
    return unavailable(failed + reason + advice(reason, tls_files));
  }
  // Paho's words for a handshake that it broke off itself, which it does for the name alone.
  if (message == "TCP/TLS connect failure") {
    return unavailable(failed + "its certificate is not for host '" + tls_host +
                       "', or it hung up during the handshake");
  }
  return unavailable(failed + "it hung up after the handshake; it may want " +
                     (tls_files.cert_file.empty()
                          ? "a client certificate: mqtt.tls.cert_file"
                          : "another client certificate than " + tls_files.cert_file));
}

}  // namespace sluice
