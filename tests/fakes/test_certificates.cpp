#include "fakes/test_certificates.h"

#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <stdexcept>

namespace sluice {
namespace {

std::string read_file(const std::string& file) {
  std::ifstream in(file, std::ios::binary);
  return {std::istreambuf_iterator<char>(in), {}};
}

constexpr const char* kNewKey = "-newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes";

}  // namespace

TestCertificates::TestCertificates() {
  std::string name = (std::filesystem::temp_directory_path() / "sluice-tls-XXXXXX").string();
  if (mkdtemp(name.data()) == nullptr) throw std::runtime_error("mkdtemp " + name);
  folder_ = name + "/";
}

TestCertificates::~TestCertificates() {
  std::error_code ignored;
  std::filesystem::remove_all(folder_, ignored);
}

void TestCertificates::openssl(const std::string& arguments) const {
  const std::string command =
      "cd '" + folder_ + "' && openssl " + arguments + " >/dev/null 2>openssl.err";
  if (std::system(command.c_str()) != 0) {
    throw std::runtime_error(command + ": " + read_file(folder_ + "openssl.err"));
  }
}

void TestCertificates::make_ca(const std::string& name) {
  openssl("req -x509 " + std::string(kNewKey) + " -days 2 -subj /CN=" + name + " -keyout " + name +
          ".key -out " + name + ".crt");
}

void TestCertificates::make_leaf(const std::string& name, const std::string& ca,
                                 const std::string& dns_name, int days) {
  openssl("req " + std::string(kNewKey) + " -subj /CN=" + name + " -keyout " + name + ".key -out " +
          name + ".csr -addext subjectAltName=DNS:" + dns_name + ",IP:127.0.0.1");
  openssl("x509 -req -in " + name + ".csr -CA " + ca + ".crt -CAkey " + ca +
          ".key -CAcreateserial -copy_extensions copy -days " + std::to_string(days) + " -out " +
          name + ".crt");
}

std::string TestCertificates::encrypted_key_file(const std::string& name) const {
  openssl("pkey -in " + name + ".key -aes256 -passout pass:secret -out " + name + ".locked");
  return folder_ + name + ".locked";
}

std::string TestCertificates::certificate(const std::string& name) const {
  return read_file(certificate_file(name));
}
std::string TestCertificates::key(const std::string& name) const {
  return read_file(key_file(name));
}

}  // namespace sluice
