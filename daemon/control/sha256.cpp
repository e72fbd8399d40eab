#include "control/sha256.h"

#include <openssl/evp.h>

#include "base/assert.h"

namespace sluice {

std::string sha256(std::string_view bytes) {
  std::string digest(32, '\0');
  unsigned size = 0;
  // Fails only for want of memory.
  SLUICE_ASSERT(EVP_Digest(bytes.data(), bytes.size(),
                           reinterpret_cast<unsigned char*>(digest.data()), &size, EVP_sha256(),
                           nullptr) == 1);
  SLUICE_ASSERT(size == digest.size());
  return digest;
}

std::string hex(std::string_view bytes) {
  constexpr char kDigits[] = "0123456789abcdef";
  std::string out;
  out.reserve(2 * bytes.size());
  for (const char c : bytes) {
    const auto byte = static_cast<unsigned char>(c);
    out.push_back(kDigits[byte >> 4]);
    out.push_back(kDigits[byte & 15]);
  }
  return out;
}

}  // namespace sluice
