#include "ctl/local_commands.h"

#include <algorithm>
#include <chrono>
#include <thread>

#include "ctl/admin_client.h"
#include "ctl/json_print.h"
#include "ctl/local_text.h"
#include "ctl/text.h"
#include "schema/config_reader.h"

namespace sluice::ctl {
namespace {

/// Connects, asks and shows the answer; `answer` gets it for a judgement on it.
template <typename Response, typename Ask>
ExitCode ask_and_show(const LocalTarget& target, Ask ask, std::string (*text_of)(const Response&),
                      Response* answer = nullptr) {
  auto client = AdminClient::connect(target.socket_path);
  if (!client.ok()) return fail(client.status());
  Result<Response> response = ask(*client);
  if (!response.ok()) return fail(response.status());
  put(target.json ? to_json(*response) + "\n" : text_of(*response));
  if (answer != nullptr) *answer = *std::move(response);
  return kExitOk;
}

std::string errors_json(const LoadResult& loaded) {
  std::string out = loaded.ok() ? "{\"ok\":true,\"errors\":[" : "{\"ok\":false,\"errors\":[";
  for (std::size_t i = 0; i < loaded.errors.size(); ++i) {
    const ConfigError& e = loaded.errors[i];
    out += i > 0 ? ",{\"file\":" : "{\"file\":";
    append_json_string(out, e.file);
    out += ",\"line\":" + std::to_string(e.line) + ",\"column\":" + std::to_string(e.column);
    out += ",\"key_path\":";
    append_json_string(out, e.key_path);
    out += ",\"message\":";
    append_json_string(out, e.message);
    out += "}";
  }
  out += "],\"errors_left_out\":" + std::to_string(loaded.errors_left_out) + ",\"notes\":[";
  for (std::size_t i = 0; i < loaded.notes.size(); ++i) {
    if (i > 0) out += ",";
    append_json_string(out, loaded.notes[i]);
  }
  return out + "]}\n";
}

std::string errors_text(const std::string& file, const LoadResult& loaded) {
  std::string out;
  for (const std::string& note : loaded.notes) out += "note: " + printable(note) + "\n";
  for (const ConfigError& e : loaded.errors) out += printable(e.to_string()) + "\n";
  if (loaded.errors_left_out > 0) {
    out += "and " + std::to_string(loaded.errors_left_out) + " more\n";
  }
  if (loaded.ok()) out += printable(file) + ": ok\n";
  return out;
}

/// What can be followed: how it is asked for, and what a row of it says.
struct Late {
  using Request = v1::ListLateReadingsRequest;
  static auto ask(AdminClient& client, const Request& request) { return client.late(request); }
  static const auto& rows(const v1::ListLateReadingsResponse& found) { return found.readings(); }
  static std::string line(const v1::LateReading& row) { return late_line(row); }
};
struct Events {
  using Request = v1::ListRecentEventsRequest;
  static auto ask(AdminClient& client, const Request& request) { return client.events(request); }
  static const auto& rows(const v1::ListRecentEventsResponse& found) { return found.events(); }
  static std::string line(const v1::RecentEvent& row) { return event_line(row); }
};

/// Shows what there is and then what comes, oldest first, until it is stopped.
template <typename Followed>
ExitCode follow(const LocalTarget& target, typename Followed::Request request) {
  while (true) {
    auto client = AdminClient::connect(target.socket_path);
    if (!client.ok()) return fail(client.status());
    const auto found = Followed::ask(*client, request);
    if (!found.ok()) return fail(found.status());
    const auto& rows = Followed::rows(*found);
    for (auto row = rows.rbegin(); row != rows.rend(); ++row) {
      put(target.json ? to_json(*row) + "\n" : Followed::line(*row));
      request.set_after(std::max<std::uint64_t>(request.after(), row->number()));
    }
    std::this_thread::sleep_for(std::chrono::seconds(1));
  }
}

}  // namespace

ExitCode show_status(const LocalTarget& target, bool check) {
  v1::Status status;
  const ExitCode code = ask_and_show<v1::Status>(
      target, [](AdminClient& client) { return client.status(); }, status_text, &status);
  return code == kExitOk && check && !status.ready() ? kExitBadAnswer : code;
}

ExitCode show_ledger(const LocalTarget& target) {
  v1::LedgerReport report;
  const ExitCode code = ask_and_show<v1::LedgerReport>(
      target, [](AdminClient& client) { return client.ledger(); }, ledger_text, &report);
  return code == kExitOk && !balances(report) ? kExitBadAnswer : code;
}

ExitCode show_series(const LocalTarget& target, const std::string& measurement,
                     std::uint32_t limit) {
  v1::ListSeriesRequest request;
  request.set_measurement(measurement);
  request.set_limit(limit);
  return ask_and_show<v1::ListSeriesResponse>(
      target, [&](AdminClient& client) { return client.series(request); }, series_table_text);
}

ExitCode show_series_state(const LocalTarget& target, const std::string& measurement,
                           std::uint32_t limit) {
  v1::GetSeriesStateRequest request;
  request.set_measurement(measurement);
  request.set_limit(limit);
  return ask_and_show<v1::SeriesStateReport>(
      target, [&](AdminClient& client) { return client.series_state(request); }, series_state_text);
}

ExitCode show_series_growth(const LocalTarget& target, std::uint32_t limit) {
  v1::GetSeriesGrowthRequest request;
  request.set_limit(limit);
  return ask_and_show<v1::SeriesGrowth>(
      target, [&](AdminClient& client) { return client.series_growth(request); },
      series_growth_text);
}

ExitCode show_summaries(const LocalTarget& target, const std::string& pipeline,
                        std::uint32_t limit) {
  v1::ListRecentSummariesRequest request;
  request.set_pipeline(pipeline);
  request.set_limit(limit);
  return ask_and_show<v1::ListRecentSummariesResponse>(
      target, [&](AdminClient& client) { return client.recent(request); }, recent_text);
}

ExitCode show_late(const LocalTarget& target, const std::string& pipeline, std::uint32_t limit,
                   bool follows) {
  v1::ListLateReadingsRequest request;
  request.set_pipeline(pipeline);
  request.set_limit(limit);
  if (follows) return follow<Late>(target, std::move(request));
  return ask_and_show<v1::ListLateReadingsResponse>(
      target, [&](AdminClient& client) { return client.late(request); }, late_text);
}

ExitCode show_events(const LocalTarget& target, const std::string& pipeline, std::uint32_t limit,
                     bool follows) {
  v1::ListRecentEventsRequest request;
  request.set_pipeline(pipeline);
  request.set_limit(limit);
  if (follows) return follow<Events>(target, std::move(request));
  return ask_and_show<v1::ListRecentEventsResponse>(
      target, [&](AdminClient& client) { return client.events(request); }, events_text);
}

ExitCode show_plugins(const LocalTarget& target) {
  return ask_and_show<v1::ListPluginsResponse>(
      target, [](AdminClient& client) { return client.plugins(); }, plugins_text);
}

ExitCode reload_plugins(const LocalTarget& target, bool begins_anew) {
  v1::ReloadPluginsResponse answer;
  const ExitCode code = ask_and_show<v1::ReloadPluginsResponse>(
      target, [&](AdminClient& client) { return client.reload_plugins(begins_anew); }, reload_text,
      &answer);
  const bool all = std::all_of(answer.pipelines().begin(), answer.pipelines().end(),
                               [](const auto& row) { return row.error().empty(); });
  return code == kExitOk && !all ? kExitBadAnswer : code;
}

ExitCode validate_config(const std::string& file, bool json) {
  const LoadResult loaded = load_config_file(file, process_environment());
  put(json ? errors_json(loaded) : errors_text(file, loaded));
  return loaded.ok() ? kExitOk : kExitUsage;
}

ExitCode show_version(bool json) {
  put(json ? "{\"version\":\"" SLUICE_VERSION "\"}\n" : "sluicectl " SLUICE_VERSION "\n");
  return kExitOk;
}

}  // namespace sluice::ctl
