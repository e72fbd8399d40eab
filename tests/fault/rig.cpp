#include "fault/rig.h"

#include <gtest/gtest.h>

namespace sluice::fault {
namespace {

constexpr const char* kConfig = R"(
node:
  name: @NODE@
  run_dir: "@STATE@"
storage:
  dir: "@STORAGE@"
  quota: @QUOTA@
  commit_interval: @COMMIT@
uplink:
  hub: "127.0.0.1:@DIALLED_HUB@"
  backoff_max: 500ms
plugins:
  dir: "@PLUGINS@"
sources:
@SOURCES@
pipelines:
@PIPELINES@
)";

constexpr const char* kPipeline = R"(
  - name: @NAME@
    windows:
      - tumbling: @WINDOW@ms
    max_out_of_order: @DISORDER@ms
    idle_timeout: 1d
)";

constexpr const char* kSource = R"(
  - name: @NAME@
    mqtt:
      url: "@URL@"
      version: "@VERSION@"
      keep_alive: 5s
      broker_inflight: 1000
      health_prefix: "@HEALTH@"
@TLS@
      topics:
        - pattern: "@NAME@/{device}"
    decode:
      time: /t
      time_format: ms
      fields:
        - {pointer: /v}
)";

std::string source_yaml(const Link& link, const std::string& health, std::uint16_t port,
                        const std::string& ca_file) {
  std::string yaml = kSource;
  e2e::replace_all(yaml, "@NAME@", link.name);
  e2e::replace_all(yaml, "@VERSION@", link.version);
  e2e::replace_all(yaml, "@HEALTH@", health);
  e2e::replace_all(yaml, "@URL@",
                   (link.tls ? "ssl://127.0.0.1:" : "tcp://127.0.0.1:") + std::to_string(port));
  e2e::replace_all(yaml, "@TLS@",
                   link.tls ? "      tls:\n        ca_file: \"" + ca_file + "\"" : std::string());
  return yaml;
}

std::uint64_t absolute(std::int64_t n) { return static_cast<std::uint64_t>(n < 0 ? -n : n); }

}  // namespace

Rig::Rig(Campaign& campaign, RigOptions rig_options)
    : options(std::move(rig_options)), campaign_(campaign) {
  for (const Link& link : options.links) {
    for (unsigned i = 0; i < options.topics_per_link; ++i) {
      topics_.push_back(link.name + "/d" + std::to_string(topics_.size()));
    }
  }
}

Rig::~Rig() = default;

void Rig::start() {
  // A daemon that is away is not what the queue's bound is for; see config/mosquitto.conf.
  site.broker_extra = "\nmax_queued_messages 0\nmax_queued_bytes 0\n";
  for (const Link& link : options.links) {
    if (!link.tls || certificates_) continue;
    certificates_ = std::make_unique<TestCertificates>();
    certificates_->make_ca("ca");
    certificates_->make_leaf("broker", "ca", "localhost");
    mqtt_tls_port = e2e::free_port();
    site.broker_extra += "listener " + std::to_string(mqtt_tls_port) + " 127.0.0.1\ncertfile " +
                         certificates_->certificate_file("broker") + "\nkeyfile " +
                         certificates_->key_file("broker") + "\n";
  }
  ASSERT_NO_FATAL_FAILURE(site.start_broker());
  ASSERT_NO_FATAL_FAILURE(site.start_hub());
  mqtt_port = site.mqtt_port();
  hub_port = site.hub_port();
  Publisher::Options publishing;
  publishing.port = site.mqtt_port();
  publishing.topics = topics_;
  publishing.seed = campaign_.seed();
  publishing.per_second = options.per_second;
  publishing.in_flight_max = options.in_flight_max;
  publishing.step_ms = options.step_ms;
  publisher = std::make_unique<Publisher>(publishing);
}

std::string Rig::config() const {
  std::string sources;
  for (const Link& link : options.links) {
    sources += source_yaml(link, options.health_prefix, link.tls ? mqtt_tls_port : mqtt_port,
                           certificates_ ? certificates_->certificate_file("ca") : "");
  }
  std::string pipelines;
  for (unsigned i = 0; i < options.pipelines; ++i) {
    pipelines += kPipeline;
    e2e::replace_all(pipelines, "@NAME@", i == 0 ? "all" : "copy" + std::to_string(i));
  }
  std::string yaml = kConfig;
  e2e::replace_all(yaml, "@PIPELINES@", pipelines);
  e2e::replace_all(yaml, "@NODE@", options.node);
  e2e::replace_all(yaml, "@SOURCES@", sources);
  e2e::replace_all(yaml, "@DIALLED_HUB@", std::to_string(hub_port));
  e2e::replace_all(yaml, "@QUOTA@", options.quota);
  e2e::replace_all(yaml, "@COMMIT@", options.commit_interval);
  e2e::replace_all(yaml, "@WINDOW@", std::to_string(options.window_ms));
  e2e::replace_all(yaml, "@DISORDER@", std::to_string(options.max_out_of_order_ms));
  e2e::replace_all(yaml, "@STORAGE@",
                   options.storage_dir.empty() ? site.dir() : options.storage_dir);
  return yaml;
}

void Rig::start_daemon(const std::vector<std::string>& wrapper) {
  site.spawn_daemon(config(), wrapper);
  ASSERT_TRUE(ready_within(60)) << "the daemon does not get ready by itself: "
                                << site.status().ShortDebugString();
}

bool Rig::ready_within(int seconds) {
  bool ready = false;
  e2e::until(seconds, [&] {
    ready = site.status().ready();
    return ready || !site.daemon.running();
  });
  return ready;
}

Comparison Rig::compare_now(std::int64_t to_ms) {
  return compare(publisher->history(checked_readings_), topics_,
                 site.summaries(checked_ms_ * 1'000'000, to_ms * 1'000'000, "all"),
                 options.window_ms, checked_ms_, to_ms);
}

void Rig::check(std::uint64_t reached) {
  publisher->pause();
  const std::int64_t flushed_ms = publisher->flush_ms();
  const std::int64_t closed_ms = flushed_ms - options.max_out_of_order_ms;
  Comparison now;
  e2e::until(90, [&] {
    now = compare_now(closed_ms);
    return now.equal() && site.status().panes_outbox() == 0;
  });
  EXPECT_TRUE(now.equal()) << now.first;
  totals_.windows += now.windows;
  totals_.readings += now.readings;
  totals_.unknown_in += now.unknown_in;
  totals_.lost += now.lost;
  totals_.doubled += now.doubled;
  totals_.wrong_sums += now.wrong_sums;
  checked_ms_ = closed_ms - closed_ms % options.window_ms;
  // The flush's own readings belong to the next check.
  const std::vector<Published> history = publisher->history(checked_readings_);
  for (const Published& reading : history) checked_readings_ += reading.time_ms < checked_ms_;
  expect_balanced();
  campaign_.report(reached, figures(totals_));
}

void Rig::expect_balanced() {
  EXPECT_EQ(site.ledger_count("readings", "late"), 0);
  EXPECT_EQ(site.ledger_count("readings", "rejected"), 0);
  EXPECT_EQ(site.ledger_count("messages", "rejected"), 0);
  const v1::LedgerReport ledger = site.ledger();
  EXPECT_GT(ledger.differences_size(), 0);
  for (const v1::LedgerDifference& row : ledger.differences()) {
    EXPECT_EQ(row.difference(), 0) << row.ledger() << " " << row.owner();
  }
}

std::string Rig::figures(const Comparison& totals) {
  std::uint64_t difference = 0;
  const v1::LedgerReport ledger = site.ledger();
  for (const v1::LedgerDifference& row : ledger.differences()) {
    difference += absolute(row.difference());
  }
  const auto number = [](std::uint64_t n) { return std::to_string(n); };
  return "acknowledged=" + number(totals.readings) + " windows=" + number(totals.windows) +
         " duplicates=" + number(site.status().messages_duplicate()) +
         " doubts=" + number(absolute(site.ledger_count("messages", "redelivery_doubt"))) +
         " unknown=" + number(publisher->unknown()) + " unknown_in=" + number(totals.unknown_in) +
         " lost=" + number(totals.lost) + " doubled=" + number(totals.doubled) +
         " wrong_sums=" + number(totals.wrong_sums) + " ledger_difference=" + number(difference);
}

}  // namespace sluice::fault
