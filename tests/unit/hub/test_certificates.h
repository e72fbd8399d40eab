#pragma once

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include <fstream>
#include <memory>
#include <string>

namespace sluice::hub {

/// A certificate and its key, made for one test run, P-256.
class TestCertificate {
 public:
  struct Extras {
    const char* alternative_names = "IP:127.0.0.1,DNS:localhost";
    long from_s = -3600;  ///< valid from and until, from now
    long until_s = 86'400;
  };

  /// Signed by itself, or by `issuer`.
  explicit TestCertificate(const std::string& name, const TestCertificate* issuer = nullptr)
      : TestCertificate(name, issuer, Extras()) {}
  TestCertificate(const std::string& name, const TestCertificate* issuer, const Extras& extras)
      : key_(EVP_EC_gen("P-256")), certificate_(X509_new()) {
    X509* c = certificate_.get();
    X509_set_version(c, 2);
    static long serial = 1;
    ASN1_INTEGER_set(X509_get_serialNumber(c), ++serial);
    X509_gmtime_adj(X509_getm_notBefore(c), extras.from_s);
    X509_gmtime_adj(X509_getm_notAfter(c), extras.until_s);
    X509_set_pubkey(c, key_.get());
    if (!name.empty()) {
      X509_NAME_add_entry_by_txt(X509_get_subject_name(c), "CN", MBSTRING_UTF8,
                                 reinterpret_cast<const unsigned char*>(name.c_str()), -1, -1, 0);
    }
    const TestCertificate& signer = issuer == nullptr ? *this : *issuer;
    X509_set_issuer_name(c, X509_get_subject_name(signer.certificate_.get()));
    add_extension(NID_basic_constraints, issuer == nullptr ? "critical,CA:TRUE" : "CA:FALSE");
    add_extension(NID_subject_alt_name, extras.alternative_names);
    X509_sign(c, signer.key_.get(), EVP_sha256());
  }

  std::string certificate_pem() const {
    return text([this](BIO* out) { PEM_write_bio_X509(out, certificate_.get()); });
  }
  std::string key_pem() const {
    return text([this](BIO* out) {
      PEM_write_bio_PrivateKey(out, key_.get(), nullptr, nullptr, 0, nullptr, nullptr);
    });
  }

 private:
  struct Free {
    void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
    void operator()(X509* certificate) const { X509_free(certificate); }
    void operator()(BIO* bio) const { BIO_free(bio); }
    void operator()(X509_EXTENSION* extension) const { X509_EXTENSION_free(extension); }
  };

  void add_extension(int nid, const char* value) {
    const std::unique_ptr<X509_EXTENSION, Free> extension(
        X509V3_EXT_conf_nid(nullptr, nullptr, nid, value));
    X509_add_ext(certificate_.get(), extension.get(), -1);
  }
  template <typename Write>
  static std::string text(Write write) {
    const std::unique_ptr<BIO, Free> out(BIO_new(BIO_s_mem()));
    write(out.get());
    char* bytes = nullptr;
    const long size = BIO_get_mem_data(out.get(), &bytes);
    return std::string(bytes, static_cast<std::size_t>(size));
  }

  std::unique_ptr<EVP_PKEY, Free> key_;
  std::unique_ptr<X509, Free> certificate_;
};

inline std::string write_file(const std::string& path, const std::string& text) {
  std::ofstream(path, std::ios::binary) << text;
  return path;
}

}  // namespace sluice::hub
