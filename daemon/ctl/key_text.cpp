#include "ctl/key_text.h"

#include "control/ed25519.h"
#include "ctl/format.h"
#include "ctl/json_print.h"
#include "ctl/table.h"

namespace sluice::ctl {
namespace {

std::string id_of(const std::string& raw) { return PublicKey::from_raw(raw)->id(); }

std::string key_set_json(const ShownKeySet& set) {
  const v1::KeySetStatement& s = set.statement;
  std::string out = "{\"file\":";
  append_json_string(out, set.file);
  out += ",\"version\":" + std::to_string(s.version());
  out += ",\"root_key_id\":\"" + set.root_key_id + "\"";
  out += ",\"issued_ns\":" + std::to_string(s.issued_ns()) + ",\"keys\":[";
  const char* comma = "";
  for (const v1::SigningKey& key : s.keys()) {
    out += comma + ("{\"key_id\":\"" + id_of(key.public_key())) + "\",\"comment\":";
    append_json_string(out, key.comment());
    out += ",\"not_before_ns\":" + std::to_string(key.not_before_ns()) + "}";
    comma = ",";
  }
  out += "],\"revoked_key_ids\":[";
  comma = "";
  for (const std::string& id : s.revoked_key_ids()) {
    out += comma + ("\"" + id) + "\"";
    comma = ",";
  }
  out += "],\"next_root_key_ids\":[";
  comma = "";
  for (const std::string& root : s.next_root_public_keys()) {
    out += comma + ("\"" + id_of(root)) + "\"";
    comma = ",";
  }
  return out + "]}\n";
}

}  // namespace

std::string key_set_text(const ShownKeySet& set, bool json) {
  if (json) return key_set_json(set);
  const v1::KeySetStatement& s = set.statement;
  Pairs pairs;
  pairs.add("key set", set.file);
  pairs.add("version", std::to_string(s.version()));
  pairs.add("signed", utc_text(s.issued_ns()) + " by root key " + set.root_key_id);
  if (!set.trust.empty()) pairs.add("trust", set.trust);
  for (const std::string& root : s.next_root_public_keys()) {
    pairs.add("next root", id_of(root) + ", which signs from the next version on");
  }
  if (s.keys().empty()) pairs.add("keys", "none: nobody may sign configs");
  std::string out = pairs.text();
  Table table({{"KEY"}, {"FROM"}, {"COMMENT"}});
  for (const v1::SigningKey& key : s.keys()) {
    table.add_row({id_of(key.public_key()),
                   key.not_before_ns() == 0 ? "at once" : utc_text(key.not_before_ns()),
                   key.comment()});
  }
  for (const std::string& id : s.revoked_key_ids()) table.add_row({id, "revoked", ""});
  if (!table.empty()) out += "\n" + table.take();
  return out;
}

std::string new_key_text(const std::string& file, const std::string& key_id, bool json) {
  if (!json) {
    Pairs pairs;
    pairs.add("key", key_id);
    pairs.add("private", file + " (keep it to yourself)");
    pairs.add("public", file + ".pub");
    return pairs.text();
  }
  std::string out = "{\"key_id\":\"" + key_id + "\",\"private_key_file\":";
  append_json_string(out, file);
  out += ",\"public_key_file\":";
  append_json_string(out, file + ".pub");
  return out + "}\n";
}

}  // namespace sluice::ctl
