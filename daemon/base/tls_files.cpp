#include "base/tls_files.h"

#include <openssl/bio.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstring>
#include <ctime>
#include <memory>
#include <string_view>

namespace sluice {
namespace {

constexpr std::size_t kFileBytesMax = 4 << 20;  // the system's bundle of CAs has 0.2 MiB

struct Free {
  void operator()(std::FILE* file) const { std::fclose(file); }
  void operator()(BIO* bio) const { BIO_free(bio); }
  void operator()(X509* certificate) const { X509_free(certificate); }
  void operator()(EVP_PKEY* key) const { EVP_PKEY_free(key); }
};
using Certificate = std::unique_ptr<X509, Free>;
using PrivateKey = std::unique_ptr<EVP_PKEY, Free>;
using Bio = std::unique_ptr<BIO, Free>;

// Without it OpenSSL would ask for a password on the terminal.
int no_password(char*, int, int, void*) { return 0; }

Bio reader(const std::string& pem) {
  return Bio(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
}

bool has(std::string_view text, std::string_view part) {
  return text.find(part) != std::string_view::npos;
}

/// Empty when `file` was read, else what is wrong with it.
std::string read_file(const std::string& file, std::string& out) {
  errno = 0;
  const std::unique_ptr<std::FILE, Free> in(std::fopen(file.c_str(), "rbe"));
  if (in) {
    out.resize(kFileBytesMax + 1);
    out.resize(std::fread(out.data(), 1, out.size(), in.get()));
  }
  if (!in || std::ferror(in.get()) != 0) {
    const int error = errno;
    return "cannot read " + file + ": " + std::strerror(error) +
           (error == EACCES ? "; make it readable for the user that sluiced runs as"
                            : "; put the file there or correct the path");
  }
  if (out.empty()) return file + " is empty; put the PEM text there";
  if (out.size() > kFileBytesMax) return file + " is larger than 4 MiB; is it the right file?";
  return {};
}

struct Certificates {
  std::vector<Certificate> good;
  bool damaged = false;  ///< after the good ones
};

Certificates parse_certificates(const std::string& pem) {
  Certificates all;
  const Bio in = reader(pem);
  while (Certificate next{PEM_read_bio_X509(in.get(), nullptr, no_password, nullptr)}) {
    all.good.push_back(std::move(next));
  }
  all.damaged = ERR_GET_REASON(ERR_peek_last_error()) != PEM_R_NO_START_LINE;
  ERR_clear_error();
  return all;
}

/// Empty when `pem`, the content of `file`, is certificates throughout.
std::string certificate_fault(const std::string& file, const std::string& pem) {
  const Certificates all = parse_certificates(pem);
  if (all.damaged) {
    return file + " holds a damaged certificate, number " + std::to_string(all.good.size() + 1) +
           "; was it cut off while it was copied?";
  }
  if (!all.good.empty()) return {};
  if (has(pem, "PRIVATE KEY-----")) {
    return file + " holds a private key and no certificate; were the files swapped?";
  }
  return file +
         " holds no PEM certificate; expected a part that begins with \"-----BEGIN "
         "CERTIFICATE-----\"";
}

std::string key_fault(const std::string& file, const std::string& pem, const std::string& cert_file,
                      const std::string& cert_pem) {
  const PrivateKey key(PEM_read_bio_PrivateKey(reader(pem).get(), nullptr, no_password, nullptr));
  ERR_clear_error();
  if (!key) {
    if (has(pem, "ENCRYPTED")) {
      return file +
             " holds a key with a password, which nobody can type here; store it without "
             "one, readable for sluiced alone";
    }
    if (has(pem, "BEGIN CERTIFICATE-----") && !has(pem, "PRIVATE KEY-----")) {
      return file + " holds a certificate and no private key; were the files swapped?";
    }
    return file +
           " holds no PEM private key, or a damaged one; expected a part that begins with "
           "\"-----BEGIN PRIVATE KEY-----\"";
  }
  const Certificate leaf(PEM_read_bio_X509(reader(cert_pem).get(), nullptr, no_password, nullptr));
  const bool fits = leaf && X509_check_private_key(leaf.get(), key.get()) == 1;
  ERR_clear_error();
  if (fits) return {};
  return file + " is not the key of the first certificate in " + cert_file +
         "; put the two files of one pair there, our certificate before its chain";
}

std::string time_text(const ASN1_TIME* time) {
  const Bio out(BIO_new(BIO_s_mem()));
  ASN1_TIME_print(out.get(), time);
  const char* bytes = nullptr;
  const long size = BIO_get_mem_data(out.get(), &bytes);
  return {bytes, static_cast<std::size_t>(size)};
}

/// Empty when the certificate is valid at `now`, else "ran out on …" or "is valid only from …".
std::string outdated(const Certificate& certificate, std::time_t now) {
  const ASN1_TIME* begin = X509_get0_notBefore(certificate.get());
  const ASN1_TIME* end = X509_get0_notAfter(certificate.get());
  if (X509_cmp_time(end, &now) < 0) return "ran out on " + time_text(end);
  if (X509_cmp_time(begin, &now) > 0) return "is valid only from " + time_text(begin);
  return {};
}

}  // namespace

TlsReading read_tls_files(const TlsFiles& files) {
  TlsReading out;
  const auto read = [&](const char* key, const std::string& file, std::string& pem) {
    if (file.empty()) return;
    std::string why = read_file(file, pem);
    if (why.empty() && std::string_view(key) != "key_file") why = certificate_fault(file, pem);
    if (why.empty()) return;
    out.faults.push_back({key, std::move(why)});
    pem.clear();
  };
  read("ca_file", files.ca_file, out.pem.ca);
  read("cert_file", files.cert_file, out.pem.cert);
  read("key_file", files.key_file, out.pem.key);
  const bool key_inside = files.key_file.empty();
  const std::string& key = key_inside ? out.pem.cert : out.pem.key;
  if (key.empty() || out.pem.cert.empty()) return out;
  std::string why =
      key_fault(key_inside ? files.cert_file : files.key_file, key, files.cert_file, out.pem.cert);
  if (!why.empty()) out.faults.push_back({"key_file", std::move(why)});
  return out;
}

std::vector<TlsFault> outdated_certificates(const TlsFiles& files, const TlsPem& pem,
                                            std::int64_t wall_ns) {
  const auto now = static_cast<std::time_t>(wall_ns / 1'000'000'000);
  const std::string advice = "; renew it, or set the clock if that is wrong";
  std::vector<TlsFault> faults;
  const Certificates cas = parse_certificates(pem.ca);
  const auto is_outdated = [now](const Certificate& c) { return !outdated(c, now).empty(); };
  if (!cas.good.empty() && std::all_of(cas.good.begin(), cas.good.end(), is_outdated)) {
    faults.push_back({"ca_file", "the CA certificate in " + files.ca_file + " " +
                                     outdated(cas.good.front(), now) + advice});
  }
  // Its chain may hold an old cross-signed CA that peers do not need.
  const Certificates ours = parse_certificates(pem.cert);
  if (!ours.good.empty() && is_outdated(ours.good.front())) {
    faults.push_back({"cert_file", "the certificate in " + files.cert_file + " " +
                                       outdated(ours.good.front(), now) + advice});
  }
  return faults;
}

}  // namespace sluice
