#include "hub/server_credentials.h"

#include <gtest/gtest.h>

#include "unit/hub/control_client.h"
#include "unit/hub/test_certificates.h"

namespace sluice::hub {
namespace {

class ServerCredentials : public testing::Test {
 protected:
  HubServiceOptions options() {
    put(server_);
    write_file(paths_.client_ca, ca_.certificate_pem());
    HubServiceOptions options;
    options.tls = *load_tls(paths_);
    options.tls_files = paths_;
    options.operators = {"anna"};
    return options;
  }
  void put(const TestCertificate& certificate) {
    write_file(paths_.certificate, certificate.certificate_pem());
    write_file(paths_.key, certificate.key_pem());
  }
  static std::shared_ptr<grpc::Channel> channel(std::uint16_t port, const TestCertificate& ca,
                                                const TestCertificate& own) {
    return connect(
        port, grpc::SslCredentials({ca.certificate_pem(), own.key_pem(), own.certificate_pem()}));
  }
  /// Whether a node with this certificate gets through, believing `ca`.
  static bool attends(TestHub& hub, const TestCertificate& ca, const TestCertificate& own) {
    TestAttendant node(channel(hub.port(), ca, own));
    node.send_hello(sample_hello());
    node.end();
    return node.status().ok();
  }

  TempDir dir_;
  TlsPaths paths_{dir_.file("cert.pem"), dir_.file("key.pem"), dir_.file("ca.pem")};
  TestCertificate ca_{"fleet ca"};
  TestCertificate other_ca_{"another ca"};
  TestCertificate server_{"hub", &ca_};
  TestCertificate node_{"gw-1", &ca_};
  TestCertificate anna_{"anna", &ca_};
};

TEST_F(ServerCredentials, FollowTheFilesWithoutEndingAStream) {
  TestHub hub(options());
  TestOperator people(channel(hub.port(), ca_, anna_));
  TestAttendant old_stream(channel(hub.port(), ca_, node_));
  old_stream.send_hello(sample_hello());
  people.connected("gw-1");
  const TestCertificate renewed("hub", &other_ca_);
  put(renewed);
  hub.clock.boottime += 1'000'000'000;
  EXPECT_FALSE(attends(hub, ca_, anna_)) << "the hub's certificate is of another authority now";
  TestAttendant later(channel(hub.port(), other_ca_, node_));
  later.send_hello(sample_hello("gw-2"));
  people.connected("gw-2");
  people.pushed(push_to_node("gw-1", "pipelines: []\n"));
  EXPECT_EQ(old_stream.read_offer().offer_id(), 1u);
}

TEST_F(ServerCredentials, FollowTheFileOfTheClientsAuthority) {
  TestHub hub(options());
  const TestCertificate newcomer("gw-2", &other_ca_);
  EXPECT_FALSE(attends(hub, ca_, newcomer));
  write_file(paths_.client_ca, other_ca_.certificate_pem());
  hub.clock.boottime += 1'000'000'000;
  EXPECT_TRUE(attends(hub, ca_, newcomer));
  EXPECT_FALSE(attends(hub, ca_, node_));
}

TEST_F(ServerCredentials, StayWhatTheyWereWhenTheNewFilesCannotWork) {
  TestHub hub(options());
  for (const char* garbage : {"", "garbage", "-----BEGIN CERTIFICATE-----\nAAAA\n"}) {
    write_file(paths_.certificate, garbage);
    hub.clock.boottime += 1'000'000'000;
    EXPECT_TRUE(attends(hub, ca_, node_)) << garbage;
  }
  put(other_ca_);
  write_file(paths_.key, node_.key_pem());  // of another certificate
  hub.clock.boottime += 1'000'000'000;
  EXPECT_TRUE(attends(hub, ca_, node_));
}

TEST_F(ServerCredentials, LetNobodyInWhoseCertificateIsWrong) {
  TestHub hub(options());
  const TestCertificate stranger("gw-1", &other_ca_);
  const TestCertificate expired("gw-1", &ca_, {.from_s = -7200, .until_s = -3600});
  const TestCertificate early("gw-1", &ca_, {.from_s = 3600, .until_s = 7200});
  for (const TestCertificate* wrong : {&stranger, &expired, &early}) {
    EXPECT_FALSE(attends(hub, ca_, *wrong));
  }
  TestAttendant plain(connect(hub.port(), grpc::InsecureChannelCredentials()));
  plain.send_hello(sample_hello());
  EXPECT_FALSE(plain.status().ok());
  TestOperator people(channel(hub.port(), ca_, anna_));
  EXPECT_EQ(people.nodes().nodes_size(), 0) << "something of theirs was read";
  EXPECT_TRUE(attends(hub, ca_, node_));
}

// Nor does a client speak to a hub that is not what it should be.
TEST_F(ServerCredentials, AreRefusedByClientsWhenTheyAreWrong) {
  TestHub hub(options());
  TestOperator people(channel(hub.port(), ca_, anna_));
  EXPECT_EQ(people.nodes().nodes_size(), 0);
  const TestCertificate elsewhere("hub", &ca_, {.alternative_names = "DNS:other.example"});
  const TestCertificate expired("hub", &ca_, {.from_s = -7200, .until_s = -3600});
  for (const TestCertificate* wrong : {&elsewhere, &expired}) {
    put(*wrong);
    hub.clock.boottime += 1'000'000'000;
    EXPECT_FALSE(attends(hub, ca_, node_));
  }
  EXPECT_FALSE(attends(hub, other_ca_, node_));
  EXPECT_EQ(people.nodes().nodes_size(), 0) << "a node told it something";
}

}  // namespace
}  // namespace sluice::hub
