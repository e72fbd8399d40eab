#pragma once

#include <cstdint>
#include <string>
#include <vector>

namespace sluice {

/// PEM files of one TLS connection, by the names that the config gives them. Empty: not used.
struct TlsFiles {
  std::string ca_file;    ///< empty: the system's trust store
  std::string cert_file;  ///< our certificate, then its chain; empty: none is shown
  std::string key_file;   ///< its private key; empty: inside `cert_file`
};

/// What is in them.
struct TlsPem {
  std::string ca;
  std::string cert;
  std::string key;
};

/// One thing that is wrong with the files.
struct TlsFault {
  std::string key;      ///< of the config's tls section: ca_file, cert_file or key_file
  std::string message;  ///< the file, what is wrong with it, what to do; one sentence
};

/// The files as they are now, and all that would fail whoever the peer is: a file that cannot be
/// read or holds nothing of its kind, a key with a password, a key of another certificate. The TLS
/// libraries report these as a peer that hung up, or not at all.
struct TlsReading {
  TlsPem pem;
  std::vector<TlsFault> faults;
};
TlsReading read_tls_files(const TlsFiles& files);

/// Our certificate when it is not valid at `wall_ns`, and the CAs when none of them is. Apart from
/// the above, because a gateway's clock may be the one that is wrong: to dial, the peer judges.
/// `pem` is what read_tls_files found without fault.
std::vector<TlsFault> outdated_certificates(const TlsFiles& files, const TlsPem& pem,
                                            std::int64_t wall_ns);

}  // namespace sluice
