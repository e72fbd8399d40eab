#include "ingest/mqtt_options.h"

#include <gtest/gtest.h>

#include <functional>

#include "unit/ingest/mosquitto.h"

namespace sluice {
namespace {

SourceOptions good() {
  SourceOptions options;
  options.name = "plant";
  options.url = "mqtt://broker";
  options.client_id = "node-1";
  options.filters = {{"a/#", 1}};
  return options;
}

void expect_url(const std::string& url, bool tls, const std::string& host, int port) {
  const auto address = parse_broker_url(url);
  ASSERT_TRUE(address.ok()) << address.status().to_string();
  EXPECT_EQ(address->tls, tls) << url;
  EXPECT_EQ(address->host, host) << url;
  EXPECT_EQ(address->port, port) << url;
}

TEST(BrokerUrl, KnowsSchemeHostAndPort) {
  expect_url("mqtt://broker", false, "broker", 1883);
  expect_url("mqtts://broker.example/", true, "broker.example", 8883);
  expect_url("tcp://broker:1884", false, "broker", 1884);
  expect_url("ssl://broker", true, "broker", 8883);
  expect_url("mqtt://10.0.0.7:1884", false, "10.0.0.7", 1884);
  expect_url("mqtt://[fe80::1]:65535", false, "fe80::1", 65535);
  expect_url("mqtt://[::1]", false, "::1", 1883);
}

TEST(BrokerUrl, SaysWhatIsWrong) {
  for (const std::string url :
       {"", "broker", "mqtt", "http://broker", "mqtt://", "mqtt://:1883",
        "mqtt://broker:", "mqtt://broker:0", "mqtt://broker:65536", "mqtt://broker:-1",
        "mqtt://broker:18x", "mqtt://[::1", "mqtt://[::1]1883", "mqtt://user@broker",
        "mqtt://bro ker", "mqtt://broker/path", "mqtt://a:1:2"}) {
    const auto address = parse_broker_url(url);
    ASSERT_FALSE(address.ok()) << url;
    EXPECT_EQ(address.status().code(), StatusCode::invalid_argument);
    EXPECT_NE(address.status().message().find("'" + url + "'"), std::string::npos) << url;
  }
}

TEST(SourceOptions, RefusesWhatCouldNotWorkAndNamesTheSource) {
  struct Case {
    std::string named;
    std::function<void(SourceOptions&)> spoil;
  };
  const Case cases[] = {
      {"url", [](auto& o) { o.url = "nonsense"; }},
      {"IPv6", [](auto& o) { o.url = "mqtts://[::1]"; }},
      {"client_id", [](auto& o) { o.client_id.clear(); }},
      {"user",
       [](auto& o) {
         o.version = MqttVersion::v3_1_1;
         o.password = "secret";
       }},
      {"key_file", [](auto& o) { o.tls.key_file = "k.pem"; }},
      {"filter", [](auto& o) { o.filters.clear(); }},
      {"filter",
       [](auto& o) {
         o.filters = {{"", 1}};
       }},
      {"filter",
       [](auto& o) {
         o.filters = {{std::string("a\0b", 3), 1}};
       }},
      {"qos",
       [](auto& o) {
         o.filters = {{"a", 2}};
       }},
      {"receive_maximum", [](auto& o) { o.receive_maximum = 0; }},
      {"broker_inflight", [](auto& o) { o.broker_inflight = 0; }},
      {"queue_bytes_max", [](auto& o) { o.queue_bytes_max = 0; }},
      {"payload_bytes_max", [](auto& o) { o.payload_bytes_max = 0; }},
      {"payload_bytes_max", [](auto& o) { o.payload_bytes_max = 1u << 30; }},
      {"connect_timeout", [](auto& o) { o.connect_timeout = std::chrono::milliseconds(0); }},
      {"backoff", [](auto& o) { o.backoff_min = std::chrono::milliseconds(0); }},
      {"backoff", [](auto& o) { o.backoff_max = std::chrono::milliseconds(99); }},
      {"health_topic_prefix", [](auto& o) { o.health_topic_prefix = "te/+"; }},
      {"health_topic_prefix",
       [](auto& o) {
         o.health_topic_prefix = "te";
         o.node = "#";
       }},
  };
  EXPECT_TRUE(check_source_options(good()).ok());
  for (const Case& c : cases) {
    SourceOptions options = good();
    c.spoil(options);
    const Status status = check_source_options(options);
    ASSERT_FALSE(status.ok()) << c.named;
    EXPECT_EQ(status.code(), StatusCode::invalid_argument);
    EXPECT_NE(status.message().find("'plant'"), std::string::npos) << status.message();
    EXPECT_NE(status.message().find(c.named), std::string::npos) << status.message();
  }
}

TEST(SourceOptions, MayHaveAPasswordAloneInMqtt5) {
  SourceOptions options = good();
  options.password = "token";
  EXPECT_TRUE(check_source_options(options).ok());
}

TEST(TlsFiles, AreUnavailableUntilTheyFit) {
  const TempFolder folder;
  make_certificates(folder);
  TlsFiles files{folder.file("ca.pem"), folder.file("client.pem"), folder.file("client.key")};
  EXPECT_TRUE(check_tls_files(files).ok());
  files.key_file = folder.file("server.key");
  const Status status = check_tls_files(files);
  EXPECT_EQ(status.code(), StatusCode::unavailable);
  EXPECT_EQ(status.message(),
            "mqtt.tls.key_file: " + files.key_file +
                " is not the key of the first certificate in " + files.cert_file +
                "; put the two files of one pair there, our certificate before its chain");
}

TEST(SourceOptions, TakesTheWindowFromTheSideThatSetsIt) {
  SourceOptions options = good();
  options.receive_maximum = 300;
  options.broker_inflight = 20;
  EXPECT_EQ(options.in_flight_window(), 300u);
  options.version = MqttVersion::v3_1_1;
  EXPECT_EQ(options.in_flight_window(), 20u);
}

TEST(SourceOptions, PutsTheNodeIntoTheHealthTopic) {
  SourceOptions options = good();
  options.health_topic_prefix = "te/device";
  options.node = "pump-7";
  EXPECT_EQ(health_topic(options), "te/device/pump-7/status/health");
}

}  // namespace
}  // namespace sluice
