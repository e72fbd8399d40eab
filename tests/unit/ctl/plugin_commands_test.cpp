#include "ctl/plugin_commands.h"

#include <gtest/gtest.h>
#include <sys/stat.h>

#include <fstream>
#include <iterator>

#include "unit/control/temp_dir.h"
#include "unit/ctl/program.h"

// sluicectl as authors and operators of plugins run it, on real plugin files.

namespace sluice::ctl {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

class PluginCommands : public ::testing::Test {
 protected:
  Outcome run(std::vector<std::string> arguments, const std::string& readings = "",
              const std::string& dir = PLUGIN_DIR) {
    arguments.insert(arguments.begin(), "plugins");
    arguments.insert(arguments.end(), {"--dir", dir});
    const std::string input = dir_ / "readings.jsonl";
    std::ofstream(input) << readings;
    return run_sluicectl(arguments, {}, input);
  }
  static std::string reading(int time_s, const std::string& value) {
    return R"({"measurement":"temperature","unit":"Cel","labels":{"room":"a"},"time":)" +
           std::to_string(time_s) + "000000000,\"value\":" + value + "}\n";
  }

  TempDir dir_;
};

TEST_F(PluginCommands, ListTheFilesOfAFolderWithTheReasonOfThoseThatCannotBeUsed) {
  const Outcome good = run({"list"});
  EXPECT_EQ(good.exit_code, 0) << good.err;
  EXPECT_TRUE(has(good.out, "\nrange ")) << good.out;
  const Outcome bad = run({"list"}, "", BAD_PLUGIN_DIR);
  EXPECT_EQ(bad.exit_code, 0) << bad.err;
  EXPECT_TRUE(has(bad.out, "wrong_abi.so: built for plugin ABI 2, expected 1")) << bad.out;
  EXPECT_TRUE(has(bad.out, "\nplain_c ")) << bad.out;
  const Outcome json = run({"list", "--json"}, "", BAD_PLUGIN_DIR);
  EXPECT_TRUE(has(json.out, R"("error":")")) << json.out;
}

TEST_F(PluginCommands, TellAnEmptyFolderFromNone) {
  EXPECT_EQ(run({"list"}, "", dir_ / ".").out, "No plugins.\n");
  const Outcome none = run({"list"}, "", dir_ / "none");
  EXPECT_EQ(none.exit_code, 2);
  EXPECT_TRUE(has(none.err, "No such file or directory")) << none.err;
  std::ofstream(dir_ / "garbage.so") << "#!/bin/sh\n";
  const Outcome garbage = run({"list"}, "", dir_ / ".");
  EXPECT_EQ(garbage.exit_code, 0);
  EXPECT_TRUE(has(garbage.out, "garbage  -        -        -              UNUSABLE: "))
      << garbage.out;
  EXPECT_EQ(run({"docs"}, "", dir_ / ".").exit_code, 1);
  EXPECT_EQ(run({"describe", "garbage"}, "", dir_ / ".").exit_code, 1);
}

TEST_F(PluginCommands, DescribeAPluginOrNameThoseThereAre) {
  const Outcome shown = run({"describe", "range"});
  EXPECT_EQ(shown.exit_code, 0) << shown.err;
  EXPECT_TRUE(has(shown.out, "ordered        by config\n")) << shown.out;
  EXPECT_TRUE(has(shown.out, "\nmax_rate   a number > 0")) << shown.out;
  EXPECT_TRUE(run({"describe", "range", "--json"}).out.starts_with(R"({"name":"range",)"));
  for (const char* name : {"rnage", "../range", "/etc/passwd"}) {
    const Outcome unknown = run({"describe", name});
    EXPECT_EQ(unknown.exit_code, 2) << name;
    EXPECT_TRUE(has(unknown.err, name)) << unknown.err;
  }
}

TEST_F(PluginCommands, TestAPluginWithReadings) {
  const std::string readings = reading(1, "20.1") + reading(2, "20.4") + reading(3, "85");
  const Outcome text = run({"test", "deadband", "--config", R"({"absolute":1})"}, readings);
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_TRUE(has(text.out, "\n   2  drop within_band  temperature{room=\"a\"} Cel")) << text.out;
  EXPECT_TRUE(has(text.out, "\nreadings 3, pass 2, drop 1\n")) << text.out;
  std::ofstream(dir_ / "config.json") << R"({"absolute": 1, "keep_previous": true})";
  const Outcome json = run({"test", "deadband", "--config", "@" + (dir_ / "config.json"), "--batch",
                            "1", "--restart", "--json"},
                           readings);
  EXPECT_EQ(json.exit_code, 0) << json.err;
  EXPECT_TRUE(has(json.out, R"({"line":2,"result":"hold",)")) << json.out;
  EXPECT_TRUE(has(json.out, R"({"result":"settled","reading":)")) << json.out;
  EXPECT_TRUE(has(json.out, R"("failed":0})"
                            "\n"))
      << json.out;
  EXPECT_EQ(run({"test", "range", "--config", R"({"min":0})"}).out, "\nreadings 0\n");
}

TEST_F(PluginCommands, TestTheAggregateOfAPlugin) {
  std::string readings = R"({"measurement":"p","time":1,"value":7})"
                         "\n";
  for (int i = 1; i <= 4; ++i) readings += reading(i, i == 4 ? "1" : "0");
  const Outcome text = run({"test", "shape", "--aggregate"}, readings);
  EXPECT_EQ(text.exit_code, 0) << text.err;
  EXPECT_TRUE(has(text.out, "temperature{room=\"a\"} Cel         4  skewness    1.1547  1\n"))
      << text.out;
  EXPECT_TRUE(has(text.out, " kurtosis  -0.66667  1\n")) << text.out;
  EXPECT_TRUE(has(text.out, "       1  skewness      none  1\n")) << text.out;
  EXPECT_TRUE(has(text.out, "\nreadings 5, series 2\n")) << text.out;
  const Outcome json = run({"test", "shape", "--aggregate", "--config",
                            R"({"bias_corrected":true})", "--batch", "1", "--restart", "--json"},
                           readings);
  EXPECT_EQ(json.exit_code, 0) << json.err;
  EXPECT_TRUE(has(json.out, R"("readings":4,"values":{"skewness":)")) << json.out;
  EXPECT_TRUE(has(json.out, R"("readings":1,"values":{"skewness":null,"kurtosis":null}})"))
      << json.out;
  EXPECT_TRUE(has(json.out, R"({"result":"end","readings":5,"series":2,"failed":0})")) << json.out;
}

TEST_F(PluginCommands, RunAForeignAggregateOnlyWithTheUsersRights) {
  const std::vector<std::string> test = {"test", "liar_aggregate", "--aggregate"};
  const Outcome refused = run(test, reading(1, "1"), BAD_PLUGIN_DIR);
  EXPECT_EQ(refused.exit_code, 2);
  EXPECT_TRUE(has(refused.err, "add --in-process")) << refused.err;
  for (const auto& [lie, code] : {std::pair("", 0), {"add", 1}, {"other_state", 1}, {"save", 1}}) {
    std::vector<std::string> here = test;
    const std::string config = std::string(R"({"lie":")") + lie + "\"}";
    here.insert(here.end(), {"--in-process", "--restart", "--config", config});
    const Outcome outcome = run(here, reading(1, "1") + reading(2, "200"), BAD_PLUGIN_DIR);
    EXPECT_EQ(outcome.exit_code, code) << lie << outcome.err;
    EXPECT_EQ(has(outcome.out, "FAILED"), code == 1) << outcome.out;
  }
  const Outcome none = run({"test", "range", "--aggregate"}, "");
  EXPECT_EQ(none.exit_code, 1);
  EXPECT_TRUE(has(none.err, "supplies no aggregate")) << none.err;
}

TEST_F(PluginCommands, AdvanceTimeAtTheEnd) {
  const std::string readings = reading(1, "6") + reading(2, "7");
  const std::vector<std::string> test = {"test", "contract_v1"};
  EXPECT_TRUE(has(run(test, readings, CONTRACT_PLUGIN_DIR).out, "still held 1")) << "the last one";
  const Outcome advanced =
      run({"test", "contract_v1", "--advance", "1s"}, readings, CONTRACT_PLUGIN_DIR);
  EXPECT_TRUE(has(advanced.out, "hold 2, settled 1, settled drop 1\n")) << advanced.out;
  const Outcome behind = run({"test", "contract_v1", "--max-out-of-order", "1s", "--batch", "1"},
                             readings, CONTRACT_PLUGIN_DIR);
  EXPECT_TRUE(has(behind.out, "hold 2, still held 2\n")) << behind.out;
}

TEST_F(PluginCommands, RefuseWhatDoesNotPassAndSayWhere) {
  const std::pair<const char*, const char*> kConfigs[] = {
      {"{\"min\":", "config: not JSON: expected a value at byte 7"},
      {"7", "config: expected an object"},
      {R"({"min":"x"})", "config.min: expected a number, got \"x\""},
      {R"({"mni":1})", "config.mni: no such key; accepted: action, max"},
      {R"({"min":3,"max":1})", "config: min: expected a number <= max"},
      {"@/no/such/file", "--config /no/such/file: No such file or directory"},
      {"@/", "--config /: Is a directory"}};
  for (const auto& [config, expected] : kConfigs) {
    const Outcome refused = run({"test", "range", "--config", config}, reading(1, "1"));
    EXPECT_EQ(refused.exit_code, 2) << config;
    EXPECT_TRUE(has(refused.err, expected)) << refused.err;
    EXPECT_EQ(refused.out, "");
  }
  const Outcome line = run({"test", "range", "--config", R"({"min":0})"},
                           reading(1, "1") + "\n" + reading(2, "nan"));
  EXPECT_EQ(line.exit_code, 2);
  EXPECT_TRUE(has(line.err, "sluicectl: line 3: not JSON: expected a value at byte ")) << line.err;
  EXPECT_EQ(line.out, "") << "nothing is run when an input is wrong";
  for (const std::vector<std::string>& arguments : {std::vector<std::string>{"test"},
                                                    {"test", "range", "--batch", "0"},
                                                    {"test", "range", "--advance", "soon"},
                                                    {"test", "range", "--max-out-of-order", "1"},
                                                    {"lsit"},
                                                    {"describe"}}) {
    EXPECT_EQ(run(arguments).exit_code, 2) << arguments.back();
  }
}

TEST_F(PluginCommands, FailWhenAPluginBreaksItsPromises) {
  const std::pair<const char*, const char*> kLies[] = {
      {"nan", "process: alter: the value is not finite"},
      {"no_verdict", "process: row 0: no verdict"},
      {"settle_twice", "process: settle_pass: token 1 is not held"},
      {"throw", "threw across the C border: boom"},
      {"row_on_time", "on_time: hold: row 0 of 0"}};
  for (const auto& [lie, expected] : kLies) {
    const std::string config = std::string(R"({"lie":")") + lie + "\"}";
    for (const bool json : {false, true}) {
      std::vector<std::string> arguments = {"test", "liar", "--config", config};
      if (json) arguments.push_back("--json");
      const Outcome broken = run(arguments, reading(1, "1.5"), BAD_PLUGIN_DIR);
      EXPECT_EQ(broken.exit_code, 1) << lie;
      EXPECT_TRUE(has(broken.out, expected)) << broken.out;
      EXPECT_TRUE(has(broken.out, json ? R"("failed":1})" : ", failed 1\n")) << broken.out;
    }
  }
  const Outcome snapshot =
      run({"test", "liar", "--config", R"({"lie":"huge_snapshot"})", "--restart", "--in-process"},
          reading(1, "1"), BAD_PLUGIN_DIR);
  EXPECT_EQ(snapshot.exit_code, 1);
  EXPECT_TRUE(has(snapshot.out, "snapshot: answered 4")) << snapshot.out;
}

TEST_F(PluginCommands, KeepThePluginsLogApartFromTheAnswer) {
  const Outcome thrown = run({"test", "thrower", "--config", R"({"at":"process"})", "--json"},
                             reading(1, "1"), BAD_PLUGIN_DIR);
  EXPECT_EQ(thrown.exit_code, 1);
  EXPECT_TRUE(has(thrown.err, "thrown in process")) << thrown.err;
  EXPECT_TRUE(thrown.out.starts_with("{\"result\":\"failed\",")) << thrown.out;
}

// The reference in the repository is what the plugins say today.
TEST_F(PluginCommands, WriteTheReferenceThatIsInTheRepository) {
  const Outcome docs = run({"docs"});
  ASSERT_EQ(docs.exit_code, 0) << docs.err;
  std::ifstream file(PLUGIN_REFERENCE);
  const std::string written((std::istreambuf_iterator<char>(file)), {});
  EXPECT_TRUE(docs.out == written) << "bring it up to date: sluicectl plugins docs --dir "
                                   << PLUGIN_DIR << " > " << PLUGIN_REFERENCE;
}

TEST_F(PluginCommands, AskTheDaemonWithoutASubcommandAndWarnOfWhatLoadingDoes) {
  const Outcome unreachable = run_sluicectl({"plugins", "--socket", dir_ / "none"});
  EXPECT_EQ(unreachable.exit_code, 3) << unreachable.err;
  EXPECT_TRUE(has(run_sluicectl({"plugins", "--help"}).out, "loading runs their code"));
  EXPECT_TRUE(has(run_sluicectl({"plugins", "test", "--help"}).out, "loading runs their code"));
}

}  // namespace
}  // namespace sluice::ctl
