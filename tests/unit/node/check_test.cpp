// `sluiced --check` and `sluicectl config validate` as operators run them, on one file.
#include <gtest/gtest.h>
#include <sys/wait.h>

#include <array>
#include <cstdio>
#include <string>

#include "unit/ingest/mosquitto.h"

namespace sluice {
namespace {

struct Outcome {
  int exit_code = -1;
  std::string out;  ///< stdout and stderr
};

Outcome run(const std::string& command) {
  Outcome outcome;
  std::FILE* const pipe = popen((command + " 2>&1").c_str(), "r");
  if (pipe == nullptr) return outcome;
  std::array<char, 4096> bytes;
  while (const std::size_t size = std::fread(bytes.data(), 1, bytes.size(), pipe)) {
    outcome.out.append(bytes.data(), size);
  }
  const int status = pclose(pipe);
  outcome.exit_code = WIFEXITED(status) ? WEXITSTATUS(status) : -1;
  return outcome;
}

class Check : public testing::Test {
 protected:
  /// The config with `mqtt` as the rest of its source's mqtt section.
  std::string write(const std::string& mqtt, const std::string& plugin = "range") {
    write_file(folder_.file("sluice.yaml"),
               "node: {name: gw1}\nplugins: {dir: " SLUICE_PLUGIN_DIR
               "}\nsources:\n"
               "  - name: plant\n    mqtt:\n      url: ssl://localhost:8883\n" +
                   mqtt + "pipelines:\n  - {name: p, stages: [{plugin: " + plugin +
                   ", config: {min: 0}}]}\n");
    return folder_.file("sluice.yaml");
  }
  static Outcome check(const std::string& file) {
    return run(SLUICED_PATH " --check --config " + file);
  }
  static Outcome validate(const std::string& file) {
    return run(SLUICECTL_PATH " config validate " + file);
  }
  TempFolder folder_;
};

TEST_F(Check, PassesWhatIsGood) {
  const std::string file = write("      topics: [{pattern: 'a/{x}'}]\n");
  EXPECT_EQ(validate(file).exit_code, 0);
  const Outcome checked = check(file);
  EXPECT_EQ(checked.exit_code, 0) << checked.out;
  EXPECT_EQ(checked.out, "the config is good\n");
}

TEST_F(Check, SaysWhatValidateSaysOfTheFileAlone) {
  for (const char* wrong : {
           "      topics: [{pattern: 'a/{x-y}'}]\n",
           "      topics: [{pattern: 'a/#'}, {pattern: a/b}]\n",
           "      topics: [{pattern: 'a/+'}, {pattern: +/b}]\n",
           "      topics: [{pattern: 'a/{x}'}]\n    decode: {labels: [{name: x, pointer: /x}]}\n",
           "      topics: [{pattern: a}]\n    decode: {fields: [{pointer: /x}, {pointer: /x}]}\n",
       }) {
    const std::string file = write(wrong);
    const Outcome validated = validate(file);
    const Outcome checked = check(file);
    EXPECT_EQ(validated.exit_code, 2) << wrong;
    EXPECT_EQ(checked.exit_code, 78) << wrong;
    EXPECT_EQ(checked.out, validated.out);
    EXPECT_TRUE(validated.out.starts_with(file + ":7:") || validated.out.starts_with(file + ":8:"))
        << validated.out;
  }
}

TEST_F(Check, AddsWhatThisMachineLacksWithTheLine) {
  const std::string file =
      write("      topics: [{pattern: a}]\n      tls:\n        ca_file: /no/ca.pem\n", "nosuch");
  EXPECT_EQ(validate(file).exit_code, 0);
  const Outcome checked = check(file);
  EXPECT_EQ(checked.exit_code, 78);
  EXPECT_TRUE(checked.out.starts_with(file +
                                      ":9:18: sources[0].mqtt.tls.ca_file: cannot read /no/ca.pem: "
                                      "No such file or directory; put the file there or correct "
                                      "the path\n" +
                                      file +
                                      ":11:33: pipelines[0].stages[0].plugin: plugin nosuch: "))
      << checked.out;
}

}  // namespace
}  // namespace sluice
