#include "hub/tls_files.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <fstream>
#include <memory>
#include <sstream>

namespace sluice::hub {
namespace {

struct Free {
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Certificate = std::unique_ptr<X509, Free>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Free>;

// Without it OpenSSL would ask for a password on the terminal.
int no_password(char*, int, int, void*) { return 0; }

std::unique_ptr<BIO, Free> reader(const std::string& pem) {
  return std::unique_ptr<BIO, Free>(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

Result<std::string> read_file(const std::string& path) {
  std::ifstream in(path, std::ios::binary);
  std::ostringstream text;
  if (in) text << in.rdbuf();
  if (!in || text.str().empty()) return invalid_argument("cannot read " + path + " or it is empty");
  return text.str();
}

Result<Certificate> parse_certificate(const std::string& path, const std::string& pem) {
  Certificate certificate(PEM_read_bio_X509(reader(pem).get(), nullptr, no_password, nullptr));
  if (!certificate) return invalid_argument(path + " holds no PEM certificate");
  return certificate;
}

Status check_pair(const TlsPaths& paths, const TlsPem& pem) {
  const auto certificate = parse_certificate(paths.certificate, pem.certificate);
  if (!certificate.ok()) return certificate.status();
  const PrivateKey key(
      PEM_read_bio_PrivateKey(reader(pem.key).get(), nullptr, no_password, nullptr));
  if (!key) return invalid_argument(paths.key + " holds no PEM private key without a password");
  if (X509_check_private_key(certificate->get(), key.get()) != 1) {
    return invalid_argument(paths.key + " is not the key of the certificate in " +
                            paths.certificate);
  }
  return {};
}

}  // namespace

Result<TlsPem> load_tls(const TlsPaths& paths) {
  TlsPem pem;
  const std::pair<const std::string*, std::string*> files[] = {
      {&paths.certificate, &pem.certificate},
      {&paths.key, &pem.key},
      {&paths.client_ca, &pem.client_ca}};
  for (const auto& [path, text] : files) {
    if (path->empty()) continue;
    auto read = read_file(*path);
    if (!read.ok()) return read.status();
    *text = std::move(*read);
  }
  if (Status s = check_pair(paths, pem); !s.ok()) return s;
  if (!paths.client_ca.empty()) {
    if (auto ca = parse_certificate(paths.client_ca, pem.client_ca); !ca.ok()) return ca.status();
  }
  return pem;
}

}  // namespace sluice::hub
