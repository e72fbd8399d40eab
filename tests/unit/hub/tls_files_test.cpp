#include "hub/tls_files.h"

#include <gtest/gtest.h>

#include "unit/hub/hub_samples.h"
#include "unit/hub/test_certificates.h"

namespace sluice::hub {
namespace {

class TlsFiles : public testing::Test {
 protected:
  std::string refusal(const TlsPaths& paths) {
    const auto pem = load_tls(paths);
    EXPECT_EQ(pem.status().code(), StatusCode::invalid_argument);
    return std::string(pem.status().message());
  }
  TempDir dir_;
  TestCertificate ca_{"ca"};
  TestCertificate server_{"hub", &ca_};
  std::string certificate_ = write_file(dir_.file("cert.pem"), server_.certificate_pem());
  std::string key_ = write_file(dir_.file("key.pem"), server_.key_pem());
  std::string ca_file_ = write_file(dir_.file("ca.pem"), ca_.certificate_pem());
};

TEST_F(TlsFiles, GivesTheContentsOfAMatchingPair) {
  const auto pem = load_tls({certificate_, key_, ca_file_});
  ASSERT_TRUE(pem.ok()) << pem.status().to_string();
  EXPECT_EQ(pem->certificate, server_.certificate_pem());
  EXPECT_EQ(pem->key, server_.key_pem());
  EXPECT_EQ(pem->client_ca, ca_.certificate_pem());
  EXPECT_TRUE(load_tls({certificate_, key_, ""})->client_ca.empty());
}

TEST_F(TlsFiles, NamesTheFileThatIsWrong) {
  const std::string missing = dir_.file("missing.pem");
  const std::string garbage = write_file(dir_.file("garbage.pem"), "-----BEGIN NONSENSE-----\n");
  const std::string empty = write_file(dir_.file("empty.pem"), "");
  for (const std::string& wrong : {missing, garbage, empty}) {
    EXPECT_NE(refusal({wrong, key_, ca_file_}).find(wrong), std::string::npos);
    EXPECT_NE(refusal({certificate_, wrong, ca_file_}).find(wrong), std::string::npos);
    EXPECT_NE(refusal({certificate_, key_, wrong}).find(wrong), std::string::npos);
  }
  EXPECT_NE(refusal({dir_.file(""), key_, ""}).find("cannot read"), std::string::npos);
}

TEST_F(TlsFiles, RefusesTheKeyOfAnotherCertificate) {
  const std::string other = write_file(dir_.file("other.pem"), ca_.key_pem());
  EXPECT_NE(refusal({certificate_, other, ""}).find("is not the key"), std::string::npos);
}

}  // namespace
}  // namespace sluice::hub
