#pragma once

#include <string>

namespace sluice {

/// Certificates made by the openssl program, in a folder of their own that goes with the object.
/// Throws std::runtime_error when openssl fails.
class TestCertificates {
 public:
  TestCertificates();
  ~TestCertificates();
  TestCertificates(const TestCertificates&) = delete;
  TestCertificates& operator=(const TestCertificates&) = delete;

  void make_ca(const std::string& name);
  /// For `dns_name` and 127.0.0.1; with negative `days` it has run out.
  void make_leaf(const std::string& name, const std::string& ca, const std::string& dns_name,
                 int days = 2);

  std::string certificate_file(const std::string& name) const { return folder_ + name + ".crt"; }
  std::string key_file(const std::string& name) const { return folder_ + name + ".key"; }
  /// The key of `name` once more, with a password.
  std::string encrypted_key_file(const std::string& name) const;
  std::string certificate(const std::string& name) const;
  std::string key(const std::string& name) const;

 private:
  void openssl(const std::string& arguments) const;
  std::string folder_;  ///< ends in a slash
};

}  // namespace sluice
