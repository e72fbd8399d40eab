#include "ctl/key_commands.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <filesystem>
#include <fstream>
#include <iterator>

#include "unit/control/temp_dir.h"
#include "unit/ctl/signing_desk.h"

// sluicectl as the keeper of a fleet's keys runs it.

namespace sluice::ctl {
namespace {

class KeyCommands : public SigningDesk {};

TEST_F(KeyCommands, MakeAKeyForItsOwnerAloneAndNeverWriteOverOne) {
  const Outcome made = run({"keys", "generate", dir_ / "anna"});
  EXPECT_EQ(made.exit_code, 0) << made.err;
  EXPECT_TRUE(has(made.out, "key      ")) << made.out;
  struct stat there = {};
  ASSERT_EQ(::stat((dir_ / "anna").c_str(), &there), 0);
  EXPECT_EQ(there.st_mode & 0777, 0600u);
  const std::string secret = read(dir_ / "anna");
  EXPECT_FALSE(has(made.out + made.err, secret.substr(28, 20))) << "the key is not shown";
  const Outcome again = run({"keys", "generate", dir_ / "anna"});
  EXPECT_EQ(again.exit_code, 2);
  EXPECT_TRUE(has(again.err, "is there already")) << again.err;
  EXPECT_EQ(read(dir_ / "anna"), secret);
  const Outcome json = run({"--json", "keys", "generate", dir_ / "b"});
  EXPECT_TRUE(json.out.starts_with("{\"key_id\":\"")) << json.out;
  EXPECT_TRUE(has(json.out, "\"public_key_file\":\"" + (dir_ / "b.pub") + "\"}\n")) << json.out;
}

TEST_F(KeyCommands, RotateKeysInVersions) {
  const std::string anna = make_key("anna");
  const std::string ben = make_key("ben");
  const Outcome first = rotate({"--new", "--add", dir_ / "anna.pub", "--comment", "Anna"});
  EXPECT_EQ(first.exit_code, 0) << first.err;
  EXPECT_TRUE(has(first.out, "version  1\n")) << first.out;
  EXPECT_TRUE(has(first.out, anna + "  at once  Anna\n")) << first.out;
  const Outcome second =
      rotate({"--add", dir_ / "ben.pub", "--not-before", "2030-01-01", "--retire", anna});
  EXPECT_EQ(second.exit_code, 0) << second.err;
  EXPECT_TRUE(has(second.out, "version  2\n")) << second.out;
  EXPECT_TRUE(has(second.out, ben + "  2030-01-01 00:00:00Z")) << second.out;
  EXPECT_FALSE(has(second.out, anna));
  const Outcome shown = run({"keys", "show", set_, "--json"});
  EXPECT_TRUE(has(shown.out, "\"version\":2,")) << shown.out;
  EXPECT_TRUE(has(shown.out, "\"keys\":[{\"key_id\":\"" + ben +
                                 "\",\"comment\":\"\",\"not_before_ns\":1893456000000000000}]"))
      << shown.out;
}

TEST_F(KeyCommands, RevokeAKeyForEver) {
  const std::string anna = make_key("anna");
  make_key("ben");
  const std::string carl = make_key("carl");
  ASSERT_EQ(rotate({"--new", "--add", dir_ / "anna.pub", "--add", dir_ / "ben.pub"}).exit_code, 0);
  const Outcome slip = revoke({"0123456789abcdef"});
  EXPECT_EQ(slip.exit_code, 2);
  EXPECT_TRUE(has(slip.err, "has no key \"0123456789abcdef\", only ")) << slip.err;
  const Outcome revoked = revoke({anna, dir_ / "carl.pub"});
  EXPECT_EQ(revoked.exit_code, 0) << revoked.err;
  EXPECT_TRUE(has(revoked.out, anna + "  revoked")) << revoked.out;
  EXPECT_TRUE(has(revoked.out, carl + "  revoked")) << revoked.out;
  EXPECT_EQ(revoke({dir_ / "anna.pub"}).exit_code, 2) << "already";
  const Outcome back = rotate({"--add", dir_ / "anna.pub"});
  EXPECT_EQ(back.exit_code, 1);
  EXPECT_TRUE(has(back.err, "was revoked, which is for ever")) << back.err;
}

TEST_F(KeyCommands, GoOverToAnotherRootWhichTheOldOneSigns) {
  make_key("anna");
  make_key("root2");
  ASSERT_EQ(rotate({"--new", "--add", dir_ / "anna.pub"}).exit_code, 0);
  ASSERT_EQ(run({"keys", "install", set_, "--trust", trust_}).exit_code, 0);
  ASSERT_EQ(rotate({"--next-root", dir_ / "root2.pub"}).exit_code, 0);
  const Outcome old_root = rotate({});
  EXPECT_EQ(old_root.exit_code, 1);
  EXPECT_TRUE(has(old_root.err, "was replaced and may not sign it any more")) << old_root.err;
  const Outcome next = run({"keys", "rotate", set_, "--root", dir_ / "root2"});
  EXPECT_EQ(next.exit_code, 0) << next.err;
  // A gateway that has the old root on its disk, and was away for the change.
  const Outcome installed = run({"keys", "install", set_, "--trust", trust_});
  EXPECT_EQ(installed.exit_code, 0) << installed.err;
  EXPECT_TRUE(has(installed.out, "version  3\n")) << installed.out;
  const Outcome shown = run({"keys", "show", trust_});
  EXPECT_TRUE(has(shown.out, "trust    by " + trust_ + "/root.pub")) << shown.out;
}

TEST_F(KeyCommands, InstallOnlyWhatAGatewayWouldTake) {
  make_key("anna");
  ASSERT_EQ(rotate({"--new", "--add", dir_ / "anna.pub"}).exit_code, 0);
  std::filesystem::copy_file(set_, dir_ / "old");
  ASSERT_EQ(rotate({}).exit_code, 0);
  ASSERT_EQ(run({"keys", "install", set_, "--trust", trust_}).exit_code, 0);
  const std::string kept = read(trust_ + "/keys");
  const Outcome old = run({"keys", "install", dir_ / "old", "--trust", trust_});
  EXPECT_EQ(old.exit_code, 1);
  EXPECT_TRUE(has(old.err, "key set version 1 is not above 2")) << old.err;
  make_key("stranger");
  ASSERT_EQ(run({"keys", "rotate", dir_ / "other", "--new", "--root", dir_ / "stranger"}).exit_code,
            0);
  const Outcome foreign = run({"keys", "install", dir_ / "other", "--trust", trust_});
  EXPECT_EQ(foreign.exit_code, 1);
  EXPECT_TRUE(has(foreign.err, "not by one in force here")) << foreign.err;
  EXPECT_EQ(read(trust_ + "/keys"), kept);
}

TEST_F(KeyCommands, SayWhatIsMissingOrWrong) {
  make_key("anna");
  const Outcome none = rotate({"--add", dir_ / "anna.pub"});
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_TRUE(has(none.err, "--new begins one")) << none.err;
  ASSERT_EQ(rotate({"--new", "--add", dir_ / "anna.pub"}).exit_code, 0);
  EXPECT_TRUE(has(rotate({"--new"}).err, "leave out --new to go on with it"));
  const Outcome twice = rotate({"--add", dir_ / "anna.pub"});
  EXPECT_EQ(twice.exit_code, 2);
  EXPECT_TRUE(has(twice.err, "is there twice")) << twice.err;
  const Outcome secret = rotate({"--add", dir_ / "anna"});
  EXPECT_EQ(secret.exit_code, 2);
  EXPECT_TRUE(has(secret.err, "holds a private key")) << secret.err;
  ASSERT_EQ(::chmod((dir_ / "root").c_str(), 0644), 0);
  EXPECT_TRUE(has(rotate({}).err, "chmod 600 " + (dir_ / "root")));
  std::ofstream(set_, std::ios::app) << "x";
  EXPECT_EQ(run({"keys", "show", set_}).exit_code, 2);
  for (const std::vector<std::string>& arguments :
       {std::vector<std::string>{"keys"},
        {"keys", "generate"},
        {"keys", "rotate", set_},
        {"keys", "revoke", set_, "--root", dir_ / "root"},
        {"keys", "install", set_}}) {
    EXPECT_EQ(run(arguments).exit_code, 2) << arguments.back();
  }
}

}  // namespace
}  // namespace sluice::ctl
