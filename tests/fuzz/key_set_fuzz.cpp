// Any bytes as a key set: never a crash, and nothing is taken but what the root signed. As in
// signed_config_fuzz.cpp, inputs that begin with a byte of 0 to 3 are changes of a signed one.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "control/key_set.h"

namespace {

struct Roots {
  Roots() : root(*sluice::PrivateKey::generate()), anchors({root.public_key()}) {
    const auto next = *sluice::PrivateKey::generate();
    sluice::v1::KeySetChain chain;
    for (std::size_t i = 0; i < chains.size(); ++i) {
      sluice::v1::KeySetStatement set;
      set.set_version(i + 1);
      set.add_keys()->set_public_key(next.public_key().raw());
      set.add_revoked_key_ids("0123456789abcdef");
      if (i == 1) set.add_next_root_public_keys(next.public_key().raw());
      *chain.add_sets() = sluice::sign_key_set(set, i < 2 ? root : next);
      chains[i] = chain.SerializeAsString();
    }
  }
  bool has(std::string_view bytes) const {
    for (const std::string& chain : chains) {
      if (chain == bytes) return true;
    }
    return false;
  }

  sluice::PrivateKey root;
  sluice::TrustedKeys anchors;
  std::array<std::string, 4> chains;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const Roots roots;
  std::string text(reinterpret_cast<const char*>(bytes), size);
  if (size > 0 && bytes[0] < roots.chains.size()) {
    text = roots.chains[bytes[0]];
    for (std::size_t i = 1; i + 2 < size; i += 3) {
      text[(bytes[i] * 256u + bytes[i + 1]) % text.size()] = static_cast<char>(bytes[i + 2]);
    }
  }
  const auto keys = roots.anchors.follow(text);
  SLUICE_ASSERT(keys.ok() == roots.has(text));
  if (!keys.ok()) SLUICE_ASSERT(!keys.status().message().empty());

  // The same bytes as a statement that the root signed: whatever passes keeps the bounds.
  sluice::v1::KeySetChain chain;
  sluice::v1::SignedKeySet& set = *chain.add_sets();
  set.set_statement(bytes, size);
  set.set_signature(roots.root.sign(sluice::signed_bytes(sluice::kKeySetDomain, set.statement())));
  set.set_root_public_key(roots.root.public_key().raw());
  const auto inner = roots.anchors.follow(chain.SerializeAsString());
  if (inner.ok()) {
    const auto statement = sluice::parse_key_set(set);
    SLUICE_ASSERT(statement.ok() && sluice::check_key_set(*statement).ok());
    SLUICE_ASSERT(inner->version() == statement->version());
    SLUICE_ASSERT(!inner->roots().empty());
    for (const std::string& id : inner->revoked()) SLUICE_ASSERT(inner->find(id) == nullptr);
  }
  return 0;
}
