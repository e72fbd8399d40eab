#include "schema/environment.h"

#include <algorithm>

#include "example.h"

namespace sluice {
namespace {

TEST(Expand, ReplacesVariablesOnceAndKeepsEscapedOnes) {
  const Environment environment = {{"A", "1"}, {"B_2", "${A}"}, {"EMPTY", ""}};
  const auto expanded = [&](const char* text) { return *schema::expand(text, true, environment); };
  EXPECT_EQ(expanded("plain $ $A {A} $"), "plain $ $A {A} $");
  EXPECT_EQ(expanded("<${A}${EMPTY}${B_2}>"), "<1${A}>");
  EXPECT_EQ(expanded("$${A}"), "${A}");
  EXPECT_EQ(expanded("$$${A}"), "$${A}");
  EXPECT_EQ(expanded(""), "");
}

TEST(Expand, UnescapesWhereVariablesAreNotAllowedToo) {
  EXPECT_EQ(*schema::expand("$${A}", false, {}), "${A}");
  EXPECT_FALSE(schema::expand("${A}", false, {{"A", "1"}}).ok());
}

TEST(Expand, RefusesWhatIsNotAVariable) {
  for (const char* text : {"${", "${}", "${A", "${1A}", "${A-B}", "${A B}", "${UNSET}"}) {
    EXPECT_FALSE(schema::expand(text, true, {{"A", "1"}}).ok()) << text;
  }
}

TEST(Overrides, AreOneVariablePerLocalKey) {
  EXPECT_EQ(
      schema::join(schema::override_names()),
      "SLUICE__CONTROL__PROBATION, SLUICE__CONTROL__REHEARSAL, SLUICE__CONTROL__TRUST_DIR, "
      "SLUICE__CONTROL__UNSIGNED_PUSH, SLUICE__LOG__FORMAT, SLUICE__LOG__LEVEL, "
      "SLUICE__NODE__MACHINE_ID, SLUICE__NODE__NAME, SLUICE__NODE__RUN_DIR, "
      "SLUICE__PLUGINS__DIR, SLUICE__PLUGINS__HOST, "
      "SLUICE__STORAGE__COMMIT_INTERVAL, SLUICE__STORAGE__DIR, SLUICE__STORAGE__QUOTA, "
      "SLUICE__UPLINK__BACKOFF_MAX, SLUICE__UPLINK__GZIP, SLUICE__UPLINK__HUB, "
      "SLUICE__UPLINK__TLS__CA_FILE, SLUICE__UPLINK__TLS__CERT_FILE, "
      "SLUICE__UPLINK__TLS__KEY_FILE, SLUICE__UPLINK__TLS__SERVER_NAME, "
      "SLUICE__UPLINK__UNACKED_MAX");
}

TEST(Overrides, TakeThePlaceOfWhatTheFileSays) {
  const Environment environment = {{"SLUICE__STORAGE__QUOTA", "64MiB"},
                                   {"SLUICE__UPLINK__HUB", "hub:7443"},
                                   {"SLUICE__NODE__NAME", "gw-2"},
                                   {"PATH", "/bin"},
                                   {"SLUICE_UNRELATED", "x"}};
  const LoadResult result =
      load_config_text(minimal("storage: {quota: 1GiB, dir: /data}\nuplink: {hub: '${NOT_SET}'}\n"),
                       "test.yaml", environment);
  ASSERT_TRUE(result.ok()) << errors_of(result);
  EXPECT_EQ(result.config.storage().quota_bytes(), 64u << 20);
  EXPECT_EQ(result.config.storage().dir(), "/data");
  EXPECT_EQ(result.config.uplink().hub(), "hub:7443");
  EXPECT_EQ(result.config.node().name(), "gw-2");
  ASSERT_EQ(result.notes.size(), 3u);
  EXPECT_EQ(result.notes[1], "storage.quota = \"64MiB\" from SLUICE__STORAGE__QUOTA");
}

TEST(Overrides, MakeTheSectionsTheyNeed) {
  const v1::Config config =
      load_ok(std::string(kSources),
              {{"SLUICE__NODE__NAME", "gw-9"}, {"SLUICE__UPLINK__TLS__CA_FILE", "/etc/ca.pem"}});
  EXPECT_EQ(config.node().name(), "gw-9");
  EXPECT_EQ(config.uplink().tls().ca_file(), "/etc/ca.pem");
}

TEST(Overrides, AreNotLookedIntoForVariables) {
  EXPECT_EQ(load_ok(minimal(), {{"SLUICE__STORAGE__DIR", "/a/${B}"}}).storage().dir(), "/a/${B}");
}

TEST(Overrides, WithABadValueAreReportedByTheirName) {
  EXPECT_EQ(load_error(minimal(), {{"SLUICE__STORAGE__QUOTA", "64MB"}}),
            "SLUICE__STORAGE__QUOTA: storage.quota: expected a size such as \"64KiB\", \"16MiB\" "
            "between 8MiB and 64GiB, got \"64MB\"; the units are KiB, MiB, GiB");
  EXPECT_EQ(load_error(minimal(), {{"SLUICE__UPLINK__HUB", "hub"}}).substr(0, 33),
            "SLUICE__UPLINK__HUB: uplink.hub: ");
}

TEST(Overrides, OfOtherKeysAreRefusedWithTheAcceptedOnes) {
  for (const char* name : {"SLUICE__LIMITS__SERIES_MAX", "SLUICE__STORAGE__QUOTTA",
                           "SLUICE__UPLINK", "SLUICE__uplink__hub", "SLUICE__"}) {
    const std::string error = load_error(minimal(), {{name, "1"}});
    EXPECT_TRUE(contains(error, std::string(name) + ": sets no local key")) << error;
    EXPECT_TRUE(contains(error, "accepted: SLUICE__CONTROL__PROBATION, ")) << error;
  }
  EXPECT_TRUE(contains(load_error(minimal(), {{"SLUICE__STORAGE__QUOTTA", "1"}}),
                       "did you mean \"SLUICE__STORAGE__QUOTA\"?"));
}

TEST(Overrides, DoNotHideThatTheFilesSectionIsNoMapping) {
  const std::string error = load_error(minimal("uplink: 5\n"), {{"SLUICE__UPLINK__HUB", "h:1"}});
  EXPECT_TRUE(contains(error, "test.yaml:4:9: uplink: expected a mapping")) << error;
}

TEST(Variables, AreReadInLocalValues) {
  const v1::Config config =
      load_ok(minimal("uplink: {hub: '${HOST}:${PORT}', gzip: '${GZIP}'}\n"
                      "storage: {quota: '${QUOTA}MiB', dir: '/var/$${x}'}\n"),
              {{"HOST", "hub"}, {"PORT", "7443"}, {"GZIP", "false"}, {"QUOTA", "64"}});
  EXPECT_EQ(config.uplink().hub(), "hub:7443");
  EXPECT_FALSE(config.uplink().gzip());
  EXPECT_EQ(config.storage().quota_bytes(), 64u << 20);
  EXPECT_EQ(config.storage().dir(), "/var/${x}");
}

}  // namespace
}  // namespace sluice
