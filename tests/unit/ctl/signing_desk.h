#pragma once

#include <gtest/gtest.h>

#include <filesystem>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "unit/control/temp_dir.h"
#include "unit/ctl/program.h"

namespace sluice::ctl {

/// A root key, a place for the key set of a fleet, and the trust folder of one of its gateways.
class SigningDesk : public ::testing::Test {
 protected:
  SigningDesk() {
    make_key("root");
    std::filesystem::create_directory(trust_);
    std::filesystem::copy_file(dir_ / "root.pub", trust_ + "/root.pub");
  }

  static bool has(const std::string& text, const std::string& part) {
    return text.find(part) != std::string::npos;
  }
  static std::string read(const std::string& file) {
    std::ifstream in(file, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static Outcome run(const std::vector<std::string>& arguments) { return run_sluicectl(arguments); }
  Outcome with_root(const char* command, const std::vector<std::string>& more) {
    std::vector<std::string> arguments = {"keys", command, set_, "--root", dir_ / "root"};
    arguments.insert(arguments.end(), more.begin(), more.end());
    return run(arguments);
  }
  Outcome rotate(const std::vector<std::string>& more) { return with_root("rotate", more); }
  Outcome revoke(const std::vector<std::string>& more) { return with_root("revoke", more); }
  /// Its id.
  std::string make_key(const std::string& name) {
    const Outcome made = run({"--json", "keys", "generate", dir_ / name});
    EXPECT_EQ(made.exit_code, 0) << made.err;
    return made.out.size() < 27 ? "" : made.out.substr(11, 16);
  }

  TempDir dir_;
  const std::string set_ = dir_ / "keys";
  const std::string trust_ = dir_ / "trust";
};

}  // namespace sluice::ctl
