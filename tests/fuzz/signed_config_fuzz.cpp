// Any bytes as a signed config: never a crash, and nothing is taken but what was signed. Inputs
// that begin with a byte of 0 to 7 are changes of a signed config, so that the way behind the
// signature is walked too: the first byte says which, then come positions and bytes to put there.
#include <array>
#include <cstdint>
#include <string>
#include <string_view>

#include "base/assert.h"
#include "control/signed_config.h"

namespace {

struct Fleet {
  Fleet() : signer(*sluice::PrivateKey::generate()), keys({}) {
    const auto root = *sluice::PrivateKey::generate();
    sluice::v1::KeySetStatement set;
    set.set_version(1);
    set.add_keys()->set_public_key(signer.public_key().raw());
    sluice::v1::KeySetChain chain;
    *chain.add_sets() = sluice::sign_key_set(set, root);
    keys = *sluice::TrustedKeys({root.public_key()}).follow(chain.SerializeAsString());
    for (std::size_t i = 0; i < configs.size(); ++i) {
      sluice::v1::ConfigStatement statement;
      statement.set_version(i + 1);
      statement.set_payload("sources: []\n");
      statement.set_not_before_ns(static_cast<std::int64_t>(i) * 1000);
      auto& target = *statement.mutable_target();
      if (i % 4 == 0) target.set_node("gw");
      if (i % 4 == 1) target.set_group("north");
      if (i % 4 == 2) (*target.mutable_labels()->mutable_labels())["site"] = "a";
      if (i % 4 == 3) target.mutable_everyone();
      configs[i] = *sluice::sign_config(statement, signer);
    }
  }
  bool has(std::string_view bytes) const {
    for (const std::string& config : configs) {
      if (config == bytes) return true;
    }
    return false;
  }

  sluice::PrivateKey signer;
  sluice::TrustedKeys keys;
  std::array<std::string, 8> configs;
};

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* bytes, std::size_t size) {
  static const Fleet fleet;
  static const sluice::Recipient gateway{"gw", {"north"}, {{"site", "a"}}};
  std::string text(reinterpret_cast<const char*>(bytes), size);
  if (size > 0 && bytes[0] < fleet.configs.size()) {
    text = fleet.configs[bytes[0]];
    for (std::size_t i = 1; i + 1 < size; i += 2) text[bytes[i] % text.size()] = bytes[i + 1];
  }
  const auto config = sluice::verify_signed_config(text, fleet.keys, gateway, 0, {1'000'000, true});
  SLUICE_ASSERT(config.ok() == fleet.has(text));
  if (!config.ok()) {
    SLUICE_ASSERT(!config.status().message().empty());
    SLUICE_ASSERT(config.status().message().find('\n') == std::string_view::npos);
  }

  // The same bytes as a statement that was signed: whatever passes keeps the bounds.
  sluice::v1::SignedConfig envelope;
  envelope.set_statement(bytes, size);
  envelope.set_signature(
      fleet.signer.sign(sluice::signed_bytes(sluice::kConfigDomain, envelope.statement())));
  envelope.set_key_id(fleet.signer.public_key().id());
  const auto inner = sluice::read_signed_config(envelope.SerializeAsString(), fleet.keys);
  if (inner.ok()) SLUICE_ASSERT(sluice::check_statement(inner->statement).ok());
  return 0;
}
