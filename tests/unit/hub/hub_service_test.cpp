#include "hub/hub_service.h"

#include <gtest/gtest.h>

#include <thread>

#include "unit/hub/freezing_proxy.h"
#include "unit/hub/hub_server.h"
#include "unit/hub/test_certificates.h"

namespace sluice::hub {
namespace {

// One request by its bytes, to services whose protos are not ours; the first answer's bytes.
std::string call_by_bytes(std::uint16_t port, const std::string& method,
                          const std::string& request) {
  grpc::GenericStub stub(connect(port));
  grpc::ClientContext context;
  context.set_deadline(std::chrono::system_clock::now() + std::chrono::seconds(60));
  grpc::CompletionQueue done;
  const auto wait = [&done] {
    void* tag = nullptr;
    bool ok = false;
    return done.Next(&tag, &ok) && ok;
  };
  const auto call = stub.PrepareCall(&context, method, &done);
  call->StartCall(nullptr);
  EXPECT_TRUE(wait());
  const grpc::Slice slice(request);
  call->WriteLast(grpc::ByteBuffer(&slice, 1), grpc::WriteOptions(), nullptr);
  EXPECT_TRUE(wait());
  grpc::ByteBuffer answer;
  call->Read(&answer, nullptr);
  const bool answered = wait();
  grpc::Status status;
  call->Finish(&status, nullptr);
  wait();
  if (!answered) return "refused: " + status.error_message();
  grpc::Slice bytes;
  EXPECT_TRUE(answer.DumpToSingleSlice(&bytes).ok());
  return std::string(reinterpret_cast<const char*>(bytes.begin()), bytes.size());
}

// A proto string field of fewer than 128 bytes.
std::string string_field(int number, const std::string& text) {
  return std::string(1, static_cast<char>(number << 3 | 2)) +
         std::string(1, static_cast<char>(text.size())) + text;
}

TEST(HubService, AnswersTheStandardHealthCheck) {
  TestHub hub;
  const std::string serving = "\x08\x01";
  for (const char* name : {"", "sluice.v1.Uplink", "sluice.v1.HubQuery"}) {
    EXPECT_EQ(call_by_bytes(hub.port(), "/grpc.health.v1.Health/Check", string_field(1, name)),
              serving)
        << name;
  }
  EXPECT_NE(call_by_bytes(hub.port(), "/grpc.health.v1.Health/Check", string_field(1, "nobody")),
            serving);
}

TEST(HubService, TellsItsServicesByReflection) {
  TestHub hub;
  const std::string answer =
      call_by_bytes(hub.port(), "/grpc.reflection.v1alpha.ServerReflection/ServerReflectionInfo",
                    string_field(7, "*"));
  for (const char* name : {"sluice.v1.Uplink", "sluice.v1.HubQuery", "grpc.health.v1.Health"}) {
    EXPECT_NE(answer.find(name), std::string::npos) << name;
  }
}

TEST(HubService, SaysThatItsPortIsTaken) {
  TestHub hub;
  const TempDir dir;
  const auto store = open_store(dir.file("hub.db"), hub.clock);
  HubServiceOptions options;
  options.listen = {"127.0.0.1", hub.port()};
  const auto second = HubService::start(options, *store, hub.clock);
  EXPECT_EQ(second.status().code(), StatusCode::unavailable);
  EXPECT_NE(second.status().message().find("in use"), std::string_view::npos);
}

TEST(HubService, StopsWithStreamsOpen) {
  TestHub hub;
  TestNode greeted(hub.port());
  ASSERT_EQ(greeted.greet(), 0);
  TestNode silent(hub.port());
  hub.stop();
  EXPECT_FALSE(greeted.status().ok());
  EXPECT_FALSE(silent.status().ok());
}

// The link dies without a word: no FIN reaches either end. Only the hub's own ping can tell.
TEST(HubService, FreesThePlaceOfANodeWhoseLinkDied) {
  HubServiceOptions options;
  options.keepalive_time = std::chrono::milliseconds(200);
  options.keepalive_timeout = std::chrono::milliseconds(200);
  TestHub hub(options);
  FreezingProxy proxy(hub.port());
  TestNode lost(proxy.port());
  ASSERT_EQ(lost.greet("before"), 0);
  proxy.freeze();
  std::int64_t highest = -1;
  int refusals = 0;
  // Bounded by the test's time-out alone; refused until the ping has gone unanswered.
  while (highest < 0) {
    TestNode restarted(hub.port());
    highest = restarted.greet("after");
    if (highest >= 0) break;
    ++refusals;
    ASSERT_EQ(restarted.status().error_code(), grpc::StatusCode::ALREADY_EXISTS);
  }
  EXPECT_EQ(highest, 0);
  EXPECT_GT(refusals, 0);
  lost.cancel();
}

class HubServiceTls : public testing::Test {
 protected:
  static HubServiceOptions options(const TlsPem& pem) {
    HubServiceOptions options;
    options.tls = pem;
    return options;
  }
  std::shared_ptr<grpc::ChannelCredentials> client(const TestCertificate* certificate) {
    grpc::SslCredentialsOptions ssl;
    ssl.pem_root_certs = ca_.certificate_pem();
    if (certificate != nullptr) {
      ssl.pem_cert_chain = certificate->certificate_pem();
      ssl.pem_private_key = certificate->key_pem();
    }
    return grpc::SslCredentials(ssl);
  }
  static bool is_served(std::uint16_t port,
                        const std::shared_ptr<grpc::ChannelCredentials>& credentials) {
    TestNode node(connect(port, credentials));
    return node.greet() == 0 && node.finish().ok();
  }

  TestCertificate ca_{"fleet ca"};
  TestCertificate stranger_ca_{"stranger ca"};
  TestCertificate server_{"hub", &ca_};
  TestCertificate node_{"plant-7", &ca_};
  TestCertificate stranger_{"plant-7", &stranger_ca_};
};

TEST_F(HubServiceTls, ServesOnlyClientsOfItsAuthorityWhenOneIsGiven) {
  TestHub hub(options({server_.certificate_pem(), server_.key_pem(), ca_.certificate_pem()}));
  EXPECT_TRUE(is_served(hub.port(), client(&node_)));
  EXPECT_FALSE(is_served(hub.port(), client(nullptr)));
  EXPECT_FALSE(is_served(hub.port(), client(&stranger_)));
  EXPECT_FALSE(is_served(hub.port(), grpc::InsecureChannelCredentials()));
}

TEST_F(HubServiceTls, ServesAnyClientOverTlsWithoutOne) {
  TestHub hub(options({server_.certificate_pem(), server_.key_pem(), ""}));
  EXPECT_TRUE(is_served(hub.port(), client(nullptr)));
  EXPECT_FALSE(is_served(hub.port(), grpc::InsecureChannelCredentials()));
}

}  // namespace
}  // namespace sluice::hub
