#include "ctl/local_text.h"

#include <gtest/gtest.h>

namespace sluice::ctl {
namespace {

bool has(const std::string& text, const std::string& part) {
  return text.find(part) != std::string::npos;
}

v1::Status full_status() {
  v1::Status s;
  s.set_node("gw-1");
  s.set_epoch("00112233445566778899aabbccddeeff");
  s.set_version("0.1.0");
  s.set_pid(42);
  s.set_uptime_s(192);
  s.set_rss_bytes(19'083'264);
  s.add_problems("source plant: not connected\x1b[31m");
  auto* source = s.add_sources();
  source->set_name("plant");
  source->set_messages_received(1'234'567);
  source->set_last_error("connection refused");
  auto* pipeline = s.add_pipelines();
  pipeline->set_name("room");
  pipeline->add_stages("range");
  pipeline->add_stages("deadband");
  s.add_pipelines()->set_parked("plugin \"x\" is missing");
  s.mutable_uplink()->set_hub("hub.example:7443");
  s.set_readings_late(17);
  s.set_ledger_difference(-3);
  return s;
}

TEST(StatusText, TellsHowOldAnErrorIsOnceTheSourceIsConnected) {
  v1::Status status = full_status();
  status.mutable_sources(0)->set_last_error_age_s(200);
  EXPECT_TRUE(has(status_text(status), "  connection refused\n")) << "down: it is why";
  status.mutable_sources(0)->set_connected(true);
  const std::string text = status_text(status);
  EXPECT_TRUE(has(text, "  3m 20s ago: connection refused\n")) << text;
}

TEST(StatusText, TellsStateProblemsLinksAndTotals) {
  const std::string text = status_text(full_status());
  EXPECT_TRUE(has(text, "node     gw-1\n"));
  EXPECT_TRUE(has(text, "state    NOT READY\n"));
  EXPECT_TRUE(has(text, "problem  source plant: not connected\\x1b[31m\n"));
  EXPECT_TRUE(has(text, "uptime   3m 12s\n"));
  EXPECT_TRUE(has(text, "1,234,567"));
  EXPECT_TRUE(has(text, "connection refused"));
  EXPECT_TRUE(has(text, "range > deadband"));
  EXPECT_TRUE(has(text, "PARKED: plugin \"x\" is missing"));
  EXPECT_TRUE(has(text, "hub.example:7443, NOT CONNECTED"));
  EXPECT_TRUE(has(text, "readings late             17\n"));
  EXPECT_TRUE(has(text, "ledger difference         -3\n"));
}

TEST(StatusText, SaysWhichPipelineClosesWindowsEarly) {
  v1::Status status;
  status.add_pipelines()->set_name("room");
  EXPECT_FALSE(has(status_text(status), "early"));
  status.mutable_pipelines(0)->set_panes_partial_limit(12'500);
  EXPECT_TRUE(has(status_text(status), "12,500 windows closed early (limits.windows_max)"));
}

TEST(StatusText, SaysWhichPipelineLacksAggregates) {
  v1::Status status;
  status.add_pipelines()->set_panes_lacking_aggregate(3);
  EXPECT_TRUE(has(status_text(status), "running; 3 windows without an aggregate of a plugin"));
}

TEST(StatusText, SaysWhenThereIsNoHub) {
  EXPECT_TRUE(has(status_text(v1::Status()), "none: summaries stay in the outbox"));
}

TEST(LedgerText, SaysWhetherItBalances) {
  v1::LedgerReport report;
  auto* term = report.add_terms();
  term->set_ledger("readings");
  term->set_owner("room");
  term->set_term("filtered");
  term->set_cause("range/above");
  term->set_count(12'345);
  report.add_differences()->set_owner("room");
  EXPECT_TRUE(balances(report));
  EXPECT_TRUE(has(ledger_text(report), "readings  room   filtered  range/above  12,345\n"));
  EXPECT_TRUE(has(ledger_text(report), "Every ledger balances.\n"));

  auto* difference = report.add_differences();
  difference->set_ledger("panes");
  difference->set_owner("hall");
  difference->set_difference(-2);
  EXPECT_FALSE(balances(report));
  EXPECT_TRUE(has(ledger_text(report), "NOT BALANCED"));
  EXPECT_TRUE(has(ledger_text(report), "panes   hall           -2\n"));
}

TEST(SeriesTableText, SaysHowManyThereAreBeyondTheLimit) {
  v1::ListSeriesResponse response;
  response.set_total(1500);
  auto* row = response.add_series();
  row->set_id(7);
  row->set_measurement("temperature");
  row->set_unit("Cel");
  (*row->mutable_labels())["site"] = "a";
  EXPECT_EQ(series_table_text(response),
            "ID  SERIES\n"
            " 7  temperature{site=\"a\"} Cel\n"
            "\n"
            "1 of 1,500 series\n");
}

TEST(SeriesStateText, ShowsWhatEachAggregateTakes) {
  v1::SeriesStateReport report;
  EXPECT_EQ(series_state_text(report), "No series.\n");
  auto* pipeline = report.add_pipelines();
  pipeline->set_pipeline("room");
  pipeline->set_series(1'200);
  pipeline->mutable_windows()->set_windows_open(1'200);
  pipeline->mutable_windows()->set_windows_kept(1'300);
  pipeline->mutable_windows()->set_histogram_bytes(2'048);
  pipeline->mutable_windows()->set_total_bytes(4'096);
  auto* series = report.add_largest();
  series->mutable_series()->set_measurement("temperature");
  series->set_pipeline("room");
  series->mutable_windows()->set_total_bytes(512);
  const std::string text = series_state_text(report);
  EXPECT_TRUE(has(text, "room, 1,200 series  1,200  1,300  4.0 KiB  ")) << text;
  EXPECT_TRUE(has(text, "2.0 KiB")) << text;
  EXPECT_TRUE(has(text, "temperature in room")) << text;
}

TEST(SeriesGrowthText, ShowsWhatGrowsAndWhatWasRefused) {
  v1::SeriesGrowth growth;
  growth.set_series(90'000);
  growth.set_series_looked_at(50'000);
  growth.set_series_max(100'000);
  growth.set_topics(10);
  growth.set_topics_looked_at(10);
  growth.set_messages_refused(40);
  auto* pattern = growth.add_series_patterns();
  pattern->set_what("power{meter=\"*\"} W");
  pattern->set_count(49'500);
  auto* refused = growth.add_refused_topics();
  refused->set_what("meters meter/+/power\x1b[31m");
  refused->set_count(30);
  const std::string text = series_growth_text(growth);
  EXPECT_TRUE(has(text,
                  "series   90,000 of 100,000 (limits.series_max); the newest 50,000 are "
                  "looked at\n"))
      << text;
  EXPECT_TRUE(has(text, "topics   10 of 100,000 (limits.series_max)\n")) << text;
  EXPECT_TRUE(has(text, "refused  40 messages since the start (series_cap)\n")) << text;
  EXPECT_TRUE(has(text, "power{meter=\"*\"} W  49,500   99 %\n")) << text;
  EXPECT_TRUE(has(text, "meters meter/+/power\\x1b[31m        30   75 %\n")) << text;
  EXPECT_FALSE(has(text, "LABEL")) << "there is none";
}

TEST(LateText, SaysWhichReadingsAndHowFarBehind) {
  v1::ListLateReadingsResponse response;
  EXPECT_EQ(late_text(response), "No reading was late since the daemon started.\n");
  v1::LateReading& reading = *response.add_readings();
  reading.set_number(12);
  reading.set_pipeline("climate");
  reading.set_measurement("temperature");
  reading.set_unit("Cel");
  reading.set_source("air");
  reading.set_topic("a/1\n2");
  reading.set_event_time_ns(1'700'000'000'000'000'000);
  reading.set_value(21.5);
  reading.set_behind_ns(90'000'000'000);
  const std::string line = late_line(reading);
  EXPECT_TRUE(has(line, "12  climate  temperature Cel  2023-11-14")) << line;
  EXPECT_EQ(std::count(line.begin(), line.end(), '\n'), 1) << "a topic forges no line";
  EXPECT_TRUE(has(late_text(response), "1m 30s")) << late_text(response);
}

TEST(EventsText, SaysWhatWasToldByWhomOfWhat) {
  v1::ListRecentEventsResponse response;
  EXPECT_EQ(events_text(response), "No stage has told of an event since the daemon started.\n");
  v1::RecentEvent& row = *response.add_events();
  row.set_number(12);
  row.set_measurement("temperature");
  v1::Event& event = *row.mutable_event();
  event.set_pipeline("climate");
  event.set_stage("alert");
  event.set_name("too_hot");
  event.set_severity(v1::EVENT_SEVERITY_ERROR);
  event.set_message("Hot\nindeed.");
  event.set_event_time_ns(1'700'000'000'000'000'000);
  const std::string line = event_line(row);
  EXPECT_EQ(line.substr(0, 16), "12  2023-11-14 2");
  EXPECT_TRUE(has(line, "  error  too_hot  -  climate/alert  temperature  Hot\\x0aindeed.\n"))
      << line;
  event.set_in_boot_time(true);
  event.set_event_time_ns(90'000'000'000);
  EXPECT_TRUE(has(events_text(response), "boot + 1m 30s")) << events_text(response);
}

TEST(RecentText, ShowsEachWindowWithItsLength) {
  v1::ListRecentSummariesResponse response;
  EXPECT_EQ(recent_text(response), "No window has closed since the daemon started.\n");
  auto* s = response.add_summaries();
  s->set_pipeline("room");
  s->set_measurement("temperature");
  s->set_start_ns(1'714'564'800'000'000'000);
  s->set_end_ns(1'714'564'810'000'000'000);
  s->set_revision(2);
  s->set_count(1000);
  s->set_mean(21.25);
  s->set_kind(v1::WINDOW_KIND_TUMBLING);
  s->set_quality(v1::PANE_QUALITY_EARLY);
  const std::string text = recent_text(response);
  EXPECT_TRUE(has(text,
                  "room      temperature  tumbling  2024-05-01 12:00:00Z    10 s  1,000  "
                  "21.25    0    0       0    2  early"))
      << text;
}

TEST(RecentText, ShowsNoNumberThatThereIsNot) {
  v1::ListRecentSummariesResponse response;
  auto* empty = response.add_summaries();
  empty->set_kind(v1::WINDOW_KIND_TUMBLING);
  empty->set_end_ns(10'000'000'000);
  EXPECT_TRUE(has(recent_text(response), "10 s      0     -    -    -       -    0"))
      << recent_text(response);
}

TEST(RecentText, ShowsOfASessionHowLongItIs) {
  v1::ListRecentSummariesResponse response;
  auto* session = response.add_summaries();
  session->set_kind(v1::WINDOW_KIND_SESSION);
  session->set_end_ns(70'000'000'000);
  session->set_count(2);
  session->set_last_time_ns(90'000'000'000);
  EXPECT_TRUE(has(recent_text(response), "1970-01-01 00:00:00Z    90 s      2"))
      << recent_text(response);
}

TEST(PluginsText, ShowsWhyAFileCannotBeUsed) {
  v1::ListPluginsResponse response;
  EXPECT_EQ(plugins_text(response), "No plugins.\n");
  auto* good = response.add_plugins();
  good->set_name("range");
  good->set_deterministic(true);
  good->add_used_by("room/range");
  good->set_description("Drops readings out of bounds");
  auto* bad = response.add_plugins();
  bad->set_name("broken");
  bad->set_error("ABI 7, this sluiced takes 1");
  const std::string text = plugins_text(response);
  EXPECT_TRUE(has(text, "room/range  Drops readings out of bounds\n"));
  EXPECT_TRUE(has(text, "UNUSABLE: ABI 7, this sluiced takes 1\n"));
}

TEST(PluginsText, ShowsWhatRunsBesideTheFileWhereThatIsAnotherVersion) {
  v1::ListPluginsResponse response;
  auto* plugin = response.add_plugins();
  plugin->set_name("range");
  plugin->set_version("1.1.0");
  EXPECT_TRUE(has(plugins_text(response), "range   1.1.0    ")) << plugins_text(response);
  plugin->add_other_versions("1.0.0");
  EXPECT_TRUE(has(plugins_text(response), "1.1.0 (1.0.0 runs: reload)")) << plugins_text(response);
}

TEST(PluginsText, SaysOfEachPipelineWhatAReloadMadeOfIt) {
  v1::ReloadPluginsResponse response;
  EXPECT_EQ(reload_text(response), "No pipelines.\n");
  response.add_pipelines()->set_pipeline("room");
  auto* refused = response.add_pipelines();
  refused->set_pipeline("hall");
  refused->set_error("a stage refuses its stored state: too old");
  auto* anew = response.add_pipelines();
  anew->set_pipeline("yard");
  anew->set_began_anew("a stage refuses its stored state: too old");
  EXPECT_EQ(reload_text(response),
            "PIPELINE  NOW\n"
            "room      runs with the files as they are now\n"
            "hall      UNCHANGED: a stage refuses its stored state: too old\n"
            "yard      began anew: a stage refuses its stored state: too old\n");
}

}  // namespace
}  // namespace sluice::ctl
