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
      "00F7:error:0A000086:SSL routines:tls_post_process:certificate verify failed:file.c:1889:",
      "broker");
  EXPECT_EQ(status.message(), "TLS with the broker failed: certificate verify failed");
}

TEST(ConnectFailure, PassesOnALineItDoesNotUnderstand) {
  for (const std::string line : {"strange", "a:b", "a:b:c:d", ":"}) {
    EXPECT_TRUE(contains(connect_failure(nullptr, line, "broker"), line));
  }
}

TEST(ConnectFailure, NamesTheHostThatTheCertificateIsNotFor) {
  EXPECT_TRUE(contains(connect_failure("TCP/TLS connect failure", "", "broker.example"),
                       "not for host 'broker.example'"));
}

TEST(ConnectFailure, TakesNoMessageForAnAnswer) {
  EXPECT_TRUE(contains(connect_failure(nullptr, "", ""), "no answer to CONNECT"));
  EXPECT_TRUE(contains(connect_failure("TCP connect timeout", "", ""), "TCP connect timeout"));
  EXPECT_TRUE(contains(connect_failure(nullptr, "", "broker"), "client certificate"));
}

}  // namespace
}  // namespace sluice
