#include "node/compose.h"

#include <gtest/gtest.h>

#include "base/clock.h"
#include "schema/config_reader.h"
#include "unit/ingest/mosquitto.h"

namespace sluice {
namespace {

constexpr char kConfig[] = R"(
node: {name: gw1}
plugins: {dir: "@"}
sources:
  - name: plant
    mqtt:
      url: tcp://127.0.0.1:1883
      topics:
        - pattern: "site/{site}/a"
        - pattern: "site/+/b"
          qos: 0
pipelines:
  - name: p
    match: {sources: [plant], measurements: ["t*"]}
    stages:
      - plugin: range
        config: {min: 0}
    windows:
      - tumbling: 10s
    max_out_of_order: 2s
)";

std::string replaced(std::string text, const std::string& from, const std::string& to) {
  return text.replace(text.find(from), from.size(), to);
}

/// The config with the first `from` replaced.
LoadResult load(const std::string& from = "min: 0", const std::string& to = "min: 0") {
  const std::string text = replaced(replaced(kConfig, "@", SLUICE_PLUGIN_DIR), from, to);
  LoadResult loaded = load_config_text(text, "test.yaml", {});
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.to_string();
  return loaded;
}

v1::Config config(const std::string& from = "min: 0", const std::string& to = "min: 0") {
  return load(from, to).config;
}

std::int64_t now_ns() { return SystemClock().wall_ns(); }

/// What `sluiced --check` prints.
std::string checked(LoadResult loaded, std::int64_t wall_ns = now_ns()) {
  check_composition(loaded, wall_ns);
  std::string all;
  for (const ConfigError& error : loaded.errors) all += error.to_string() + "\n";
  return all;
}

TEST(Compose, NamesASessionByTheBrokersAddressAndTheClientIdThatItHas) {
  const SourceSpec source = compose_source_specs(config())[0];
  EXPECT_EQ(source.session.broker, "127.0.0.1:1883");
  EXPECT_EQ(source.session.client_id, "sluice-gw1-plant");
}

TEST(Compose, TurnsTheConfigIntoWhatTheRoomsWant) {
  const auto sources = compose_sources(config());
  ASSERT_TRUE(sources.ok()) << sources.status().to_string();
  const SourceOptions& source = (*sources)[0];
  EXPECT_EQ(source.client_id, "sluice-gw1-plant");
  ASSERT_EQ(source.filters.size(), 2u);
  EXPECT_EQ(source.filters[0], (TopicFilter{"site/+/a", 1}));
  EXPECT_EQ(source.filters[1], (TopicFilter{"site/+/b", 0}));
  SeriesTable series(10);
  const auto pipelines = compose_pipelines(config(), series);
  ASSERT_EQ(pipelines.size(), 1u);
  EXPECT_EQ(pipelines[0].parked, "");
  ASSERT_EQ(pipelines[0].windows.size(), 1u);
  EXPECT_EQ(pipelines[0].windows[0].size_ns, 10'000'000'000);
  EXPECT_EQ(pipelines[0].max_out_of_order_ns, 2'000'000'000);
  EXPECT_EQ(pipelines[0].stages.size(), 1u);
  EXPECT_EQ(checked(load()), "");
}

TEST(Compose, ParksAPipelineWhosePluginIsMissingOrBadlyConfigured) {
  SeriesTable series(10);
  const auto missing = compose_pipelines(config("plugin: range", "plugin: nosuch"), series);
  EXPECT_NE(missing[0].parked.find("nosuch.so"), std::string::npos) << missing[0].parked;
  const auto wrong = compose_pipelines(config("min: 0", "min: cold"), series);
  EXPECT_NE(wrong[0].parked.find("pipelines[0].stages[0]"), std::string::npos) << wrong[0].parked;
  EXPECT_NE(wrong[0].parked.find("min"), std::string::npos) << wrong[0].parked;
}

TEST(CheckComposition, GivesAStagesTroubleTheLineOfItsKey) {
  EXPECT_EQ(checked(load("plugin: range", "plugin: nosuch"))
                .find("test.yaml:16:17: pipelines[0].stages[0].plugin: plugin nosuch: "),
            0u)
      << checked(load("plugin: range", "plugin: nosuch"));
  const std::string wrong = checked(load("min: 0", "min: cold"));
  EXPECT_EQ(wrong.find("test.yaml:17:23: pipelines[0].stages[0].config.min: plugin range: "), 0u)
      << wrong;
  const std::string unknown = checked(load("min: 0", "minimum: 0"));
  EXPECT_EQ(unknown.find("test.yaml:17:"), 0u) << unknown;
  EXPECT_NE(unknown.find("pipelines[0].stages[0].config"), std::string::npos) << unknown;
}

TEST(CheckComposition, ReportsEveryStageOfAPipeline) {
  const std::string all = checked(load("      - plugin: range",
                                       "      - plugin: nosuch\n      - plugin: neither\n"
                                       "      - plugin: range"));
  EXPECT_NE(all.find("test.yaml:16:17: pipelines[0].stages[0].plugin: "), std::string::npos) << all;
  EXPECT_NE(all.find("test.yaml:17:17: pipelines[0].stages[1].plugin: "), std::string::npos) << all;
}

TEST(CheckComposition, RefusesAnAggregateTwiceHoweverItsConfigIsWritten) {
  const auto with = [](const std::string& plugins) {
    const std::string window = "      - tumbling: 10s\n";
    return load(window, window + "        aggregates:\n          plugins:\n" + plugins);
  };
  const std::string shape = "            - plugin: shape\n";
  EXPECT_EQ(checked(with(shape)), "");
  EXPECT_EQ(checked(with(shape + shape + "              config: {}\n")),
            "test.yaml:24:23: pipelines[0].windows[0].aggregates.plugins[1].config: plugin shape: "
            "expected another than those before it in the list\n");
}

TEST(CheckComposition, WantsAPasswordInItsFile) {
  const TempFolder folder;
  const auto with_file = [](const std::string& file) {
    const std::string url = "url: tcp://127.0.0.1:1883";
    return load(url, url + "\n      user: u\n      password_file: " + file);
  };
  EXPECT_EQ(checked(with_file("/no/password")),
            "test.yaml:9:22: sources[0].mqtt.password_file: cannot read a password from "
            "/no/password: No such file or directory; put it there in one line, readable for the "
            "user that sluiced runs as\n");
  write_file(folder.file("empty"), "\n");
  EXPECT_NE(
      checked(with_file(folder.file("empty"))).find(": its first line is empty; put it there"),
      std::string::npos);
  write_file(folder.file("good"), "secret\n");
  EXPECT_EQ(checked(with_file(folder.file("good"))), "");
}

/// A config with TLS on both links; the files are in `folder`.
LoadResult load_tls(const TempFolder& folder, const std::string& from = "",
                    const std::string& to = "") {
  std::string text = replaced(kConfig, "@", SLUICE_PLUGIN_DIR);
  text = replaced(text, "url: tcp://127.0.0.1:1883",
                  "url: ssl://localhost:8883\n"
                  "      tls:\n"
                  "        ca_file: DIR/ca.pem\n"
                  "        cert_file: DIR/client.pem\n"
                  "        key_file: DIR/client.key");
  text +=
      "uplink:\n  hub: hub.test:7443\n  tls:\n    ca_file: DIR/ca.pem\n"
      "    cert_file: DIR/server.pem\n    key_file: DIR/server.key\n";
  if (!from.empty()) text = replaced(text, from, to);
  while (text.find("DIR") != std::string::npos) text = replaced(text, "DIR", folder.path());
  LoadResult loaded = load_config_text(text, "test.yaml", {});
  for (const ConfigError& error : loaded.errors) ADD_FAILURE() << error.to_string();
  return loaded;
}

TEST(CheckComposition, PassesTlsFilesThatFit) {
  const TempFolder folder;
  make_certificates(folder);
  EXPECT_EQ(checked(load_tls(folder)), "");
}

TEST(CheckComposition, NamesTheTlsFileItsKeyAndItsLine) {
  const TempFolder folder;
  make_certificates(folder);
  EXPECT_EQ(checked(load_tls(folder, "DIR/ca.pem", "/no/ca.pem")),
            "test.yaml:9:18: sources[0].mqtt.tls.ca_file: cannot read /no/ca.pem: No such file or "
            "directory; put the file there or correct the path\n");
  EXPECT_EQ(checked(load_tls(folder, "DIR/client.key", "DIR/server.key")),
            "test.yaml:11:19: sources[0].mqtt.tls.key_file: " + folder.file("server.key") +
                " is not the key of the first certificate in " + folder.file("client.pem") +
                "; put the two files of one pair there, our certificate before its chain\n");
  EXPECT_EQ(checked(load_tls(folder, "DIR/server.pem", "DIR/san")),
            "test.yaml:29:16: uplink.tls.cert_file: " + folder.file("san") +
                " holds no PEM certificate; expected a part that begins with \"-----BEGIN "
                "CERTIFICATE-----\"\n");
}

TEST(CheckComposition, TellsCertificatesThatRanOut) {
  const TempFolder folder;
  make_certificates(folder);
  const std::string late = checked(load_tls(folder), now_ns() + 30LL * 86'400 * 1'000'000'000);
  for (const char* says :
       {"test.yaml:9:18: sources[0].mqtt.tls.ca_file: the CA certificate in ",
        "test.yaml:10:20: sources[0].mqtt.tls.cert_file: the certificate in ",
        "test.yaml:28:14: uplink.tls.ca_file: ", "test.yaml:29:16: uplink.tls.cert_file: ",
        " ran out on ", "; renew it, or set the clock if that is wrong\n"}) {
    EXPECT_NE(late.find(says), std::string::npos) << says << "\n" << late;
  }
}

// A gateway has to come up and to go on trying: the certificate may be renewed while it runs.
TEST(Compose, LeavesTlsFilesToTheConnections) {
  const TempFolder folder;
  EXPECT_TRUE(compose_sources(load_tls(folder).config).ok());
}

TEST(Compose, TellsTheRoomsWhatARetainedMessageAndAnArrivalMean) {
  const std::string url = "url: tcp://127.0.0.1:1883";
  for (const bool accept : {false, true}) {
    const v1::Config made =
        config(url, url + (accept ? "\n      retained: accept\n      broker_loss: off" : ""));
    const auto sources = compose_sources(made);
    ASSERT_TRUE(sources.ok());
    EXPECT_EQ((*sources)[0].watch_broker_drops, !accept);
    EXPECT_EQ(compose_source_specs(made)[0].accept_retained, accept);
    EXPECT_TRUE(compose_source_specs(made)[0].arrival_stamped);
  }
  const v1::Config stamped =
      config("pipelines:", "    decode: {time: /t, time_format: s}\npipelines:");
  EXPECT_FALSE(compose_source_specs(stamped)[0].arrival_stamped);
  EXPECT_EQ(compose_source_specs(stamped)[0].max_future_ns, 600'000'000'000);
  const v1::Config strict =
      config("pipelines:", "    decode: {time: /t, time_format: s, max_future: 90s}\npipelines:");
  EXPECT_EQ(compose_source_specs(strict)[0].max_future_ns, 90'000'000'000);
}

}  // namespace
}  // namespace sluice
