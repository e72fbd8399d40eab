#include "ingest/connect_failure.h"

#include <gtest/gtest.h>

namespace sluice {
namespace {

bool contains(const Status& status, std::string_view text) {
  return status.message().find(text) != std::string_view::npos;
}

TEST(ConnectFailure, TellsARefusedIdentityFromABrokerThatIsBusy) {
  for (const int code : {0x86, 0x87}) {
    EXPECT_EQ(connack_refusal_5(code).code(), StatusCode::unauthenticated);
  }
  for (const int code : {0x80, 0x88, 0x89, 0x97}) {
    EXPECT_EQ(connack_refusal_5(code).code(), StatusCode::unavailable);
  }
  for (const int code : {4, 5}) {
    EXPECT_EQ(connack_refusal_3_1_1(code).code(), StatusCode::unauthenticated);
  }
  for (const int code : {1, 2, 3}) {
    EXPECT_EQ(connack_refusal_3_1_1(code).code(), StatusCode::unavailable);
  }
}

TEST(ConnectFailure, HasWordsForEveryCode) {
  for (int code = 0x80; code <= 0xFF; ++code) {
    EXPECT_GT(connack_refusal_5(code).message().size(), 35u) << code;
  }
  EXPECT_TRUE(contains(connack_refusal_5(0xFE), "254"));
  EXPECT_TRUE(contains(connack_refusal_3_1_1(77), "77"));
}

TEST(ConnectFailure, PicksTheReasonOutOfOpensslsLine) {
  const Status status = connect_failure(
      nullptr,
      "00F7:error:0A00010B:SSL routines:ssl3_get_record:wrong version number:file.c:354:", "broker",
      {});
  EXPECT_EQ(status.message(), "TLS with the broker failed: wrong version number");
}

TEST(ConnectFailure, PassesOnALineItDoesNotUnderstand) {
  for (const std::string line : {"strange", "a:b", "a:b:c:d", ":"}) {
    EXPECT_TRUE(contains(connect_failure(nullptr, line, "broker", {}), line));
  }
}

TEST(ConnectFailure, NamesTheHostThatTheCertificateIsNotFor) {
  EXPECT_TRUE(contains(connect_failure("TCP/TLS connect failure", "", "broker.example", {}),
                       "not for host 'broker.example'"));
}

TEST(ConnectFailure, TakesNoMessageForAnAnswer) {
  EXPECT_TRUE(contains(connect_failure(nullptr, "", "", {}), "no answer to CONNECT"));
  EXPECT_TRUE(contains(connect_failure("TCP connect timeout", "", "", {}), "TCP connect timeout"));
}

TEST(ConnectFailure, NamesTheFileToLookAt) {
  const TlsFiles ours{"/ca.pem", "/cert.pem", "/key.pem"};
  const std::string failed = "TLS with the broker failed: ";
  const auto with_reason = [&](const std::string& reason, const TlsFiles& files) {
    return std::string(
        connect_failure(nullptr, "0:error:0:SSL routines:f:" + reason + ":file.c:1:", "h", files)
            .message());
  };
  EXPECT_EQ(with_reason("certificate verify failed", ours),
            failed +
                "certificate verify failed; the broker's certificate is not signed by /ca.pem or "
                "not valid now: check mqtt.tls.ca_file, the broker's certificate and the clock");
  EXPECT_TRUE(with_reason("certificate verify failed", {}).find("by a system CA or") !=
              std::string::npos);
  EXPECT_EQ(with_reason("sslv3 alert certificate expired", ours),
            failed +
                "sslv3 alert certificate expired; so the broker answers the certificate in "
                "/cert.pem: check mqtt.tls.cert_file");
  EXPECT_EQ(with_reason("tlsv13 alert certificate required", {}),
            failed +
                "tlsv13 alert certificate required; the broker may want a client certificate: "
                "mqtt.tls.cert_file");
  EXPECT_EQ(connect_failure(nullptr, "", "h", {}).message(),
            failed +
                "it hung up after the handshake; it may want a client certificate: "
                "mqtt.tls.cert_file");
  EXPECT_EQ(connect_failure(nullptr, "", "h", ours).message(),
            failed +
                "it hung up after the handshake; it may want another client certificate than "
                "/cert.pem");
}

}  // namespace
}  // namespace sluice
