#include "hub/tls_reload.h"

#include <gtest/gtest.h>

#include "unit/hub/hub_samples.h"
#include "unit/hub/test_certificates.h"

namespace sluice::hub {
namespace {

class TlsReloadTest : public testing::Test {
 protected:
  void put(const TestCertificate& certificate) {
    write_file(paths_.certificate, certificate.certificate_pem());
    write_file(paths_.key, certificate.key_pem());
  }
  std::optional<TlsPem> look() {
    clock_.boottime += 1'000'000'000;
    return reload_->changed();
  }
  void SetUp() override {
    put(first_);
    write_file(paths_.client_ca, ca_.certificate_pem());
    reload_ = std::make_unique<TlsReload>(paths_, *load_tls(paths_), clock_);
    ASSERT_EQ(reload_->changed()->certificate, first_.certificate_pem());
    ASSERT_FALSE(look());
  }

  TempDir dir_;
  TestClock clock_;
  TlsPaths paths_{dir_.file("cert.pem"), dir_.file("key.pem"), dir_.file("ca.pem")};
  TestCertificate ca_{"ca"};
  TestCertificate first_{"hub", &ca_};
  TestCertificate second_{"hub", &ca_};
  std::unique_ptr<TlsReload> reload_;
};

TEST_F(TlsReloadTest, TellsANewPairOnce) {
  put(second_);
  EXPECT_FALSE(reload_->changed()) << "it looks once a second";
  const auto pem = look();
  ASSERT_TRUE(pem);
  EXPECT_EQ(pem->key, second_.key_pem());
  EXPECT_FALSE(look());
}

TEST_F(TlsReloadTest, TellsANewAuthority) {
  const TestCertificate other("other ca");
  write_file(paths_.client_ca, other.certificate_pem());
  const auto pem = look();
  ASSERT_TRUE(pem);
  EXPECT_EQ(pem->client_ca, other.certificate_pem());
}

TEST_F(TlsReloadTest, TellsNothingOfFilesThatCannotWorkUntilTheyDo) {
  write_file(paths_.certificate, second_.certificate_pem());
  EXPECT_FALSE(look()) << "the other half is not there yet";
  write_file(paths_.key, "");
  EXPECT_FALSE(look());
  std::filesystem::remove(paths_.key);
  EXPECT_FALSE(look());
  write_file(paths_.key, second_.key_pem());
  const auto pem = look();
  ASSERT_TRUE(pem);
  EXPECT_EQ(pem->certificate, second_.certificate_pem());
}

TEST_F(TlsReloadTest, SeesAFileThatWasPutInThePlaceOfTheOtherWithItsTime) {
  const auto time = std::filesystem::last_write_time(paths_.certificate);
  for (const auto& [path, text] : {std::pair(paths_.certificate, second_.certificate_pem()),
                                   std::pair(paths_.key, second_.key_pem())}) {
    std::filesystem::last_write_time(write_file(path + ".new", text), time);
    std::filesystem::rename(path + ".new", path);
  }
  EXPECT_TRUE(look());
}

TEST_F(TlsReloadTest, StaysWithWhatIsFromNoFile) {
  TlsReload fixed({}, {"c", "k", ""}, clock_);
  EXPECT_FALSE(fixed.wants_client_certificates());
  EXPECT_EQ(fixed.changed()->certificate, "c");
  clock_.boottime += 10'000'000'000;
  EXPECT_FALSE(fixed.changed());
}

}  // namespace
}  // namespace sluice::hub
