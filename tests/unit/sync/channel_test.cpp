#include "sync/channel.h"

#include <gtest/gtest.h>

#include <fstream>
#include <string>

#include "fakes/flaky_cloud.h"
#include "fakes/memory_outbox.h"
#include "fakes/sensor_panes.h"
#include "fakes/test_certificates.h"
#include "sync/summary_encoder.h"
#include "sync/uplink.h"

namespace sluice {
namespace {

/// One uplink with one row to send, facing a hub that wants client certificates.
class Tls : public ::testing::Test {
 protected:
  Tls() {
    certificates.make_ca("ca");
    certificates.make_ca("other");
    certificates.make_leaf("hub", "ca", "hub.test");
    certificates.make_leaf("node", "ca", "gw-1");
    certificates.make_leaf("stranger", "other", "gw-1");
    certificates.make_leaf("old", "ca", "hub.test", -1);
    series.intern({"temperature", "Cel", {}});
    std::mt19937_64 random(1);
    const Pane pane = sensor_pane(1, kBase, kSecond, 20, 1, 1, random);
    outbox.append(ProtoSummaryEncoder().encode({"room", 1, {pane}}));
  }

  CloudTls cloud_tls(const std::string& name) const {
    return {certificates.certificate("ca"), certificates.certificate(name), certificates.key(name)};
  }
  TlsOptions node_tls(const std::string& name) const {
    return {{certificates.certificate_file("ca"), certificates.certificate_file(name),
             certificates.key_file(name)},
            "hub.test"};
  }
  std::unique_ptr<Uplink> start(const FlakyCloud& cloud, std::optional<TlsOptions> tls) {
    UplinkOptions options;
    options.hub = cloud.address();
    options.tls = std::move(tls);
    options.backoff_max = std::chrono::milliseconds(5);
    outbox.set_identity({"gw-1", "00112233445566778899aabbccddeeff"});
    options.instance = "i";
    auto uplink = std::make_unique<Uplink>(
        options, outbox, series, topics, clock,
        UplinkCallbacks{[this] { return outbox.next_seq(); },
                        [](const std::string&, std::int64_t) { FAIL() << "nothing was set back"; },
                        {}});
    uplink->start();
    return uplink;
  }
  /// Nothing may pass, and the error holds `words`.
  void expect_refused(FlakyCloud& cloud, std::optional<TlsOptions> tls, std::string_view words) {
    const auto uplink = start(cloud, std::move(tls));
    ASSERT_TRUE(cloud.wait([&] { return !uplink->stats().last_error.empty(); }));
    uplink->stop();
    const UplinkStats stats = uplink->stats();
    EXPECT_NE(std::string::npos, stats.last_error.find(words)) << stats.last_error;
    EXPECT_NE(std::string::npos, stats.last_error.find(cloud.address())) << stats.last_error;
    EXPECT_TRUE(cloud.hellos().empty());
    EXPECT_TRUE(cloud.received().empty());
    EXPECT_EQ(0u, stats.rows_sent);
  }

  TestCertificates certificates;
  SeriesTable series{10};
  TopicTable topics{10};
  SystemClock clock;
  MemoryOutbox outbox;
};

TEST_F(Tls, CarriesRowsWhenBothSidesAreWhoTheyShouldBe) {
  FlakyCloud cloud(cloud_tls("hub"));
  const auto uplink = start(cloud, node_tls("node"));
  EXPECT_TRUE(outbox.wait_all_acked());
}

TEST_F(Tls, RefusesAHubOfAnotherCa) {
  FlakyCloud cloud(cloud_tls("stranger"));
  expect_refused(cloud, node_tls("node"), "uplink.tls.ca_file");
}

TEST_F(Tls, RefusesAHubWithACertificateThatHasRunOut) {
  FlakyCloud cloud(cloud_tls("old"));
  expect_refused(cloud, node_tls("node"), "not valid now");
}

TEST_F(Tls, RefusesAHubOfAnotherName) {
  FlakyCloud cloud(cloud_tls("hub"));
  TlsOptions tls = node_tls("node");
  tls.server_name = "elsewhere.test";
  expect_refused(cloud, tls, "uplink.tls.server_name");
}

TEST_F(Tls, IsRefusedWithACertificateOfAnotherCa) {
  FlakyCloud cloud(cloud_tls("hub"));
  expect_refused(cloud, node_tls("stranger"),
                 "uplink.tls.cert_file, which is " + certificates.certificate_file("stranger"));
}

TEST_F(Tls, IsRefusedWithoutACertificate) {
  FlakyCloud cloud(cloud_tls("hub"));
  TlsOptions tls = node_tls("node");
  tls.cert_file = tls.key_file = "";
  expect_refused(cloud, tls, "uplink.tls.cert_file, which is not set");
}

TEST_F(Tls, SendsNothingToAHubThatSpeaksNoTls) {
  FlakyCloud cloud;
  expect_refused(cloud, node_tls("node"), "does not speak TLS");
}

TEST_F(Tls, SendsNothingInPlaintextToAHubThatSpeaksTls) {
  FlakyCloud cloud(cloud_tls("hub"));
  expect_refused(cloud, std::nullopt, "unavailable");
}

// The files change under a running daemon: the next try reads them, no restart needed.
TEST_F(Tls, TakesARenewedCertificateWithTheNextTry) {
  FlakyCloud cloud(cloud_tls("hub"));
  const auto uplink = start(cloud, node_tls("stranger"));
  ASSERT_TRUE(cloud.wait([&] { return !uplink->stats().last_error.empty(); }));
  certificates.make_leaf("stranger", "ca", "gw-1");
  EXPECT_TRUE(outbox.wait_all_acked());
}

TEST_F(Tls, NamesTheFileThatCannotBeRead) {
  TlsOptions tls = node_tls("node");
  tls.ca_file = "/nonexistent/ca.pem";
  const auto channel = make_channel({"127.0.0.1:1", tls});
  ASSERT_FALSE(channel.ok());
  const std::string error = channel.status().to_string();
  EXPECT_NE(std::string::npos, error.find("uplink.tls.ca_file")) << error;
  EXPECT_NE(std::string::npos, error.find("/nonexistent/ca.pem: No such file")) << error;
}

// gRPC takes such a pair and then fails at every call with words about the connection.
TEST_F(Tls, NamesAKeyOfAnotherCertificate) {
  TlsOptions tls = node_tls("node");
  tls.key_file = certificates.key_file("stranger");
  const auto channel = make_channel({"127.0.0.1:1", tls});
  ASSERT_FALSE(channel.ok());
  EXPECT_EQ(channel.status().code(), StatusCode::invalid_argument);
  EXPECT_EQ(channel.status().message(),
            "uplink.tls.key_file: " + tls.key_file +
                " is not the key of the first certificate in " + tls.cert_file +
                "; put the two files of one pair there, our certificate before its chain");
}

// Not the end of the daemon: each try reads the files again.
TEST_F(Tls, GoesOnOnceTheKeyFits) {
  FlakyCloud cloud(cloud_tls("hub"));
  TlsOptions tls = node_tls("node");
  tls.key_file = certificates.key_file("stranger");
  const auto uplink = start(cloud, tls);
  ASSERT_TRUE(cloud.wait(
      [&] { return uplink->stats().last_error.find("uplink.tls.key_file") != std::string::npos; }));
  std::ofstream(tls.key_file) << certificates.key("node");
  EXPECT_TRUE(outbox.wait_all_acked());
}

TEST_F(Tls, WantsCertificateAndKeyTogether) {
  TlsOptions tls = node_tls("node");
  tls.key_file.clear();
  const auto channel = make_channel({"127.0.0.1:1", tls});
  ASSERT_FALSE(channel.ok());
  EXPECT_EQ(StatusCode::invalid_argument, channel.status().code());
}

TEST_F(Tls, SurvivesAFileThatIsNoCertificate) {
  FlakyCloud cloud(cloud_tls("hub"));
  TlsOptions tls = node_tls("node");
  tls.ca_file = certificates.key_file("node");
  const auto uplink = start(cloud, tls);
  ASSERT_TRUE(cloud.wait([&] { return !uplink->stats().last_error.empty(); }));
  EXPECT_TRUE(cloud.hellos().empty());
}

}  // namespace
}  // namespace sluice
