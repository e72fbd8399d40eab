#include "ctl/key_text.h"

#include <gtest/gtest.h>

#include "control/ed25519.h"

namespace sluice::ctl {
namespace {

/// No comment, a revoked key, another root: all that a set can say.
ShownKeySet whole_set() {
  ShownKeySet set{"keys", {}, "00112233445566aa", "by trust/root.pub"};
  set.statement.set_version(7);
  set.statement.set_issued_ns(1'714'564'800'000'000'000);
  auto* key = set.statement.add_keys();
  key->set_public_key(std::string(kEd25519KeyBytes, 'k'));
  key->set_comment("Anna\x1b[2J \"ops\"");
  key->set_not_before_ns(1'893'456'000'000'000'000);
  set.statement.add_revoked_key_ids("0123456789abcdef");
  set.statement.add_next_root_public_keys(std::string(kEd25519KeyBytes, 'r'));
  return set;
}

std::string id_of(char name) {
  return PublicKey::from_raw(std::string(kEd25519KeyBytes, name))->id();
}

TEST(KeyText, ShowsAllThatASetSaysAndNothingThatATerminalObeys) {
  EXPECT_EQ(key_set_text(whole_set(), false),
            "key set    keys\n"
            "version    7\n"
            "signed     2024-05-01 12:00:00Z by root key 00112233445566aa\n"
            "trust      by trust/root.pub\n"
            "next root  " +
                id_of('r') +
                ", which signs from the next version on\n"
                "\n"
                "KEY               FROM                  COMMENT\n" +
                id_of('k') +
                "  2030-01-01 00:00:00Z  Anna\\x1b[2J \"ops\"\n"
                "0123456789abcdef  revoked\n");
}

TEST(KeyText, SaysWhenNobodyMaySign) {
  ShownKeySet set{"keys", {}, "00112233445566aa", ""};
  set.statement.set_version(1);
  EXPECT_EQ(key_set_text(set, false),
            "key set  keys\n"
            "version  1\n"
            "signed   1970-01-01 00:00:00Z by root key 00112233445566aa\n"
            "keys     none: nobody may sign configs\n");
  EXPECT_EQ(key_set_text(set, true),
            "{\"file\":\"keys\",\"version\":1,\"root_key_id\":\"00112233445566aa\",\"issued_ns\":0,"
            "\"keys\":[],\"revoked_key_ids\":[],\"next_root_key_ids\":[]}\n");
}

TEST(KeyText, IsOneLineOfJsonForScripts) {
  EXPECT_EQ(key_set_text(whole_set(), true),
            "{\"file\":\"keys\",\"version\":7,\"root_key_id\":\"00112233445566aa\","
            "\"issued_ns\":1714564800000000000,\"keys\":[{\"key_id\":\"" +
                id_of('k') +
                "\",\"comment\":\"Anna\\u001b[2J \\\"ops\\\"\","
                "\"not_before_ns\":1893456000000000000}],"
                "\"revoked_key_ids\":[\"0123456789abcdef\"],\"next_root_key_ids\":[\"" +
                id_of('r') + "\"]}\n");
  EXPECT_EQ(new_key_text("a\"b", "00112233445566aa", true),
            "{\"key_id\":\"00112233445566aa\",\"private_key_file\":\"a\\\"b\","
            "\"public_key_file\":\"a\\\"b.pub\"}\n");
}

}  // namespace
}  // namespace sluice::ctl
