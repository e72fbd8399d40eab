#include "ingest/connect_request.h"

#include <gtest/gtest.h>

#include <string>

namespace sluice {
namespace {

PahoOptions options() {
  PahoOptions o;
  o.broker = {true, "broker", 8883};
  o.proxy = "127.0.0.1:4711";
  o.user = "node";
  o.password = std::string("pa\0ss", 5);
  o.tls = {"ca.pem", "cert.pem", ""};
  o.session_expiry_s = 3600;
  o.receive_maximum = 500;
  o.packet_bytes_max = 70'000;
  o.timeout = std::chrono::milliseconds(1500);
  return o;
}

TEST(ConnectRequest, CarriesThePropertiesOfMqtt5) {
  const PahoOptions o = options();
  ConnectRequest request(o);
  MQTTProperties* list = request.options().connectProperties;
  ASSERT_NE(list, nullptr);
  EXPECT_EQ(list->count, 3);
  EXPECT_EQ(MQTTProperties_getNumericValue(list, MQTTPROPERTY_CODE_SESSION_EXPIRY_INTERVAL), 3600);
  EXPECT_EQ(MQTTProperties_getNumericValue(list, MQTTPROPERTY_CODE_RECEIVE_MAXIMUM), 500);
  EXPECT_EQ(MQTTProperties_getNumericValue(list, MQTTPROPERTY_CODE_MAXIMUM_PACKET_SIZE), 70'000);
}

TEST(ConnectRequest, HasNoPropertiesInMqtt311) {
  PahoOptions o = options();
  o.version = MqttVersion::v3_1_1;
  ConnectRequest request(o);
  EXPECT_EQ(request.options().connectProperties, nullptr);
  EXPECT_EQ(request.options().MQTTVersion, MQTTVERSION_3_1_1);
  EXPECT_EQ(request.options().cleansession, 0);
}

TEST(ConnectRequest, LeavesReconnectingToUsAndAlwaysGoesThroughTheGate) {
  const PahoOptions o = options();
  ConnectRequest request(o);
  EXPECT_EQ(request.options().automaticReconnect, 0);
  EXPECT_STREQ(request.options().httpProxy, "127.0.0.1:4711");
  EXPECT_STREQ(request.options().httpsProxy, "127.0.0.1:4711");
  EXPECT_EQ(request.options().connectTimeout, 2) << "seconds, rounded up";
}

TEST(ConnectRequest, ChecksCertificateAndHostNameWheneverTlsIsOn) {
  const PahoOptions o = options();
  ConnectRequest request(o);
  ASSERT_EQ(request.options().ssl, &request.tls());
  EXPECT_EQ(request.tls().enableServerCertAuth, 1);
  EXPECT_EQ(request.tls().verify, 1);
  EXPECT_STREQ(request.tls().trustStore, "ca.pem");
  EXPECT_STREQ(request.tls().keyStore, "cert.pem");
  EXPECT_EQ(request.tls().privateKey, nullptr);
  PahoOptions plain = options();
  plain.broker.tls = false;
  EXPECT_EQ(ConnectRequest(plain).options().ssl, nullptr);
}

TEST(ConnectRequest, PassesAPasswordWithANul) {
  const PahoOptions o = options();
  ConnectRequest request(o);
  EXPECT_EQ(request.options().binarypwd.len, 5);
  EXPECT_STREQ(request.options().username, "node");
  PahoOptions anonymous = options();
  anonymous.user.clear();
  anonymous.password.clear();
  ConnectRequest none(anonymous);
  EXPECT_EQ(none.options().username, nullptr);
  EXPECT_EQ(none.options().binarypwd.data, nullptr);
}

TEST(ConnectRequest, RetainsItsWillAtQos1) {
  PahoOptions o = options();
  EXPECT_EQ(ConnectRequest(o).options().will, nullptr);
  o.will = PahoOptions::Will{"t", "down"};
  ConnectRequest request(o);
  ASSERT_NE(request.options().will, nullptr);
  EXPECT_EQ(request.options().will->retained, 1);
  EXPECT_EQ(request.options().will->qos, 1);
  EXPECT_EQ(request.options().will->payload.len, 4);
}

}  // namespace
}  // namespace sluice
