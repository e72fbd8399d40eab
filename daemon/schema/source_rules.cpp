#include "schema/address.h"
#include "schema/json_pointer.h"
#include "schema/rule_context.h"

namespace sluice::schema {
namespace {

constexpr std::size_t kMeasurementBytesMax = 128;  // of model/series.h
constexpr std::size_t kClientIdBytesMax = 200;

void check_broker(const v1::MqttConfig& mqtt, const std::string& path, const RuleContext& context) {
  if (mqtt.url().empty()) return;
  const auto url = parse_broker_url(mqtt.url());
  if (!url) {
    const bool with_user = mqtt.url().find('@') != std::string::npos;
    context.refuse(path + ".url",
                   "expected tcp://host:port or ssl://host:port with a port from 1 to 65535, got " +
                       quote(mqtt.url()) +
                       (with_user ? "; credentials belong into user and password_file" : ""));
  } else if (mqtt.has_tls() && !url->tls) {
    context.refuse(path + ".tls", "expected an ssl:// url beside tls, got " + quote(mqtt.url()));
  } else if (url->tls && url->address.host.find(':') != std::string::npos) {
    context.refuse(path + ".url",
                   "expected the broker's host name, because Paho cannot check a certificate "
                   "against an IPv6 address, got " +
                       quote(mqtt.url()));
  }
}

void check_broker_tls(const v1::TlsConfig& tls, const std::string& path,
                      const RuleContext& context) {
  check_tls(tls, path, context);
  // Paho checks the certificate against the host it connects to and takes no other name.
  if (!tls.server_name().empty()) {
    context.refuse(path + ".server_name",
                   "works for the uplink only; expected none here: the broker's certificate must "
                   "carry the host of the url");
  }
}

void check_login(const v1::MqttConfig& mqtt, const std::string& path, const RuleContext& context) {
  if (mqtt.client_id().size() > kClientIdBytesMax) {
    context.refuse(path + ".client_id", "expected at most " + std::to_string(kClientIdBytesMax) +
                                            " bytes, got " +
                                            std::to_string(mqtt.client_id().size()));
  }
  // MQTT 3.1.1 [MQTT-3.1.2-22]; MQTT 5 dropped the restriction.
  if (!mqtt.password_file().empty() && mqtt.user().empty() &&
      mqtt.version() == v1::MqttConfig::VERSION_3_1_1) {
    context.refuse(path + ".password_file",
                   "expected a user beside it: MQTT 3.1.1 has no password "
                   "without a user name");
  }
}

void check_health_prefix(const v1::MqttConfig& mqtt, const std::string& path,
                         const RuleContext& context) {
  const std::string& prefix = mqtt.health_prefix();
  if (prefix.find_first_of("+#") != std::string::npos || prefix.starts_with('/') ||
      prefix.starts_with('$') || prefix.ends_with('/')) {
    context.refuse(path + ".health_prefix",
                   "expected the first levels of a topic, such as \"sluice\" or \"plant/a\", "
                   "without +, #, a $ in front or a / at either end, got " +
                       quote(prefix));
  }
}

void check_pointer(const std::string& pointer, const std::string& path,
                   const RuleContext& context) {
  if (is_json_pointer(pointer)) return;
  const bool tilde = pointer.starts_with('/');
  context.refuse(path, R"(expected a JSON pointer (RFC 6901) such as "/temperature", got )" +
                           quote(pointer) + (tilde ? "; ~ is written ~0" : "; it begins with /"));
}

void check_time(const v1::DecodeConfig& decode, const std::string& path,
                const RuleContext& context) {
  const auto format = decode.time_format();
  const bool has_number_or_text = format != v1::DecodeConfig::TIME_FORMAT_UNSPECIFIED &&
                                  format != v1::DecodeConfig::TIME_FORMAT_ARRIVAL;
  check_pointer(decode.time(), path + ".time", context);
  if (!decode.time().empty() && !has_number_or_text) {
    context.refuse(path + ".time_format", "expected the form of the time at " +
                                              quote(decode.time()) +
                                              ": one of s, ms, us, ns, rfc3339");
  } else if (decode.time().empty() && has_number_or_text) {
    context.refuse(path + ".time",
                   "expected a JSON pointer to the event time, because time_format is written; "
                   "leave both out for arrival time");
  }
}

void check_fields(const v1::DecodeConfig& decode, const std::string& path,
                  const RuleContext& context) {
  UniqueValues pointers(context, "pointer");
  UniqueValues measurements(context, "measurement");
  for (int i = 0; i < decode.fields_size(); ++i) {
    const auto& field = decode.fields(i);
    const std::string at = child_path(path + ".fields", static_cast<std::size_t>(i));
    check_pointer(field.pointer(), at + ".pointer", context);
    // One mistake: a field written twice has its name twice too.
    if (!pointers.add(field.pointer(), at + ".pointer")) continue;
    measurements.add(field.measurement(), at + ".measurement");
    if (field.measurement().empty() && !field.pointer().empty() &&
        is_json_pointer(field.pointer())) {
      context.refuse(at + ".measurement",
                     "missing; expected a name, because the last part of the pointer is empty");
    } else if (field.measurement().size() > kMeasurementBytesMax) {
      context.refuse(at + ".measurement",
                     "expected at most " + std::to_string(kMeasurementBytesMax) + " bytes, got " +
                         std::to_string(field.measurement().size()));
    } else if (field.measurement().find('\t') != std::string::npos) {
      context.refuse(at + ".measurement",
                     "expected no control character in a name, got " + quote(field.measurement()));
    }
  }
}

void check_decode(const v1::DecodeConfig& decode, const std::string& path,
                  const RuleContext& context) {
  check_pointer(decode.items(), path + ".items", context);
  check_time(decode, path, context);
  check_fields(decode, path, context);
  UniqueValues labels(context, "label");
  for (int i = 0; i < decode.labels_size(); ++i) {
    const std::string at = child_path(path + ".labels", static_cast<std::size_t>(i));
    labels.add(decode.labels(i).name(), at + ".name");
    check_pointer(decode.labels(i).pointer(), at + ".pointer", context);
  }
}

}  // namespace

void check_tls(const v1::TlsConfig& tls, const std::string& path, const RuleContext& context) {
  if (!tls.cert_file().empty() && tls.key_file().empty()) {
    context.refuse(path + ".key_file", "missing; expected the key that belongs to cert_file");
  }
  if (tls.cert_file().empty() && !tls.key_file().empty()) {
    context.refuse(path + ".cert_file",
                   "missing; expected the certificate that belongs to key_file");
  }
}

void check_source(const v1::SourceConfig& source, const std::string& path,
                  const RuleContext& context) {
  const std::string mqtt_path = path + ".mqtt";
  check_broker(source.mqtt(), mqtt_path, context);
  check_login(source.mqtt(), mqtt_path, context);
  check_health_prefix(source.mqtt(), mqtt_path, context);
  if (source.mqtt().has_tls()) check_broker_tls(source.mqtt().tls(), mqtt_path + ".tls", context);
  check_decode(source.decode(), path + ".decode", context);
  check_topics(source, path, context);
}

}  // namespace sluice::schema
