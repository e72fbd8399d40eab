#include "ingest/connect_request.h"

namespace sluice {
namespace {

const char* or_null(const std::string& text) { return text.empty() ? nullptr : text.c_str(); }

void add(MQTTProperties& list, MQTTPropertyCodes code, std::uint32_t value) {
  MQTTProperty property{};
  property.identifier = code;
  if (code == MQTTPROPERTY_CODE_RECEIVE_MAXIMUM) {
    property.value.integer2 = static_cast<std::uint16_t>(value);
  } else {
    property.value.integer4 = value;
  }
  MQTTProperties_add(&list, &property);
}

MQTTAsync_connectOptions blank(MqttVersion version) {
  MQTTAsync_connectOptions connect = MQTTAsync_connectOptions_initializer;
  if (version == MqttVersion::v5) connect = MQTTAsync_connectOptions_initializer5;
  return connect;
}

}  // namespace

ConnectRequest::ConnectRequest(const PahoOptions& options) : connect_(blank(options.version)) {
  const bool v5 = options.version == MqttVersion::v5;
  connect_.MQTTVersion = v5 ? MQTTVERSION_5 : MQTTVERSION_3_1_1;
  (v5 ? connect_.cleanstart : connect_.cleansession) = options.clean_start ? 1 : 0;
  connect_.keepAliveInterval = options.keep_alive_s;
  connect_.connectTimeout = static_cast<int>((options.timeout.count() + 999) / 1000);
  connect_.automaticReconnect = 0;
  connect_.username = or_null(options.user);
  connect_.binarypwd.len = static_cast<int>(options.password.size());
  connect_.binarypwd.data = options.password.empty() ? nullptr : options.password.data();
  connect_.httpProxy = connect_.httpsProxy = options.proxy.c_str();
  if (v5) set_properties(options);
  if (options.broker.tls) set_tls(options.tls);
  if (options.will) set_will(*options.will);
}

ConnectRequest::~ConnectRequest() { MQTTProperties_free(&properties_); }

void ConnectRequest::set_properties(const PahoOptions& options) {
  add(properties_, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL, options.session_expiry_s);
  add(properties_, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM, options.receive_maximum);
  if (options.packet_bytes_max > 0) {
    add(properties_, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE, options.packet_bytes_max);
  }
  connect_.connectProperties = &properties_;
}

void ConnectRequest::set_tls(const TlsFiles& files) {
  tls_.trustStore = or_null(files.ca_file);
  tls_.keyStore = or_null(files.cert_file);
  tls_.privateKey = or_null(files.key_file);
  tls_.enableServerCertAuth = 1;
  tls_.verify = 1;  // the certificate must name the host
  connect_.ssl = &tls_;
}

void ConnectRequest::set_will(const PahoOptions::Will& will) {
  will_.topicName = will.topic.c_str();
  will_.payload.len = static_cast<int>(will.payload.size());
  will_.payload.data = will.payload.data();
  will_.retained = 1;
  will_.qos = 1;
  connect_.will = &will_;
}

}  // namespace sluice
