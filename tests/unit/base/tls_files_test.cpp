#include "base/tls_files.h"

#include <gtest/gtest.h>

#include <chrono>
#include <fstream>

#include "fakes/test_certificates.h"

namespace sluice {
namespace {

std::int64_t days_from_now(int days) {
  const auto time = std::chrono::system_clock::now() + std::chrono::hours(24 * days);
  return std::chrono::nanoseconds(time.time_since_epoch()).count();
}

class TlsFilesTest : public testing::Test {
 protected:
  TlsFilesTest() {
    certificates.make_ca("ca");
    certificates.make_leaf("node", "ca", "gw-1");
    certificates.make_leaf("other", "ca", "gw-1");
  }

  TlsFiles good() const { return {file("ca"), file("node"), certificates.key_file("node")}; }
  std::string file(const std::string& name) const { return certificates.certificate_file(name); }
  std::string write(const std::string& name, const std::string& text) const {
    std::ofstream(file(name)) << text;
    return file(name);
  }
  /// The one fault, as "key: message".
  static std::string fault(const TlsFiles& files) {
    const TlsReading reading = read_tls_files(files);
    EXPECT_EQ(reading.faults.size(), 1u);
    if (reading.faults.empty()) return "";
    return reading.faults[0].key + ": " + reading.faults[0].message;
  }

  TestCertificates certificates;
};

TEST_F(TlsFilesTest, GivesTheTextOfFilesThatFitTogether) {
  const TlsReading reading = read_tls_files(good());
  EXPECT_TRUE(reading.faults.empty()) << reading.faults[0].message;
  EXPECT_EQ(reading.pem.ca, certificates.certificate("ca"));
  EXPECT_EQ(reading.pem.cert, certificates.certificate("node"));
  EXPECT_EQ(reading.pem.key, certificates.key("node"));
  EXPECT_TRUE(read_tls_files({}).faults.empty());
  EXPECT_TRUE(read_tls_files({file("ca"), "", ""}).faults.empty());
}

TEST_F(TlsFilesTest, TakesTheKeyOutOfTheCertificatesFileWhenItHasNoneOfItsOwn) {
  const std::string both =
      write("both", certificates.key("node") + certificates.certificate("node"));
  EXPECT_TRUE(read_tls_files({"", both, ""}).faults.empty());
  EXPECT_EQ(fault({"", file("node"), ""}),
            "key_file: " + file("node") +
                " holds a certificate and no private key; were the files swapped?");
}

TEST_F(TlsFilesTest, NamesEveryFileThatCannotBeRead) {
  const TlsReading reading = read_tls_files({"/no/ca.pem", "/no/cert.pem", "/no/key.pem"});
  ASSERT_EQ(reading.faults.size(), 3u);
  const char* keys[] = {"ca_file", "cert_file", "key_file"};
  const char* files[] = {"/no/ca.pem", "/no/cert.pem", "/no/key.pem"};
  for (std::size_t i = 0; i < 3; ++i) {
    EXPECT_EQ(reading.faults[i].key, keys[i]);
    EXPECT_EQ(reading.faults[i].message,
              std::string("cannot read ") + files[i] +
                  ": No such file or directory; put the file there or correct the path");
  }
  TlsFiles folder = good();
  folder.ca_file = "/";
  EXPECT_EQ(fault(folder),
            "ca_file: cannot read /: Is a directory; put the file there or correct the path");
}

TEST_F(TlsFilesTest, RefusesFilesThatAreEmptyOrWithoutEnd) {
  TlsFiles files = good();
  files.ca_file = write("empty", "");
  EXPECT_EQ(fault(files), "ca_file: " + files.ca_file + " is empty; put the PEM text there");
  files.ca_file = "/dev/zero";
  EXPECT_EQ(fault(files), "ca_file: /dev/zero is larger than 4 MiB; is it the right file?");
}

TEST_F(TlsFilesTest, SaysWhatAFileHoldsInstead) {
  TlsFiles files = good();
  files.ca_file = write("junk", "no PEM at all\n");
  EXPECT_EQ(fault(files), "ca_file: " + files.ca_file +
                              " holds no PEM certificate; expected a part that begins with "
                              "\"-----BEGIN CERTIFICATE-----\"");
  const TlsReading swapped = read_tls_files({"", certificates.key_file("node"), file("node")});
  ASSERT_EQ(swapped.faults.size(), 1u) << "the key is judged once there is a certificate";
  EXPECT_EQ(swapped.faults[0].message,
            certificates.key_file("node") +
                " holds a private key and no certificate; were the files swapped?");
  files = good();
  files.key_file = file("node");
  EXPECT_EQ(fault(files), "key_file: " + file("node") +
                              " holds a certificate and no private key; were the files swapped?");
  files.key_file = write("junk", "no PEM at all\n");
  EXPECT_EQ(fault(files), "key_file: " + files.key_file +
                              " holds no PEM private key, or a damaged one; expected a part that "
                              "begins with \"-----BEGIN PRIVATE KEY-----\"");
}

TEST_F(TlsFilesTest, FindsACertificateThatWasCutOff) {
  const std::string whole = certificates.certificate("ca");
  TlsFiles files = good();
  files.ca_file = write("cut", whole + whole.substr(0, whole.size() / 2));
  EXPECT_EQ(fault(files), "ca_file: " + files.ca_file +
                              " holds a damaged certificate, number 2; was it cut off while it was "
                              "copied?");
  std::string wrong = whole;
  wrong.replace(wrong.size() / 2, 8, "AAAAAAAA");
  wrong.replace(60, 8, "????????");
  files.ca_file = write("cut", wrong);
  EXPECT_NE(fault(files).find("holds a damaged certificate, number 1"), std::string::npos);
}

TEST_F(TlsFilesTest, RefusesAKeyOfAnotherCertificate) {
  TlsFiles files = good();
  files.key_file = certificates.key_file("other");
  EXPECT_EQ(fault(files), "key_file: " + files.key_file +
                              " is not the key of the first certificate in " + file("node") +
                              "; put the two files of one pair there, our certificate before its "
                              "chain");
  files = good();
  files.cert_file =
      write("chain", certificates.certificate("ca") + certificates.certificate("node"));
  EXPECT_NE(fault(files).find("our certificate before its chain"), std::string::npos);
}

TEST_F(TlsFilesTest, RefusesAKeyWithAPasswordInsteadOfAskingForIt) {
  TlsFiles files = good();
  files.key_file = certificates.encrypted_key_file("node");
  EXPECT_EQ(fault(files), "key_file: " + files.key_file +
                              " holds a key with a password, which nobody can type here; store it "
                              "without one, readable for sluiced alone");
}

TEST_F(TlsFilesTest, TellsACertificateThatRanOutOrIsNotYetValid) {
  const TlsFiles files = good();
  const TlsPem pem = read_tls_files(files).pem;
  EXPECT_TRUE(outdated_certificates(files, pem, days_from_now(1)).empty());
  const auto late = outdated_certificates(files, pem, days_from_now(3));
  ASSERT_EQ(late.size(), 2u);
  EXPECT_EQ(late[0].key, "ca_file");
  EXPECT_EQ(late[0].message.find("the CA certificate in " + file("ca") + " ran out on "), 0u)
      << late[0].message;
  EXPECT_EQ(late[1].key, "cert_file");
  EXPECT_EQ(late[1].message.find("the certificate in " + file("node") + " ran out on "), 0u);
  EXPECT_NE(late[1].message.find(" GMT; renew it, or set the clock if that is wrong"),
            std::string::npos)
      << late[1].message;
  const auto early = outdated_certificates(files, pem, 0);
  ASSERT_EQ(early.size(), 2u);
  EXPECT_NE(early[1].message.find(" is valid only from "), std::string::npos);
}

TEST_F(TlsFilesTest, PassesABundleInWhichOneCaIsStillValid) {
  certificates.make_leaf("old", "ca", "old.test", -1);
  const std::string bundle =
      write("bundle", certificates.certificate("old") + certificates.certificate("ca"));
  const TlsFiles files{bundle, "", ""};
  EXPECT_TRUE(outdated_certificates(files, read_tls_files(files).pem, days_from_now(0)).empty());
}

}  // namespace
}  // namespace sluice
