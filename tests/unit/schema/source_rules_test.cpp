// The rules of one source, through the reader: daemon/schema/source_rules.cpp.
#include "example.h"

namespace sluice {
namespace {

std::string with_mqtt(const std::string& mqtt) {
  return std::string(kNode) + "sources:\n  - name: a\n    mqtt:\n      topics: [{pattern: t}]\n" +
         mqtt;
}

std::string with_url(const std::string& url) { return with_mqtt("      url: '" + url + "'\n"); }

std::string with_decode(const std::string& decode) {
  return with_mqtt("      url: tcp://h:1883\n    decode:\n" + decode);
}

TEST(SourceRules, AcceptTcpAndSslUrlsWithHostAndPort) {
  for (const char* url : {"tcp://localhost:1883", "ssl://broker.example.com:8883",
                          "tcp://192.168.1.10:1", "tcp://[2001:db8::1]:65535"}) {
    load_ok(with_url(url));
  }
}

TEST(SourceRules, RefuseEveryOtherUrl) {
  for (const char* url :
       {"localhost:1883", "mqtt://localhost:1883", "tcp://localhost", "tcp://:1883",
        "tcp://localhost:0", "tcp://localhost:65536", "tcp://localhost:1883/x", "TCP://localhost:1",
        "tcp://local host:1", "tcp://::1:1883", "ws://h:80", "tcp://localhost:+1"}) {
    const std::string error = load_error(with_url(url));
    EXPECT_TRUE(contains(error,
                         "test.yaml:6:12: sources[0].mqtt.url: expected tcp://host:port or "
                         "ssl://host:port with a port from 1 to 65535, got "))
        << error;
  }
  EXPECT_TRUE(contains(load_error(with_url("tcp://me:secret@h:1883")),
                       "credentials belong into user and password_file"));
}

TEST(SourceRules, WantAHostNameForTls) {
  EXPECT_EQ(load_error(with_url("ssl://[2001:db8::1]:8883")),
            "test.yaml:6:12: sources[0].mqtt.url: expected the broker's host name, because Paho "
            "cannot check a certificate against an IPv6 address, got \"ssl://[2001:db8::1]:8883\"");
}

TEST(SourceRules, WantAnSslUrlBesideTls) {
  EXPECT_TRUE(contains(load_error(with_mqtt("      url: tcp://h:1883\n      tls: {}\n")),
                       "sources[0].mqtt.tls: expected an ssl:// url beside tls"));
  load_ok(with_mqtt("      url: ssl://h:8883\n      tls: {ca_file: /ca.pem}\n"));
}

TEST(SourceRules, WantCertificateAndKeyTogether) {
  EXPECT_TRUE(contains(load_error(with_mqtt("      url: ssl://h:1\n      tls: {cert_file: /c}\n")),
                       "sources[0].mqtt.tls.key_file: missing"));
}

TEST(SourceRules, RefuseAServerNameThatTheBrokersClientWouldIgnore) {
  EXPECT_TRUE(contains(load_error(with_mqtt("      url: ssl://h:1\n      tls: {server_name: x}\n")),
                       "sources[0].mqtt.tls.server_name: works for the uplink only"));
}

TEST(SourceRules, WantAUserBesideAPasswordInMqtt311Only) {
  const std::string both = "      url: tcp://h:1\n      password_file: /p\n";
  EXPECT_TRUE(contains(load_error(with_mqtt(both + "      version: 3.1.1\n")),
                       "sources[0].mqtt.password_file: expected a user beside it"));
  load_ok(with_mqtt(both));
  load_ok(with_mqtt(both + "      version: 3.1.1\n      user: u\n"));
}

TEST(SourceRules, BoundTheClientId) {
  const auto with_id = [](std::size_t size) {
    return with_mqtt("      url: tcp://h:1\n      client_id: " + std::string(size, 'c') + "\n");
  };
  load_ok(with_id(200));
  EXPECT_TRUE(contains(load_error(with_id(201)), "client_id: expected at most 200 bytes, got 201"));
}

TEST(SourceRules, RefuseOnePatternTwice) {
  const std::string error =
      load_error(std::string(kNode) +
                 "sources:\n  - name: a\n    mqtt:\n      url: tcp://h:1\n      topics:\n"
                 "        - pattern: a/{x}\n        - pattern: b\n        - pattern: a/{x}\n");
  EXPECT_TRUE(contains(error,
                       "test.yaml:9:20: sources[0].mqtt.topics[2].pattern: pattern "
                       "\"a/{x}\" is taken by sources[0].mqtt.topics[0].pattern at line 7"))
      << error;
}

TEST(SourceRules, WantAHealthPrefixThatIsATopic) {
  for (const char* prefix : {"a/+", "#", "/a", "a/", "$SYS"}) {
    EXPECT_TRUE(contains(load_error(with_mqtt("      url: tcp://h:1\n      health_prefix: '" +
                                              std::string(prefix) + "'\n")),
                         "sources[0].mqtt.health_prefix: expected the first levels of a topic"));
  }
  load_ok(with_mqtt("      url: tcp://h:1\n      health_prefix: plant/a\n"));
  const v1::Config none = load_ok(with_mqtt("      url: tcp://h:1\n      health_prefix: ''\n"));
  EXPECT_EQ(none.sources(0).mqtt().health_prefix(), "");
}

TEST(SourceRules, AskForTheTimeFormatWhenThereIsATime) {
  for (const char* format : {"", "      time_format: arrival\n"}) {
    const std::string error = load_error(with_decode(std::string("      time: /ts\n") + format));
    EXPECT_TRUE(contains(error,
                         "sources[0].decode.time_format: expected the form of the time at "
                         "\"/ts\": one of s, ms, us, ns, rfc3339"))
        << error;
  }
  load_ok(with_decode("      time: /ts\n      time_format: ms\n"));
}

TEST(SourceRules, AskForTheTimeWhenThereIsATimeFormat) {
  EXPECT_TRUE(contains(load_error(with_decode("      time_format: rfc3339\n")),
                       "sources[0].decode.time: expected a JSON pointer to the event time"));
  load_ok(with_decode("      time_format: arrival\n"));
}

TEST(SourceRules, RefuseWhatIsNoJsonPointer) {
  EXPECT_TRUE(contains(load_error(with_decode("      items: list\n")),
                       "sources[0].decode.items: expected a JSON pointer (RFC 6901) such as "
                       "\"/temperature\", got \"list\"; it begins with /"));
  EXPECT_TRUE(contains(load_error(with_decode("      time: ts\n      time_format: s\n")),
                       "sources[0].decode.time: expected a JSON pointer"));
  EXPECT_TRUE(
      contains(load_error(with_decode("      fields: [{pointer: /a~2}]\n")),
               "sources[0].decode.fields[0].pointer: expected a JSON pointer (RFC 6901) such "
               "as \"/temperature\", got \"/a~2\"; ~ is written ~0"));
  EXPECT_TRUE(contains(load_error(with_decode("      labels: [{name: a, pointer: b}]\n")),
                       "sources[0].decode.labels[0].pointer: expected a JSON pointer"));
}

TEST(SourceRules, RefuseOneMeasurementTwice) {
  EXPECT_EQ(
      load_error(with_decode("      fields:\n        - {pointer: /a/t}\n"
                             "        - {pointer: /b/t}\n")),
      "test.yaml:10:11: sources[0].decode.fields[1].measurement: measurement \"t\" is taken by "
      "sources[0].decode.fields[0].measurement at line 9; expected one that is used once");
}

TEST(SourceRules, RefuseOneFieldTwice) {
  for (const char* second : {"{pointer: /a}", "{pointer: /a, measurement: b}"}) {
    const std::string error = load_error(with_decode(
        std::string("      fields:\n        - {pointer: /a}\n        - ") + second + "\n"));
    EXPECT_EQ(error,
              "test.yaml:10:21: sources[0].decode.fields[1].pointer: pointer \"/a\" is taken by "
              "sources[0].decode.fields[0].pointer at line 9; expected one that is used once");
  }
}

TEST(SourceRules, WantAMeasurementThatHasANameOfBoundedSize) {
  EXPECT_EQ(load_error(with_decode("      fields: [{pointer: \"/a\\tb\"}]\n")),
            "test.yaml:8:16: sources[0].decode.fields[0].measurement: expected no control "
            "character in a name, got \"a\\x09b\"");
  EXPECT_TRUE(contains(load_error(with_decode("      fields: [{pointer: /a/}]\n")),
                       "sources[0].decode.fields[0].measurement: missing"));
  EXPECT_TRUE(contains(load_error(with_decode("      fields: [{pointer: /a, measurement: " +
                                              std::string(129, 'm') + "}]\n")),
                       "measurement: expected at most 128 bytes, got 129"));
}

TEST(SourceRules, RefuseOneLabelTwice) {
  EXPECT_TRUE(contains(load_error(with_decode("      labels:\n        - {name: l, pointer: /a}\n"
                                              "        - {name: l, pointer: /b}\n")),
                       "sources[0].decode.labels[1].name: label \"l\" is taken"));
}

}  // namespace
}  // namespace sluice
